"""The journal of a run: each line is written, and made durable, before what it tells is done."""

import json
import os
import time

from ..lib import files


class Journal:
    """Lines of one run, in `folder`/journal.jsonl. `mask` covers secrets before anything is written."""

    def __init__(self, folder, mask):
        self.folder, self.mask = folder, mask
        self.path = os.path.join(folder, "journal.jsonl")

    def write(self, what, **words):
        """Writes down what is about to be done or was found, with its figures; returns when it is on the disk."""
        words.update(what=what, at=round(time.time(), 3))
        append(self.path, self.mask.value(words))

    def lines(self):
        return read_lines(self.path)

    def last(self, what):
        """The last line of that kind, or None."""
        found = [line for line in self.lines() if line.get("what") == what]
        return found[-1] if found else None

    def all(self, what):
        return [line for line in self.lines() if line.get("what") == what]

    def has(self, what):
        return self.last(what) is not None


def append(path, value):
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


def read_lines(path):
    """The dicts of a file of JSON lines; a line that was cut off or damaged is passed over."""
    found = []
    for line in (files.read(path) or b"").splitlines():
        try:
            value = json.loads(line.decode())
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
