"""Who may have an SQLite file open and cannot be seen."""

import os
import sqlite3
import subprocess
import sys

from flask_slipway.server.database.sqlite import SHARED, SQLite, file_system

MOUNTS = r"""
overlay / overlay rw,relatime 0 0
10.0.0.4:/home /home nfs4 rw,vers=4.1,hard 0 0
/dev/nvme1n1 /home/ann/local ext4 rw 0 0
server:/over\040there /mnt/over\040there nfs rw 0 0
someone@host: /mnt/ssh fuse.sshfs rw 0 0
tmpfs /homestead tmpfs rw 0 0
""".lstrip()


def test_the_file_system_is_that_of_the_innermost_mount():
    places = {
        "/home/ann/site/app.db": "nfs4",
        "/home/ann/local/app.db": "ext4",
        "/homestead/app.db": "tmpfs",
        "/mnt/over there/app.db": "nfs",
        "/mnt/ssh/app.db": "fuse.sshfs",
        "/srv/app.db": "overlay",
    }
    assert {path: file_system(path, MOUNTS) for path in places} == places
    assert [kind for kind in places.values() if kind.startswith(SHARED)] == ["nfs4", "nfs", "fuse.sshfs"]


def test_of_a_file_on_this_machine_the_holders_are_seen(tmp_path):
    base = SQLite(str(tmp_path / "live.db"))
    sqlite3.connect(base.path).close()
    assert base.unseen() == ""
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM sqlite_master'); input()"
    child = subprocess.Popen([sys.executable, "-c", hold, base.path], stdin=-1)
    try:
        while not os.path.exists(f"/proc/{child.pid}/fd") or child.pid not in base.other_connections():
            assert child.poll() is None
    finally:
        child.communicate(b"\n")
    assert base.other_connections() == []
