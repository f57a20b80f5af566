"""A revision's upgrade() or downgrade(), read and not run. Where it is made of Alembic's operations alone it may be
played through without a database; where it has Python of its own, which may move files or send mail, it may not: then
what can be read in it is told."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set

if TYPE_CHECKING:
    from ..protocol import Operation

EXPRESSIONS = (
    *("Constant", "Name", "Attribute", "Call", "keyword", "Starred", "Tuple", "List", "Set", "Dict", "JoinedStr"),
    *("FormattedValue", "BinOp", "UnaryOp", "BoolOp", "Compare", "IfExp", "Subscript", "Index", "Slice"),
)
LIBRARIES = ("sqlalchemy", "alembic")
REACHING = ("get_bind", "get_context", "run_async", "invoke", "create_engine", "engine_from_config", "inspect")
DOING = ("create", "drop", "create_all", "drop_all", "reflect", "connect", "begin", "execute", "scalar", "scalars")
NEVER = (*REACHING, *DOING)
HARMLESS = (bool, dict, enumerate, float, int, len, list, range, set, sorted, str, tuple, zip)
ABOUT_COLUMNS = ("add_column", "drop_column", "alter_column")


def own_line(module: Any, function: str) -> Optional[int]:
    """The line of the first thing in `function` of a revision's module that is no operation of Alembic's; None where
    there is nothing else, and it can be played through."""
    definition = _definition(module, function)
    if definition is None or definition.decorator_list:
        return definition.lineno if definition is not None else 1
    return _Reader(module).first(definition.body)


def named(module: Any, function: str) -> List[Operation]:
    """The operations that `function` names, in the order of its lines, whether or not it would come to them."""
    definition = _definition(module, function)
    return list(_named(definition.body, None)) if definition is not None else []


def _definition(module: Any, function: str) -> Optional[ast.FunctionDef]:
    try:
        with open(module.__file__, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, TypeError):
        return None
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    return found[-1] if found else None


class _Reader:
    """Reads statements of a revision, whose names at module level are those of `module`."""

    def __init__(self, module: Any) -> None:
        self.known: Dict[str, Any] = {**vars(builtins), **vars(module)}
        self.operations: Set[str] = {name for name, value in vars(module).items() if _is_op(value)}
        self.own: Set[str] = set()  # what the function itself has named, made of what was read before

    def first(self, body: Sequence[ast.stmt]) -> Optional[int]:
        """The line of the first statement that is more than operations, or None."""
        for node in body:
            inner = self._statement(node)
            if inner is not None:
                return inner
        return None

    def _statement(self, node: ast.stmt) -> Optional[int]:
        if isinstance(node, ast.With):
            return self._batch(node)
        if isinstance(node, (ast.If, ast.For)):
            if isinstance(node, ast.For):
                self._name((name for name in ast.walk(node.target) if isinstance(name, ast.Name)), False)
            asked = node.test if isinstance(node, ast.If) else node.iter
            return self.first([*node.body, *node.orelse]) if self._plain(asked) else node.lineno
        if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
            if not self._plain(node.value):
                return node.lineno
            self._name((target for target in node.targets if isinstance(target, ast.Name)), _is_call(node.value))
            return None
        if isinstance(node, ast.Expr):
            return None if self._plain(node.value) else node.lineno
        ends = isinstance(node, ast.Return) and node.value is None
        return None if ends or isinstance(node, ast.Pass) else node.lineno

    def _name(self, names: Iterable[ast.Name], made: bool) -> None:
        """Notes what the function calls so; `made`: by a call that was read, whose methods describe as well."""
        for name in names:
            self.known[name.id] = None
            self.operations.discard(name.id)
            (self.own.add if made else self.own.discard)(name.id)

    def _batch(self, node: ast.With) -> Optional[int]:
        for item in node.items:
            call, name = item.context_expr, item.optional_vars
            batch = isinstance(call, ast.Call) and _path(call.func)[1:] == ["batch_alter_table"]
            if not batch or not self._plain(call) or not isinstance(name, ast.Name):
                return node.lineno
            self.operations.add(name.id)
        return self.first(node.body)

    def _plain(self, node: ast.expr) -> bool:
        """Whether an expression only describes: no call in it reaches a database, or code of the project."""
        for part in ast.walk(node):
            if isinstance(part, (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)):
                continue
            if type(part).__name__ not in EXPRESSIONS:
                return False
            if isinstance(part, ast.Call) and not self._describes(part.func):
                return False
        return True

    def _describes(self, function: ast.expr) -> bool:
        path = _path(function)
        if not path:  # a method of what a call or a text gives: the walk comes to that call by itself
            of = function.value if isinstance(function, ast.Attribute) else None
            text = isinstance(of, (ast.Constant, ast.JoinedStr))
            return isinstance(function, ast.Attribute) and (text or _is_call(of)) and function.attr not in NEVER
        if path[0] in self.operations:
            return len(path) == 2 and path[1] not in REACHING
        if set(path) & set(NEVER):
            return False
        return path[0] in self.own or _is_of_library(self.known, path)


def _path(node: ast.expr) -> List[str]:
    """The names of a.b.c, [] where it begins with something else than a name."""
    names: List[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def _is_call(node: Optional[ast.AST]) -> bool:
    return isinstance(node, ast.Call)


def _is_op(value: Any) -> bool:
    from alembic import op

    return value is op


def _is_of_library(known: Dict[str, Any], path: Sequence[str]) -> bool:
    """Whether a.b.c is a type of column, or something else of SQLAlchemy's or Alembic's."""
    from sqlalchemy.types import TypeEngine

    thing = known.get(path[0])
    for name in path[1:]:
        thing = getattr(thing, name, None)
    if isinstance(thing, type) and issubclass(thing, TypeEngine):
        return True
    of = getattr(thing, "__module__", None) or type(thing).__module__
    return any(thing is one for one in HARMLESS) or str(of).split(".")[0] in LIBRARIES


def _named(body: Sequence[ast.stmt], table: Optional[str]) -> Iterator[Operation]:
    """The operations that statements name; `table`: that of the batch around them."""
    for node in body:
        if isinstance(node, ast.With):
            calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
            batch = [call for call in calls if _path(call.func)[1:] == ["batch_alter_table"]]
            yield from _named(node.body, _text(batch[0], 0, "table_name") if batch else table)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _operation(node.value, table)
        else:
            inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
            yield from (found for part in inner if isinstance(part, list) for found in _named(part, table))


def _operation(call: ast.Call, batch: Optional[str]) -> Iterator[Operation]:
    from alembic.operations import Operations

    path = _path(call.func)
    kind = path[-1] if len(path) == 2 else ""
    if not kind or not hasattr(Operations, kind) or kind in REACHING:
        return
    if kind == "execute":
        words = " ".join((_text(call, 0, "sqltext") or "").split())
        yield {"kind": kind, "table": None, "column": None, "text": ("run SQL: %s" % words).rstrip(": ")}
        return
    first = _text(call, 0, "table_name")
    table, column = batch or first, None
    if kind in ABOUT_COLUMNS:
        column = first if batch else _text(call, 1, "column_name")
    elif "table" not in kind:
        table = batch or _text(call, 1, "table_name")
    where = ".".join(part for part in (table, column) if part)
    yield {"kind": kind, "table": table, "column": column, "text": ("%s %s" % (kind.replace("_", " "), where)).strip()}


def _text(call: ast.Call, place: int, name: str) -> Optional[str]:
    """The text that an argument of `call` is, or that a Column in its place is named by; None where it is computed."""
    given: Any = call.args[place] if len(call.args) > place else None
    given = next((keyword.value for keyword in call.keywords if keyword.arg == name), given)
    if isinstance(given, ast.Call) and given.args:  # sa.Column("mood", …), sa.text("UPDATE …")
        given = given.args[0]
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None
