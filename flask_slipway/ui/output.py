"""The one place that writes to this terminal: what is told goes through here, and is printable when it leaves. The
password of an address, which no program should tell, is covered then too.

No other module prints. The exceptions, each a program's or a person's own terminal, are in tests/whole/test_output.py.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from flask_slipway import wording


def line(text: str = "", to: TextIO | None = None, start: str = "", end: str = "\n") -> None:
    """One line; a line break in it is shown, not made. `start` and `end` are our own and go out as they are: colours,
    the way back to a line's beginning."""
    _write(f"{start}{wording.line(text)}{end}", to)


def text(text: str, to: TextIO | None = None) -> None:
    """What a program printed, or a whole message: its lines stay lines."""
    _write(f"{wording.printable(text)}\n", to)


def error(text_of: str) -> None:
    """A message where errors go."""
    text(text_of, sys.stderr)


def _write(text: str, to: TextIO | None) -> None:
    if "://" in text and "@" in text:  # else nothing is imported for it
        from flask_slipway.server.lib.masking import without_logins

        text = without_logins(text)
    stream = to or sys.stdout
    stream.write(text)
    stream.flush()


def settle() -> None:
    """What this terminal's encoding does not have becomes a question mark, never a fault."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def close() -> None:
    """Nobody reads any more, as after  inv status | head: what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_terminal(stream: TextIO | None = None) -> bool:
    """True where lines can be rewritten."""
    shown = stream or sys.stdout
    return bool(getattr(shown, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def are_errors_read() -> bool:
    """True where a person reads the errors in a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
