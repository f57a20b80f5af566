"""Secrets in a change: which files and added lines must not be committed. Names the place and why, never the value."""

from __future__ import annotations

import codecs
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from flask_slipway import wording
from flask_slipway.project import masking, secret_patterns, working_copy
from flask_slipway.project.git import Objects, git

LARGEST = 10 << 20  # bytes of a file that is looked into
RAW = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames")
GONE, SUBMODULE = "000000", "160000"  # the modes of what holds no lines
# What an encoding's files begin with; UTF-32's little-endian mark begins as UTF-16's does.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$|test_)")  # there, passwords are made up: only keys and tokens count
OF_ENV = "a value that .env keeps secret"
SHORTEST = 8  # signs of such a value that is looked for
STRONG = (secret_patterns.PRIVATE_KEY, secret_patterns.TOKEN, OF_ENV)

ENV_FILE = re.compile(r"\.env(?![a-z]).*|.+\.env$", re.IGNORECASE)
ENV_EXAMPLE = re.compile(r"example|sample|template|dist$|^\.flaskenv$")
NAMES = {
    ".dockercfg", ".git-credentials", ".htpasswd", ".my.cnf", ".mylogin.cnf", ".netrc", ".pgpass", ".pypirc", ".s3cfg",
    "_netrc", "credentials.json", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_rsa",
}  # fmt: skip
KEYS = re.compile(r"\.(p12|pfx|jks|keystore|kdbx?|ppk)$", re.IGNORECASE)  # keys in a form that holds no lines


@dataclass(frozen=True)
class Secret:
    """A place in the change that looks like a secret: `line` is 0 for a whole file; `commit`: the one that adds it, ""
    where none has yet. `text`: what stands there, never told."""

    path: str
    line: int
    why: str
    commit: str = ""
    text: str = field(default="", repr=False)

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.path}{line}{f', in {wording.short(self.commit)}' if self.commit else ''}: {self.why}"


def in_commits(root: Path, remote: str) -> list[Secret]:
    """The secrets in what each commit adds that a push to `remote` would take along, also where a later one removed
    them; but for lines that stand in the last commit with the word that a person has looked at them."""
    commits = working_copy.unpushed(root, remote)
    if not commits:
        return []
    data = "".join(f"{commit}\n" for commit in commits).encode()
    told = git(root, "diff-tree", "--stdin", "--root", "-c", *RAW, data=data)
    known = _known(root)
    with Objects(root) as objects:
        found = _sorted(one for one in _in_changes(objects, _changes(told), known) if not _is_looked_at(objects, one))
    return _from(working_copy.prefix(root), found)


def in_tree(root: Path, tree: str) -> list[Secret]:
    """The secrets in what a commit of `tree` would add to the last one."""
    told = git(root, "diff-tree", *RAW, _last(root), tree)
    with Objects(root) as objects:
        return _from(working_copy.prefix(root), _sorted(_in_changes(objects, _changes(told), _known(root))))


def in_files(root: Path) -> list[Secret]:
    """The secrets in what the files here add to the last commit: changed ones, and new ones that are not ignored."""
    told = git(root, "diff-index", "--relative", *RAW, _last(root), "--", ".")
    here = working_copy.working_copy(root)
    with Objects(root) as objects:
        changed = [(change.path, objects[change.before[0]] or b"") for change in _changes(told)]
    known = _known(root)
    found = {path: list(in_file(root, path, before, known)) for path, before in changed}
    found |= {path: list(in_file(root, path, known=known)) for path in here.untracked if path not in found}
    return _sorted(one for every in found.values() for one in every)


def _known(root: Path) -> frozenset[str]:
    """What .env keeps secret: whatever name it gets elsewhere, it is one there too."""
    return frozenset(
        value for value in masking.values(root) if len(value) >= SHORTEST and not secret_patterns.is_placeholder(value)
    )


def in_file(root: Path, path: str, before: bytes = b"", known: frozenset[str] = frozenset()) -> Iterator[Secret]:
    """The secrets in a file that is here, but for those in the lines that it had `before`."""
    place = root / path
    if place.is_symlink():
        yield from _in_content(path, os.fsencode(place.readlink()), [before], known)
    elif place.is_file():
        large = place.stat().st_size > LARGEST  # then its name alone tells
        yield from _in_content(path, b"" if large else place.read_bytes(), [before], known)


@dataclass(frozen=True)
class Change:
    """A file that a commit adds or changes, by the names of its contents: `before`, of each parent, and `after`."""

    commit: str
    path: str
    before: tuple[str, ...]
    after: str


def _changes(told: str) -> Iterator[Change]:
    """What git tells in raw form. Source: git-diff-tree(1), "Raw output format", "diff format for merges"."""
    commit, parts = "", iter(told.split("\0"))
    for part in parts:
        if not part.startswith(":"):
            commit = part
            continue
        path, words = next(parts), part.lstrip(":").split(" ")
        parents = len(part) - len(part.lstrip(":"))
        mode, names = words[parents], words[parents + 1 : -1]
        if mode not in (GONE, SUBMODULE):
            yield Change(commit, path, tuple(names[:-1]), names[-1])


def _in_changes(objects: Objects, changes: Iterable[Change], known: frozenset[str]) -> Iterator[Secret]:
    for change in changes:
        before = [objects[name] or b"" for name in change.before]
        for one in _in_content(change.path, objects[change.after] or b"", before, known):
            yield replace(one, commit=change.commit)


def _in_content(path: str, content: bytes, before: Iterable[bytes], known: frozenset[str]) -> Iterator[Secret]:
    """The secrets in the lines of a file that it had in no form `before`, or in its name."""
    if (why := of_name(path)) is not None:
        yield Secret(path, 0, why)
    elif len(content) <= LARGEST:
        now = _added(lines(content), Counter(line for one in before for line in lines(one)))
        yield from in_lines(path, now, known)


def _added(now: Iterable[str], before: Counter[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers that were not there `before`, or not so often."""
    for number, line in enumerate(now, 1):
        if before[line] > 0:
            before[line] -= 1
        else:
            yield number, line


def _is_looked_at(objects: Objects, one: Secret) -> bool:
    """Whether the line stands in the last commit with a person's word that it is none."""
    there = objects[f"HEAD:{one.path}"] if one.line and "\n" not in one.path else None
    return any(one.text in line and secret_patterns.ALLOWED in line for line in lines(there or b""))


def _last(root: Path) -> str:
    return working_copy.working_copy(root).commit or working_copy.empty_tree(root)


def _sorted(found: Iterable[Secret]) -> list[Secret]:
    """Each once, by path and line: the same in several commits, in the first."""
    first: dict[tuple[str, int, str], Secret] = {}
    for one in found:
        first.setdefault((one.path, one.line, one.text), one)
    return sorted(first.values(), key=lambda one: (one.path, one.line))


def _from(prefix: str, found: Iterable[Secret]) -> list[Secret]:
    """The same, with paths as they are typed in the project's folder `prefix`."""
    return [replace(one, path=os.path.relpath(one.path, prefix or ".").replace(os.sep, "/")) for one in found]


def lines(content: bytes) -> list[str]:
    """A file's lines, whatever its encoding is, and git holds it for: UTF-16 has a mark at its beginning, or a zero in
    each sign of a secret."""
    mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
    text = content.decode(MARKS[mark], "replace") if mark else content.replace(b"\0", b"").decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def of_name(path: str) -> str | None:
    """Why a file of this name is a secret, or None."""
    name = secret_patterns.name_of(path)
    if ENV_FILE.match(name) and not ENV_EXAMPLE.search(PurePosixPath(path).name):
        return "holds the environment's secrets"
    if name in NAMES or KEYS.search(name) or path.endswith(".aws/credentials"):
        return "holds a key or a password"
    return None


def in_lines(path: str, lines: Iterable[tuple[int, str]], known: frozenset[str] = frozenset()) -> Iterator[Secret]:
    """The secrets in numbered lines; `known`: values that are secret, whatever they are called."""
    for number, text in lines:
        why = secret_patterns.of_line(text, path)
        if why is None and secret_patterns.ALLOWED not in text and any(value in text for value in known):
            why = OF_ENV
        if why is not None and (why in STRONG or not TESTS.search(path)):
            yield Secret(path, number, why, text=text.strip())
