"""The table of guards is true: what it takes out and what it names is there; and its runner is not to be fooled."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from guards import run
from guards.guard import Guard
from guards.table import GUARDS
from support import ROOT
from support.world import git


def test_what_is_taken_out_is_in_its_file_once_and_leaves_python():
    wrong = []
    for guard in GUARDS:
        path = ROOT / "flask_slipway" / guard.file
        try:
            changed = guard.taken_out(path.read_text(encoding="utf-8"))
            if path.suffix == ".py":
                compile(changed, guard.file, "exec")
        except (OSError, ValueError, SyntaxError) as error:
            wrong.append(f"{guard.name}: {error}")
    assert not wrong, "\n".join(wrong)


def test_the_tests_that_must_fail_are_there():
    assert all(guard.tests for guard in GUARDS)
    nodes = sorted({f"tests/{test}" for guard in GUARDS for test in guard.tests})
    line = [sys.executable, "-m", "pytest", *run.PYTEST, "--collect-only", *nodes]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, [text for text in done.stdout.splitlines() if text.startswith("ERROR")]


def named() -> list[tuple[int, str]]:
    """(number of the guarantee, guard) of each that DESIGN.md's guarantees name."""
    section = (ROOT / "DESIGN.md").read_text(encoding="utf-8").split("\n## Guarantees")[1].split("\n## ")[0]
    items = re.split(r"^(\d+)\. ", section, flags=re.M)[1:]
    return [
        (int(number), name)
        for number, item in zip(items[::2], items[1::2], strict=True)
        for told in re.findall(r"Guards:\s*((?:`[\w-]+`[,;.\s]*)+)", item)
        for name in re.findall(r"`([\w-]+)`", told)
    ]


def test_each_guard_has_a_name_of_its_own_by_which_the_guarantees_name_it():
    assert [name for name, times in Counter(guard.name for guard in GUARDS).items() if times > 1] == []
    assert sorted(named()) == sorted((guard.guarantee, guard.name) for guard in GUARDS)


def test_inv_test_has_the_flag_here_and_in_no_other_project(bare):
    here = subprocess.run([sys.executable, "-m", "invoke", "--help", "test"], cwd=ROOT, capture_output=True, text=True)
    assert "--guards" in here.stdout
    bare.write("tasks.py", "import flask_slipway\n\nnamespace = flask_slipway.local()\n")
    assert "--guards" not in bare.inv("--help", "test").out


# the runner, on a project of two lines

WIDE = """
def is_wide(text):
    if len(text) > 80:
        return True
    return False


def first(texts):
    return texts[0] if texts else None
"""
TESTS = """
import pytest
from flask_slipway.wide import first, is_wide


def test_wide():
    assert is_wide("x" * 81)


def test_first():
    assert first(["a"]) == "a"


@pytest.mark.skip(reason="no server")
def test_skipped():
    assert first([]) is None
"""


def guard(name, text, *tests):
    instead = "pass" if text.startswith("return") else ""
    return Guard(name, 1, "wide.py", text, instead, tuple(f"test_wide.py::{test}" for test in tests))


TRUE = guard("width", "return True", "test_wide")
FALSE = {  # what is no guard, or not shown to be one; and what is said of it
    guard("not missed", " if texts else None", "test_first"): "passes",
    guard("missed by one of two", "return True", "test_wide", "test_first"): "passes",
    guard("not looked at", " if texts else None", "test_skipped"): "is skipped",
    guard("gone", "return None", "test_wide"): "its text is gone",
    guard("found twice", "(text", "test_wide"): "its text is there 3 x",
    guard("not run", "def is_wide", "test_wide"): "is not there",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it needs none, and each takes its time to be found
    monkeypatch.setattr(run, "PYTEST", [word for word in run.PYTEST if word not in ("-n", "0")])
    (tmp_path / "flask_slipway").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "flask_slipway" / "__init__.py").touch()
    (tmp_path / "flask_slipway" / "wide.py").write_text(WIDE)
    (tmp_path / "tests" / "test_wide.py").write_text(TESTS)
    git(tmp_path, "init", "-q")
    return tmp_path


def test_a_guard_that_is_missed_ends_with_0_and_the_project_is_as_it_was(project, capsys):
    assert run.run(project, [TRUE]) == 0
    assert "All 1 guards are missed" in capsys.readouterr().out
    assert (project / "flask_slipway" / "wide.py").read_text() == WIDE


def test_each_guard_that_is_none_is_found_out_beside_a_true_one(project, capsys):
    assert run.run(project, [TRUE, *FALSE]) == 1
    *_, last = told = capsys.readouterr().out.splitlines()
    assert last == f"6 of 7 guards are not missed: {', '.join(guard.name for guard in FALSE)}"
    for false, words in FALSE.items():
        assert any(f"  {false.name} " in line and f" {words} " in line for line in told), told


def test_a_test_that_fails_anyway_proves_nothing(project, capsys):
    (project / "flask_slipway" / "wide.py").write_text(WIDE.replace("> 80", "> 90"))
    assert run.run(project, [TRUE]) == 1
    assert "They do not" in capsys.readouterr().out
