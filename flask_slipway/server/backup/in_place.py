"""A backup's tables loaded under other names in the same database, and exchanged with those in use by one RENAME: for a
user who may make no second database. Until the exchange the tables in use are not touched."""

from __future__ import annotations

from typing import Iterable

from ..database import dump_lines
from ..database.interface import Columns, Contents
from ..database.mysql import MySQL
from ..database.mysql_client import name


class InPlace:
    """`tag` is unique to a run, and the same when that is run again. `new`: how the names begin under which tables are
    loaded."""

    def __init__(self, database: MySQL, tag: str) -> None:
        self.database = database
        self.new, self.old = "_slipway_new_%s_" % tag, "_slipway_old_%s_" % tag
        self.names: dict[str, str] = {}

    def is_loaded(self) -> bool:
        """Whether tables that were loaded wait for the exchange."""
        return bool(self._those(self.new))

    def load(self, dump: Iterable[bytes]) -> None:
        """Loads the tables of a dump under other names; what an earlier run left of them goes first. Where it fails,
        nothing of them stays. Raises DatabaseError."""
        self._drop(self.new)
        renamed = dump_lines.Renamed(self._other)
        try:
            self.database.load_lines(renamed.lines(self.database.parts(dump)), self.database.name)
        except BaseException:
            self._drop(self.new)
            raise

    def forget(self) -> None:
        """Drops what was loaded."""
        self._drop(self.new)

    def _other(self, table: str) -> bytes:
        return name(self.names.setdefault(table, "%s%d" % (self.new, len(self.names)))).encode()

    def contents(self) -> Contents:
        """What was loaded, by the tables' own names."""
        found = self.database.contents(list(self.names.values()))
        return {table: found[other] for table, other in self.names.items()}

    def columns(self) -> Columns:
        """The columns of what was loaded, by the tables' own names."""
        found = self.database.columns()
        return {table: found.get(other, {}) for table, other in self.names.items()}

    def exchange(self) -> None:
        """In one statement: the tables in use step aside, what was loaded takes their place."""
        live = [table for table in self.database.tables() if not table.startswith(self.new)]
        moves = ["%s TO %s" % (name(table), name("%s%d" % (self.old, n))) for n, table in enumerate(live)]
        self.database.rename(moves + ["%s TO %s" % (name(other), name(t)) for t, other in self.names.items()])

    def finish(self, dump: Iterable[bytes]) -> None:
        """Drops what stepped aside, which frees the names of its constraints, and gives those to the tables loaded."""
        self._drop(self.old)
        renamed = dump_lines.Renamed(self._other)
        for _ in renamed.lines(self.database.parts(dump)):
            pass
        there = self.database.definitions() if renamed.constraints else {}
        for table, clauses in renamed.constraints.items():
            lacking = [clause for clause in clauses if clause not in there["table %s" % table]]  # by an earlier attempt
            if lacking:
                added = ", ".join("ADD %s" % clause for clause in lacking)
                self.database.run_unchecked(["ALTER TABLE %s %s" % (name(table), added)])

    def _those(self, begin: str) -> list[str]:
        return [table for table in self.database.tables() if table.startswith(begin)]

    def _drop(self, begin: str) -> None:
        found = self._those(begin)
        if found:
            self.database.run_unchecked(["DROP TABLE " + ", ".join(map(name, found))])
