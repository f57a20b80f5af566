"""The server's half run by the oldest Python that it is written for, and by the newest there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flask_slipway.sandbox import host
from support import changes
from support.world import make_world


def interpreters() -> dict[tuple[int, int], str]:
    """The Pythons on PATH and under pyenv, by version."""
    found = {}
    candidates = [shutil.which(f"python3.{minor}") for minor in range(8, 20)]
    candidates += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    for path in filter(None, candidates):
        done = subprocess.run([path, "--version"], capture_output=True, text=True)
        version = re.match(r"Python (\d+)\.(\d+)", done.stdout)
        if version:
            found[int(version[1]), int(version[2])] = path
    return found


PYTHONS = interpreters()


@pytest.mark.parametrize("which", ["3.8", "newest"])
def test_the_server_s_half_runs_on(which, tmp_path):
    version = (3, 8) if which == "3.8" else max(PYTHONS)
    if version not in PYTHONS:
        pytest.skip("there is no Python 3.8 here: pyenv install 3.8")
    world = make_world(tmp_path, "sqlite", ssh="embedded", server_python=PYTHONS[version])
    try:
        world.reset()
        assert world.release().code == 0
        commit = changes.additive(world)
        done = world.release()
        assert done.code == 0, done.out
        assert world.health()["commit"] == commit
        checked = world.fab("check")
        assert f"{version[0]}.{version[1]}." in checked.out
        assert world.fab("restore", "--yes").code == 0
        assert world.health()["commit"] == world.base
        assert world.release().code == 0
        done = world.fab("rollback", "--yes")
        assert done.code == 0, done.out
        assert world.health()["commit"] == world.base
    finally:
        host.down(world.folder / "site")
