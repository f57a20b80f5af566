"""What others install: the wheel holds the engine and nothing else, and two-line files are enough with it."""

from __future__ import annotations

import email
import subprocess
import tarfile
import zipfile

import pytest

import flask_slipway
from flask_slipway.ssh import engine
from flask_slipway.tasks import local, remote
from support import ROOT

pytestmark = pytest.mark.xdist_group("wheel")  # one worker builds it, and fills the clean virtualenv
TWO_LINES = "import flask_slipway\n\nnamespace = flask_slipway.{}()\n"


def engine_files():
    """Every file of flask_slipway/, whatever its kind."""
    found = (path for path in (ROOT / "flask_slipway").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def contents(wheel):
    """{name: bytes} of a wheel's files, but for the list of their checksums."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_holds_the_engine_whole_and_nothing_else(wheel):
    info = f"flask_slipway-{flask_slipway.__version__}.dist-info/"
    named = {name for name in contents(wheel) if not name.startswith(info)}
    assert named == engine_files()
    assert f"{info}licenses/LICENSE" in contents(wheel)
    assert {"flask_slipway/server/site/gate_template.py.in", "flask_slipway/sandbox/host/mysql-from-debian.sh"} <= named


def test_the_wheels_files_are_those_of_the_tree(wheel):
    for name, data in contents(wheel).items():
        if name.startswith("flask_slipway/"):
            assert data == (ROOT / name).read_bytes(), name


def test_the_sdist_builds_the_same_wheel_as_the_tree_and_holds_no_app(distributions):
    assert contents(distributions.wheel) == contents(distributions.from_tree)
    with tarfile.open(distributions.sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert not tops & {"app", "migrations", "tests", "bench", "invoke.yaml"}
    assert {"flask_slipway", "LICENSE", "README.md", "pyproject.toml"} <= tops


def test_the_metadata_says_what_it_is_and_invents_no_address(wheel):
    info = f"flask_slipway-{flask_slipway.__version__}.dist-info/METADATA"
    told = email.message_from_bytes(contents(wheel)[info])
    assert (told["Name"], told["Version"]) == ("flask-slipway", flask_slipway.__version__)
    assert "PythonAnywhere" in told["Summary"]
    assert (told["License-Expression"], told["License-File"]) == ("MIT", "LICENSE")
    assert told["Requires-Python"] == ">=3.10"
    required = [line for line in told.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.split("<")[0].split(">")[0] for line in required) == [
        "deptry",
        "fabric",
        "invoke",
        "packaging",
        "paramiko",
    ]
    assert told["Home-page"] is None
    assert told.get_all("Project-URL") is None
    assert "# Flask-Slipway" in told.get_payload()


def test_in_a_clean_virtualenv_two_line_files_list_every_task(clean_virtualenv, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "tasks.py").write_text(TWO_LINES.format("local"))
    (project / "fabfile.py").write_text(TWO_LINES.format("remote"))
    (project / "invoke.yaml").write_bytes((ROOT / "invoke.yaml").read_bytes())
    for program, expected in (
        ("inv", local.collection(ROOT).task_names),
        ("fab", [f"prod.{name}" for name in remote.collection("prod", ROOT).task_names]),
    ):
        line = [clean_virtualenv.bin / program, "--list"]
        done = subprocess.run(
            line, cwd=project, env=clean_virtualenv.environment(tmp_path), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        listed = {words[0] for words in map(str.split, done.stdout.splitlines()) if words}
        assert not set(expected) - listed


def test_the_servers_half_is_the_same_from_the_wheel_as_from_the_tree(clean_virtualenv, tmp_path):
    code = "from flask_slipway.ssh import engine; print(engine.engine()[1], engine.__file__)"
    line = [clean_virtualenv.python, "-I", "-c", code]
    told = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert told[0] == engine.engine()[1]
    assert str(clean_virtualenv.folder) in told[1]
