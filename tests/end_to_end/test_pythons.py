"""The server's half run by the oldest Python that it is written for, and by the newest there is."""

import pytest

from flask_slipway.sandbox import host
from support import changes
from support.versions import PYTHONS
from support.world import make_world


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
