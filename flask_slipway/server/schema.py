"""What an app's models and revisions say, and what its database says: read and moved through Alembic."""

import os
import re
from typing import Any

from .guard import WriteRefused, last_line_below, one_line


def config(app):
    """Alembic's configuration of `app`, as Flask-Migrate makes it. The working folder must be the project's."""
    return app.extensions["migrate"].migrate.get_config()


def database_of(app):
    """The SQLAlchemy extension that migrations work on."""
    return app.extensions["migrate"].db


def engine(app):
    """The engine that migrations work on (Flask-SQLAlchemy 2.5 and newer)."""
    return database_of(app).engine


def script(app):
    """The app's revisions: alembic.script.ScriptDirectory."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config(app))


def revisions(app):
    """{"heads": [id], "revisions": [{"id", "down", "text", "path"}, newest first]}."""
    directory = script(app)
    rows = [
        {"id": r.revision, "down": _ids(r.down_revision), "text": (r.doc or "").splitlines()[0:1], "path": r.path}
        for r in directory.walk_revisions()
    ]
    for row in rows:
        row["text"] = row["text"][0] if row["text"] else ""
    return {"heads": list(directory.get_heads()), "revisions": rows}


def _ids(value):
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def current(app):
    """The revisions in the database's alembic_version, [] where there is none."""
    from alembic.runtime.migration import MigrationContext

    with engine(app).connect() as connection:
        return list(MigrationContext.configure(connection).get_current_heads())


def differences(app):
    """What the models have and the database does not, or the other way round: a text for each difference."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    metadata = database_of(app).metadata
    with engine(app).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata)
    return [text for entry in found for text in _difference_texts(entry)]


def _difference_texts(entry):
    if isinstance(entry, list):
        for inner in entry:
            yield from _difference_texts(inner)
        return
    kind, rest = entry[0], entry[1:]
    words = kind.replace("_", " ")
    if kind in ("add_table", "remove_table"):
        yield "%s %s" % (words, rest[0].name)
    elif kind in ("add_column", "remove_column"):
        yield "%s %s.%s %s" % (words, rest[1], rest[2].name, rest[2].type)
    elif kind.startswith("modify_"):
        yield "%s %s.%s: %s in the database, %s in the models" % (words, rest[1], rest[2], rest[-2], rest[-1])
    else:
        thing = rest[0]
        table = getattr(getattr(thing, "table", None), "name", "")
        yield "%s %s%s" % (words, thing.name or "without a name", " on %s" % table if table else "")


class Recorder:
    """Stands in for Alembic's `op` while a revision's upgrade() or downgrade() runs: notes what it would do."""

    def __init__(self, context):
        from alembic.operations import Operations

        self.found = []
        self.operations: Any = Operations(context)
        vars(self.operations).update(invoke=self.note, batch_alter_table=self.batch)

    def note(self, operation):
        self.found.append(operation)
        if hasattr(operation, "to_table"):
            return operation.to_table(self.operations.migration_context)
        return None

    def batch(self, table_name, schema=None, **_):
        from contextlib import contextmanager
        from types import SimpleNamespace

        from alembic.operations import BatchOperations

        @contextmanager
        def recording():
            impl: Any = SimpleNamespace(table_name=table_name, schema=schema, batch=True)
            inner: Any = BatchOperations(self.operations.migration_context, impl=impl)
            inner.invoke = self.note
            yield inner

        return recording()

    def __enter__(self):
        self.operations._install_proxy()
        return self

    def __exit__(self, *_):
        self.operations._remove_proxy()


def operations(app, ids, direction):
    """What the revisions `ids` would do going `direction` ("up" or "down"), in order, without doing it:
    [{"revision", "kind", "table", "column", "text"}]. Kind "unknown": what it does cannot be told beforehand."""
    from alembic.runtime.migration import MigrationContext

    rows = []
    directory = script(app)
    for identifier in ids:
        module = directory.get_revision(identifier).module
        with engine(app).connect() as connection, Recorder(MigrationContext.configure(connection)) as recorder:
            try:
                (module.upgrade if direction == "up" else module.downgrade)()
            except WriteRefused as error:
                recorder.found.append(one_line(error))
            except Exception as error:
                recorder.found.append("%s: %s" % (type(error).__name__, one_line(error)))
        rows += [dict(_described(operation), revision=identifier) for operation in recorder.found]
    return rows


def _described(operation):
    if isinstance(operation, str):
        return {"kind": "unknown", "table": None, "column": None, "text": operation}
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__).lower().replace("_op", "")
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    column = getattr(operation, "column_name", None) or getattr(getattr(operation, "column", None), "name", None)
    if kind == "execute_s_q_l":
        statement = " ".join(str(operation.sqltext).split())
        return {"kind": "execute", "table": None, "column": None, "text": "run SQL: %s" % statement[:200]}
    name = getattr(operation, "index_name", None) or getattr(operation, "constraint_name", None)
    text = kind.replace("_", " ")
    if table:
        text += " %s%s" % (table, ".%s" % column if column else "")
    if name:
        text += " (%s)" % name
    return {"kind": kind, "table": table, "column": column, "text": text}


def move(app, direction, target):
    """Runs the revisions up or down to `target` on the app's database. Raises what Alembic or the database raises."""
    from alembic import command

    (command.upgrade if direction == "upgrade" else command.downgrade)(config(app), target)


def where(error, folder):
    """`file:line` of the revision or the app's line that `error` came from, below `folder`, or None."""
    return last_line_below(error, os.path.realpath(folder)) or last_line_below(error, folder)
