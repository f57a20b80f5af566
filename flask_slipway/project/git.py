"""Git on this machine: argument lists in, text out; its errors in words that say what to type next."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal, SlipwayError, Unreachable, WrongUse
from flask_slipway.project.masking import masked
from flask_slipway.server.lib import git_login, git_settings

# A part of what git says → what it means, what to type. The first that fits counts.
EXPLANATIONS = {
    "not a git repository": (
        "This folder is not in a git repository",
        ["git init -b main", 'inv commit -m "First version"'],
    ),
    "dubious ownership": (
        "Git does not trust this folder, which belongs to somebody else",
        ["git config --global --add safe.directory, with the folder's name"],
    ),
    "unmerged": ("A merge stands open", ["git status", "fix the files, git add them, git commit"]),
    "tell me who you are": (
        "Git does not know who you are",
        ['git config --global user.name "Your Name"', "git config --global user.email you@example.org"],
    ),
    "remote rejected]": ("The remote refuses it", ["fix what it names, then the same again"]),
    "rejected]": ("The remote has commits that are not here", ["git pull --rebase --autostash, then the same again"]),
    "clean filter": (
        "A filter that .gitattributes names does not run",
        ["git lfs install, if it is lfs", "or take its line out of .gitattributes"],
    ),
    "index.lock": (
        "Another git command is running here",
        ["wait for it, then the same again", "if there is none: remove .git/index.lock"],
    ),
}
# The same for a remote that cannot be reached, or does not let in.
AWAY = {
    "does not appear to be a git repository": (
        "The remote is not there",
        ["git remote -v  shows where it should be", "git remote set-url NAME URL  sets it right"],
    ),
    "repository not found": ("The remote has no such repository, or not for you", ["git remote -v"]),
    "could not resolve host": ("This machine's DNS does not know the remote", ["check the network, git remote -v"]),
    "could not read username": (
        "The remote asks for a name and a password",
        ["git push  asks in a terminal, or use SSH"],
    ),
    "could not read password": ("The remote asks for a password", ["git push  asks in a terminal, or use SSH"]),
    "terminal prompts disabled": ("The remote asks for a password", ["git push  asks in a terminal, or use SSH"]),
    "authentication failed": ("The remote does not let you in", ["check the credentials that git uses"]),
    "permission denied": ("The remote does not let you in", ["git remote -v", "see that your SSH key is known there"]),
    "host key verification failed": ("The remote's host key is not known here", ["git fetch  asks in a terminal"]),
    "could not read from remote": ("The remote cannot be reached", ["check the network, git remote -v"]),
    "unable to access": ("The remote cannot be reached", ["check the network, git remote -v"]),
}
QUOTED = ("remote rejected]", "dubious ownership", "unmerged", "clean filter")  # where git's own lines say more
HOOKS = {"commit": ("pre-commit", "prepare-commit-msg", "commit-msg"), "push": ("pre-push",)}


def run(
    root: Path,
    *arguments: str,
    terminal: bool = False,
    seconds: float | None = None,
    env: Mapping[str, str] | None = None,
    data: bytes = b"",
) -> subprocess.CompletedProcess[bytes]:
    """Runs git in `root`, with `data` on its stdin. `terminal`: as for a person, it may ask for a password instead, and
    runs the repository's hooks. Raises WrongUse where there is no git, subprocess.TimeoutExpired after `seconds`."""
    return subprocess.run(
        _line(arguments, hooks=terminal),
        cwd=root,
        env=_environment(terminal, env),
        input=None if terminal else data,
        capture_output=True,
        timeout=seconds,
    )


def _line(arguments: Sequence[str], hooks: bool = False) -> list[str]:
    program = shutil.which("git")
    if program is None:
        raise WrongUse("git is not installed", next=["install git: https://git-scm.com"])
    return [program, *git_settings.options(hooks), *arguments]


def _environment(terminal: bool = False, env: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.endswith("_PATHSPECS")
    }  # ours mean what they say
    kept |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "1" if terminal else "0", **(env or {})}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0"}  # a look changes nothing, not even the index's times


class Objects:
    """What git holds, by name: `objects[NAME]` is the content of a blob, None for what is none; within a `with`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> Objects:
        self.process = subprocess.Popen(
            _line(["cat-file", "--batch"]),
            cwd=self.root,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __getitem__(self, name: str) -> bytes | None:
        into, out = self.process.stdin, self.process.stdout
        assert into is not None and out is not None
        into.write(f"{name}\n".encode("utf-8", "surrogateescape"))
        into.flush()
        words = out.readline().split()
        if not words:
            raise WrongUse("git cat-file failed", ["it ended in the middle"], ["git fsck"])
        if len(words) != 3 or not words[2].isdigit():
            return None  # it is missing
        data = out.read(int(words[2]))
        out.read(1)
        return data if words[1] == b"blob" else None

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def git(
    root: Path, *arguments: str, terminal: bool = False, env: Mapping[str, str] | None = None, data: bytes = b""
) -> str:
    """What git prints. Raises Refusal, Unreachable or WrongUse, in words that say what to type next."""
    done = run(root, *arguments, terminal=terminal, env=env, data=data)
    if done.returncode:
        raise explain(root, arguments, done.stderr.decode("utf-8", "replace"), hook(root, arguments[0]))
    return done.stdout.decode("utf-8", "surrogateescape")


def quietly(root: Path, *arguments: str) -> str:
    """What git prints, without the newline; an empty text where it fails."""
    done = run(root, *arguments)
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape").strip()


def succeeds(root: Path, *arguments: str) -> bool:
    """True where git ends with 0."""
    return run(root, *arguments).returncode == 0


def login(root: Path, remote: str) -> dict[str, str]:
    """The variables with which git reaches `remote`, so that a password in its address is in no argument list."""
    return git_login.environment(functools.partial(quietly, root), remote, os.environ)


def explain(root: Path, arguments: Sequence[str], complaint: str, hook: str = "") -> SlipwayError:
    """Git's complaint as an error that says what to type next, without the secrets of the project at `root`. `hook`:
    one that git has run for this command."""
    complaint = masked(complaint, root)
    said = [line for line in complaint.strip().splitlines() if line.strip() and not line.startswith("hint:")]
    lower = complaint.lower()
    for sign, (what, next_lines) in EXPLANATIONS.items():
        if sign in lower:
            return Refusal(what, wording.listed(said, 4) if sign in QUOTED else [], next_lines)
    for sign, (what, next_lines) in AWAY.items():
        if sign in lower:
            return Unreachable(what, said[:1], next_lines, changed=False)
    if hook:
        next_lines = ["fix what it names, then the same again"]
        return Refusal(f"The hook {hook} refuses the {arguments[0]}", wording.listed(said, 4), next_lines)
    return WrongUse(f"git {arguments[0]} failed", wording.listed(said or ["it said nothing"], 5), ["git status"])


def hook(root: Path, command: str) -> str:
    """The name of a hook that git runs before `command`, "" where there is none."""
    for name in HOOKS.get(command, ()):
        found = run(root, "rev-parse", "--git-path", f"hooks/{name}", terminal=True).stdout
        path = root / found.decode("utf-8", "surrogateescape").strip()
        if path.is_file() and os.access(path, os.X_OK):
            return name
    return ""
