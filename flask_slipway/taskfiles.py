"""tasks.py and fabfile.py, read and never run: whose they are, and what the tasks of Flask-Slipway are called there."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

CALLS = {"tasks": "local", "fabfile": "remote"}
PROGRAMS = {"inv": "tasks", "fab": "fabfile"}
TWO_LINES = "import flask_slipway\n\nnamespace = flask_slipway.{}()\n"
BELOW = "slipway"  # the name under which a person's own file takes the suite in


@dataclass(frozen=True)
class TaskFile:
    """`name`: tasks or fabfile. `path`: the file below the root, "" for none. `ours`: it calls the suite already.
    `prefix`: what stands before our tasks' names there, such as `slipway.`. `variable`: its collection's name, "" for
    none. `tasks`: the names of its own task functions. `broken`: it is no Python that can be read."""

    name: str
    path: str = ""
    ours: bool = False
    prefix: str = ""
    variable: str = ""
    tasks: tuple[str, ...] = ()
    broken: bool = False

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
    """The file as Invoke finds it: name.py, else the package name/."""
    path = next((path for path in (f"{name}.py", f"{name}/__init__.py") if (root / path).is_file()), "")
    if not path:
        return TaskFile(name)
    try:
        tree = ast.parse((root / path).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return TaskFile(name, path, broken=True)
    call = _call(tree, CALLS[name])
    return TaskFile(
        name,
        path,
        ours=call is not None,
        prefix=_prefix(tree, call),
        variable=next((found for found in ("ns", "namespace") if found in _assigned(tree)), ""),
        tasks=tuple(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_task(node)),
    )


def prefixes(root: Path) -> dict[str, str]:
    """{program: what stands before our tasks' names}, for the programs where something does."""
    found = {program: read(root, name).prefix for program, name in PROGRAMS.items()}
    return {program: prefix for program, prefix in found.items() if prefix}


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


def _assigned(tree: ast.Module) -> set[str]:
    found = set()
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def _is_task(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).split("(")[0].split(".")[-1] == "task" for decorator in function.decorator_list)
