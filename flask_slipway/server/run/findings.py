"""What the server itself finds while a plan is made: how the site answers, and what the task would do there."""

from __future__ import annotations

from typing import Any, NamedTuple, Union

from ..protocol import Manifest, Revision


class Up(NamedTuple):
    """The revisions that the live code has and the database lacks, in order; `revisions`: all of the code's."""

    pending: list[str]
    revisions: list[Revision]

    def shown(self) -> dict[str, Any]:
        return {"pending": self.pending, "texts": labels(self.revisions, self.pending)}


class Down(NamedTuple):
    """A way down. `undone`: the revisions that it takes back, newest first, none where the database stays; `revision`:
    where it ends, None for the empty schema; `commit`: the code that goes with it, None where the code stays;
    `losses`: what it would drop that is not empty, as texts; `operations`: what it does, as texts."""

    undone: list[Revision]
    revision: str | None
    commit: str | None
    losses: list[str]
    operations: list[str]

    def shown(self) -> dict[str, Any]:
        return {
            "undone": labels(self.undone, [row["id"] for row in self.undone]),
            "target": self.revision,
            "target_commit": self.commit,
            "losses": self.losses,
            "operations": self.operations,
        }


class PutBack(NamedTuple):
    """A backup, and how many rows there are now in the place of its own; `other`: the database that it was made of, in
    words, where that is not the site's."""

    backup: Manifest
    rows_now: int
    other: str | None = None

    def shown(self) -> dict[str, Any]:
        keys = ("id", "commit", "revisions", "rows", "tables", "at", "task", "restore_blockers")
        return {"backup": {key: self.backup.get(key) for key in keys}, "rows_now": self.rows_now, "other": self.other}


class Seeds(NamedTuple):
    """The flask commands that would run."""

    commands: list[list[str]]

    def shown(self) -> dict[str, Any]:
        return {"commands": self.commands}


Way = Union[Up, Down, PutBack, Seeds]


class Findings(NamedTuple):
    """`answered`: the status of the health page, None where a gate or nothing answered; `expected_status`: the last
    good one that is known; `way`: what the task would do, None where there is no more to tell than the facts;
    `lacking`: what the live code's models need and the database lacks, though it is at their head; `heads`: of the live
    code's revisions, None where they are not known."""

    answered: int | None = None
    expected_status: int | None = None
    way: Way | None = None
    lacking: list[str] = []
    heads: list[str] | None = None

    def shown(self) -> dict[str, Any]:
        """What the laptop is told of it, beside the facts."""
        lacking = {"lacking": self.lacking} if self.lacking else {}
        return {**lacking, **({} if self.way is None else self.way.shown())}


def labels(revisions: list[Revision], ids: list[str]) -> list[tuple[str, str]]:
    """Each of `ids` with its message."""
    texts = {row["id"]: row["text"] for row in revisions}
    return [(identifier, texts.get(identifier, "")) for identifier in ids]
