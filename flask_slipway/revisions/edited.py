"""Revisions that were edited after a site applied them: what the file says is then not what the database went through.

Comments, docstrings, layout and downgrade() may change; ALLOWED in the file says that a person meant the rest."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project.git import quietly, run

ALLOWED = "edited on purpose"
IDENTIFIER = re.compile(r"""^revision\s*(?::[^=\n]*)?=\s*["']([^"']+)["']""", re.MULTILINE)


def since(root: Path, commit: str, revisions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `revisions` (id, text, path) whose file in `commit` said something else than the one here, also under
    another name; with `was`: that name."""
    top = root.resolve()
    changed = _paths(root, "diff-index", "--name-only", "--no-renames", "--relative", "-z", commit, "--", "*.py")
    known = _paths(root, "ls-tree", "-r", "-z", "--name-only", commit)
    found: list[Mapping[str, Any]] = []
    for row in revisions:
        path = Path(row["path"]).resolve()
        name = path.relative_to(top).as_posix() if path.is_relative_to(top) else ""
        was = name if name in known else _older_name(root, commit, row["id"], changed & known)
        if not path.is_file() or not was or (was == name and name not in changed):
            continue
        now = path.read_text(encoding="utf-8", errors="replace")
        if ALLOWED not in now and meaning(_text(root, commit, was)) != meaning(now):
            found.append({**row, "was": was})
    return found


def _paths(root: Path, *arguments: str) -> set[str]:
    return {path for path in quietly(root, *arguments).split("\0") if path}


def _older_name(root: Path, commit: str, identifier: str, names: set[str]) -> str:
    """The one of the files `names` that the revision stood in, "" where it is in none."""
    naming = quietly(root, "grep", "-l", "-z", "-F", "-e", identifier, commit, "--", "*.py").split("\0")
    every = sorted(names & {path.partition(":")[2] for path in naming})
    return next((name for name in every if _identifier(_text(root, commit, name)) == identifier), "")


def _text(root: Path, commit: str, name: str) -> str:
    return run(root, "cat-file", "blob", f"{commit}:./{name}").stdout.decode("utf-8", "replace")


def _identifier(text: str) -> str:
    found = IDENTIFIER.search(text)
    return found[1] if found else ""


def meaning(text: str) -> str:
    """What a revision does to a database that goes up: its code without docstrings and without downgrade()."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    kept = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            continue
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            kept.append(ast.dump(node))
    return "\n".join(kept)


def refuse(found: Iterable[Mapping[str, Any]], site: str, commit: str, root: Path) -> None:
    """Raises Refusal where revisions that `site` has applied were edited since its live `commit`."""
    every = list(found)
    if not every:
        return
    first, names = every[0], [Path(row["path"]).resolve().relative_to(root.resolve()).as_posix() for row in every]
    what = (
        f"{first['id']} {first['text']}".strip() + f" was edited after {site} applied it: it will not run there again"
    )
    was = str(first["was"])
    renamed = [f"{was}, renamed to {names[0]}"] if was != names[0] else []
    away = f", and remove {names[0]}" if renamed else ""
    raise Refusal(
        what,
        wording.listed([*renamed, *names[len(renamed) :]]),
        [
            f"git checkout {wording.short(commit)} -- {shlex.quote(was)}{away}",
            'inv migrate -m "…"  makes a new revision for what is different',
            f"if it is meant so: write  {ALLOWED}  in a comment of the file",
        ],
    )
