"""The live folder as a git clone: facts are read, the working tree is moved, nothing of a person's is discarded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import List, Mapping, NamedTuple, Optional

from ..lib import files, git_status, process

REASONS = ("fatal:", "error:", "ERROR:", "Permission denied", "verification failed", "Could not resolve", "refused")
# What a repository is made of, but for its HEAD, its objects and what is under way. Source: gitrepository-layout(5).
OF_A_CLONE = ("config", "config.worktree", "description", "info", "packed-refs", "refs", "reftable", "shallow")


def git(
    folder: str, *arguments: str, timeout: float = 120, check: bool = True, env: Mapping[str, str] | None = None
) -> str:
    """Runs git in `folder` without hooks or prompts and returns its stdout. Raises process.Failed."""
    line = [
        process.find("git") or "git",
        "-c",
        "core.hooksPath=" + os.devnull,
        "-c",
        "core.quotePath=off",
        "-c",
        "gc.auto=0",
    ]
    return process.run(
        [*line, *arguments], cwd=folder, env=env, timeout=timeout, check=check, name="git " + arguments[0]
    )


def is_clone(folder: str) -> bool:
    """True where `folder` is the root of a git working tree."""
    return os.path.exists(os.path.join(folder, ".git"))


def is_shallow(folder: str) -> bool:
    """True where the clone does not have the whole history."""
    return git(folder, "rev-parse", "--is-shallow-repository", check=False).strip() == "true"


def top(folder: str) -> str | None:
    """The working tree that `folder` lies in, None where git finds none that it may read."""
    return git(folder, "rev-parse", "--show-toplevel", check=False).strip() or None


def remotes(folder: str) -> list[str]:
    """The names of the clone's remotes."""
    return git(folder, "remote").split()


def url(folder: str, remote: str) -> str:
    """Where a remote lies, without a name or password in it."""
    return re.sub(r"//[^/@]*@", "//", git(folder, "remote", "get-url", remote, check=False).strip())


def reason(error: process.Failed) -> str:
    """The line of a failed git that says why: git's own last words are often only advice."""
    lines = [line.strip() for line in error.output.splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(("fatal: Could not read from remote", "warning:", "hint:"))]
    useful = [line for line in useful if any(word in line for word in REASONS)] or useful or lines
    return useful[-1] if useful else str(error)


def commit(folder: str) -> str | None:
    """The commit that is checked out, or None in an empty repository."""
    text = git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).strip()
    return text or None


def branch(folder: str) -> str:
    """The branch that is checked out, or "" for a detached HEAD."""
    return git(folder, "symbolic-ref", "--short", "--quiet", "HEAD", check=False).strip()


class State(NamedTuple):
    """What is checked out, and the tracked paths that a person has changed in the working tree or the index. `commit`:
    None in an empty repository; `branch`: "" for a detached HEAD."""

    commit: Optional[str]
    branch: str
    changes: List[str]


def changes(folder: str) -> list[str]:
    """The tracked paths that a person has changed in the working tree or the index."""
    return state(folder).changes


def state(folder: str) -> State:
    """What is checked out and changed, by one look."""
    now = _status(folder, "--branch", "--untracked-files=no")
    return State(now.commit or None, now.branch, list(now.changed))


def _status(folder: str, *options: str) -> git_status.GitStatus:
    return git_status.parse(git(folder, "status", "--porcelain=v2", "-z", *options))


def has(folder: str, revision: str) -> bool:
    """True where the commit is in the repository."""
    try:
        git(folder, "cat-file", "-e", revision + "^{commit}")
    except process.Failed:
        return False
    return True


def fetch(folder: str, remote: str, branch_name: str) -> None:
    """Fetches the branch from the remote, by the clone's own ssh command if it has one. Raises process.Failed."""
    own = git(folder, "config", "--get", "core.sshCommand", check=False).strip() or "ssh"
    git(
        folder,
        "fetch",
        "--no-tags",
        "--no-auto-maintenance",
        remote,
        "+refs/heads/%s:refs/remotes/%s/%s" % (branch_name, remote, branch_name),
        timeout=300,
        env=process.environment({"GIT_SSH_COMMAND": own + " -o BatchMode=yes", "LC_ALL": "C"}),
    )


def is_ancestor(folder: str, older: str, newer: str) -> bool:
    """True where `newer` contains `older`."""
    try:
        git(folder, "merge-base", "--is-ancestor", older, newer)
    except process.Failed as error:
        if error.code == 1:
            return False
        raise
    return True


def changed_paths(folder: str, older: str, newer: str, only: str | None = None) -> list[str]:
    """The paths that differ between two commits; `only`: a letter such as "A" (added)."""
    arguments = ["diff", "--name-only", "--no-renames", "-z"] + (["--diff-filter=" + only] if only else [])
    return [path for path in git(folder, *arguments, older, newer, "--").split("\0") if path]


def subject(folder: str, revision: str) -> str:
    """The first line of a commit's message."""
    return git(folder, "log", "-1", "--format=%s", revision).strip()


def commit_that_added(folder: str, path: str) -> str | None:
    """The newest commit in the live history that added `path`, or None."""
    text = git(folder, "log", "--diff-filter=A", "--format=%H", "-1", "HEAD", "--", path).strip()
    return text or None


def parent(folder: str, revision: str) -> str | None:
    """The first parent of a commit, or None."""
    return git(folder, "rev-parse", "--verify", "--quiet", revision + "^1", check=False).strip() or None


def add_stage(folder: str, path: str, revision: str) -> None:
    """Checks the commit out at `path`, in a clone that looks as the live one will: the same branch, remotes, tags and
    settings. It borrows the live one's objects, and so costs the files of the commit."""
    repository = os.path.join(path, ".git")
    os.makedirs(os.path.join(repository, "objects", "info"))
    shared = shared_folder(folder)
    for name in OF_A_CLONE:
        source, target = os.path.join(shared, name), os.path.join(repository, name)
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.lock"))
        elif os.path.isfile(source):
            shutil.copy(source, target)
    shutil.copy(os.path.join(git_folder(folder), "HEAD"), os.path.join(repository, "HEAD"))
    alternates = os.path.join(shared, "objects")
    files.write(os.path.join(repository, "objects", "info", "alternates"), os.fsencode(alternates) + b"\n")
    git(path, "config", "--file", os.path.join(repository, "config"), "core.bare", "false")
    for name in ("config", "config.worktree"):
        if os.path.exists(os.path.join(repository, name)):
            line = ["config", "--file", os.path.join(repository, name), "--unset-all", "core.worktree"]
            git(path, *line, check=False)
    # Named, not searched for: a git that looked for its repository could find one above this folder.
    here = process.environment({"GIT_DIR": repository, "GIT_WORK_TREE": path})
    git(path, "reset", "--quiet", "--hard", revision, env=here)


def remove_stage(folder: str, path: str) -> None:
    """Removes what add_stage made, or a worktree of an earlier version; nothing to do where there is none."""
    if os.path.isfile(os.path.join(path, ".git")):
        git(folder, "worktree", "remove", "--force", "--force", path, check=False)
    shutil.rmtree(path, ignore_errors=True)
    git(folder, "worktree", "prune", check=False)


def ignored_and_untracked(folder: str) -> list[str]:
    """The top-most paths in the live folder that git ignores or does not know: .env, instance/, data."""
    now = _status(folder, "--ignored=traditional", "--untracked-files=normal")
    return [path.rstrip("/") for path in (*now.untracked, *now.ignored)]


def move(folder: str, revision: str) -> None:
    """Brings the live working tree and its branch to `revision`. Refuses (process.Failed) rather than overwrite
    what a person changed, or put there."""
    here = commit(folder)
    for path in changed_paths(folder, here, revision, only="A") if here else []:
        if os.path.lexists(os.path.join(folder, path)):  # git itself would overwrite it where it is ignored
            raise process.Failed("git reset", None, "%s is in the way, and git does not know it" % path)
    git(folder, "reset", "--keep", revision)
    remove_bytecode(folder)


def move_back(folder: str, before: str, after: str) -> None:
    """Brings the live folder back to `before`, also from the middle of a move to `after` that was killed. Of the files
    that `after` would add only those are removed that came from it."""
    locks = ["index", "HEAD", "ORIG_HEAD", "refs/heads/" + branch(folder)]
    for name in locks:
        files.remove(os.path.join(git_folder(folder), name + ".lock"))
    added = changed_paths(folder, before, after, only="A") if has(folder, after) else []
    ours = [path for path in added if _is_from(folder, after, path)]
    git(folder, "reset", "--hard", before)
    for path in ours:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, path))
            _remove_empty(folder, os.path.dirname(path))
    remove_bytecode(folder)


def save_edits(folder: str, before: str, after: str, name: str) -> str | None:
    """Keeps what a person edited in tracked files since a move from `before` to `after` began, as the ref
    refs/slipway/`name`, which is returned; None where nobody did."""
    paths = [
        path for path in git(folder, "diff", "--name-only", "--no-renames", "-z", before, "--").split("\0") if path
    ]
    if all(not os.path.lexists(os.path.join(folder, path)) or _is_from(folder, after, path) for path in paths):
        return None
    files.remove(os.path.join(git_folder(folder), "index.lock"))
    saved = git(folder, "stash", "create", "kept by Flask-Slipway", check=False).strip()
    if not saved:
        return None
    git(folder, "update-ref", "refs/slipway/" + name, saved)
    return "refs/slipway/" + name


def _is_from(folder: str, revision: str, path: str) -> bool:
    """True where the file at `path` holds what the commit has there, or its beginning: what a checkout wrote."""
    place = os.path.join(folder, path)
    if os.path.islink(place):
        data: bytes | None = os.fsencode(os.readlink(place))
    else:
        data = files.read(place) if os.path.isfile(place) else None
    if data is None:
        return False
    line = [process.find("git") or "git", "cat-file", "--filters", "%s:%s" % (revision, path)]
    try:
        return process.run_raw(line, cwd=folder, name="git cat-file").startswith(data)
    except process.Failed:
        return False


def _remove_empty(folder: str, path: str) -> None:
    """Removes `path` and what is above it in `folder`, as far up as it is empty. Raises OSError where it ends."""
    while path:
        os.rmdir(os.path.join(folder, path))
        path = os.path.dirname(path)


def git_folder(folder: str) -> str:
    """The repository's own folder, absolute."""
    return git(folder, "rev-parse", "--absolute-git-dir").strip()


def shared_folder(folder: str) -> str:
    """What the repository's worktrees share: that folder, unless the clone is such a worktree itself; absolute."""
    return os.path.abspath(os.path.join(folder, git(folder, "rev-parse", "--git-common-dir").strip()))


def ignore(folder: str, name: str) -> None:
    """Lets git overlook `name` in this clone alone."""
    path = os.path.join(git_folder(folder), "info", "exclude")
    text = (files.read(path) or b"").decode()
    if "/%s" % name not in text.splitlines():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = ("%s%s/%s\n" % (text, "" if text.endswith("\n") or not text else "\n", name)).encode()
        (files.rewrite if os.path.exists(path) else files.write_shared)(path, data)


def remove_bytecode(folder: str) -> None:
    """Removes compiled files of the project, so that no stale one runs on new source."""
    for top, folders, _ in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            shutil.rmtree(os.path.join(top, "__pycache__"), ignore_errors=True)
        folders[:] = [name for name in folders if name not in (".git", "node_modules", ".venv", "venv")]


def relative(folder: str, path: str) -> str:
    """`path` as git names it in the clone `folder`."""
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
