"""The history of a site: a line for each change that ended. The only reader and writer of history.jsonl."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

from ..protocol import HistoryLine, LastFacts, Outcome
from . import kept


class Keeper(Protocol):
    """A site, of which only its name and the path of its history are asked."""

    name: str

    @property
    def history(self) -> str: ...


SETTLING = ("release", "upgrade", "downgrade", "rollback", "restore", "seed")
NEEDED = ("at", "task", "outcome", "who")  # what a line that can be shown has


def append(site: Keeper, line: HistoryLine, version: str) -> None:
    """Adds the line of a change; a disk that takes nothing does not stop a run that ended."""
    with contextlib.suppress(OSError):
        kept.append(site.history, line, version)


def lines(site: Keeper) -> list[HistoryLine]:
    """Every line, oldest first. Raises kept.Newer."""
    found: Any = kept.lines(site.history, "the history of %s" % site.name)
    return found


def whole(site: Keeper) -> list[HistoryLine]:
    """The lines that have what is shown of them, oldest first. Raises kept.Newer."""
    return [line for line in lines(site) if all(line.get(key) for key in NEEDED)]


def has(site: Keeper, run: str, outcome: Outcome) -> bool:
    """Whether it tells that the run ended so. Raises kept.Newer."""
    return any(line.get("run") == run and line.get("outcome") == outcome for line in lines(site))


def last_good(site: Keeper) -> LastFacts | None:
    """The last change that ended well and left a commit, or None. Raises kept.Newer."""
    for line in reversed(lines(site)):
        if line.get("outcome") in ("released", "done") and line.get("commit"):
            return {
                "commit": line.get("commit"),
                "revision": line.get("revision"),
                "at": line.get("at"),
                "who": line.get("who"),
                "task": line.get("task"),
            }
    return None


def settled(site: Keeper) -> HistoryLine | None:
    """The last change that ended well and settled which database is the site's, and at which revision; or None. A
    backup, or a reload, is made of whatever is there. Raises kept.Newer."""
    for line in reversed(lines(site)):
        if line.get("outcome") in ("released", "done") and line.get("task") in SETTLING:
            return line
    return None


def released(site: Keeper, commit: str | None) -> HistoryLine | None:
    """The newest release that brought the site to `commit`, or None. Raises kept.Newer."""
    found = [line for line in lines(site) if line.get("outcome") == "released" and line.get("commit") == commit]
    return found[-1] if found else None


def last_answer(site: Keeper, page: str) -> int | None:
    """The status of the last good answer that the health page `page` is known to have given, or None: what it answered
    before a change, if that was no fault. Where a newer version wrote the history, nothing is known."""
    try:
        answers = [line.get("answered") or 0 for line in lines(site) if line.get("page") == page]
    except kept.Newer:
        return None
    return next((status for status in reversed(answers) if 0 < status < 500), None)
