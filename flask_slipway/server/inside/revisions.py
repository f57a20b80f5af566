"""What an app's models and revisions say, and what its database says: read and moved through Alembic."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, Iterator, List, Optional, Sequence

from . import revision_code
from .guard import WriteRefused, last_line_below, one_line

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script, ScriptDirectory
    from sqlalchemy.engine import Dialect

    from ..protocol import Operation
    from .locate import Migrations

# What a person may name as the end of a way down; Alembic would also take head, heads, current, @ and sums of them.
PLAIN = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*\Z")
SYMBOLS = ("head", "heads", "current")


def revisions(migrations: Migrations) -> Dict[str, Any]:
    """{"heads": [id], "revisions": [{"id", "down", "text", "path"}, newest first], "labels": {head: branch label},
    "tool": the command that makes and merges them, "folder": where they lie, or None}."""
    result: Dict[str, Any] = {"heads": [], "revisions": [], "labels": {}}
    result.update(tool=migrations.tool, folder=migrations.folder)
    directory = migrations.script()
    if directory is None:
        return result
    rows = [
        {"id": r.revision, "down": _ids(r.down_revision), "text": _first_line(r.doc), "path": r.path}
        for r in directory.walk_revisions()
    ]
    heads = list(directory.get_heads())
    named = {head: ", ".join(sorted(directory.get_revision(head).branch_labels)) for head in heads}
    return dict(result, heads=heads, revisions=rows, labels={head: text for head, text in named.items() if text})


def _first_line(text: Optional[str]) -> str:
    return ((text or "").splitlines() or [""])[0]


def _ids(value: Any) -> List[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def pending(migrations: Migrations, current: Sequence[str]) -> Dict[str, List[str]]:
    """What a database at the revisions `current` lacks: {"pending": [id], in order of application; "unknown": those of
    `current` that the code does not have, and then nothing is pending}."""
    directory = migrations.script()
    unknown = [identifier for identifier in current if not _is_known(directory, identifier)]
    if unknown or directory is None:
        return {"pending": [], "unknown": unknown}
    lacking = directory.revision_map.iterate_revisions("heads", tuple(current) or "base", implicit_base=True)
    return {"pending": [script.revision for script in reversed(list(lacking))], "unknown": []}


def _is_known(directory: Optional[ScriptDirectory], identifier: str) -> bool:
    """Whether there is a revision of just this id: a database holds no shortened ones."""
    found = _resolved(directory, identifier) if directory is not None else None
    return found is not None and found.revision == identifier


def _resolved(directory: ScriptDirectory, name: str) -> Optional[Script]:
    """The revision that Alembic takes `name` for, such as the beginning of its id; None where it is none or several."""
    if not PLAIN.match(name) or name in SYMBOLS:
        return None
    try:
        return directory.get_revision(name)
    except Exception:  # Alembic's CommandError, and whatever its resolver stumbles over
        return None


def related(migrations: Migrations, current: Sequence[str]) -> Dict[str, List[str]]:
    """{id: those of `current` that stand below it, so that both cannot be true of one database}; ids that the code does
    not have are left out."""
    directory = migrations.script()
    if directory is None:
        return {}
    known = [identifier for identifier in current if _is_known(directory, identifier)]
    below = {identifier: set(_down(directory, [identifier], "base")) - {identifier} for identifier in known}
    return {identifier: sorted(ids & set(known)) for identifier, ids in below.items() if ids & set(known)}


def way_down(migrations: Migrations, current: Sequence[str], target: Optional[str]) -> Dict[str, Any]:
    """How a database at `current` goes down to `target`: a revision as Alembic resolves it, "base", or None for a step.
    {"target": where it ends, None for the empty schema; "undone": [id], newest first; "merge": the first of these that
    merges branches, or None; "why": what is wrong with `target`: "" for nothing, "unknown", "several", "not below";
    "choices": [id]: those that it may mean, or what is below}."""
    directory = migrations.script()
    if directory is None or not current:
        return _no_way("unknown", [])
    if target is None:
        script = directory.get_revision(current[0])
        return _way(directory, [script.revision], next(iter(_ids(script.down_revision)), None))
    if target in ("base", ""):
        return _way(directory, _down(directory, current, "base"), None)
    script_there = _resolved(directory, target)
    if script_there is None:
        every = [script.revision for script in directory.walk_revisions()]
        meant = [identifier for identifier in every if identifier.startswith(target)]
        return _no_way("several" if meant else "unknown", meant or _below(directory, current))
    there = script_there.revision
    undone = _down(directory, current, there)
    if not undone:
        return _no_way("" if there in current else "not below", _below(directory, current), there)
    return _way(directory, undone, there)


def _way(directory: ScriptDirectory, undone: List[str], target: Optional[str]) -> Dict[str, Any]:
    merges = [identifier for identifier in undone if directory.get_revision(identifier).is_merge_point]
    merge = merges[0] if merges else None
    return {"target": target, "undone": undone, "merge": merge, "why": "", "choices": []}


def _no_way(why: str, choices: List[str], target: Optional[str] = None) -> Dict[str, Any]:
    return {"target": target, "undone": [], "merge": None, "why": why, "choices": choices}


def _below(directory: ScriptDirectory, current: Sequence[str]) -> List[str]:
    """The revisions that a database at `current` can go down to, newest first."""
    every = _down(directory, current, "base")
    return [identifier for identifier in every if identifier not in current and _down(directory, current, identifier)]


def _down(directory: ScriptDirectory, current: Sequence[str], target: str) -> List[str]:
    """The revisions between `current` and `target`, without that, newest first; none where there is no way down."""
    from alembic.script.revision import RangeNotAncestorError

    try:
        return [script.revision for script in directory.iterate_revisions(tuple(current), target)]
    except RangeNotAncestorError:
        return []


def current(migrations: Migrations) -> List[str]:
    """The revisions in the database's alembic_version, [] where there is none."""
    return list(migrations.read(lambda context, metadata: context.get_current_heads()) or ())


def differences(migrations: Migrations) -> Optional[List[str]]:
    """What the models have and the database does not, or the other way round: a text for each difference. None where
    nothing tells of the models: env.py without target_metadata."""
    from alembic.autogenerate import compare_metadata

    def compare(context: MigrationContext, metadata: Any) -> Any:
        return None if metadata is None else compare_metadata(context, metadata)

    found = migrations.read(compare)
    return None if found is None else [text for entry in found for text in _difference_texts(entry)]


def lacking(migrations: Migrations) -> Optional[List[str]]:
    """What the models need and the database lacks: ["table notes", "column notes.mood"]; a view stands for a table.
    None where nothing tells of the models."""
    from alembic.autogenerate import compare_metadata
    from sqlalchemy import inspect

    def compare(context: MigrationContext, metadata: Any) -> Optional[List[str]]:
        if metadata is None:
            return None
        views = set(inspect(context.connection).get_view_names()) if context.connection is not None else set()
        entries = [entry for entry in compare_metadata(context, metadata) if isinstance(entry, tuple)]
        tables = [
            "table %s" % entry[1].name for entry in entries if entry[0] == "add_table" and entry[1].name not in views
        ]
        return tables + ["column %s.%s" % (entry[2], entry[3].name) for entry in entries if entry[0] == "add_column"]

    return migrations.read(compare)


def _difference_texts(entry: Any) -> Iterator[str]:
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
    """Stands in for Alembic's `op` while a revision's upgrade() or downgrade() runs: notes what it would do.
    `noticed` is called with each operation as it comes, and whether it is part of a batch."""

    def __init__(self, context: MigrationContext, noticed: Optional[Callable[[Any, bool], None]] = None) -> None:
        from alembic.operations import Operations

        self.found: List[Any] = []
        self.noticed = noticed
        self.outer: Any = None
        self.operations: Any = Operations(context)
        vars(self.operations).update(invoke=self.note, batch_alter_table=self.batch)

    def note(self, operation: Any, batch: bool = False) -> Any:
        self.found.append(operation)
        if self.noticed is not None:
            self.noticed(operation, batch)
        if hasattr(operation, "to_table"):
            return operation.to_table(self.operations.migration_context)
        return None

    def batch(self, table_name: str, schema: Optional[str] = None, **_: Any) -> ContextManager[Any]:
        from contextlib import contextmanager
        from types import SimpleNamespace

        from alembic.operations import BatchOperations

        @contextmanager
        def recording() -> Iterator[Any]:
            impl: Any = SimpleNamespace(table_name=table_name, schema=schema, batch=True)
            inner: Any = BatchOperations(self.operations.migration_context, impl=impl)
            inner.invoke = lambda operation: self.note(operation, batch=True)
            yield inner

        return recording()

    def __enter__(self) -> Recorder:
        from alembic import op

        self.outer = vars(op).get("_proxy")  # env.py's own, where this runs inside it
        self.operations._install_proxy()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.outer is not None:
            self.outer._install_proxy()
        else:
            self.operations._remove_proxy()


def operations(migrations: Migrations, ids: Sequence[str], direction: str) -> List[Operation]:
    """What the revisions `ids` would do going `direction` ("up" or "down"), in order, without doing it: those made of
    operations alone are played through, others are only read. Kind "unknown": what cannot be told beforehand."""
    directory = migrations.script()
    if directory is None:
        return []
    chosen = [directory.get_revision(identifier) for identifier in ids]

    def record(context: MigrationContext, metadata: Any) -> List[Operation]:
        return [row for revision in chosen for row in _recorded(revision, direction, context)]

    return migrations.read(record) or [] if ids else []


def _recorded(revision: Script, direction: str, context: MigrationContext) -> List[Operation]:
    function = "upgrade" if direction == "up" else "downgrade"
    line = revision_code.own_line(revision.module, function)
    if line is not None:
        text = "Python of its own, line %d of %s" % (line, os.path.basename(revision.path))
        own: Operation = {"kind": "unknown", "table": None, "column": None, "text": text}
        rows = [*revision_code.named(revision.module, function), own]
        return [{**row, "revision": revision.revision} for row in rows]
    with Recorder(context) as recorder:
        try:
            getattr(revision.module, function)()
        except WriteRefused as error:
            recorder.found.append(one_line(error))
        except Exception as error:
            recorder.found.append("%s: %s" % (type(error).__name__, one_line(error)))
    return [described(operation, revision.revision, context.dialect) for operation in recorder.found]


def described(operation: Any, revision: str, dialect: Dialect) -> Operation:
    """An operation of Alembic's in words; a text: what was met instead of one."""
    result = _described(operation)
    result["revision"] = revision
    result["type"] = _new_type(operation, dialect)
    result["renamed"] = getattr(operation, "modify_name", None) or getattr(operation, "new_table_name", None)
    return result


def _new_type(operation: Any, dialect: Dialect) -> Optional[str]:
    """The type that a column gets instead of its own, in the database's SQL, or None."""
    from sqlalchemy.types import to_instance

    found = getattr(operation, "modify_type", None)
    if not found:
        return None
    try:
        return str(to_instance(found).compile(dialect=dialect))
    except Exception:  # of a type that the dialect has no words for, or of its own making
        return repr(found)


def _described(operation: Any) -> Operation:
    if isinstance(operation, str):
        return {"kind": "unknown", "table": None, "column": None, "text": operation}
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__).lower().replace("_op", "")
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    column = getattr(operation, "column_name", None) or getattr(getattr(operation, "column", None), "name", None)
    if kind == "execute_s_q_l":
        statement = " ".join(str(operation.sqltext).split())
        return {"kind": "execute", "table": None, "column": None, "text": "run SQL: %s" % statement}
    name = getattr(operation, "index_name", None) or getattr(operation, "constraint_name", None)
    text = kind.replace("_", " ")
    if table:
        text += " %s%s" % (table, ".%s" % column if column else "")
    if name:
        text += " (%s)" % name
    return {"kind": kind, "table": table, "column": column, "text": text, "empty": _is_empty(operation)}


def _is_empty(operation: Any) -> bool:
    """Whether it adds a column that must have a value, and gives the rows that are there none."""
    column = getattr(operation, "column", None)
    if column is None or column.nullable or column.primary_key:
        return False
    return column.server_default is None and column.computed is None and column.identity is None


def move(migrations: Migrations, direction: str, target: str) -> None:
    """Runs the revisions up or down to `target` on the app's database. Raises what Alembic or the database raises."""
    from alembic import command

    (command.upgrade if direction == "upgrade" else command.downgrade)(migrations.config(), target)


def generate(migrations: Migrations, message: str) -> None:
    """Alembic's own `revision --autogenerate`."""
    from alembic import command

    config = migrations.config()
    assert config.cmd_opts is not None
    config.cmd_opts.autogenerate = True
    command.revision(config, message=message, autogenerate=True)


def stamp(migrations: Migrations, target: str) -> None:
    """The database is said to be at `target`, whatever alembic_version held."""
    from alembic import command

    command.stamp(migrations.config(), target, purge=True)


def where(error: BaseException, folder: str) -> Optional[str]:
    """`file:line` of the revision or the app's line that `error` came from, below `folder`, or None. Where flask wraps
    an app's own error in one of its own, that of the app counts."""
    for raised in (error, error.__context__):
        found = raised and (last_line_below(raised, os.path.realpath(folder)) or last_line_below(raised, folder))
        if found:
            return found
    return None
