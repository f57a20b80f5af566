"""What a person is asked at a terminal."""

from __future__ import annotations

import os
import select
import sys

from flask_slipway.errors import Interrupted, Refusal
from flask_slipway.ui import output


def can_ask() -> bool:
    """True where a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def refuse_silent() -> None:
    """Raises Refusal where nobody can be asked."""
    if not can_ask():
        raise Refusal("There is no terminal to ask in", next=["the same command with --yes"])


def confirm(question: str, yes: bool = False) -> bool:
    """The person's yes or no; Return alone is no. `yes` answers for them. Raises Refusal without a terminal,
    Interrupted after Ctrl-C."""
    if yes:
        return True
    refuse_silent()
    try:
        return read_line(question).strip().lower() in ("y", "yes")
    except EOFError:
        output.line()
        return False
    except KeyboardInterrupt:
        raise Interrupted("Interrupted", changed=False) from None


def read_line(question: str) -> str:
    """The line that the person types. Raises EOFError and KeyboardInterrupt.

    At a terminal it looks up twice a second: a Ctrl-C that comes between the question and its reading does not break
    the reading off, and would be heard at the next key alone."""
    output.line(question, end="")
    if os.name == "nt" or not can_ask():
        return input()
    while not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
