"""Files that a person changed in the live clone: refused, with what to type, which loses nothing of them."""

from __future__ import annotations

from typing import List

from ..lib.next_steps import on_server
from ..lib.outcome import Refused
from . import clone
from .site import Site

MOST = 5  # paths that a message names


def refusal(site: Site, paths: list[str]) -> Refused:
    """The refusal where tracked `paths` were changed on the server."""
    more = ["and %d more" % (len(paths) - MOST)] if len(paths) > MOST else []
    return Refused("files were changed by hand on the server", [*paths[:MOST], *more], advice(site, paths))


def advice(site: Site, paths: list[str]) -> list[str]:
    """What to type where tracked `paths` were changed on the server, a line each."""
    first, undo = _commands(site, paths)
    return [
        *first,
        on_server(site, "git", "diff", "HEAD"),
        "take the changes into your own commit, and only then, to undo them there:",
        *undo,
        "or, to keep them: git rm --cached FILE here, and name it in .gitignore",
    ]


def _commands(site: Site, paths: list[str]) -> tuple[list[str], list[str]]:
    """What lets git look again where it was told not to, and what undoes the changes."""
    blind = clone.overlooked(site.project)
    held = clone.entries(site.project, "HEAD") if clone.commit(site.project) else {}
    look: List[str] = []
    for option, told in (("--no-skip-worktree", blind.skipped), ("--no-assume-unchanged", blind.assumed)):
        hidden = [path for path in map(clone.shown, told) if path in paths]
        if hidden:
            look.append(on_server(site, "git", "update-index", option, "--", *_few(hidden)))
    undo = []
    old = [path for path in paths if path in held]
    if old:
        undo.append(on_server(site, "git", "checkout", "HEAD", "--", *_few(old)))
    new = [path for path in paths if path not in held]
    if new:  # added there, in no commit yet: the file stays
        undo.append(on_server(site, "git", "rm", "--cached", "--", *_few(new)))
    return look, undo


def _few(paths: list[str]) -> list[str]:
    return paths if len(paths) <= MOST else ["FILE"]
