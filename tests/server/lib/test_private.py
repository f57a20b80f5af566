"""Folders for what one process needs: gone with it, however it ended."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from flask_slipway.server.lib import private

KILLED = """
import os, signal, sys
from flask_slipway.server.lib import private
open(os.path.join(private.folder(sys.argv[1]), "client.cnf"), "w").close()
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(state):
    subprocess.run([sys.executable, "-c", KILLED, str(state)], check=False)


def test_what_a_killed_process_left_is_gone_after_the_next_and_what_a_living_one_has_stays(tmp_path):
    mine = private.folder(str(tmp_path))
    killed(tmp_path)
    assert len(list((tmp_path / "private").iterdir())) == 2
    other = private.folder(str(tmp_path))
    assert sorted(map(str, (tmp_path / "private").iterdir())) == sorted([mine, other])
    assert oct(os.stat(mine).st_mode)[-3:] == "700"


def test_where_the_home_has_no_room_it_lies_beside_the_systems_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        found = Path(private.folder(str(tmp_path / "state")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert found.parent == tmp_path / "tmp"
    assert list((tmp_path / "state" / "private").iterdir()) == []
    found.rename(found.with_name("-".join([*found.name.split("-")[:3], "1", "0"])))  # as of a process that is gone
    shutil.rmtree(private.folder(str(tmp_path / "state")))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_process_of_version_0_1_left_goes_after_a_day(tmp_path, monkeypatch):
    """A folder of the system's own for temporary files, by no name of a process; others begin their names so too."""
    top = tmp_path / "tmp"
    monkeypatch.setattr(tempfile, "tempdir", str(top))
    for name in ("slipway-hsmnp05z", "slipway-blaoqn_n", "slipway-sockets-hsmnp05z", "slipway-aq2x_7k1"):
        (top / name).mkdir(parents=True)
        (top / name / ("web.sock" if name.endswith("7k1") else "client.cnf")).touch()
        if name != "slipway-blaoqn_n":  # which may be of a command that still runs
            os.utime(top / name, (0, 0))
    private.remove_left(str(tmp_path / "state"))
    assert sorted(os.listdir(top)) == ["slipway-aq2x_7k1", "slipway-blaoqn_n", "slipway-sockets-hsmnp05z"]
