"""Whether revisions can be said in a database's own SQL at all: each table, column, key and index they make is put into
words for it, and nothing is sent. A revision that was made on SQLite may not be for MySQL."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from . import revision_code, revisions
from .guard import calling_line, one_line

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script

    from .locate import Migrations

Unfit = Dict[str, str]


def unfit(migrations: Migrations, ids: Sequence[str], folder: str, dialect: Optional[str] = None) -> List[Unfit]:
    """What cannot be said: [{"revision", "error", "where"}], the first of each revision going up. `dialect`: a name,
    default that of the migrations' own database. What cannot be told beforehand is left out."""
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.dialects import registry

    directory = migrations.script()
    if directory is None:
        return []
    chosen = [directory.get_revision(identifier) for identifier in ids]

    def look(context: MigrationContext, metadata: Any) -> List[Unfit]:
        target = registry.load(dialect)() if dialect else context.dialect
        offline = MigrationContext.configure(dialect=target, opts={"as_sql": True, "output_buffer": Nowhere()})
        found = (_first(revision, context, offline, folder) for revision in chosen)
        return [row for row in found if row is not None]

    return migrations.read(look) or [] if ids else []


class Nowhere:
    """Where the rendered SQL goes."""

    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


def _first(revision: Script, context: MigrationContext, offline: MigrationContext, folder: str) -> Optional[Unfit]:
    """The first operation of a revision's upgrade() that the dialect of `offline` has no words for, or None; also
    where it has Python of its own, which nobody runs for that."""
    found: List[Unfit] = []
    if revision_code.own_line(revision.module, "upgrade") is not None:
        return None

    def attempt(operation: Any, batch: bool) -> None:
        text = None if found else _unsaid(operation, batch, offline)
        if text:
            found.append({"revision": revision.revision, "error": text, "where": calling_line(folder)})

    with revisions.Recorder(context, attempt), contextlib.suppress(Exception):
        revision.module.upgrade()
    return found[0] if found else None


def _unsaid(operation: Any, batch: bool, offline: MigrationContext) -> Optional[str]:
    """Why `operation` has no words in the dialect of `offline`, or None."""
    from alembic.operations import Operations, ops
    from sqlalchemy.exc import CompileError

    if isinstance(operation, (ops.ExecuteSQLOp, ops.BulkInsertOp)):  # values cannot be rendered, and need not be
        return None
    if batch and offline.dialect.name == "sqlite":  # done there by copying the table, which needs the table
        return None
    try:
        Operations(offline).invoke(operation)
    except (CompileError, NotImplementedError) as error:
        return one_line(error)
    except Exception as error:
        return one_line(error) if "require the existing type" in str(error) else None
    return None
