"""The rows of tables as INSERT lines, by SELECTs of our own: for FLOAT columns, of which mysqldump, and every plain
SELECT, tells six digits, and for a zero below zero, told there as -0, which is 0. A FLOAT told as DOUBLE comes with all
its digits, and is the same FLOAT when it is loaded."""

from __future__ import annotations

from typing import Iterable, Iterator, Tuple

from .mysql_client import DatabaseError, Session, name

STATEMENT = 1 << 20  # bytes of rows in one INSERT, about
NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year")
BYTES = (
    *("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", "geometry", "point", "linestring"),
    *("polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"),
)
Column = Tuple[str, str]  # its name and its DATA_TYPE


class TooLong(DatabaseError):
    """A value that is longer, as SQL, than what the server takes at once: no dump of it can be loaded there."""


def open_session(options: str, database: str) -> Session:
    """A session that sees all tables as they are at this moment, whoever writes meanwhile; rows are streamed."""
    session = Session(options, database, streaming=True)
    for statement in (
        "SET SESSION time_zone = '+00:00', sql_mode = '', wait_timeout = 86400, net_write_timeout = 86400",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ):
        session.rows(statement)
    return session


def inserts(session: Session, table: str, columns: Iterable[Column]) -> Iterator[tuple[bytes, int]]:
    """The table's rows as INSERT statements, each with how many rows it has. Raises DatabaseError,
    TooLong."""
    columns = list(columns)
    head = "INSERT INTO %s (%s) VALUES\n" % (name(table), ", ".join(name(column) for column, _ in columns))
    rows: list[bytes] = []
    size = 0
    for row in _rows(session, table, columns):
        rows.append(row)
        size += len(row)
        if size > STATEMENT:
            yield _statement(head, rows), len(rows)
            rows, size = [], 0
    if rows:
        yield _statement(head, rows), len(rows)


def _statement(head: str, rows: list[bytes]) -> bytes:
    return head.encode() + b",\n".join(rows) + b";\n"


def _rows(session: Session, table: str, columns: list[Column]) -> Iterator[bytes]:
    """Each row in brackets. The client sets a tab between fields and escapes tab, newline, NUL and backslash in them:
    as QUOTE() has escaped backslashes already, those alone are told twice."""
    values = ", ".join(_literal(name(column), kind) for column, kind in columns)
    for line in session.lines("SELECT %s FROM %s;\nSHOW WARNINGS" % (values, name(table))):
        if line.startswith((b"Warning\t", b"Error\t")):
            words = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            raise TooLong("ERROR %s (HY000): table %s cannot be read whole: %s" % (words[1], table, words[-1]))
        if not line.startswith(b"Note\t"):
            yield b"(%s)" % line[:-1].replace(b"\\\\", b"\\").replace(b"\t", b",")


def _literal(column: str, kind: str) -> str:
    """The expression that tells a column's value as SQL; NULL is told as NULL by itself."""
    if kind in NUMBERS:
        return column
    if kind in ("float", "double"):  # a zero below zero is one only with an exponent: -0 is 0
        return "IF(%s = 0, CONCAT(%s, 'e0'), %s + 0e0)" % (column, column, column)
    if kind == "bit":
        return "%s + 0" % column
    if kind in BYTES:
        return "CONCAT('x\\'', HEX(%s), '\\'')" % column
    return "QUOTE(%s)" % column
