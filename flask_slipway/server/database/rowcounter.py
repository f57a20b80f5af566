"""How many rows a dump holds, counted as it streams by."""

from __future__ import annotations

import re


class RowCounter:
    """Counts the rows of a dump as it streams by: {table: rows}. `longest`: the bytes of its longest line of rows."""

    NAME = rb"`(?:[^`]|``)+`"
    INSERT = re.compile(rb"INSERT INTO (%s) (?:\((?:%s(?:, ?)?)*\) )?VALUES\s*" % (NAME, NAME))
    CREATE = re.compile(rb"CREATE TABLE (%s)" % NAME)
    ESCAPED = re.compile(rb"\\.", re.S)
    IRRELEVANT = bytes(set(range(256)) - set(b"'(),"))  # what neither begins nor ends a text or a row

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.longest = 0
        self._table: str | None = None
        self._in_body = False  # of a trigger, routine or event, which may hold any line

    def feed(self, line: bytes) -> None:
        """One line of the dump."""
        if self._in_body or line.startswith(b"DELIMITER ;"):
            self._table = None
            self._in_body = self._in_body if not line.startswith(b"DELIMITER ;") else line.startswith(b"DELIMITER ;;")
        elif line.startswith(b"CREATE TABLE"):
            match = self.CREATE.match(line)
            self._table = None
            if match:
                self.rows.setdefault(self._table_in(match), 0)
        elif line.startswith(b"INSERT INTO"):
            match = self.INSERT.match(line)
            self._table = self._table_in(match) if match else None
            self._count(line[match.end() :] if match else b"")
        elif line.startswith(b"(") and self._table is not None:
            self._count(line)
        else:
            self._table = None

    def _table_in(self, match: re.Match[bytes]) -> str:
        return match.group(1)[1:-1].decode("utf-8", "replace").replace("``", "`")

    def _count(self, values: bytes) -> None:
        if not values.strip() or self._table is None:
            return
        self.longest = max(self.longest, len(values))
        structure = self.ESCAPED.sub(b"", values).translate(None, self.IRRELEVANT)
        outside = structure.split(b"'")[::2]  # every second piece is a text, also where '' stands for a quote in one
        self.rows[self._table] = self.rows.get(self._table, 0) + b"''".join(outside).count(b"),(") + 1
