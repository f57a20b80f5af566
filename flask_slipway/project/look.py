"""What a commit would hold at one moment: kept while checks and tests go on, so that the commit holds just that."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project import working_copy
from flask_slipway.project.git import git, quietly, run


@dataclass(frozen=True)
class Look:
    """A look at the working copy. `commit`, `branch`: what is checked out; `tree`: what a commit of all that git does
    not ignore holds; `paths`: what differs in it from `commit`; `files`: how many files that is in words; `index`: an
    index of that tree, in a folder that is gone when the look ends."""

    root: Path
    commit: str
    branch: str
    tree: str
    paths: frozenset[str]
    files: int
    index: Path


@contextlib.contextmanager
def look(root: Path) -> Iterator[Look]:
    """A look, until the block ends. Files, index and refs stay as they are; git stores what it has not yet, under no
    name. Raises Refusal, WrongUse."""
    here = working_copy.working_copy(root)
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        own = root / git(root, "rev-parse", "--git-path", "index").strip()
        index = Path(folder) / "index"
        if own.is_file():
            shutil.copy2(own, index)  # with its time: what is as old as its index, git compares by content
        env = {"GIT_INDEX_FILE": str(index)}
        git(root, "add", "--all", "--", ".", env=env)
        tree = git(root, "write-tree", env=env).strip()
        before = here.commit or working_copy.empty_tree(root)
        paths = _paths(git(root, "diff-tree", "-r", "-z", "--name-only", "--no-renames", before, tree))
        files = len(here.paths)
        yield Look(root, here.commit, here.branch, tree, frozenset(paths), files, index)


def since(seen: Look) -> tuple[list[str], list[str]]:
    """What came since: files that were not there, or that nobody had changed; and what the look has in another form."""
    env = {"GIT_INDEX_FILE": str(seen.index)}
    run(seen.root, "update-index", "-q", "--refresh", env=env)
    changed = _paths(git(seen.root, "diff-files", "-z", "--name-only", env=env))
    others = _paths(
        git(seen.root, "ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", ".", env=env)
    )
    return sorted({*others, *changed} - seen.paths), sorted(seen.paths & set(changed))


def refuse_other_commit(seen: Look) -> None:
    """Raises Refusal where another commit is checked out than when it was looked at."""
    here = working_copy.working_copy(seen.root)
    if (here.commit, here.branch) != (seen.commit, seen.branch):
        what = f"{wording.short(here.commit)} is checked out now, and {wording.short(seen.commit)} was looked at"
        raise Refusal(what, next=["the same again"])


def refuse_changed(seen: Look) -> None:
    """Raises Refusal where what is to be committed was changed since it was looked at."""
    changed = since(seen)[1]
    if changed:
        what = f"{wording.count(len(changed), 'file')} changed while it was looked at and tested"
        again = ["the same again", f"if the tests write it: name /{changed[0]} in .gitignore"]
        if quietly(seen.root, "ls-files", "--", f":(top,literal){changed[0]}"):
            again[1] = f"if the tests write it: git rm --cached {changed[0]}, and name it in .gitignore"
        raise Refusal(what, wording.listed(changed), again)


def _paths(text: str) -> list[str]:
    return [path for path in text.split("\0") if path]
