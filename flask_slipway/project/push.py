"""To commit and to push: lists first, refuses secrets, never forces."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal, WrongUse
from flask_slipway.project import beside, secret_scan, tracked, working_copy
from flask_slipway.project.git import git, login, quietly, succeeds
from flask_slipway.project.look import Look, look, refuse_changed, refuse_other_commit
from flask_slipway.project.working_copy import SANDBOX, WorkingCopy

LARGEST = 50_000_000  # bytes: GitHub warns at 50 MB and refuses at 100
MANY = 10  # commits: more are a history, which nobody should lose for a line


@dataclass(frozen=True)
class Committed:
    """A commit that was made: its id, and how many files it holds."""

    commit: str
    files: int


def commit(root: Path, message: str) -> Committed | None:
    """Commits all that git does not ignore; None where there is nothing to commit. Raises Refusal, WrongUse."""
    if not message.strip():
        raise WrongUse("A commit needs a message", next=['inv commit -m "Let assets be reordered"'])
    here = working_copy.working_copy(root)
    refuse_unfit(here)
    if here.clean:
        return None
    tracked.refuse(root, changed_alone=True)
    refuse_large(here)
    with look(root) as seen:
        return commit_look(seen, message)


def commit_look(seen: Look, message: str) -> Committed | None:
    """Commits what was looked at and nothing that came since; None where that is nothing. Raises Refusal, WrongUse."""
    if not seen.paths:
        return None
    refuse_other_commit(seen)
    refuse_changed(seen)
    refuse_secrets(secret_scan.in_tree(seen.root, seen.tree), seen.root)
    with _index_put_back(seen.root):
        git(seen.root, "read-tree", "-i", "-m", seen.tree)
        git(seen.root, "commit", "--quiet", "--message", message, terminal=True)
    return Committed(working_copy.commit(seen.root), seen.files)


@contextlib.contextmanager
def _index_put_back(root: Path) -> Iterator[None]:
    """What was staged is staged again, and no more, where the block fails: a hook refuses, somebody types Ctrl-C."""
    index = root / git(root, "rev-parse", "--git-path", "index").strip()
    before = index.read_bytes() if index.is_file() else None
    try:
        yield
    except BaseException:
        if before is None:
            index.unlink(missing_ok=True)
        else:
            beside.replace(index, before)
        raise


def listing(here: WorkingCopy, most: int = 12) -> list[str]:
    """The files that a commit would hold, a line each."""
    kinds = {
        **dict.fromkeys(here.untracked, "new"),
        **dict.fromkeys(here.changed, "changed"),
        **dict.fromkeys(here.added, "new"),
        **dict.fromkeys(here.removed, "removed"),
        **{path: "renamed" for path, _ in here.renamed},
    }
    old = {path: f", from {before}" for path, before in here.renamed}
    rows = [f"  {kinds[path]:<7}  {path}{old.get(path, '')}" for path in here.paths]
    every = wording.listed(rows, most)
    return every if len(rows) <= most else [*every[:-1], f"  {every[-1]}"]


def push(root: Path, remote: str, branch: str) -> bool:
    """Pushes the branch; False where the remote had it already. Raises Refusal for a secret in a commit that it would
    take along, and what git.explain makes of git's complaint."""
    before = working_copy.pushed(root, remote, branch)
    here = working_copy.working_copy(root)
    track = ["--set-upstream"] if _is_to_track(here, remote) else []
    if before == here.commit and not track:
        return False
    refuse_secrets(secret_scan.in_commits(root, remote), root, remote)
    line = ("push", "--quiet", *track, remote, f"HEAD:refs/heads/{branch}")
    git(root, *line, terminal=True, env=login(root, remote))
    return before != here.commit


def _is_to_track(here: WorkingCopy, remote: str) -> bool:
    """Whether the branch is to follow `remote` from now on. The sandbox's is followed only while there is no other."""
    if remote == SANDBOX:
        return not here.upstream and working_copy.remotes(here.root) == [SANDBOX]
    return (not here.upstream or follows_sandbox(here)) and remote == default_remote(here.root)


def follows_sandbox(here: WorkingCopy) -> bool:
    """True where the branch's upstream is on this machine alone: what lies there is pushed nowhere."""
    return here.upstream.split("/")[0] == SANDBOX


def default_remote(root: Path) -> str:
    """Where git itself would push the branch: the remote that is configured for that, as beside a project's that is
    only read, else its upstream's, else origin, else the only one; the sandbox's is none. Raises Refusal."""
    known = [name for name in working_copy.remotes(root) if name != SANDBOX]
    here = working_copy.working_copy(root)
    own = quietly(root, "config", "--get", f"branch.{here.branch}.pushRemote") if here.branch else ""
    usual = quietly(root, "config", "--get", "remote.pushDefault")
    for name in (own, usual, here.upstream.split("/")[0], "origin"):
        if name in known:
            return name
    if len(known) == 1:
        return known[0]
    raise Refusal(
        "There is no remote to push to",
        ["the server fetches from a remote such as GitHub"],
        ["git remote add origin git@github.com:YOU/PROJECT.git"],
    )


def remote_for(root: Path, environment: str) -> str:
    """Where a release to `environment` is pushed: the remote of that name, if there is one, else the branch's."""
    return environment if environment in working_copy.remotes(root) else default_remote(root)


def refuse_unpushed(root: Path, remote: str, branch: str) -> None:
    """Raises Refusal where the commit that is checked out is not on the remote's branch, as last pushed or fetched."""
    here = working_copy.commit(root)
    there = working_copy.pushed(root, remote, branch)
    if not there or not succeeds(root, "merge-base", "--is-ancestor", here, there):
        what = f"{wording.short(here)} is not pushed to {remote}/{branch}, so no site can fetch it"
        usual = f"git push {remote} HEAD:{branch}" if remote == SANDBOX else "inv push"
        raise Refusal(what, next=[f"{usual}, then the same again"])


def refuse_unfit(here: WorkingCopy) -> None:
    """Raises Refusal where no branch is checked out, or a merge or the like is under way."""
    under_way = working_copy.under_way(here.root)
    if under_way:
        what = f"A {under_way} is under way"
        raise Refusal(what, wording.listed(here.changed), end_it(under_way))
    if not here.branch and here.commit:
        raise Refusal(
            f"No branch is checked out (a detached head at {wording.short(here.commit)})",
            next=["git switch main", "or keep what is here: git switch -c NAME"],
        )


def end_it(under_way: str) -> tuple[str, ...]:
    """What to type to end a merge, rebase …, one way or the other."""
    if under_way == "bisect":
        return ("git bisect reset",)
    return (f"git {under_way} --continue, once git status shows no conflict", f"or  git {under_way} --abort")


def refuse_large(here: WorkingCopy) -> None:
    """Raises Refusal where a file is so large that hosting services do not take it: it could not be pushed, and would
    stay in the history."""
    for path in here.paths:
        place = here.root / path
        size = place.lstat().st_size if path not in here.removed and place.is_file() else 0
        if size > LARGEST and quietly(here.root, "check-attr", "filter", "--", path).rpartition(" ")[2] != "lfs":
            what = f"{path} has {wording.size(size)}: too large for git, and it would stay in the history"
            next_lines = [f"name {path} in .gitignore, and keep it elsewhere", f"or  git lfs track {shlex.quote(path)}"]
            raise Refusal(what, next=next_lines)


def refuse_secrets(found: Sequence[secret_scan.Secret], root: Path, remote: str = "") -> None:
    """Raises Refusal where secrets were `found` in what would be committed, or pushed to `remote`; names place and
    reason, never the value."""
    if found:
        what = "The change holds what looks like a secret"
        raise Refusal(what, wording.listed(map(str, found)), without(root, found, remote))


def without(root: Path, found: Sequence[secret_scan.Secret], remote: str = "") -> list[str]:
    """What to type so that no commit, also none that `remote` does not have yet, holds them: such commits are taken
    back, whole files leave git, lines leave their file."""
    whole = list(dict.fromkeys(one.path for one in found if not one.line))
    back = _taken_back(root, remote, {one.commit for one in found if one.commit})
    held = working_copy.tracked(root, *(f":(literal){path}" for path in whole)) if whole else []
    away = wording.listed((f"name {path} in .gitignore" for path in whole if not is_ignored(root, path)), 2)
    lines = any(one.line for one in found)
    return [
        *back,
        *untracked(held),
        *away,
        *(["move it to .env, and name .env in .gitignore"] if lines else []),
        *(['inv commit -m "…"'] if back else []),
        *(
            [f"if it is none: write  not a secret  in a comment on that line{', inv commit' * bool(back)}"]
            if lines
            else []
        ),
    ]


def _taken_back(root: Path, remote: str, bad: set[str]) -> list[str]:
    """What to type so that the branch stands before the first of the commits `bad`, and every file stays as it is."""
    if not bad:
        return []
    parents = working_copy.unpushed(root, remote)
    for commit, above in parents.items():  # parents come first: what follows a bad one has it too
        if bad & set(above):
            bad = {*bad, commit}
    at, count = working_copy.commit(root), 0
    while at in bad:
        at, count = next(iter(parents[at]), ""), count + 1
    line = f"git reset --soft {wording.short(at)}" if at else "git update-ref -d HEAD"
    back = f"{line}  undoes {wording.count(count, 'commit')}; the files stay"
    if count <= MANY:
        return [back]
    here = working_copy.working_copy(root)
    return [
        f"if none is a secret, or all are public already:  git push {remote} {shlex.quote(f'HEAD:{here.branch}')}",
        f"else  git branch before-{wording.short(here.commit)}  keeps these commits here: never push it",
        f"{back}, as one change",
    ]


def untracked(paths: Sequence[str]) -> list[str]:
    """What to type so that git lets go of files that stay here."""
    return [f"git rm --cached {shlex.join(paths[:3])}"] if paths else []


def is_ignored(root: Path, path: str) -> bool:
    """True where git ignores `path`."""
    return succeeds(root, "check-ignore", "--quiet", path)
