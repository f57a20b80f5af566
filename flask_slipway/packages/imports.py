"""What the app's own code imports of others, found by deptry: in a copy that holds that code alone, so that neither
tests and tools beside it nor the project's pyproject.toml change the answer."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from packaging.utils import canonicalize_name

from flask_slipway.errors import Refusal, WrongUse
from flask_slipway.packages import known
from flask_slipway.project import git, source

TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$|node_modules/|\.?venv/)")
Trees = dict[Path, ast.Module]
COPY = "app-code"  # no module's name, so that it hides none


@dataclass(frozen=True)
class Import:
    """A foreign module, the place of its first import, and the packages here that bring it: () where it is missing."""

    module: str
    place: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.module} ({self.place})"


def can_look() -> bool:
    """Whether deptry is installed here."""
    return importlib.util.find_spec("deptry") is not None


def imports(root: Path, app: str, trees: Trees) -> list[Import]:
    """What the app's code `trees` imports that is neither its own nor Python's, once each. An import inside `try` with
    an `except` is optional, and left out, as is one for type checkers alone. Raises WrongUse."""
    if not can_look():
        raise WrongUse("deptry is not installed here", next=["python -m pip install deptry"])
    distributions, roots = metadata.packages_distributions(), _import_roots(root, app)
    result: dict[str, Import] = {}
    for module, name, line in sorted(_foreign_imports(root, trees)):
        if module in result or line in _optional_lines(trees[root / name]) or _own_files(module, roots):
            continue
        packages = dict.fromkeys(canonicalize_name(package) for package in distributions.get(module, ()))
        if packages or not _exists_in_project(root, module):
            result[module] = Import(module, f"{name}, line {line}", tuple(packages))
    return [result[module] for module in sorted(result)]


def drivers(trees: Trees) -> dict[str, str]:
    """The drivers of the database URLs in the code's texts, each with its place."""
    places: dict[str, str] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "+" in node.value:
                places.setdefault(known.driver(node.value), f"{path.name}, line {node.lineno}")
    return {driver: place for driver, place in places.items() if driver}


def _exists_in_project(root: Path, module: str) -> bool:
    """Whether the project has a module of that name in a folder that its code may add to the path."""
    return bool(git.quietly(root, "ls-files", "--", f":(glob)**/{module}.py", f":(glob)**/{module}/*.py"))


def app_code(root: Path, app: str) -> Trees:
    """The files of the app's own code, each with its tree: the app that FLASK_APP=`app` names, what that imports of the
    project, and the migrations. Raises Refusal where one is not Python."""
    roots = _import_roots(root, app)
    own: dict[str, list[Path]] = {}
    trees: Trees = {}
    queue = [*_own_files(re.split(r"[:(]", app)[0], roots), *_migrations(root)]
    while queue:
        path = queue.pop()
        if path in trees or not path.is_relative_to(root):
            continue
        try:
            trees[path] = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError) as error:
            name, line = path.relative_to(root).as_posix(), getattr(error, "lineno", None)
            where = f"{name}, line {line}" if line else name
            what = f"{where} cannot be read as Python: {getattr(error, 'msg', None) or error}"
            raise Refusal(what, next=[f"fix {name}, then the same again"]) from error
        for module in source.imported(trees[path]):
            first = module.split(".")[0]
            if first not in own:
                own[first] = _own_files(first, roots)
                queue += own[first]
    return trees


def _import_roots(root: Path, app: str) -> list[Path]:
    """The folders that own modules are imported from: as Flask finds FLASK_APP, and src/."""
    path = (root / re.split(r"[:(]", app)[0]).with_suffix("")
    above = path.parent
    while (above / "__init__.py").is_file() and above != root:
        above = above.parent
    return list(dict.fromkeys([root, above, root / "src"])) if "/" in app else [root, root / "src"]


def _migrations(root: Path) -> Iterator[Path]:
    """The scripts of Flask-Migrate, in whatever folder they lie."""
    for pattern in ("*/env.py", "*/*/env.py", "*/*/*/env.py"):
        for env in root.glob(pattern):
            if (env.parent / "versions").is_dir() and not TESTS.search(env.relative_to(root).as_posix()):
                yield from [env, *env.parent.glob("versions/*.py")]


def _own_files(module: str, roots: list[Path]) -> list[Path]:
    """The project's own files of a module or package, named with dots or as a path; [] for a foreign one."""
    first = module if "/" in module else module.split(".")[0]
    for root in roots:
        path = root / first.removesuffix(".py")
        if path.is_dir() and any(path.glob("*.py")) and ("/" in module or not _is_hidden(path)):
            return sorted(file for file in path.rglob("*.py") if not TESTS.search(file.relative_to(root).as_posix()))
        if path.with_name(path.name + ".py").is_file():
            return [path.with_name(path.name + ".py")]
    return []


def _is_hidden(folder: Path) -> bool:
    """Whether Python takes an installed module of the folder's name instead, as the folder has no __init__.py. So it
    does where migrations lie in alembic/."""
    if (folder / "__init__.py").is_file():
        return False
    spec = PathFinder.find_spec(folder.name, [str(folder.parent), *sys.path])
    return bool(spec and spec.origin and str(folder) not in (spec.submodule_search_locations or ()))


def _optional_lines(tree: ast.AST) -> set[int]:
    """The lines of the imports that may fail: in a `try` with an `except`."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Try) and node.handlers]
    return {inner.lineno for body in bodies for top in body for inner in ast.walk(top) if hasattr(inner, "lineno")}


def _foreign_imports(root: Path, trees: Trees) -> Iterator[tuple[str, str, int]]:
    """(module, file, line) of each import of a foreign module: deptry's answer where nothing at all is listed."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for path in trees:
            copy = Path(folder, COPY, _copy_path(root, path))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            names[copy] = path.relative_to(root).as_posix()
        folders = [COPY, *([f"{COPY}/src"] if Path(folder, COPY, "src").is_dir() else [])]
        Path(folder, "none.txt").touch()
        line = [
            sys.executable,
            "-B",
            "-m",
            "deptry",
            *folders,
            "--requirements-files",
            "none.txt",
            "--ignore",
            "DEP002",
        ]
        line += ["--exclude", "a^", "--no-ansi", "--json-output", "answer.json"]
        Path(folder, COPY).mkdir(exist_ok=True)
        done = subprocess.run(line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        answer = Path(folder, "answer.json")
        if not answer.is_file():
            follow = "python -m pip install --upgrade --force-reinstall deptry, then the same again"
            raise WrongUse("deptry failed", done.stderr.strip().splitlines()[-3:], [follow])
        for issue in json.loads(answer.read_text(encoding="utf-8")):
            name = names[Path(folder, issue["location"]["file"])]
            yield issue["module"], name, issue["location"]["line"]


def _copy_path(root: Path, path: Path) -> Path:
    """Where the file lies in the copy: deptry takes folders for modules, so a hidden one gets a name that is none."""
    above = reversed(path.relative_to(root).parents[:-1])
    parts = [f"{COPY}-{part.name}" if _is_hidden(root / part) else part.name for part in above]
    return Path(*parts, path.name)
