"""What a run is to bring the site to: decided once, after the go, of the wish, the findings and the go."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

from ..protocol import Go, Manifest, Revision, Wish
from .findings import Down, Findings, PutBack, Up


class Target(NamedTuple):
    """`commit`: whose code is to be live, None where the code stays; `pending`: the revisions that go up, in order,
    None where nobody knows them beforehand; `texts`: the messages of revisions; `undone`: the revisions that go down;
    `revision`: where the way down ends, None for the empty schema; `backup`: what is put back."""

    commit: str | None = None
    pending: list[str] | None = None
    texts: Mapping[str, str] = {}
    undone: Sequence[str] = ()
    revision: str | None = None
    backup: Manifest | None = None


def target(task: str, wish: Wish, findings: Findings, go: Go) -> Target:
    """The target of `task`."""
    way = findings.way
    if task == "release":
        return Target(go["commit"], list(go["pending"]), _texts(go.get("revisions") or []))
    if task == "pull":
        return Target(wish["commit"], list(wish.get("pending") or []))
    if isinstance(way, Up):
        return Target(pending=way.pending, texts=_texts(way.revisions))
    if isinstance(way, Down):
        return Target(way.commit, undone=[row["id"] for row in way.undone], revision=way.revision)
    if isinstance(way, PutBack):
        return Target(way.backup["commit"], backup=way.backup)
    return Target()


def _texts(revisions: list[Revision]) -> dict[str, str]:
    return {row["id"]: row.get("text") or "" for row in revisions}
