"""A scratch copy of the development database: beside the real one, on the same server, gone when the block ends.

Works by SQL alone, through SQLAlchemy and the app's own driver; needs no client program."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_slipway.errors import Refusal


class NoScratch(Refusal):
    """No scratch database can be made here."""


@dataclass(frozen=True)
class Scratch:
    """A scratch database: `redirect` sends an app's connections to it (development.loaded), `url` opens it."""

    url: Any
    redirect: tuple[tuple[str, str, str], ...]

    def schema(self) -> list[str]:
        """Its schema, a line for each column, key, index and constraint."""
        return schema(self.url)


@contextlib.contextmanager
def scratch(access: Mapping[str, Any], copy: bool = True) -> Iterator[Scratch]:
    """A scratch database beside the one that `access` leads to (development.App.database): a copy of its tables and
    rows, or empty. Raises NoScratch where none can be made."""
    real = url(access)
    opened = _sqlite if access["dialect"] == "sqlite" else _mysql
    if access["dialect"] not in ("sqlite", "mysql", "mariadb"):
        raise NoScratch(f"A scratch database cannot be made on {access['dialect']}")
    with opened(real, copy) as made:
        yield made


def url(access: Mapping[str, Any]) -> Any:
    """SQLAlchemy's URL of the database that `access` leads to."""
    from sqlalchemy.engine import URL

    parts = dict(access["url"])
    query = parts.pop("query", None) or {}
    return URL.create(f"{access['dialect']}+{access['driver']}", query=query, **parts)


def schema(where: Any) -> list[str]:
    """The schema of a database as sorted lines, comparable before and after a migration; alembic_version left out."""
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.pool import NullPool

    engine = create_engine(where, poolclass=NullPool)
    found = inspect(engine)
    lines = []
    for table in found.get_table_names():
        if table == "alembic_version":
            continue
        lines.append(f"table {table}")
        for column in found.get_columns(table):
            null = "" if column["nullable"] else " NOT NULL"
            default = f" DEFAULT {column['default']}" if column.get("default") is not None else ""
            lines.append(f"column {table}.{column['name']} {column['type']!r}{null}{default}")
        lines.append(f"primary key {table} {found.get_pk_constraint(table).get('constrained_columns')}")
        for key in found.get_foreign_keys(table):
            target = f"{key['referred_table']} {key['referred_columns']}"
            lines.append(f"foreign key {table} {key['constrained_columns']} → {target} {key.get('options') or ''}")
        for unique in found.get_unique_constraints(table):
            lines.append(f"unique {table} {unique['name']} {unique['column_names']}")
        for index in found.get_indexes(table):
            lines.append(f"index {table} {index['name']} {index['column_names']} unique={bool(index['unique'])}")
    return sorted(line.rstrip() for line in lines)


def compared(before: list[str], after: list[str]) -> list[str]:
    """The lines that differ: what is missing after, and what is new."""
    gone = [f"missing: {line}" for line in before if line not in after]
    return gone + [f"left over: {line}" for line in after if line not in before]


@contextlib.contextmanager
def _sqlite(real: Any, copy: bool) -> Iterator[Scratch]:
    path = real.database or ""
    if path in ("", ":memory:"):
        raise Refusal("The development database is in memory: there is nothing to copy")
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        target = str(Path(folder) / "scratch.db")
        if copy and Path(path).is_file():
            source, copied = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
            with contextlib.closing(source), contextlib.closing(copied):
                source.backup(copied)
        yield Scratch(real.set(database=target), (("", path, target),))


@contextlib.contextmanager
def _mysql(real: Any, copy: bool) -> Iterator[Scratch]:
    """A database of the same prefix, filled by CREATE TABLE … and INSERT … SELECT on the server itself."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    name = f"{real.database}_scratch_{uuid.uuid4().hex[:6]}"[-64:] if len(real.database) > 44 else ""
    name = name or f"{real.database}_scratch_{uuid.uuid4().hex[:6]}"
    engine = create_engine(real, poolclass=NullPool)

    def quoted(*names: str) -> str:
        return ".".join("`" + part.replace("`", "``").replace("%", "%%") + "`" for part in names)

    def run(connection: Any, statement: str) -> Any:
        return connection.exec_driver_sql(statement)

    with engine.connect() as connection:
        try:
            run(connection, f"CREATE DATABASE {quoted(name)}")
        except SQLAlchemyError as error:
            raise NoScratch(
                "A scratch database cannot be made beside the development database",
                [str(getattr(error, "orig", error))],
                [f"GRANT ALL ON `{real.database}%`.* TO the user of .env, as an administrator of the database"],
            ) from error
        try:
            if copy:
                _copy(connection, run, quoted, real.database, name, text)
            yield Scratch(real.set(database=name), ((real.host or "", real.database, name),))
        finally:
            run(connection, f"DROP DATABASE {quoted(name)}")


def _copy(connection: Any, run: Any, quoted: Any, source: str, target: str, text: Any) -> None:
    query = text(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = :name AND table_type = 'BASE TABLE'"
    )
    tables = [row[0] for row in connection.execute(query, {"name": source})]
    run(connection, "SET SESSION foreign_key_checks = 0")
    run(connection, f"USE {quoted(target)}")
    for table in tables:
        made = run(connection, f"SHOW CREATE TABLE {quoted(source, table)}").fetchone()[1]
        run(connection, made.replace("%", "%%"))
    for table in tables:
        run(connection, f"INSERT INTO {quoted(target, table)} SELECT * FROM {quoted(source, table)}")
    connection.commit()
    run(connection, "SET SESSION foreign_key_checks = 1")
