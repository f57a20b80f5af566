"""Records that outlive the version that wrote them: each bears its format and that version. An older format is read in
today's words; a newer one is refused, with the version that can read it."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, Mapping

from ..lib import files
from ..lib.outcome import Refused
from ..protocol import BEFORE, FORMAT
from . import lines as json_lines

Record = Dict[str, Any]
VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,30}\Z")


class Newer(Refused):
    """A record of a format that this version does not know. `what`: which record it is, in words."""

    def __init__(self, what: str, record: Record) -> None:
        version = str(record.get("version") or "")
        plain = VERSION.match(version) is not None
        super().__init__(
            "%s was written by %s" % (what, "Flask-Slipway %s" % version if plain else "a newer Flask-Slipway"),
            ["it is of format %s; this version reads up to %d" % (record.get("format"), FORMAT)],
            [
                "on your machine, install %s, from where this one came" % ("%s or newer" % version if plain else "it"),
                "then the same again",
            ],
        )


def stamped(record: Mapping[str, Any], version: str) -> Record:
    """The record as it is kept, by the Flask-Slipway `version`: "" where a request does not say."""
    return {**record, "format": FORMAT, "version": version}


def write(path: str, record: Mapping[str, Any], version: str) -> None:
    """Replaces the record at `path`, in one step that survives a crash."""
    files.write_json(path, stamped(record, version))


def append(path: str, record: Mapping[str, Any], version: str) -> None:
    """Adds a line, durable."""
    json_lines.append(path, stamped(record, version))


def read(path: str, what: str) -> Record | None:
    """The record at `path`, or None where there is none. Raises files.Damaged, Newer; `what` names it then."""
    record = files.read_json(path)
    return None if record is None else today(record, what)


def lines(path: str, what: str) -> list[Record]:
    """The records of a file of lines; a damaged line is passed over. Raises Newer."""
    return [today(record, what) for record in json_lines.read(path)]


def today(record: Record, what: str) -> Record:
    """A record of any format up to ours, in the words of ours. Raises Newer."""
    known = record.get("format", 1)
    if not isinstance(known, int) or known > FORMAT:
        raise Newer(what, record)
    return _from_first(record) if known < 2 else record


# What records of format 1 called otherwise.
RENAMED = {"hindrances": "restore_blockers"}
RENAMED_BEFORE = {"usual": "expected_status"}


def _from_first(record: Record) -> Record:
    if record.get("what") == BEFORE:
        return dict(record, facts=dict(_renamed(record.get("facts") or {}, RENAMED_BEFORE)))
    return dict(_renamed(record, RENAMED))


def _renamed(record: Record, names: Dict[str, str]) -> Iterator[Any]:
    return ((names.get(key, key), value) for key, value in record.items())
