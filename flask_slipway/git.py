"""Git on this machine: argument lists in, text out; its errors in words that say what to type next."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from flask_slipway import words
from flask_slipway.errors import WrongUse

# A part of what git says → what it means, what to type.
TEACHINGS = {
    "not a git repository": ("this folder is not in a git repository", ["git init -b main", "inv commit -m TEXT"]),
    "dubious ownership": ("git does not trust this folder, which belongs to somebody else", ["git status"]),
    "unmerged": ("a merge stands open", ["git status", "mend the files, git add them, git commit"]),
    "tell me who you are": (
        "git does not know who you are",
        ['git config --global user.name "Your Name"', "git config --global user.email you@example.org"],
    ),
    "rejected]": ("the remote has commits that are not here", ["git pull --rebase, then try again"]),
    "does not appear to be a git repository": ("the remote is not there", ["git remote -v"]),
    "could not read from remote": ("the remote cannot be reached, or does not let you in", ["git remote -v"]),
    "could not resolve host": ("the remote's name is not known to this machine's DNS", ["check the network"]),
    "authentication failed": ("the remote does not let you in", ["check the credentials that git uses"]),
    "could not read username": ("the remote asks for a password, and there is no terminal", ["use an SSH remote"]),
    "index.lock": ("another git command is running here", ["wait for it, then try again"]),
}


def run(root: Path, *arguments: str, terminal: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Runs git in `root`. `terminal`: it may ask the person for a password. Raises WrongUse where there is no git."""
    program = shutil.which("git")
    if program is None:
        raise WrongUse(words.told("git is not installed.", next=["install git: https://git-scm.com"]))
    environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "1" if terminal else "0"}
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # a look changes nothing, not even the index's times
    return subprocess.run(
        [program, "-c", "core.quotePath=off", *arguments],
        cwd=root,
        env=environment,
        stdin=None if terminal else subprocess.DEVNULL,
        capture_output=True,
    )


def git(root: Path, *arguments: str, terminal: bool = False) -> str:
    """What git prints. Raises WrongUse, in words that say what to type next."""
    done = run(root, *arguments, terminal=terminal)
    if done.returncode:
        raise WrongUse(taught(arguments, done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "surrogateescape")


def quietly(root: Path, *arguments: str) -> str:
    """What git prints, without the newline; an empty text where it fails."""
    done = run(root, *arguments)
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape").strip()


def succeeds(root: Path, *arguments: str) -> bool:
    """True where git ends with 0."""
    return run(root, *arguments).returncode == 0


def taught(arguments: tuple[str, ...], complaint: str) -> str:
    """Git's complaint as a message that says what to type next."""
    lines = [line for line in complaint.strip().splitlines() if line.strip() and not line.startswith("hint:")]
    for sign, (what, next_lines) in TEACHINGS.items():
        if sign in complaint.lower():
            return words.told(f"git {arguments[0]}: {what}.", words.listed(lines, 4), next_lines)
    return words.told(f"git {arguments[0]} failed.", words.listed(lines or ["it said nothing"], 5), ["git status"])
