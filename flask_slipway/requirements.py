"""requirements.txt: what the app runs on, from what is installed here, without what only development needs."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from flask_slipway import words
from flask_slipway.errors import Refusal, WrongUse

# Loaded by name at run time, never imported by the app's own code.
COMPANIONS = {"pymysql", "mysqlclient", "mysql-connector-python", "cryptography", "psycopg", "psycopg2"}
COMPANIONS |= {"psycopg2-binary", "python-dotenv", "email-validator", "gunicorn"}
# Tools of development, also when they were listed.
TOOLS = {"pip", "setuptools", "wheel", "pytest", "pytest-xdist", "pytest-cov", "pytest-flask", "pytest-alembic", "tox"}
TOOLS |= {"coverage", "hypothesis", "nox", "ruff", "black", "flake8", "isort", "mypy", "pylint", "autopep8", "pyright"}
TOOLS |= {"ipython", "ipdb", "jupyter", "notebook", "pre-commit", "invoke", "fabric", "flask-slipway", "build", "twine"}
TOOLS |= {"flask-debugtoolbar", "pip-tools"}
TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$|node_modules/|\.?venv/)")


@dataclass(frozen=True)
class Frozen:
    """The new text of requirements.txt; `left_out`: each with its reason; `changed`: whether it differs."""

    text: str
    left_out: tuple[str, ...]
    changed: bool


def freeze(root: Path, app: str) -> Frozen:
    """What requirements.txt should hold. Writes nothing. Raises Refusal where an imported package is not installed."""
    installed = {normal(found.metadata["Name"]): found for found in metadata.distributions() if found.metadata["Name"]}
    imported = imports(root, app)
    missing = [f"{module} ({place})" for module, place, name in imported if not name]
    if missing:
        raise Refusal(
            words.told(
                "The code imports what is not installed here. Nothing was changed.",
                words.listed(missing),
                [f"{Path(sys.executable).name} -m pip install …, then  inv freeze"],
            )
        )
    path = root / "requirements.txt"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    itself = _itself(root, installed)
    wanted = {name for _, _, name in imported if name} | {name for name in listed(old) if name not in TOOLS}
    wanted |= COMPANIONS & set(installed)
    needed = closure(wanted & set(installed), installed) - itself - {"pip", "setuptools", "wheel"}
    lines = sorted((_line(installed[name]) for name in needed), key=str.lower)
    text = "".join(f"{line}\n" for line in lines)
    return Frozen(text, tuple(_left_out(installed, needed, itself, old)), text != old)


def write(root: Path, frozen: Frozen) -> None:
    """Puts the new requirements.txt in the old one's place, whole or not at all."""
    path = root / "requirements.txt"
    part = path.with_name("requirements.txt.part")
    part.write_text(frozen.text, encoding="utf-8", newline="\n")
    part.replace(path)


def normal(name: str) -> str:
    """A package's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(text: str) -> list[str]:
    """The packages that a requirements file names, in their one spelling."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[.*?\])?\s*(?:[=<>!~;@#]|$)", line)
        if match:
            found.append(normal(match[1]))
    return found


def odd_lines(text: str) -> list[str]:
    """The lines that only fit the machine they were written on: find-links, editable installs, paths."""
    odd = re.compile(r"\s*(-f\b|--find-links|-e\b|--editable|[./~]|\w+ @ file:|[A-Za-z]:\\)")
    return [f"line {number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if odd.match(line)]


def unlisted(root: Path, app: str) -> list[str]:
    """What the code imports and requirements.txt does not bring, directly or through another package."""
    path = root / "requirements.txt"
    names = set(listed(path.read_text(encoding="utf-8"))) if path.is_file() else set()
    installed = {normal(found.metadata["Name"]): found for found in metadata.distributions() if found.metadata["Name"]}
    brought = closure(names & set(installed), installed) | names
    return [
        f"{module} ({place})" for module, place, name in imports(root, app) if (name or normal(module)) not in brought
    ]


def imports(root: Path, app: str) -> list[tuple[str, str, str | None]]:
    """(module, file:line, package or None) for each foreign module that the app's code imports, once each: the app
    that FLASK_APP=`app` names, and what it imports of the project. Imports inside `try` are optional, and left out."""
    packages = metadata.packages_distributions()
    found: dict[str, tuple[str, str, str | None]] = {}
    seen: set[Path] = set()
    row = _files(root, re.split(r"[:(]", app)[0])
    while row:
        path = row.pop()
        if path in seen:
            continue
        seen.add(path)
        name = path.relative_to(root).as_posix()
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, OSError) as error:
            raise WrongUse(f"{name} cannot be read as Python: {error}") from error
        for module, line in _imported(tree):
            if mine := _files(root, module):
                row += mine
            elif module not in sys.stdlib_module_names and module not in found:
                names = packages.get(module)
                found[module] = (module, f"{name}, line {line}", normal(names[0]) if names else None)
    return sorted(found.values())


def _files(root: Path, module: str) -> list[Path]:
    """The project's own files of a module or package, named with dots or as a path; [] for a foreign one."""
    first = module if "/" in module else module.split(".")[0]
    for place in (root, root / "src"):
        path = place / first.removesuffix(".py")
        if path.is_dir() and any(path.glob("*.py")):
            return sorted(found for found in path.rglob("*.py") if not TESTS.search(found.relative_to(root).as_posix()))
        if path.with_name(path.name + ".py").is_file():
            return [path.with_name(path.name + ".py")]
    return []


def closure(names: Iterable[str], installed: dict[str, metadata.Distribution]) -> set[str]:
    """The installed packages with all that they require, extras left out."""
    found: set[str] = set()
    row = list(names)
    while row:
        name = row.pop()
        if name in found or name not in installed:
            continue
        found.add(name)
        for line in installed[name].requires or []:
            requirement, _, marker = line.partition(";")
            if "extra" not in marker:
                row.append(normal(re.split(r"[\s\[(<>=!~@]", requirement.strip(), maxsplit=1)[0]))
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno
        elif not isinstance(node, ast.Try):
            yield from _imported(node)


def _direct(found: metadata.Distribution) -> dict:
    """Where a package was installed from, when not from an index (PEP 610)."""
    return json.loads(found.read_text("direct_url.json") or "{}")


def _line(found: metadata.Distribution) -> str:
    told, name = _direct(found), found.metadata["Name"]
    if "vcs_info" in told:
        vcs = told["vcs_info"]
        return f"{name} @ {vcs['vcs']}+{told['url']}@{vcs['commit_id']}"
    return f"{name}=={found.version}"


def _itself(root: Path, installed: dict[str, metadata.Distribution]) -> set[str]:
    """The packages that are this project, or lie in folders of this machine."""
    return {
        name
        for name, found in installed.items()
        if _direct(found).get("dir_info") is not None or _direct(found).get("url", "").startswith("file:")
    }


def _left_out(
    installed: dict[str, metadata.Distribution], needed: set[str], itself: set[str], old: str
) -> Iterator[str]:
    odd = odd_lines(old)
    if odd:
        yield f"{words.count(len(odd), 'line')} that only this machine understands: {', '.join(odd[:3])}"
    if itself:
        yield f"installed from a folder here: {', '.join(sorted(itself))}"
    rest = sorted(set(installed) - needed - itself)
    if rest:
        yield f"not needed by the app: {', '.join(rest)}"
