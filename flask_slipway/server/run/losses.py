"""What recorded operations would take away that is not empty: counted in the database, never guessed."""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

from ..database.interface import Database
from ..lib import amounts
from ..protocol import Operation

WHOLE = ("tinyint", "smallint", "mediumint", "int", "bigint")
TEXTS = ("tinytext", "text", "mediumtext", "longtext")
# The types of which every value of one is a value of those behind it, as MySQL and SQLite describe them.
WIDER = (
    WHOLE,
    TEXTS,
    ("float", "double"),
    ("date", "datetime"),
    ("timestamp", "datetime"),
    ("tinyblob", "blob", "mediumblob", "longblob"),
)
SAME = {
    "integer": "int",
    "bool": "tinyint",
    "boolean": "tinyint",
    "double precision": "double",
    "real": "double",
    "numeric": "decimal",
    "character": "char",
    "character varying": "varchar",
    "nvarchar": "varchar",
    "nchar": "char",
}
KIND = re.compile(r"([a-z]+(?: precision| varying)?)(?:\s*\(([^)]*)\))?(\s+unsigned)?")
DIGITS = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 20}
TEXT_BYTES = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295}
UTF8 = 4  # bytes that a character may take


class Kind(NamedTuple):
    """A column's type. `sizes`: what stands in brackets: lengths, digits, or the values of an enum."""

    name: str
    sizes: tuple[str, ...] = ()
    unsigned: bool = False


def kind(described: str) -> Kind:
    """The type at the beginning of a column's description, such as "varchar(20) NO NULL"."""
    match = KIND.match(described.strip().lower())
    if match is None:
        return Kind(described.strip().lower())
    sizes = tuple(part.strip() for part in (match.group(2) or "").split(",") if part.strip())
    name = SAME.get(match.group(1), match.group(1))
    return Kind(name, () if name in WHOLE else sizes, bool(match.group(3)))


def losses(database: Database, operations: Iterable[Operation]) -> list[str]:
    """What the recorded `operations` would drop that is not empty, or make narrower, as texts, counted in the
    database. They are told by the names that tables and columns have now."""
    lost: list[str] = []
    present = database.columns()
    tables: dict[str, str] = {}  # a new name, and the one that it has now
    names: dict[tuple[str, str], str] = {}
    for operation in operations:
        what, table, column = operation["kind"], operation["table"] or "", operation["column"] or ""
        table = tables.get(table, table)
        column = names.get((table, column), column)
        renamed = operation.get("renamed")
        if what == "rename_table" and renamed:
            tables[renamed] = table
        elif what == "drop_table" and table in present:
            rows = database.count_values(table)
            if rows:
                lost.append("table %s: %s" % (table, amounts.count(rows, "row")))
        elif what == "drop_column" and column in present.get(table, {}):
            rows = database.count_values(table, column)
            if rows:
                lost.append("column %s.%s: %s" % (table, column, amounts.count(rows, "value")))
        elif what == "alter_column" and column in present.get(table, {}):
            if renamed:
                names[table, renamed] = column
            if operation.get("type"):
                lost += _narrowed(database, table, column, present[table][column], operation["type"] or "")
        elif what in ("execute", "unknown"):
            lost.append("cannot be told beforehand: %s" % operation["text"])
    return lost


def _narrowed(database: Database, table: str, column: str, described: str, new: str) -> list[str]:
    """What a new type does to the column's values, where it may change them."""
    old, wanted = kind(described), kind(new)
    if keeps(old, wanted):
        return []
    length = room(old, wanted)
    rows = database.count_values(table, column) if length is None else database.count_longer(table, column, length)
    if not rows:
        return []
    many = "%s%s" % (amounts.count(rows, "value"), "" if length is None else " longer than %d" % length)
    return ["column %s.%s: %s, as it becomes %s" % (table, column, many, new)]


def room(old: Kind, new: Kind) -> int | None:
    """How many characters of a text the new type holds, None where one of the two is no text."""
    if not {old.name, new.name} <= {"char", "varchar", *TEXTS}:
        return None
    if new.name in TEXT_BYTES:
        return TEXT_BYTES[new.name] // UTF8
    return int(new.sizes[0]) if new.sizes and new.sizes[0].isdigit() else None


def keeps(old: Kind, new: Kind) -> bool:
    """Whether every value of the type `old` is one of `new`, and stays as it is."""
    if old == new:
        return True
    if old.unsigned != new.unsigned:
        return False
    if old.name == new.name:
        return _holds(old, new)
    for row in WIDER:
        if old.name in row and new.name in row:
            return row.index(old.name) < row.index(new.name) and _holds(old, new)
    if old.name in WHOLE:
        return _holds_whole(old.name, new)
    characters = room(old, new)
    return characters is not None and bool(old.sizes) and int(old.sizes[0]) <= characters


def _holds_whole(old: str, new: Kind) -> bool:
    """Whether a type that is none of whole numbers holds those of the type `old`."""
    if new.name == "double":
        return old != "bigint"
    if new.name == "decimal":
        return _digits(new)[0] >= DIGITS[old]
    return (room(Kind("varchar"), new) or 0) > DIGITS[old]


def _holds(old: Kind, new: Kind) -> bool:
    """The same for types of one family, by what stands in their brackets."""
    if old.name in ("enum", "set"):
        return set(old.sizes) <= set(new.sizes)
    if old.name == "decimal":
        return _digits(old)[0] <= _digits(new)[0] and _digits(old)[1] <= _digits(new)[1]
    if old.name in ("char", "varchar", "binary", "varbinary"):
        return not new.sizes or (bool(old.sizes) and int(old.sizes[0]) <= int(new.sizes[0]))
    if not old.sizes:
        return True
    if not new.sizes:
        return old.name not in ("datetime", "timestamp", "time")  # without a number: no fractions of a second
    return all(int(a) <= int(b) for a, b in zip(old.sizes, new.sizes) if a.isdigit() and b.isdigit())


def _digits(found: Kind) -> tuple[int, int]:
    """How many digits a DECIMAL has before and behind its point. Source: MySQL manual, DECIMAL."""
    sizes = [int(size) for size in found.sizes if size.isdigit()]
    precision, scale = (sizes + [10, 0][len(sizes) :])[:2]
    return precision - scale, scale
