"""No room: the quota or the disk is full. Known by the error's number, or by what a program said of it."""

from __future__ import annotations

import errno
import signal

from .next_steps import Named

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
KILLED: int = getattr(signal, "SIGXFSZ", 25)  # ends a program that writes more than it may
MESSAGES = (
    *("No space left on device", "Disk quota exceeded", "File too large", "disk is full", "disk I/O error"),
    "error: unable to write file",  # git, of a file that it could make: it does not say why
    "died of signal %d" % KILLED,
)


def is_full(error: BaseException) -> bool:
    """True where this error, or what a program said, means that there is no room."""
    text = "%s\n%s" % (error, getattr(error, "output", ""))
    known = getattr(error, "errno", None) in NUMBERS or getattr(error, "code", None) == -KILLED
    return known or any(message in text for message in MESSAGES)


def message(error: BaseException) -> str:
    """The line that says so."""
    text = "%s\n%s" % (getattr(error, "output", ""), error)
    if getattr(error, "code", None) == -KILLED:
        return "%s was ended: its file grew larger than it may" % getattr(error, "name", "a program")
    lines = (line.strip() for line in text.splitlines() if any(message in line for message in MESSAGES))
    return next(lines, str(error))


def fixes(site: Named, error: BaseException) -> list[str]:
    """What to type next, [] where room is not what lacks."""
    if not is_full(error):
        return []
    return ["fab %s.workon -c 'du -sh ..'  and remove what is not needed" % site.name, "then try again"]
