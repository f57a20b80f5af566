"""What a revision's operations mean for a person: in a word, and as warnings. Pure.

An operation is a dict with revision, kind, table, column, text and empty, as the app's process records it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Operation = Mapping[str, Any]

# In the order of what a person wants to hear first.
DOES = {
    "drop_table": "removes a table",
    "drop_column": "removes a column",
    "alter_column": "changes a column",
    "create_unique_constraint": "adds a unique constraint",
    "create_foreign_key": "adds a foreign key",
    "add_column": "adds a column",
    "create_table": "adds a table",
    "create_index": "adds an index",
    "execute": "runs SQL",
}


VALUE = "give it a server_default, or add it nullable, fill it, and then alter it"


def does(operations: Iterable[Operation]) -> str | None:
    """What the operations do in a word: changes a column. None where that cannot be said."""
    kinds = {operation["kind"] for operation in operations}
    return next((words for kind, words in DOES.items() if kind in kinds), None)


def lossy(operations: Iterable[Operation]) -> list[str]:
    """The operations that lose values, as texts."""
    return [operation["text"] for operation in operations if operation["kind"] in ("drop_table", "drop_column")]


def warnings(up: Sequence[Operation], down: Sequence[Operation]) -> list[str]:
    """What a person should read before a revision is kept: values lost, tables locked, no way down."""
    found = [f"values are lost: {text}" for text in lossy(up)]
    found += [f"looks like a rename, which would lose the values: {text}" for text in _renames(up)]
    found += [f"rows that are there have no value for {column}: {VALUE}" for column in _empty(up)]
    for operation in up:
        kind, table = operation["kind"], operation["table"]
        if kind == "alter_column":
            found.append(f"MySQL copies {table} whole, and writes to it wait: {operation['text']}")
        elif kind == "create_unique_constraint":
            found.append(f"fails where values in {table} repeat: {operation['text']}")
        elif kind == "unknown":
            found.append(f"what it does cannot be told beforehand: {operation['text']}")
    if up and not down:
        found.append("no way down: downgrade() does nothing")
    return found


def _empty(up: Sequence[Operation]) -> Iterable[str]:
    new = {operation["table"] for operation in up if operation["kind"] == "create_table"}
    for operation in up:
        if operation["kind"] == "add_column" and operation.get("empty") and operation["table"] not in new:
            yield f"{operation['table']}.{operation['column']}"


def _renames(up: Sequence[Operation]) -> Iterable[str]:
    for dropped in up:
        added = [op for op in up if op["kind"] == "add_column" and op["table"] == dropped["table"]]
        if dropped["kind"] == "drop_column" and len(added) == 1:
            old, new, table = dropped["column"], added[0]["column"], dropped["table"]
            yield f'{table}.{old} → {new}; then write op.alter_column("{table}", "{old}", new_column_name="{new}")'
