"""The journal of a run: each line is written, and made durable, before what it tells is done."""

from __future__ import annotations

import os
import time
from typing import Any

from ..protocol import JournalLine
from . import kept


class Journal:
    """Lines of one run, in `folder`/journal.jsonl. `version`: the Flask-Slipway that writes, "" where that is not
    known. `what` of a line is one of protocol's constants. A line is read again as it was written: it holds no free
    text, in which a secret could stand, but for the event of an end, which whoever writes it has masked."""

    def __init__(self, folder: str, version: str = "") -> None:
        self.folder, self.version = folder, version
        self.path = os.path.join(folder, "journal.jsonl")

    def write(self, what: str, **words: Any) -> None:
        """Writes down what is about to be done or was found, with its figures; returns when it is on the disk."""
        words.update(what=what, at=round(time.time(), 3))
        kept.append(self.path, words, self.version)

    def lines(self) -> list[JournalLine]:
        """What was written down, oldest first. Raises kept.Newer."""
        return kept.lines(self.path, "the journal of run %s" % os.path.basename(self.folder))

    def last(self, what: str) -> JournalLine | None:
        """The last line of that kind, or None."""
        found = self.all(what)
        return found[-1] if found else None

    def all(self, what: str) -> list[JournalLine]:
        """The lines of that kind, oldest first."""
        return [line for line in self.lines() if line.get("what") == what]

    def has(self, what: str) -> bool:
        """Whether there is a line of that kind."""
        return self.last(what) is not None
