"""The development .env, read by the server half's own reader: one grammar for both sides. Names and lines; a value only
by its name, of what is no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READER = Path(__file__).parents[1] / "server" / "lib" / "dotenv.py"
SERIOUS = ("unread", "broken")


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
    told = _read(root / ".env", root / ".env.example")
    return None if told is None else tuple(Fault(**row) for row in told)


@dataclass(frozen=True)
class Names:
    """The names that a .env sets, in order, up to the line `unread` that does not parse (0 for none)."""

    names: tuple[str, ...]
    unread: int


def names(root: Path) -> Names | None:
    """The names in the project's .env; None where there is no .env, or none that can be read."""
    told = _read(root / ".env")
    return None if told is None else Names(tuple(told[0]), told[1])


def value(path: Path, name: str) -> str:
    """The value of one name in a .env or .flaskenv, such as FLASK_APP; "" where it is not set or cannot be read."""
    return _read("--value", name, path) or ""


def _read(*arguments: str | Path) -> Any:
    """What the reader says."""
    line = [sys.executable, "-I", "-S", "-B", str(READER), *map(str, arguments)]
    return json.loads(subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout)
