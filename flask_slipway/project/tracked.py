"""What git holds, or would after a commit, and no site may get from git: databases, compiled files, repositories inside
this one, files without their filter, conflicts. Each is told with a way out that loses nothing. Reads only."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project import working_copy
from flask_slipway.project.git import git, quietly, run, succeeds

# The first bytes of SQLite's files: the database, its write-ahead log (two byte orders), its rollback journal.
# Source: https://www.sqlite.org/fileformat.html
SQLITE = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
NAMED_SO = re.compile(r"\.(db|sqlite|sqlite3)$")  # of an empty file: SQLite's, before its first table
POINTER = b"version https://git-lfs.github.com/spec/v1"
LARGEST_POINTER = 1024  # bytes. Source: git-lfs, docs/spec.md
GITLINK = "160000"  # the mode of a submodule's entry
DATA = "slipway"  # the attribute by which .gitattributes says that a database is only read: slipway=data
MARKERS = "conflict-marker-size"  # git's own attribute: a file with another size holds such lines as its text


@dataclass(frozen=True)
class Entry:
    """A path that a commit would hold. `mode`: in the index, "" where git does not know it yet; `changed`: it is not as
    in the last commit."""

    path: str
    mode: str
    changed: bool
    filter: str = ""
    data: bool = False
    markers: bool = True

    @property
    def new(self) -> bool:
        return not self.mode


def refusals(root: Path, changed_alone: bool = False) -> Iterator[Refusal]:
    """All that stands against a commit of what is here, or, not `changed_alone`, against a release of it."""
    conflict = open_conflicts(root)
    if conflict is not None:
        yield conflict
        return
    held = [entry for entry in entries(root) if entry.changed or not changed_alone]
    for look in (_marked, _repositories, _databases, _compiled, _unfiltered):  # the worst first
        yield from look(root, held)


def refuse(root: Path, changed_alone: bool = False) -> None:
    """Raises them as one: what the first says, the others below it, and what to type for all."""
    found = list(refusals(root, changed_alone))
    if found:
        first, *others = found
        every = dict.fromkeys(line for refusal in found for line in refusal.next)
        raise Refusal(first.what, [*first.lines, *(other.what for other in others)], every)


def entries(root: Path) -> list[Entry]:
    """What a commit of all that git does not ignore would hold, by paths below `root`."""
    here = working_copy.working_copy(root)
    changed = set(here.changed)
    gone = set(_paths(git(root, "ls-files", "-z", "--deleted", "--", ".")))
    modes = {path: mode for mode, path in _staged(root) if path not in gone}
    attributes = _attributes(root, [*modes, *here.untracked])
    return [
        Entry(
            path=path,
            mode=modes.get(path, ""),
            changed=path not in modes or path in changed,
            filter=attributes.get((path, "filter"), ""),
            data=attributes.get((path, DATA)) == "data",
            markers=(path, MARKERS) not in attributes,
        )
        for path in [*modes, *here.untracked]
    ]


def _paths(text: str) -> list[str]:
    return [path for path in text.split("\0") if path]


def _staged(root: Path) -> Iterator[tuple[str, str]]:
    """(mode, path) of all in the index."""
    for line in _paths(git(root, "ls-files", "-z", "--stage", "--", ".")):
        words, _, path = line.partition("\t")
        yield words.split(" ")[0], path


def _attributes(root: Path, paths: Sequence[str]) -> dict[tuple[str, str], str]:
    """{(path, attribute): value} of those that .gitattributes sets."""
    data = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    done = run(root, "check-attr", "-z", "--stdin", "filter", DATA, MARKERS, data=data)
    words = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(words[0::3], words[1::3], words[2::3], strict=False)
    return {(path, name): value for path, name, value in rows if value not in ("unspecified", "unset", "set")}


# conflicts


def open_conflicts(root: Path) -> Refusal | None:
    """What `git stash pop`, `git merge --squash` or `git pull --autostash` could not bring together."""
    paths = working_copy.working_copy(root).conflicted
    if not paths:
        return None
    what = _said(paths, " has conflicts that are open", " have conflicts that are open")
    return Refusal(what, _more(paths), _settled(paths))


def _marked(root: Path, held: Sequence[Entry]) -> Iterator[Refusal]:
    """Files with the lines that git wrote where two changes met, also where `git add` has closed the conflict since."""
    signs = ("-e", "^<<<<<<< ", "-e", "^>>>>>>> ")
    found = quietly(root, "grep", "--untracked", "--all-match", "-l", "-z", "--text", *signs, "--", ".")
    known = {entry.path for entry in held if entry.markers}
    paths = [path for path in found.split("\0") if path in known]
    if paths:
        what = _said(paths, " has lines of a conflict, <<<<<<<", " have lines of a conflict, <<<<<<<")
        meant = f"or, if they are its text: write  {paths[0]} {MARKERS}=32  into .gitattributes"
        yield Refusal(what, _more(paths), [*_settled(paths), meant])


def _settled(paths: Sequence[str]) -> list[str]:
    return [
        f"edit {paths[0]}: keep what is right of the lines between <<<<<<< and >>>>>>>",
        f"git add {_quoted(paths)}",
        "if it came of a stash:  git stash drop,  once all of it is here",
    ]


# repositories


def _repositories(root: Path, held: Sequence[Entry]) -> Iterator[Refusal]:
    """Repositories inside this one: of a submodule or any other, git keeps the number of a commit, and no file."""
    known = quietly(root, "config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    submodules = {line.partition(" ")[2] for line in known.splitlines()}
    for entry in held:
        path = entry.path.rstrip("/")
        if not (entry.mode == GITLINK or (entry.new and entry.path.endswith("/"))):
            continue
        name = shlex.quote(path)
        if path in submodules:
            what = f"{path} is a submodule, which no release brings"
            lines = f"the lines of {path} in .gitmodules"
        else:
            what = f"{path} is a git repository of its own, of which a commit here holds no file"
            lines = ""
        away = f"move {path}/.git out of this project{f', and remove {lines}' if lines else ''}"
        if (root / path / ".git").is_file():  # a link to the repository, which lies elsewhere
            away = f"remove the file {path}/.git{f', and {lines}' if lines else ''}"
        next_lines = [
            *([f"git rm --cached {name}"] if entry.mode else []),
            f"{away}: its files are then files of this repository",
            "or, if it is a package: list it in requirements.txt",
            *([] if entry.mode else [f"or, if no site needs it: name /{path}/ in .gitignore"]),
        ]
        yield Refusal(what, next=next_lines)


# databases


def _databases(root: Path, held: Sequence[Entry]) -> Iterator[Refusal]:
    yield from database_refusals([entry for entry in held if not entry.data and is_sqlite(root / entry.path)])


def is_sqlite(path: Path) -> bool:
    """Whether a file is one of SQLite's, by its first bytes; an empty one, by its name."""
    begins = _beginning(path, len(SQLITE[0]))
    return begins.startswith(SQLITE) or (begins == b"" and path.is_file() and bool(NAMED_SO.search(path.name)))


def database_refusals(found: Iterable[Entry]) -> Iterator[Refusal]:
    """Databases that git tracks, and those that a commit would add."""
    every = list(found)
    tracked = [entry.path for entry in every if not entry.new]
    new = [entry.path for entry in every if entry.new]
    rows = "its rows would replace the site's, or stop each release there"
    stays = "untracked, it stays here and on the site"
    if tracked:
        next_lines = [
            f"git rm --cached {_quoted(tracked)}",
            f"{_in_gitignore(tracked)}, and commit that",
            _only_read(tracked[0]),
        ]
        what = _said(tracked, " is a database, and tracked by git", " are databases, and tracked by git")
        yield Refusal(what, [rows, stays, *_more(tracked)], next_lines)
    if new:
        what = _said(new, " is a database, and not ignored by git", " are databases, and not ignored by git")
        yield Refusal(what, [rows, *_more(new)], [_in_gitignore(new), _only_read(new[0])])


def _only_read(path: str) -> str:
    return f"or, if only read:  {path} {DATA}=data  in .gitattributes"


def development(root: Path, file: str | None, besides: bool = False) -> Refusal | None:
    """The same for the file that the development database's URL leads to, whatever its bytes are and .gitattributes
    says; None where git does not hold it, or, `besides`, where `refusals` tells it too."""
    path = below(root, file)
    if not path or not succeeds(root, "rev-parse", "--git-dir"):
        return None
    found = [entry for entry in entries(root) if entry.path == path]
    if besides:
        found = [entry for entry in found if entry.data or not is_sqlite(root / path)]
    for refusal in database_refusals(found):
        return Refusal(refusal.what, refusal.lines, refusal.next[:-1])  # it is written to, and no data
    return None


def below(root: Path, file: str | None) -> str:
    """A file of the project as git names it; "" for one elsewhere, or none."""
    if not file or file == ":memory:":
        return ""
    path, top = (root / file).resolve(), root.resolve()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else ""


# compiled files


def _compiled(root: Path, held: Sequence[Entry]) -> Iterator[Refusal]:
    """Python's own cache: each load on the site would change it there. A .pyc without its source is a module."""
    found = [entry for entry in held if _is_compiled(root / entry.path)]
    paths, tracked = [entry.path for entry in found], [entry.path for entry in found if not entry.new]
    ignored = "name  __pycache__/  in .gitignore"
    if not all("__pycache__/" in path for path in paths):
        ignored += ", and  *.py[co]"
    if paths:
        what = _said(paths, " is compiled by Python, and ", " are compiled by Python, and ")
        what += "tracked by git" if tracked else "not ignored by git"
        folders = sorted({_cache(path) for path in tracked})
        lines = ["the site's Python writes them too, so they always differ there"]
        remove = [f"git rm -r -q --cached {_quoted(folders)}"] if tracked else []
        yield Refusal(what, lines, [*remove, f"{ignored}, and commit that" if tracked else ignored])


def _is_compiled(path: Path) -> bool:
    beside = path.suffix in (".pyc", ".pyo") and path.with_suffix(".py").is_file()
    return beside or path.parent.name == "__pycache__"


def _cache(path: str) -> str:
    """The folder __pycache__ that a file lies in, else the file."""
    head, sign, _ = path.partition("__pycache__/")
    return f"{head}__pycache__" if sign else path


# filters


def _unfiltered(root: Path, held: Sequence[Entry]) -> Iterator[Refusal]:
    """Files that .gitattributes gives to a filter such as LFS's, and that would be, or were, committed without it."""
    filtered = [entry for entry in held if entry.filter and _is_file(root, entry)]
    there = {name: _is_set_up(root, name) for name in {entry.filter for entry in filtered}}
    for name in sorted(there):
        own = [entry for entry in filtered if entry.filter == name]
        if not there[name] and (paths := [entry.path for entry in own if entry.changed]):
            what = _said(paths, " would be committed without its filter", " would be committed without their filter")
            yield Refusal(f"{what}: {name} is not set up here", _more(paths), _set_up(name, paths))
    pointers = [entry.path for entry in filtered if entry.filter == "lfs" and _is_pointer(root / entry.path)]
    if pointers:
        what = _said(pointers, " is here as git-lfs's pointer alone", " are here as git-lfs's pointers alone")
        yield Refusal(what, _more(pointers), [*_set_up("lfs", pointers)[:1], "git lfs pull"])
    whole = _committed_whole(root, [entry.path for entry in filtered if entry.filter == "lfs" and not entry.changed])
    if whole:
        what = _said(whole, " was committed without its filter, lfs", " were committed without their filter, lfs")
        next_lines = [*_set_up("lfs", whole)[:1], f"git add --renormalize {_quoted(whole)}, and commit that"]
        yield Refusal(what, _more(whole), next_lines)


def _is_file(root: Path, entry: Entry) -> bool:
    """Whether a filter counts for it: git filters no link and no submodule."""
    return (entry.mode or "100").startswith("100") and not (root / entry.path).is_symlink()


def _is_set_up(root: Path, name: str) -> bool:
    configured = any(quietly(root, "config", "--get", f"filter.{name}.{key}") for key in ("process", "clean"))
    return configured and (name != "lfs" or shutil.which("git-lfs") is not None)


def _set_up(name: str, paths: Sequence[str]) -> list[str]:
    first = f"set up the filter {name}: git config filter.{name}.clean COMMAND"
    if name == "lfs":
        first = "install git-lfs (https://git-lfs.com), then  git lfs install"
    return [first, f"or take the line for {paths[0]} out of .gitattributes"]


def _is_pointer(path: Path) -> bool:
    return _beginning(path, len(POINTER)) == POINTER


def _committed_whole(root: Path, paths: Sequence[str]) -> list[str]:
    """Those whose content in the index is no pointer of LFS."""
    sizes = [int(words[2]) for words, _ in _blobs(root, paths, "--batch-check")]
    small = [path for path, size in zip(paths, sizes, strict=True) if size <= LARGEST_POINTER]
    pointers = {
        path for path, (_, data) in zip(small, _blobs(root, small, "--batch"), strict=True) if data.startswith(POINTER)
    }
    return [path for path, size in zip(paths, sizes, strict=True) if size and path not in pointers]


def _blobs(root: Path, paths: Sequence[str], option: str) -> Iterator[tuple[list[bytes], bytes]]:
    """([id, kind, size], content, with --batch) of each path in the index."""
    data = "".join(f":./{path}\n" for path in paths).encode("utf-8", "surrogateescape")
    rest = run(root, "cat-file", option, data=data).stdout
    for _ in paths:
        head, _, rest = rest.partition(b"\n")
        words = head.split()
        size = int(words[2]) if option == "--batch" else 0
        yield words, rest[:size]
        rest = rest[size + 1 :] if option == "--batch" else rest


# what git does not show


def overlooked(root: Path) -> list[str]:
    """Tracked files that git is told to overlook (update-index --assume-unchanged, --skip-worktree), and that are here
    not as a commit has them."""
    rows = _paths(git(root, "ls-files", "-v", "-z", "--", "."))
    paths = [row[2:] for row in rows if row[0] == "S" or row[0].islower()]
    there = [path for path in paths if (root / path).is_file()]
    return [
        path for path in there if quietly(root, "hash-object", "--", path) != quietly(root, "rev-parse", f":./{path}")
    ]


# what all of them share


def _beginning(path: Path, count: int) -> bytes:
    """The first bytes of a file; b"-" for what is none, or cannot be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return b"-"
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b"-"


def _said(paths: Sequence[str], of_one: str, of_many: str) -> str:
    return f"{paths[0]}{of_one}" if len(paths) == 1 else f"{wording.count(len(paths), 'file')}{of_many}"


def _more(paths: Sequence[str]) -> list[str]:
    return wording.listed(paths) if len(paths) > 1 else []


def _quoted(paths: Sequence[str]) -> str:
    return " ".join(shlex.quote(path) for path in paths)


def _in_gitignore(paths: Sequence[str]) -> str:
    return f"name {' and '.join(f'/{path}' for path in paths[:3])} in .gitignore"
