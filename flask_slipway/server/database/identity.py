"""Which database it is: in words, and whether two ways lead to the same one."""

from __future__ import annotations

import hashlib
import json
from typing import Sequence

from ..protocol import Manifest
from .interface import Database


def describe(database: Database) -> str:
    """A database in a few words: mysql bob$site on host."""
    return "%s %s%s" % (database.dialect, database.location, " on %s" % database.host if database.host else "")


def same(one: Database, other: Database) -> bool:
    """True where both lead to the same database."""
    return one.identity() == other.identity()


def digest(identity: Sequence[str]) -> str:
    """An identity as it can be kept anywhere: it tells no name, and no masking changes it."""
    return hashlib.sha256(json.dumps(list(identity)).encode()).hexdigest()


def of_backup(manifest: Manifest) -> str:
    """The database that a backup was made of, in a few words."""
    found = manifest.get("identity") or []
    sqlite = manifest["dialect"] == "sqlite" and len(found) > 1
    return "%s %s" % (manifest["dialect"], found[1] if sqlite else manifest.get("database") or "")
