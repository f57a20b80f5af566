"""Whether revisions can be said in a database's own SQL at all: each table, column, key and index they make is put into
words for it, and nothing is sent. A revision that was made on SQLite may not be for MySQL."""

import contextlib
from typing import Any

from . import revisions
from .guard import calling_line, one_line


def unfit(migrations, ids, folder, dialect=None):
    """What cannot be said: [{"revision", "error", "where"}], the first of each revision going up. `dialect`: a name,
    default that of the migrations' own database. What cannot be told beforehand is left out."""
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.dialects import registry

    directory = migrations.script()

    def look(context, metadata):
        target = registry.load(dialect)() if dialect else context.dialect
        offline = MigrationContext.configure(dialect=target, opts={"as_sql": True, "output_buffer": Nowhere()})
        found = (_first(directory.get_revision(identifier), context, offline, folder) for identifier in ids)
        return [row for row in found if row is not None]

    return migrations.read(look) if ids else []


class Nowhere:
    """Where the rendered SQL goes."""

    def write(self, text):
        pass

    def flush(self):
        pass


def _first(revision, context, offline, folder):
    """The first operation of a revision's upgrade() that the dialect of `offline` has no words for, or None."""
    found: Any = []

    def attempt(operation, batch):
        text = None if found else _unsaid(operation, batch, offline)
        if text:
            found.append({"revision": revision.revision, "error": text, "where": calling_line(folder)})

    with revisions.Recorder(context, attempt), contextlib.suppress(Exception):
        revision.module.upgrade()
    return found[0] if found else None


def _unsaid(operation, batch, offline):
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
