"""The virtualenv: a copy beside it gets the new packages, the live one stays as it is until the exchange."""

import os
import subprocess
import sys
import venv
import zipfile

import pytest

from flask_slipway.project import working_copy
from flask_slipway.server.lib import files, process
from flask_slipway.server.site import virtualenv


def wheel(folder, version, words):
    """A small wheel `greeter` with a module and a console script; made by hand, so that nothing is fetched."""
    path = folder / f"greeter-{version}-py3-none-any.whl"
    info = f"greeter-{version}.dist-info"
    parts = {
        "greeter.py": f"WORDS = {words!r}\n\n\ndef main():\n    import sys\n    print(WORDS, sys.prefix)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: greeter\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
    }
    if version == "2.0":
        parts["greeter_more.py"] = "MORE = True\n"
    record = "".join(f"{name},,\n" for name in [*parts, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**parts, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A virtualenv with greeter 1.0, made once; its folder has a space and a quote in its name."""
    folder = tmp_path_factory.mktemp("template")
    live = folder / "it's live"
    venv.create(live, with_pip=True)
    wheel(folder, "1.0", "hello")
    wheel(folder, "2.0", "good day")
    pip = [
        live / "bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, folder / "greeter-1.0-py3-none-any.whl"], check=True)
    (folder / "requirements.txt").write_text("./greeter-2.0-py3-none-any.whl\n")
    return folder


def state(folder):
    """{path: (kind, bytes or target, mode, time)} of everything in a folder."""
    found = {}
    for top, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(top, name)
            about = os.lstat(path)
            content = files.read(path) if os.path.isfile(path) else None
            if os.path.islink(path):
                content = os.readlink(path)
            found[os.path.relpath(path, folder)] = (content, about.st_mode, about.st_mtime_ns if content else None)
    return found


def greeting(folder):
    """What its console script says: [words, prefix]."""
    return subprocess.run([folder / "bin/greet"], capture_output=True, text=True, check=True).stdout.split(" ", 1)


def test_packages_are_installed_beside_and_take_the_live_place_and_go_back(template, tmp_path):
    """One story, for each pip call costs a second."""
    live, beside = template / "it's live", template / "it's live.stage-r1"
    before = state(live)

    virtualenv.copy(str(live), str(beside))
    shared = os.path.join("lib", f"python3.{sys.version_info[1]}", "site-packages", "pip", "__init__.py")
    assert os.stat(live / shared).st_ino == os.stat(beside / shared).st_ino, "the copy shares no files"

    virtualenv.install(str(beside), str(live), str(template / "requirements.txt"), str(template))
    virtualenv.mark(str(beside), "r1")
    assert state(live) == before, "the live virtualenv was changed"
    assert "greeter==1.0" in listed_names(live) and "greeter==2.0" in listed_names(beside)

    script = files.read(str(beside / "bin/greet"))
    assert os.fsencode(str(live)) in script and os.fsencode(str(beside)) not in script
    assert os.access(beside / "bin/greet", os.X_OK)

    virtualenv.exchange(str(beside), str(live))
    assert virtualenv.marked(str(live)) == "r1" and virtualenv.marked(str(beside)) is None
    assert greeting(live) == ["good", f"day {live}\n"]
    assert state(beside) == before

    virtualenv.exchange(str(beside), str(live))
    assert state(live) == before
    assert greeting(live) == ["hello", f"{live}\n"]
    virtualenv.discard(str(beside))
    virtualenv.discard(str(beside))
    assert not beside.exists()
    assert state(live) == before


def listed_names(folder):
    """What is installed, as name==version; pip names what came from a file by it: greeter @ file:///…/greeter-1.0-…"""
    found = virtualenv.installed(str(folder / "bin/python"))
    return [line if "==" in line else "==".join(line.rsplit("/", 1)[1].split("-")[:2]) for line in found]


def test_an_install_that_fails_leaves_the_live_virtualenv_as_it_was(template):
    live, beside = template / "it's live", template / "it's live.stage-r2"
    before = state(live)
    (template / "broken.txt").write_text("./no-such-1.0-py3-none-any.whl\n")
    virtualenv.copy(str(live), str(beside))
    with pytest.raises(process.Failed, match="no-such"):
        virtualenv.install(str(beside), str(live), str(template / "broken.txt"), str(template))
    virtualenv.discard(str(beside))
    assert state(live) == before


def test_packages_that_do_not_go_together_are_no_installation(template):
    """pip installs all the same what another package cannot work with."""
    live, beside = template / "it's live", template / "it's live.stage-r3"
    virtualenv.copy(str(live), str(beside))
    info = next((beside / "lib").glob("python*/site-packages")) / "needy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: needy\nVersion: 1.0\nRequires-Dist: greeter<2\n")
    (info / "INSTALLER").write_text("pip\n")
    with pytest.raises(process.Failed, match=r"needy 1\.0 has requirement greeter<2"):
        virtualenv.install(str(beside), str(live), str(template / "requirements.txt"), str(template))
    virtualenv.discard(str(beside))


def test_a_copy_replaces_what_an_earlier_one_left(tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "one").write_text("1")
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "left").write_text("")
    virtualenv.copy(str(tmp_path / "live"), str(tmp_path / "beside"))
    assert sorted(os.listdir(tmp_path / "beside")) == ["one"]


def test_scripts_are_replaced_never_written_over(tmp_path):
    """The live virtualenv shares them."""
    live, beside = tmp_path / "live", tmp_path / "live.stage-r1"
    (live / "bin").mkdir(parents=True)
    (live / "bin" / "tool").write_text(f"#!{beside}/bin/python\nprint()\n")
    (live / "bin" / "tool").chmod(0o750)
    (live / "bin" / "data").write_bytes(b"\x7fELF" + str(beside).encode())
    (live / "bin" / "python").symlink_to("/usr/bin/python3")
    virtualenv.copy(str(live), str(beside))
    virtualenv.point_scripts(str(beside), str(live))
    assert (live / "bin/tool").read_text().startswith(f"#!{beside}/")
    assert (beside / "bin/tool").read_text().startswith(f"#!{live}/bin/python\n")
    assert os.stat(beside / "bin/tool").st_mode & 0o777 == 0o750
    assert (beside / "bin/data").read_bytes() == (live / "bin/data").read_bytes()
    assert os.readlink(beside / "bin/python") == "/usr/bin/python3"


def test_without_the_kernels_exchange_three_renames_do(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_LIBC", None)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    virtualenv.exchange(str(tmp_path / "one"), str(tmp_path / "two"))
    assert (os.listdir(tmp_path / "one"), os.listdir(tmp_path / "two")) == (["two"], ["one"])
    assert sorted(os.listdir(tmp_path)) == ["one", "two"]


def test_what_is_installed_already_is_found_so(template, monkeypatch):
    live = template / "it's live"
    (template / "same.txt").write_text("./greeter-1.0-py3-none-any.whl\n")
    monkeypatch.chdir(template)
    assert virtualenv.is_satisfied(str(live / "bin/python"), str(template / "same.txt"))
    assert not virtualenv.is_satisfied(str(live / "bin/python"), str(template / "requirements.txt"))


@pytest.fixture
def listing(tmp_path):
    """A project in a folder of its repository. Its requirements.txt is a link, and includes more; as in pip, what a
    link includes lies beside the link."""
    root = tmp_path / "shop"
    for name, text in {
        "sites/prod.txt": "-r sites/base.txt  # what all need\n--constraint=pins.txt\nFlask==3.1.3\n",
        "sites/base.txt": '-r "more of it.txt"\n-r../requirements.txt\n-c ../none.txt\nSQLAlchemy==2.0.51\n',
        "sites/more of it.txt": "invoke==2.2.0\n-r /etc/hostname\n-r ../../outside.txt\n-r https://example.org/x.txt\n",
        "sites/dev.txt": "pytest\n",
        "exact.txt": "click==8.1.8\n",
        "../outside.txt": "rich\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "requirements.txt").symlink_to("sites/prod.txt")
    (root / "pins.txt").symlink_to("exact.txt")
    commit(root, "init", "-q", "-b", "main", str(tmp_path))
    commit(root)
    return root


def commit(root, *arguments):
    """Commits all that is in `root`, or runs another git command there."""
    line = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *arguments]
    if not arguments:
        process.run(["git", "add", "-A"], cwd=str(root))
        line += ["commit", "-qm", "more"]
    process.run(line, cwd=str(root))


def test_both_sides_see_the_same_files_through_links_and_includes(listing):
    asked = virtualenv.requirement_files(str(listing))
    there = {"requirements.txt", "sites/base.txt", "sites/more of it.txt", "pins.txt"}
    assert {name for name, content in asked.items() if content} == there
    assert asked["none.txt"] is None
    for at in ("HEAD", None):
        assert not working_copy.asks_for_other_packages(listing, asked, at)


@pytest.mark.parametrize("name", ["sites/prod.txt", "sites/more of it.txt", "exact.txt", "none.txt"])
def test_a_file_that_is_included_counts_as_much_as_requirements_txt(listing, name):
    asked = virtualenv.requirement_files(str(listing))
    (listing / name).write_text("Werkzeug==3.1.3\n")
    assert virtualenv.requirement_files(str(listing)) != asked
    assert working_copy.asks_for_other_packages(listing, asked)
    assert not working_copy.asks_for_other_packages(listing, asked, "HEAD")
    commit(listing)
    assert working_copy.asks_for_other_packages(listing, asked, "HEAD")


def test_other_files_and_those_that_only_the_site_has_count_for_nothing(listing):
    (listing / "sites/dev.txt").write_text("tox\n")
    (listing / "none.txt").write_text("Werkzeug==3.1.3\n")  # there, by hand
    asked = virtualenv.requirement_files(str(listing))
    assert asked["none.txt"]
    assert not working_copy.asks_for_other_packages(listing, asked, "HEAD")


def test_a_project_without_requirements_asks_for_none(listing):
    commit(listing, "rm", "-q", "requirements.txt")
    commit(listing)
    assert virtualenv.requirement_files(str(listing)) == {"requirements.txt": None}
    assert not working_copy.asks_for_other_packages(listing, {"requirements.txt": None}, "HEAD")
    assert working_copy.asks_for_other_packages(listing, {"requirements.txt": "a digest"}, "HEAD")


@pytest.mark.parametrize(
    "line",
    [
        "-e git+https://example.org/ann/Stock_Room.git@8c1f0e2#egg=stock_room",
        "-e git+ssh://git@example.org/ann/stockroom.git@8c1f0e2#subdirectory=x&egg=Stock.Room",
        "--editable=git+https://example.org/ann/x.git#egg=stock-room  # as pip freeze says",
        "stock-room @ git+https://example.org/ann/x.git@8c1f0e2",
        "-e .",
        "-e .[dev]",
        ".",
    ],
)
def test_a_line_that_lists_the_project_itself_is_found(line):
    assert virtualenv.self_reference(f"Flask==3.1.3\n{line}\n", ["Stock-Room", ""]) == f"line 2: {line}"


@pytest.mark.parametrize(
    "line",
    [
        "stock-room-client==1.0",
        "-e git+https://example.org/ann/other.git@8c1f0e2#egg=other",
        "other @ git+https://example.org/stock-room/other.git",
        "# -e git+https://example.org/x.git#egg=stock-room",
        "./vendored/other-1.0.whl",
        "stock-room==1.0",
    ],
)
def test_other_packages_are_not_taken_for_the_project(line):
    assert virtualenv.self_reference(f"Flask==3.1.3\n{line}\n", ["stock-room", None]) is None
