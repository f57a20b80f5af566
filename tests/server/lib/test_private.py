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
