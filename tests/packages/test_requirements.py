"""requirements.txt line by line: what pip would take from it, and what a server cannot use."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke import Config, Context

from flask_slipway.errors import Fault
from flask_slipway.packages import known, requirements
from flask_slipway.tasks import command

FAULTS = [
    ("-f /usr/share/pip-wheels", "a folder of another machine"),
    ("--find-links=../wheels", "a folder of another machine"),
    ("-e git+https://github.com/ann/shop.git#egg=shop", "the project itself"),
    ("-e .", "the project itself"),
    ("--editable git+https://github.com/ann/other.git#egg=other", "an editable install"),
    ("shop @ file:///home/ann/shop", "a place on one machine"),
    ("./vendor/thing.whl", "a place on one machine"),
    ("file:///home/ann/thing.whl", "a place on one machine"),
    ("C:\\wheels\\thing.whl", "a place on one machine"),
    ("Flask=3.1", "a version wants =="),
    ("Flask ==", "pip cannot read it"),
    ("git+https://ghp_hush@github.com/ann/foo.git#egg=foo-", "pip cannot read it"),
    ("git+https://ghp_hush@github.com/ann/foo.git#egg=foo; python_version", "pip cannot read it"),
    ("git+https://ghp_hush@github.com/ann/foo.git; python_version", "pip cannot read it"),
    ("<<<<<<< HEAD", "a merge that was not finished"),
    ("-r nowhere.txt", "no such file"),
    ("-q", "no such option"),
    ("Flask==3.0\nflask==3.1", "two pins of one package"),
]


def listing(tmp_path, text, **files):
    root = tmp_path / "shop"
    root.mkdir(exist_ok=True)
    for name, inner in {"requirements": text, **files}.items():
        (root / f"{name}.txt").write_text(inner, encoding="utf-8")
    return requirements.read(root)


@pytest.mark.parametrize(("text", "told"), FAULTS, ids=[repr(row[0]) for row in FAULTS])
def test_a_line_that_a_server_cannot_use_is_told_by_its_number(tmp_path, text, told):
    found = listing(tmp_path, f"# ours\n\nWerkzeug==3.1\n{text}\n").faults()
    assert len(found) == 1
    assert found[0].startswith("line 4: ")
    assert told in found[0]
    assert "hush" not in found[0]


def test_what_a_server_can_use_has_no_fault(tmp_path):
    text = """\
--index-url https://example.org/simple
-f https://example.org/wheels
--pre
Flask[async]==3.1.3 ; python_version >= "3.8"  # web
PyMySQL==1.1.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
thing @ git+https://github.com/ann/thing.git@0123abc
git+https://github.com/ann/other.git#egg=other
https://example.org/wheels/last-1.0-py3-none-any.whl
tomli==1.0 ; python_version < "3.11"
tomli==2.0 ; python_version >= "3.11"
"""
    found = listing(tmp_path, text)
    assert found.faults("3.10") == found.faults("3.12") == []
    assert found.names == {"flask", "pymysql", "thing", "other", "last", "tomli"}
    assert found.unpinned() == []


URLS = [
    'git+https://ghp_hush@github.com/ann/thing.git@v1#egg=thing; python_version {} "3.9"',
    'git+https://ghp_hush@github.com/ann/other.git@v1#egg=thing[async] ; python_version {} "3.9"',
    'https://ghp_hush@example.org/thing-1.0-py3-none-any.whl; python_version {} "3.9" --hash=sha256:aa',
]


@pytest.mark.parametrize("text", URLS)
def test_an_url_with_a_marker_is_read_as_pip_reads_it(tmp_path, text):
    found = listing(tmp_path, text.format(">=") + "\n" + text.format("<") + "\n")
    assert found.faults("3.8") == found.faults("3.10") == []
    assert found.names == {"thing"}
    assert [requirements.applies(entry, "3.10") for entry in found.entries] == [True, False]
    assert all(" " not in entry.requirement.url for entry in found.entries)
    assert "hush" not in "".join(map(str, found.entries))


def test_an_url_without_a_name_may_have_a_marker(tmp_path):
    found = listing(tmp_path, 'git+https://h/thing.git ; python_version >= "3.9"\n')
    assert found.faults() == []
    assert found.names == set()
    assert found.entries[0].raw == 'git+https://h/thing.git ; python_version >= "3.9"'


def test_included_files_are_read_once_and_named(tmp_path):
    found = listing(
        tmp_path, "-r base.txt\n-c pins.txt\n", base="-r requirements.txt\nFlask\nold=1\n", pins="Flask==3\n"
    )
    assert found.includes == ("base.txt", "pins.txt")
    assert found.names == {"flask"}
    assert found.unpinned() == ["Flask"]
    assert found.faults() == ["base.txt, line 3: old=1: pip cannot read it: a version wants =="]


def test_a_file_that_powershell_wrote_is_read(tmp_path):
    (tmp_path / "requirements.txt").write_bytes("\ufeffFlask==3.1\r\n".encode("utf-16-le"))
    assert requirements.read(tmp_path).names == {"flask"}


def test_listed_twice_alike_is_no_fault_but_told(tmp_path):
    found = listing(tmp_path, "Flask==3.1\nflask==3.1.0\n")
    assert found.faults() == []
    assert found.duplicates() == ["line 1: Flask==3.1 and line 2"]


@given(
    st.text("ab@:/.", min_size=1), st.sampled_from(["-i {}", "-e git+{}", "x @ {}", "--extra-index-url={}", "git+{}"])
)
def test_no_password_of_an_url_is_shown(tail, form):
    found = requirements.parse(requirements.Path("shop"), form.format(f"https://ann:hush-hush@example.org/{tail}"))
    assert all("hush" not in f"{entry}{entry.fault}" for entry in found.entries)


def test_a_fault_of_the_tool_itself_shows_no_password_of_an_url(capsys, monkeypatch, tmp_path):
    def failing(*_):
        raise ValueError("git+https://ghp_hush@github.com/ann/thing.git; what is this")

    with pytest.raises(Fault) as told:
        command.shown(failing, "")(Context(Config({command.KEY: {"root": str(tmp_path)}})))
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the module changes
    from flask_slipway import __main__

    monkeypatch.setattr(__main__, "_do", failing)
    assert __main__.main([]) == 1
    shown = capsys.readouterr().err
    for text in (told.value.message, shown):
        assert "what is this" in text
        assert "hush" not in text


def test_the_driver_of_a_database_url_is_known():
    assert known.driver("mysql+pymysql://ann:x@h/USER$shop") == "pymysql"
    assert known.driver("mysql://h/shop") == "mysql"
    assert known.driver("sqlite:///shop.db") == known.driver("https://example.org") == ""
    assert all(packages for packages in known.DRIVERS.values())
