"""A project's Python, read and never run: where its app is, what it reads, which commands and migrations it has."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flask_slipway.project.git import quietly

MOST_FILES = 3_000
LARGEST = 1 << 20  # bytes
ASIDE = re.compile(
    r"(^|/)(tests?|docs?|examples?|migrations|node_modules|site-packages)/|(^|/)(conftest|setup|test_\w+)\.py$"
)
FACTORIES = ("create_app", "make_app")  # what flask calls by itself: flask.cli.find_best_app
INSTANCES = ("app", "application")
ENTRIES = ("wsgi", "app", "flask_app", "application", "main", "run", "manage", "server")
# Variables that choose a configuration, and what they are usually set to on a site.
CHOOSERS = {
    "FLASK_ENV": "production",
    "FLASK_CONFIG": "production",
    "APP_ENV": "production",
    "CONFIG_NAME": "production",
    "APP_CONFIG": "",
    "APP_SETTINGS": "",
}
SEEDS = re.compile(r"seed|init|populate|fixture|default|load")


@dataclass(frozen=True)
class Module:
    """One file: its path below the root, with slashes, and what stands in it."""

    path: str
    tree: ast.Module


@dataclass(frozen=True)
class Candidate:
    """A place where flask would find an app. `name`: as FLASK_APP names it; `what`: in words; low ranks come first."""

    name: str
    what: str
    rank: int


def modules(root: Path) -> list[Module]:
    """The project's own Python files that can be read; tests, documents and migrations are left out."""
    found = []
    for path in files(root, ".py"):
        if ASIDE.search(path) or (root / path).stat().st_size > LARGEST:
            continue
        if (tree := parsed(root / path)) is not None:
            found.append(Module(path, tree))
    return found


def parsed(path: Path) -> ast.Module | None:
    """A file's syntax tree; None where it is no Python that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return None


def files(root: Path, ending: str) -> list[str]:
    """The project's files of that ending: what git knows or would add, else all but hidden folders and virtualenvs."""
    listed = quietly(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f"*{ending}")
    every = [path for path in listed.split("\0") if path] if listed else list(_walked(root, ending))
    outside = {
        parent for path in every for parent in PurePosixPath(path).parents if (root / parent / "pyvenv.cfg").exists()
    }
    kept = (path for path in every if not outside & set(PurePosixPath(path).parents) and (root / path).is_file())
    return sorted(set(kept), key=lambda path: (path.count("/"), path))[:MOST_FILES]


def _walked(root: Path, ending: str) -> Iterator[str]:
    count = 0
    for folder, names, here in os.walk(root):
        hidden = {name for name in names if name.startswith((".", "__")) or name == "node_modules"}
        names[:] = sorted(name for name in set(names) - hidden if not (Path(folder) / name / "pyvenv.cfg").exists())
        for name in here:
            if name.endswith(ending) and (count := count + 1) <= MOST_FILES:
                yield (Path(folder) / name).relative_to(root).as_posix()


# the app


def candidates(root: Path, every: Sequence[Module]) -> list[Candidate]:
    """Where flask would find an app, the likeliest first."""
    found = []
    for module in every:
        name = named(root, module.path)
        found_in = _app_in(module)
        if found_in is not None:
            attribute, what = found_in
            found.append(Candidate(f"{name}:{attribute}" if attribute else name, what, _rank(module.path)))
    return sorted(found, key=lambda one: (one.rank, one.name != "wsgi", one.name))


def needs_arguments(root: Path, every: Sequence[Module]) -> list[str]:
    """The factories that flask cannot call, because they want arguments: module:function."""
    return [
        f"{named(root, module.path)}:{one.name}"
        for module in every
        for one in _statements(module.tree)
        if isinstance(one, ast.FunctionDef) and one.name in FACTORIES and _wants(one)
    ]


def named(root: Path, path: str) -> str:
    """A file as FLASK_APP names it: blog, blog.web, src/blog. Source: flask.cli.prepare_import."""
    place = PurePosixPath(path).with_suffix("")
    place = place.parent if place.name == "__init__" else place
    top = place
    while (root / top.parent / "__init__.py").is_file() and top.parent != PurePosixPath("."):
        top = top.parent
    return str(place).replace("/", ".") if top.parent == PurePosixPath(".") else str(place)


def _app_in(module: Module) -> tuple[str, str] | None:
    """(attribute to name or "", what it is) of the app in a module; None for none. As flask.cli.find_best_app."""
    instances, factories, others = [], [], []
    stem = PurePosixPath(module.path).stem
    for one in _statements(module.tree):
        if isinstance(one, (ast.Assign, ast.AnnAssign)) and isinstance(one.value, ast.Call):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            called = _called(one.value)
            instances += [name for name in names if called == "Flask"]
            instances += [name for name in names if name in INSTANCES and called in FACTORIES]
        elif isinstance(one, ast.ImportFrom) and stem in ENTRIES:
            instances += [
                alias.asname or alias.name for alias in one.names if (alias.asname or alias.name) in INSTANCES
            ]
        elif isinstance(one, ast.FunctionDef) and not _wants(one):
            if one.name in FACTORIES:
                factories.append(one.name)
            elif any(isinstance(node, ast.Call) and _called(node) == "Flask" for node in ast.walk(one)):
                others.append(one.name)
    known = [name for name in INSTANCES if name in instances]
    if known or len(set(instances)) == 1:
        return "", f"{module.path}, {(known or instances)[0]}"
    if factories:
        return "", f"{module.path}, {factories[0]}()"
    for name in [*instances, *others][:1]:
        return name, f"{module.path}, {name}{'' if name in instances else '()'}"
    return None


def attribute(module: Module) -> str:
    """What flask would take from a module: app, create_app; "" where its code alone does not tell."""
    found = _app_in(module)
    return found[1].rpartition(", ")[2].removesuffix("()") if found else ""


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """What a module does when it is imported: also below `if` and `try`, except what only runs as a script."""
    row = list(tree.body)
    while row:
        one = row.pop(0)
        if isinstance(one, ast.If) and "__main__" in ast.unparse(one.test):
            continue
        yield one
        if isinstance(one, (ast.If, ast.Try, ast.With)):
            row = [*one.body, *row]


def _called(call: ast.Call) -> str:
    """The last part of what is called: Flask for flask.Flask(…)."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _wants(function: ast.FunctionDef) -> bool:
    """Whether it cannot be called without arguments."""
    given = function.args
    plain = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    return plain > 0 or any(default is None for default in given.kw_defaults)


def _rank(path: str) -> int:
    if path in ("wsgi.py", "app.py"):
        return 0  # what flask takes without FLASK_APP
    if path == "flask_app.py":
        return 1
    folders = path.removeprefix("src/").count("/")
    if path.endswith("/__init__.py") and folders == 1:
        return 2
    return 3 if folders == 0 else 4


# what else the code tells


def choosers(every: Sequence[Module]) -> dict[str, str]:
    """The variables by which the code chooses its configuration, with the value that a site usually has."""
    read = {name for module in every for node in ast.walk(module.tree) if (name := _variable(node)) in CHOOSERS}
    return {name: value for name, value in CHOOSERS.items() if name in read}


def _variable(node: ast.AST) -> str | None:
    """The variable that an expression reads from the environment: os.environ["X"], os.environ.get("X"), getenv("X")."""
    if isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
        key: ast.AST | None = node.slice
    elif isinstance(node, ast.Call) and node.args and re.search(r"environ|getenv", ast.unparse(node.func)):
        key = node.args[0]
    else:
        return None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def variables(every: Sequence[Module]) -> dict[str, str]:
    """The variables that the code reads from the environment by their names, each with the file that reads it."""
    found: dict[str, str] = {}
    for module in every:
        for node in ast.walk(module.tree):
            if name := _variable(node):
                found.setdefault(name, module.path)
    return found


def texts(every: Sequence[Module], pattern: re.Pattern[str]) -> list[str]:
    """Where a text that begins so stands in the code, f-strings too: app/config.py, line 7."""
    return [
        f"{module.path}, line {node.lineno}"
        for module in every
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.match(node.value)
    ]


def seeds(every: Sequence[Module]) -> list[str]:
    """The app's own `flask` commands whose names sound like seeding. A hint, no more."""
    found = []
    for module in every:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                found += [name for decorator in node.decorator_list if (name := _command(decorator, node.name))]
    return sorted({name for name in found if SEEDS.search(name)})


def _command(decorator: ast.expr, function: str) -> str | None:
    """The command's name of @app.cli.command("name"); click makes it from the function where it has none."""
    if not re.search(r"(^|\.)(cli\.)?command\b", ast.unparse(decorator)):
        return None
    if isinstance(decorator, ast.Call) and decorator.args and isinstance(decorator.args[0], ast.Constant):
        return str(decorator.args[0].value)
    return re.sub(r"-(command|cmd)$", "", function.replace("_", "-"))


def uses(every: Sequence[Module], package: str) -> bool:
    """Whether some file imports `package`."""
    return any(name.split(".")[0] == package for module in every for name in imported(module.tree))


def migrations(root: Path, every: Sequence[Module]) -> str:
    """The folder of the revisions: as Migrate(…, directory=…) names it, else migrations, else one that looks so; ""."""
    for module in every:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and re.search(r"migrate", ast.unparse(node.func), re.IGNORECASE):
                for keyword in node.keywords:
                    if keyword.arg == "directory" and isinstance(keyword.value, ast.Constant):
                        return str(keyword.value.value)
    folders = [
        str(PurePosixPath(path).parent) for path in files(root, "env.py") if PurePosixPath(path).name == "env.py"
    ]
    known = [folder for folder in folders if (root / folder / "script.py.mako").is_file()]
    return "migrations" if "migrations" in known else next(iter(known), "")


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that it imports, by their whole names; those of its own package (from .x) are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
