"""Where the tests' folders lie: in memory, where there is room, for they make and remove many thousands of files."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
NEEDED, LEFT_FREE = 8 << 30, 4 << 30  # bytes: what a whole run writes at most, and what the machine keeps for the rest


def available() -> int:
    """The bytes of memory that programs can have without swapping; 0 where that is not known."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def fits() -> bool:
    """Whether a folder in memory can hold what the tests write, and lets programs in it be started."""
    try:
        without_programs = os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC
        free = shutil.disk_usage(IN_MEMORY).free
    except (OSError, AttributeError):
        return False
    return (
        not without_programs and free >= NEEDED and available() >= NEEDED + LEFT_FREE and os.access(IN_MEMORY, os.W_OK)
    )


def use() -> None:
    """Puts all temporary files of this process, and of those that it starts, into memory; not where TMPDIR was set."""
    if "TMPDIR" not in os.environ and fits():
        folder = IN_MEMORY / f"slipway-tests-{os.getuid()}"
        folder.mkdir(mode=0o711, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return  # somebody else's of that name
        folder.chmod(0o711)  # a test that plays another user goes through it, and sees no names
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # pytest has asked already


def give_back(folder: Path) -> None:
    """Removes the folder of a whole run, where it lies in memory."""
    if IN_MEMORY in folder.parents:
        shutil.rmtree(folder, ignore_errors=True)
