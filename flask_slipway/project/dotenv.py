"""The development .env, read by the server half's own reader: one grammar for both sides.

Faults and names may be shown; values are for the caller's eyes only."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from flask_slipway.server.lib import dotenv

SERIOUS = dotenv.SERIOUS


@dataclass(frozen=True)
class Fault:
    """One thing to know of a line: its number (None: of the whole file), the name that may be shown, its kind."""

    line: int | None
    name: str
    kind: str
    what: str

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line else ""
        return f"{place}{self.name}: {self.what}"


def faults(root: Path) -> tuple[Fault, ...] | None:
    """What there is to know of the project's .env and .env.example; None where there is no .env."""
    read, unreadable = [], []
    for path in (root / ".env", root / ".env.example"):
        try:
            read.append(dotenv.read(str(path)))
        except OSError as error:
            reason = error.strerror or "no reason is told"
            unreadable.append(Fault(None, path.name, "unread", f"cannot be read: {reason}"))
    if unreadable:
        return tuple(unreadable)
    data, example = read
    if data is None:
        return None
    mode = stat.S_IMODE((root / ".env").stat().st_mode) if os.name == "posix" else None
    return tuple(Fault(**row) for row in dotenv.findings(data, example or b"", (), mode))


@dataclass(frozen=True)
class Names:
    """The names that a .env sets, in order, up to the line `unread` that does not parse (0 for none)."""

    names: tuple[str, ...]
    unread: int


def names(root: Path) -> Names | None:
    """The names in the project's .env; None where there is no .env, or none that can be read."""
    try:
        data = dotenv.read(str(root / ".env"))
    except OSError:
        return None
    if data is None:
        return None
    text = dotenv.decoded(data)
    found, unread = ([], 1) if text is None else dotenv.names(text)
    return Names(tuple(found), unread)


def value(path: Path, name: str) -> str:
    """The value of one name in a .env or .flaskenv, such as FLASK_APP; "" where it is not set or cannot be read."""
    try:
        text = dotenv.decoded(dotenv.read(str(path)) or b"")
    except OSError:
        return ""
    return dotenv.values(text or "", os.environ).get(name) or ""


def values(root: Path) -> dict[str, str]:
    """What the app gets from the project's .env; nothing where it cannot be read."""
    found = dotenv.values(_text(root), os.environ)
    return {name: value for name, value in found.items() if value is not None}


def _text(root: Path) -> str:
    try:
        return (root / ".env").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
