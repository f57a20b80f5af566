"""tasks.py and fabfile.py, read and never run: whose they are, and what the tasks of Flask-Slipway are called there."""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from flask_slipway.project import source

OTHER = "slipway_tasks"  # where tasks.py is the app's own:  inv -c slipway_tasks
CALLS = {"tasks": "local", OTHER: "local", "fabfile": "remote"}
TASKS = ("invoke", "invoke.tasks", "fabric", "fabric.tasks")  # where `task` is imported from
PROGRAMS = {"inv": "tasks", "fab": "fabfile"}
TWO_LINES = "import flask_slipway\n\nnamespace = flask_slipway.{}()\n"
BELOW = "slipway"  # the name under which a person's own file takes the suite in


@dataclass(frozen=True)
class TaskFile:
    """`name`: tasks, slipway_tasks or fabfile. `path`: the file below the root, "" for none. `ours`: it calls the suite
    already. `prefix`: what stands before our tasks' names there, such as `slipway.`. `variable`: its collection's name,
    "" for none. `tasks`: the names of its own task functions. `broken`: it is no Python that can be read. `foreign`: it
    is nothing of Invoke's. `instead`: the foreign file whose place it takes, "" for none."""

    name: str
    path: str = ""
    ours: bool = False
    prefix: str = ""
    variable: str = ""
    tasks: tuple[str, ...] = ()
    broken: bool = False
    foreign: bool = False
    instead: str = ""

    @property
    def text(self) -> str:
        """The two lines that a new file consists of."""
        return TWO_LINES.format(CALLS[self.name])

    def lines(self) -> list[str]:
        """The lines that a person adds to their own file."""
        added = f'.add_collection(flask_slipway.{CALLS[self.name]}(), "{BELOW}")'
        if self.variable:
            return ["import flask_slipway", f"{self.variable}{added}"]
        return [
            "import flask_slipway",
            "from invoke import Collection",
            f"namespace = Collection({', '.join(self.tasks)})",
            f"namespace{added}",
        ]


def read(root: Path, name: str) -> TaskFile:
    """The file as Invoke finds it; where tasks.py is the app's own, such as Celery's, slipway_tasks.py in its place."""
    found = _read(root, name)
    if name != "tasks" or not found.foreign:
        return found
    other = _read(root, OTHER)
    return replace(other, prefix=f"-c {OTHER} {other.prefix}", instead=found.path)


def _read(root: Path, name: str) -> TaskFile:
    """The file: name.py, else the package name/."""
    path = next((path for path in (f"{name}.py", f"{name}/__init__.py") if (root / path).is_file()), "")
    if not path:
        return TaskFile(name)
    try:
        tree = ast.parse((root / path).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return TaskFile(name, path, broken=True)
    call, marks = _call(tree, CALLS[name]), _marks(tree)
    return TaskFile(
        name,
        path,
        ours=call is not None,
        prefix=_prefix(tree, call),
        variable=next((found for found in ("ns", "namespace") if found in _bound(tree)), ""),
        tasks=tuple(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_task(node, marks)),
        foreign=not _is_invokes(root / path, tree),
    )


def prefixes(root: Path) -> dict[str, str]:
    """{program: what stands before our tasks' names}, for the programs where something does."""
    found = {program: read(root, name) for program, name in PROGRAMS.items()}
    return {program: file.prefix for program, file in found.items() if file.ours and file.prefix}


def _call(tree: ast.Module, function: str) -> ast.Call | None:
    """The call of flask_slipway's function, imported as a module or by its name."""
    modules, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == "flask_slipway"}
        elif isinstance(node, ast.ImportFrom) and node.module == "flask_slipway":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == function}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in names or called in {f"{module}.{function}" for module in modules}:
                return node
    return None


def _prefix(tree: ast.Module, call: ast.Call | None) -> str:
    """`slipway.` for add_collection(flask_slipway.local(), "slipway") and Collection(slipway=flask_slipway.local())."""
    if call is None:
        return ""
    same = {ast.unparse(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and node.value is call:
            same |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node is call:
            continue
        named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        for name, value in named.items():
            if value in same and name not in (None, "coll"):
                return f"{name}."
        if (
            ast.unparse(node.func).endswith("add_collection")
            and [*map(ast.unparse, node.args), named.get("coll")][0] in same
        ):
            given = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
            return "".join(f"{one.value!s}." for one in given if isinstance(one, ast.Constant))
    return ""


def _bound(tree: ast.Module) -> set[str]:
    """The names that the module sets or imports from another."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def _is_task(function: ast.FunctionDef, marks: set[str]) -> bool:
    return any(ast.unparse(one.func if isinstance(one, ast.Call) else one) in marks for one in function.decorator_list)


def _marks(tree: ast.Module) -> set[str]:
    """What decorates a task of Invoke or Fabric there: task, invoke.task, t for `from invoke import task as t`."""
    marks = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            marks |= {f"{alias.asname or alias.name}.task" for alias in node.names if alias.name in TASKS}
        elif isinstance(node, ast.ImportFrom) and node.module in TASKS:
            marks |= {alias.asname or alias.name for alias in node.names if alias.name == "task"}
            marks |= {f"{alias.asname or alias.name}.task" for alias in node.names if alias.name == "tasks"}
            marks |= {"task" for alias in node.names if alias.name == "*"}
    return marks


def _is_invokes(path: Path, tree: ast.Module) -> bool:
    """Whether a file is a task file: it, or a module of its package, imports Invoke, Fabric or the suite, or it takes
    its collection from elsewhere."""
    trees = [tree]
    for module in path.parent.rglob("*.py") if path.name == "__init__.py" else ():
        with contextlib.suppress(SyntaxError, ValueError, OSError):
            trees.append(ast.parse(module.read_bytes()))
    imported = {name.split(".")[0] for one in trees for name in source.imported(one)}
    return bool(imported & {"invoke", "fabric", "flask_slipway"} or _bound(tree) & {"ns", "namespace"})
