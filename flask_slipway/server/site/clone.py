"""The live folder as a git clone: facts are read, the working tree is moved, nothing of a person's is discarded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from ..lib import files, git_login, git_settings, git_status, process

REASONS = ("fatal:", "error:", "ERROR:", "Permission denied", "verification failed", "Could not resolve", "refused")
# What a repository is made of, but for its HEAD, its objects and what is under way. Source: gitrepository-layout(5).
OF_A_CLONE = ("config", "config.worktree", "description", "info", "packed-refs", "refs", "reftable", "shallow")


def git(
    folder: str,
    *arguments: str,
    timeout: float = 600,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> str:
    """Runs git in `folder` without hooks or prompts, with `data` on its stdin, and returns its stdout. Raises
    process.Failed."""
    return _git(folder, arguments, timeout, check, env, data).decode("utf-8", "replace")


def _git(
    folder: str,
    arguments: Sequence[str],
    timeout: float = 600,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> bytes:
    line = [process.find("git") or "git", *git_settings.options(), "-c", "gc.auto=0", *arguments]
    name = "git " + arguments[0]
    return process.run_raw(line, cwd=folder, env=env, timeout=timeout, check=check, name=name, data=data)


def content(folder: str, name: str) -> bytes | None:
    """What a checkout would write of the blob of that name, such as COMMIT:PATH; None where there is none."""
    try:
        return _git(folder, ["cat-file", "--filters", name])
    except process.Failed:
        return None


def names(
    folder: str,
    *arguments: str,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    given: Iterable[str] | None = None,
) -> list[str]:
    """What git prints between zero bytes, such as paths, byte for byte; `given`: paths on its stdin. Raises
    process.Failed."""
    data = None if given is None else joined(given)
    text = _git(folder, arguments, check=check, env=env, data=data).decode("utf-8", "surrogateescape")
    return [name for name in text.split("\0") if name]


def joined(paths: Iterable[str]) -> bytes:
    """Paths as git's `-z` reads them."""
    return "".join("%s\0" % path for path in paths).encode("utf-8", "surrogateescape")


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
    """What is checked out, and the tracked paths that are changed in the working tree or the index, also where git was
    told to overlook it; submodules are not looked into. `commit`: None in an empty repository; `branch`: "" for a
    detached HEAD."""

    commit: Optional[str]
    branch: str
    changes: List[str]


def changes(folder: str) -> list[str]:
    """The tracked paths that are changed in the working tree or the index."""
    return state(folder).changes


def state(folder: str) -> State:
    """What is checked out and changed, by one look."""
    options = ("--branch", "--untracked-files=no", "--no-renames", "--ignore-submodules=all")
    with seeing_all(folder) as env:
        now = _status(folder, *options, env=env)
    return State(now.commit or None, now.branch, [shown(path) for path in now.changed])


def shown(path: str) -> str:
    """A path as it can be told."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _status(folder: str, *options: str, env: Mapping[str, str] | None = None) -> git_status.GitStatus:
    told = _git(folder, ["status", "--porcelain=v2", "-z", *options], env=env)
    return git_status.parse(told.decode("utf-8", "surrogateescape"))


class Overlooked(NamedTuple):
    """The tracked paths whose edits git was told to overlook, by the two ways that there are to tell it; of a sparse
    checkout only those that are there."""

    assumed: List[str]
    skipped: List[str]


def overlooked(folder: str) -> Overlooked:
    """What git was told to overlook. Source: git-ls-files(1), -v; git-update-index(1)."""
    found = Overlooked([], [])
    for line in names(folder, "ls-files", "-v", "-z"):
        tag, path = line[0], line[2:]
        if tag in "Ss":
            if not os.path.lexists(os.path.join(folder, path)):
                continue
            found.skipped.append(path)
        if tag.islower():
            found.assumed.append(path)
    return found


@contextlib.contextmanager
def seeing_all(folder: str) -> Iterator[Mapping[str, str] | None]:
    """An environment in which git sees edits also where it was told to overlook them: by a copy of its index."""
    blind = overlooked(folder)
    if not any(blind):
        yield None
        return
    with index_copy(folder) as env:
        for option, paths in (("--no-skip-worktree", blind.skipped), ("--no-assume-unchanged", blind.assumed)):
            if paths:
                names(folder, "update-index", option, "-z", "--stdin", env=env, given=paths)
        yield env


@contextlib.contextmanager
def index_copy(folder: str, empty: bool = False) -> Iterator[Mapping[str, str]]:
    """An environment in which git works on a copy of its index, or on an empty one; the index stays as it is."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as aside:
        path = os.path.join(aside, "index")
        with contextlib.suppress(FileNotFoundError):
            if not empty:
                shutil.copyfile(os.path.join(git_folder(folder), "index"), path)
        yield process.environment({"GIT_INDEX_FILE": path})


def has(folder: str, revision: str) -> bool:
    """True where the commit is in the repository."""
    try:
        git(folder, "cat-file", "-e", revision + "^{commit}")
    except process.Failed:
        return False
    return True


def fetch(folder: str, remote: str, branch_name: str) -> None:
    """Fetches the branch from the remote, by the clone's own ssh command if it has one; a password in the remote's
    address is in no argument list. Raises process.Failed."""

    def ask(*arguments: str) -> str:
        return git(folder, *arguments, check=False).strip()

    own = ask("config", "--get", "core.sshCommand") or "ssh"
    env = process.environment({"GIT_SSH_COMMAND": own + " -o BatchMode=yes", "LC_ALL": "C"})
    env.update(git_login.environment(ask, remote, env))
    git(
        folder,
        "fetch",
        "--no-tags",
        "--no-auto-maintenance",
        remote,
        "+refs/heads/%s:refs/remotes/%s/%s" % (branch_name, remote, branch_name),
        timeout=300,
        env=env,
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
    arguments = ["diff-tree", "-r", "--name-only", "--no-renames", "-z"] + (["--diff-filter=" + only] if only else [])
    return names(folder, *arguments, older, newer, "--")


def entries(folder: str, revision: str | None) -> dict[str, str]:
    """{path: "mode type object"} of all that the commit holds; nothing without a commit."""
    lines = names(folder, "ls-tree", "-r", "-z", revision) if revision else []
    return {path: about for about, _, path in (line.partition("\t") for line in lines)}


def is_submodule(entry: str) -> bool:
    """True where an entry of a commit is another repository's commit, not a file."""
    return entry.startswith("160000 ")


def is_link(entry: str) -> bool:
    """True where an entry of a commit is a symbolic link."""
    return entry.startswith("120000 ")


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
