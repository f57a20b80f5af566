"""The journal of a run: each line is written, and made durable, before what it tells is done."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Mapping

from ..lib import files
from ..lib.masking import Mask
from ..protocol import JournalLine


class Journal:
    """Lines of one run, in `folder`/journal.jsonl. `mask` covers secrets before anything is written."""

    def __init__(self, folder: str, mask: Mask) -> None:
        self.folder, self.mask = folder, mask
        self.path = os.path.join(folder, "journal.jsonl")

    def write(self, what: str, **words: Any) -> None:
        """Writes down what is about to be done or was found, with its figures; returns when it is on the disk."""
        words.update(what=what, at=round(time.time(), 3))
        append(self.path, self.mask.value(words))

    def lines(self) -> list[JournalLine]:
        """What was written down, oldest first."""
        return read_lines(self.path)

    def last(self, what: str) -> JournalLine | None:
        """The last line of that kind, or None."""
        matching = [line for line in self.lines() if line.get("what") == what]
        return matching[-1] if matching else None

    def all(self, what: str) -> list[JournalLine]:
        """The lines of that kind, oldest first."""
        return [line for line in self.lines() if line.get("what") == what]

    def has(self, what: str) -> bool:
        """Whether there is a line of that kind."""
        return self.last(what) is not None


def append(path: str, value: Mapping[str, Any]) -> None:
    """Adds one JSON line to `path`, durable; a line before it that was cut off stays a line of its own."""
    line = (json.dumps(value, default=str) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: str) -> list[dict[str, Any]]:
    """The dicts of a file of JSON lines; a line that was cut off or damaged is passed over."""
    values = []
    for line in (files.read(path) or b"").splitlines():
        try:
            value = json.loads(line.decode())
        except ValueError:
            continue
        if isinstance(value, dict):
            values.append(value)
    return values
