"""The message for a lock that somebody else holds, the same on both sides."""

from __future__ import annotations

from typing import List, NamedTuple, Union

from ..protocol import HeldFacts, Holder
from . import amounts


class Message(NamedTuple):
    """The parts of a stop: what happened, what explains it, what to type next. `Refused(*message)` refuses with it."""

    what: str
    lines: List[str]
    next: List[str]


def message(holder: Union[Holder, HeldFacts], alive: bool, site: str) -> Message:
    """What is said of `holder`. `alive`: whether its process is there; `site`: the name of the site that was asked for,
    where the holder does not say its own."""
    name = holder.get("site") or site
    since, commit = holder.get("since"), holder.get("commit")
    parts = ["since %s" % amounts.moment(since)] if since else []
    parts += ["commit %s" % commit[:7]] if commit else []
    what = "%s is held by %s: %s" % (name, holder.get("who") or "somebody", holder.get("task") or "a change")
    lines = [", ".join(parts)] if parts else []
    if alive:
        return Message(what, lines, ["fab %s.watch" % name])
    return Message(what, [*lines, "its process is gone"], ["fab %s.recover" % name])
