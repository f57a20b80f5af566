"""No room: the quota or the disk is full. Known by the error's number, or by what a program said of it."""

from __future__ import annotations

import errno
import signal

from .next_steps import Named

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
KILLED: int = getattr(signal, "SIGXFSZ", 25)  # ends a program that writes more than it may
WORDS = (
    *("No space left on device", "Disk quota exceeded", "File too large", "disk is full", "disk I/O error"),
    "died of signal %d" % KILLED,
)


def is_full(error: BaseException) -> bool:
    """True where this error, or what a program said, means that there is no room."""
    told = "%s\n%s" % (error, getattr(error, "output", ""))
    known = getattr(error, "errno", None) in NUMBERS or getattr(error, "code", None) == -KILLED
    return known or any(word in told for word in WORDS)


def line(error: BaseException) -> str:
    """The line that says so."""
    told = "%s\n%s" % (getattr(error, "output", ""), error)
    if getattr(error, "code", None) == -KILLED:
        return "%s was ended: its file grew larger than it may" % getattr(error, "name", "a program")
    return next((one.strip() for one in told.splitlines() if any(word in one for word in WORDS)), str(error))


def mends(site: Named, error: BaseException) -> list[str]:
    """What to type next, [] where room is not what lacks."""
    if not is_full(error):
        return []
    return ["fab %s.workon -c 'du -sh ..'  and remove what is not needed" % site.name, "then try again"]
