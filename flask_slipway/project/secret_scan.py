"""Secrets in a change: which files and added lines must not be committed. Names the place and why, never the value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flask_slipway.project import secret_patterns, working_copy
from flask_slipway.project.git import run

LARGEST = 1 << 20  # bytes of a new file that are looked into
TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$|test_)")  # there, passwords are made up: only keys and tokens count
STRONG = (secret_patterns.PRIVATE_KEY, secret_patterns.TOKEN)

ENV_FILE = re.compile(r"\.env(\..+)?$|.+\.env$")
ENV_EXAMPLE = re.compile(r"example|sample|template|dist$|^\.flaskenv$")
NAMES = {".my.cnf", ".pypirc", ".netrc", ".pgpass", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"}


@dataclass(frozen=True)
class Secret:
    """A place in the change that looks like a secret: `line` is 0 for a whole file."""

    path: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.path}{f', line {self.line}' if self.line else ''}: {self.why}"


def in_change(root: Path, tree: str = "") -> list[Secret]:
    """The secrets in all that is not pushed yet: commits, changes, untracked files that are not ignored; or in what
    `tree` brings, in place of the working copy."""
    found = list(in_diff(_diff(root, tree)))
    for path in () if tree else working_copy.working_copy(root).untracked:
        found += in_file(root, path)
    return sorted(set(found), key=lambda secret: (secret.path, secret.line))


def in_file(root: Path, path: str) -> Iterator[Secret]:
    """The secrets in a file that git does not know yet."""
    if (why := of_name(path)) is not None:
        yield Secret(path, 0, why)
        return
    place = root / path
    if place.is_file() and place.stat().st_size <= LARGEST:
        text = place.read_bytes().decode("utf-8", "replace")
        yield from in_lines(path, enumerate(text.splitlines(), 1))


def of_name(path: str) -> str | None:
    """Why a file of this name is a secret, or None."""
    name = PurePosixPath(path).name
    if ENV_FILE.match(name) and not ENV_EXAMPLE.search(name):
        return "holds the environment's secrets; it belongs in .gitignore"
    if name in NAMES:
        return "holds a key or a password; it belongs in .gitignore"
    return None


def in_lines(path: str, lines: Iterable[tuple[int, str]]) -> Iterator[Secret]:
    """The secrets in numbered lines."""
    for number, text in lines:
        why = secret_patterns.of_line(text, path)
        if why is not None and (why in STRONG or not TESTS.search(path)):
            yield Secret(path, number, why)


def in_diff(text: str) -> Iterator[Secret]:
    """The secrets in the added lines of a diff without context."""
    path, number = "", 0
    for line in text.splitlines():
        if line.startswith("+++ "):
            path = line[6:].rstrip("\t") if line[4:6] == "b/" else ""
            if path and (why := of_name(path)) is not None:
                yield Secret(path, 0, why)
        elif line.startswith("@@"):
            number = int(line.split("+")[1].split(",")[0].split(" ")[0])
        elif line.startswith("+"):
            yield from in_lines(path, [(number, line[1:])])
            number += 1


def _diff(root: Path, tree: str) -> str:
    """The added lines between what was pushed and the working copy, or `tree`."""
    options = ["--unified=0", "--no-color", "--no-ext-diff", "--no-renames", "--relative", "--diff-filter=AM"]
    ends = [working_copy.base(root), *([tree] if tree else [])]
    return run(root, "diff", *options, *ends, "--", ".").stdout.decode("utf-8", "replace")
