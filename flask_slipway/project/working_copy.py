"""What is true in the working copy: git, requirements, .env. Reads only; each fact is read again when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway.errors import WrongUse
from flask_slipway.project.git import git, quietly, run, succeeds
from flask_slipway.server.lib import git_status

REQUIREMENTS = "requirements.txt"
SANDBOX = "sandbox"  # the remote that inv sandbox.up makes; no other machine reaches it
# A file in git's own folder → what it shows to be under way.
UNDER_WAY = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


@dataclass(frozen=True)
class WorkingCopy:
    """The project's git facts, its paths below `root`. `commit` is "" before the first; `branch` is "" with a detached
    head; `upstream` is "" where the branch has none; `ahead` and `behind` compare with the upstream as last fetched;
    `conflicted`: those of `changed` that two changes met in, and nobody has settled. `added`, `removed`: those of
    `changed` that a commit would add, or remove; `renamed`: (new name, old name)."""

    root: Path
    branch: str
    commit: str
    upstream: str
    ahead: int
    behind: int
    changed: tuple[str, ...]
    untracked: tuple[str, ...]
    conflicted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def clean(self) -> bool:
        return not self.paths

    @property
    def paths(self) -> list[str]:
        """What a commit would hold, each path once: one that git rm --cached took out may lie here untracked."""
        return list(dict.fromkeys((*self.changed, *self.untracked)))


def working_copy(root: Path) -> WorkingCopy:
    """The git facts of the project at `root`, by one look. Raises WrongUse where it is in no repository."""
    line = ("status", "--porcelain=v2", "--branch", "--ahead-behind", "--untracked-files=all", "--find-renames", "-z")
    found = git_status.parse(git(root, *line, "--", "."))
    above = prefix(root) if found.changed or found.untracked else ""

    def below(paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(path.removeprefix(above) for path in paths)

    return WorkingCopy(
        root=root,
        branch=found.branch,
        commit=found.commit,
        upstream=found.upstream,
        ahead=found.ahead,
        behind=found.behind,
        changed=below(found.changed),
        untracked=below(found.untracked),
        conflicted=below(found.conflicted),
        added=below(found.added),
        removed=below(path for path in found.removed if path not in found.untracked),
        renamed=tuple((path.removeprefix(above), old.removeprefix(above)) for path, old in found.renamed),
    )


def prefix(root: Path) -> str:
    """The folder of the project in its repository, with a slash at the end; "" where it is the repository's top."""
    return git(root, "rev-parse", "--show-prefix").rstrip("\n")


def under_way(root: Path) -> str:
    """What git has begun and not ended: merge, rebase …; "" where it is nothing."""
    folder = root / git(root, "rev-parse", "--git-dir").strip()
    return next((name for file, name in UNDER_WAY.items() if (folder / file).exists()), "")


def subject(root: Path) -> str:
    """The first line of the last commit's message."""
    return quietly(root, "log", "-1", "--format=%s")


def commit(root: Path) -> str:
    """The commit that is checked out, 40 hex digits. Raises WrongUse where there is none."""
    found = working_copy(root).commit
    if not found:
        raise WrongUse("There is no commit yet", next=['inv commit -m "First version"'])
    return found


@dataclass(frozen=True)
class Relation:
    """How the live commit stands to the candidate, as git here knows it. `ahead`: commits that the release brings;
    `shallow`: git here does not have the whole history. `remote`: what it calls the repository that the site fetches
    from."""

    known: bool = True
    ancestor: bool = True
    newer: bool = False
    ahead: int = 0
    shallow: bool = False
    remote: str = "origin"


def relation(root: Path, live: str | None, new: str) -> Relation:
    """How a site's live commit stands to `new`, as git here knows it."""
    if live is None or live == new:
        return Relation()
    if not succeeds(root, "cat-file", "-e", f"{live}^{{commit}}"):
        return Relation(known=False, ancestor=False, shallow=_is_shallow(root))
    ancestor = succeeds(root, "merge-base", "--is-ancestor", live, new)
    newer = not ancestor and succeeds(root, "merge-base", "--is-ancestor", new, live)
    ahead = quietly(root, "rev-list", "--count", f"{live}..{new}")
    return Relation(True, ancestor, newer, int(ahead or 0), not ancestor and _is_shallow(root))


def _is_shallow(root: Path) -> bool:
    return quietly(root, "rev-parse", "--is-shallow-repository") == "true"


def asks_for_other_packages(root: Path, live: Mapping[str, str | None], at: str | None = None) -> bool:
    """Whether requirements.txt, or a file that it includes, is another in the commit `at` (default: in the working
    copy) than in the live code; `live`: {path: sha256}, None where the file is missing. To include one file more,
    one of them must change; one that git does not know is the site's own."""
    here = {path: _content(root, path, at) for path in {REQUIREMENTS, *live}}
    return any(live.get(path) != content for path, content in here.items() if content or path == REQUIREMENTS)


def _content(root: Path, path: str, at: str | None) -> str | None:
    """The sha256 of a file of the project, through its links; None where there is none."""
    if at is None:
        place = (root / path).resolve()
        data = place.read_bytes() if place.is_relative_to(root.resolve()) and place.is_file() else None
    else:
        name = f"{at}:./{path}\n".encode("utf-8", "surrogateescape")
        done = run(root, "cat-file", "--batch", "--follow-symlinks", data=name)
        head, _, rest = done.stdout.partition(b"\n")
        data = rest[: int(head.split()[2])] if head.split()[1:2] == [b"blob"] else None
    return None if data is None else hashlib.sha256(data).hexdigest()


def remotes(root: Path) -> list[str]:
    """The names of the remotes."""
    return quietly(root, "remote").split()


def tracked(root: Path, *patterns: str) -> list[str]:
    """The tracked files that match."""
    return [path for path in git(root, "ls-files", "-z", "--", *patterns).split("\0") if path]


def ignored(root: Path, paths: Sequence[str]) -> set[str]:
    """Those of `paths` that git does not track here, and ignores."""
    if not paths:
        return set()
    data = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    found = run(root, "check-ignore", "-z", "--stdin", data=data).stdout.decode("utf-8", "surrogateescape")
    return set(found.split("\0")) - {""}


def pushed(root: Path, remote: str, branch: str) -> str:
    """The commit that the remote's branch is at, as last fetched or pushed; an empty text where it is not known."""
    return quietly(root, "rev-parse", "--verify", "--quiet", f"refs/remotes/{remote}/{branch}")


def unpushed(root: Path, remote: str) -> dict[str, list[str]]:
    """{commit: its parents} of what is checked out and `remote` does not have, as last fetched or pushed; parents come
    first. The sandbox is asked what it has; to it nothing leaves this machine, so there what any remote has is old too.
    Without a `remote`, what any other than the sandbox's has."""
    if not succeeds(root, "rev-parse", "--verify", "--quiet", "HEAD"):
        return {}
    known = [f"--remotes={remote}"] if remote else [f"--exclude={SANDBOX}/*", "--remotes"]
    if remote == SANDBOX:
        heads = [row.split()[0] for row in quietly(root, "ls-remote", "--heads", SANDBOX).splitlines()]
        known = ["--remotes", *(head for head in heads if succeeds(root, "cat-file", "-e", head))]
    line = ("rev-list", "--topo-order", "--reverse", "--parents", "HEAD", "--not", *known)
    return {commit: parents for commit, *parents in (row.split() for row in git(root, *line).splitlines())}


def empty_tree(root: Path) -> str:
    """The name of the tree that holds nothing: what there is before the first commit."""
    return git(root, "hash-object", "-t", "tree", "--stdin").strip()
