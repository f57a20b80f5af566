"""Files of JSON lines: what was written is durable, and a line that was cut off costs no other."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

from ..lib import files


def append(path: str, record: Mapping[str, Any]) -> None:
    """Adds one JSON line to `path`, durable; a line before it that was cut off stays a line of its own. A link in its
    place is not followed."""
    line = (json.dumps(record, default=str) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if not size:
            files.sync(os.path.dirname(path))  # its name too
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str) -> list[dict[str, Any]]:
    """The dicts of a file of JSON lines; a line that was cut off or damaged is passed over."""
    values = (value(line) for line in (files.read(path) or b"").splitlines())
    return [found for found in values if found is not None]


def value(line: bytes) -> dict[str, Any] | None:
    """The dict in one line, None where it was cut off or damaged."""
    try:
        found = json.loads(line.decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
