"""Revisions that were edited after a site applied them: what the file says is then not what the database went through.

Comments, docstrings, layout and downgrade() may change; ALLOWED in the file says that a person meant the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project.git import quietly, run

ALLOWED = "edited on purpose"


def since(root: Path, commit: str, revisions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `revisions` (id, text, path) whose file in `commit` said something else than the one here."""
    top = root.resolve()
    changed = set(quietly(root, "diff", "--name-only", "--relative", "-z", commit, "--", "*.py").split("\0"))
    found = []
    for row in revisions:
        path = Path(row["path"]).resolve()
        name = path.relative_to(top).as_posix() if path.is_relative_to(top) else ""
        if name in changed and path.is_file():
            before = run(root, "show", f"{commit}:./{name}")
            now = path.read_text(encoding="utf-8", errors="replace")
            if before.returncode == 0 and ALLOWED not in now:
                then = before.stdout.decode("utf-8", "replace")
                found += [row] if meaning(then) != meaning(now) else []
    return found


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
    raise Refusal(
        what,
        wording.listed(names),
        [
            f"git checkout {wording.short(commit)} -- {names[0]}",
            'inv migrate -m "…"  makes a new revision for what is different',
            f"if it is meant so: write  {ALLOWED}  in a comment of the file",
        ],
    )
