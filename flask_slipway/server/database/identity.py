"""Which database it is: in words, and whether two ways lead to the same one."""

from __future__ import annotations

from .interface import Database


def describe(database: Database) -> str:
    """A database in a few words: mysql bob$site on host."""
    return "%s %s%s" % (database.dialect, database.location, " on %s" % database.host if database.host else "")


def same(one: Database, other: Database) -> bool:
    """True where both lead to the same database."""
    return one.identity() == other.identity()
