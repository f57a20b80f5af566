"""Folders for what one process needs and nobody may read, such as a password for the database's programs. They end with
the process; what a killed one left is removed when the next is made."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import time

from . import files, process

BEGIN = "slipway-"
LONGEST = 86400  # seconds after which a process that cannot be looked for is taken to have ended
NAMELESS = "client.cnf"  # what lies in those of version 0.1, whose name tells neither machine nor process


def folder(state: str) -> str:
    """Makes one below `state`, the folder of all that is kept; where there is no room, beside the system's own."""
    here = "%s%s-%d-%s-" % (BEGIN, _machine(), os.getpid(), process.started_at(os.getpid()))
    remove_left(state)
    own, beside = _tops(state)
    try:
        return _made(os.path.join(files.folder(own), here + secrets.token_hex(4)))
    except OSError:
        return tempfile.mkdtemp(prefix=here, dir=beside)


def remove_left(state: str) -> None:
    """Removes those of this account whose process is gone."""
    for top in _tops(state):
        with contextlib.suppress(OSError):
            for name in os.listdir(top):
                path = os.path.join(top, name)
                if name.startswith(BEGIN) and os.lstat(path).st_uid == os.getuid() and _is_left(path):
                    shutil.rmtree(path, ignore_errors=True)


def _tops(state: str) -> tuple[str, str]:
    """Where they lie."""
    return os.path.join(state, "private"), tempfile.gettempdir()


def _made(path: str) -> str:
    os.mkdir(path, 0o700)
    try:
        files.write(os.path.join(path, "room"), b"\0" * 4096)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    files.remove(os.path.join(path, "room"))
    return path


def _is_left(path: str) -> bool:
    machine, pid, started, *_ = [*os.path.basename(path)[len(BEGIN) :].split("-"), "", "", ""]
    if machine == _machine() and pid.isdigit():
        return str(process.started_at(int(pid))) != started
    known = pid.isdigit() or (not pid and os.path.isfile(os.path.join(path, NAMELESS)))
    return len(machine) == 8 and known and time.time() - os.lstat(path).st_mtime > LONGEST


def _machine() -> str:
    return hashlib.sha256(process.machine().encode()).hexdigest()[:8]
