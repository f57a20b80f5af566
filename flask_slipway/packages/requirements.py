"""requirements.txt, line by line: what it lists, and the lines that a server cannot use. Reads files, runs nothing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FILE = "requirements.txt"
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z])(?:[=\s]\s*|(?<=^-[rcefi]))(.*)|(--[a-z-]+)$")
SHORT = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links", "-i": "--index-url"}
KNOWN_OPTIONS = {"--extra-index-url", "--no-index", "--pre", "--prefer-binary", "--require-hashes", "--trusted-host"}
KNOWN_OPTIONS |= {"--only-binary", "--no-binary", "--use-feature", *SHORT.values()}
LOCAL = re.compile(r"file:|[./~\\]|[A-Za-z]:[\\/]")
REMOTE = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?[a-z]+://")
EGG = re.compile(r"[#&]egg=([\w.-]+(?:\[[\w.,-]*\])?)")
WHEEL = re.compile(r"/([A-Za-z][\w.]*)-\d[^/]*\.whl")


@dataclass(frozen=True)
class Entry:
    """One line that is no comment. `place`: line 3, or base.txt, line 3; `text`: as written, without comment and
    passwords; `requirement`: what it asks for; `fault`: why a server cannot use it; `option`: its pip option;
    `raw`: the line with its passwords, never to be shown."""

    place: str
    text: str
    requirement: Requirement | None = None
    fault: str = ""
    option: str = ""
    hashed: bool = False
    raw: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The package in its one spelling; "" where the line names none."""
        return canonicalize_name(self.requirement.name) if self.requirement else ""

    @property
    def extras(self) -> set[str]:
        return self.requirement.extras if self.requirement else set()

    @property
    def pin(self) -> str:
        """The version that it is pinned to; "" where it is not."""
        clauses = list(self.requirement.specifier) if self.requirement else []
        is_exact = len(clauses) == 1 and clauses[0].operator in ("==", "===") and not clauses[0].version.endswith(".*")
        return clauses[0].version if is_exact else ""

    def is_version(self, version: str) -> bool:
        """Whether it is pinned to that very version, however that is written."""
        specifier = self.requirement.specifier if self.requirement and self.pin else None
        return specifier is not None and specifier.contains(version, prereleases=True)

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True)
class Listing:
    """What requirements.txt and the files that it includes list, in order. `comments`: how many lines have one."""

    entries: tuple[Entry, ...] = ()
    includes: tuple[str, ...] = ()
    comments: int = 0

    @cached_property
    def packages(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.requirement is not None and not entry.fault]

    @cached_property
    def names(self) -> set[str]:
        return {entry.name for entry in self.packages}

    def faults(self, version: str = "") -> list[str]:
        """The lines that a server cannot use, and packages that are pinned twice; `version`: of the site's Python."""
        faults = [f"{entry}: {entry.fault}" for entry in self.entries if entry.fault]
        return faults + [f"{one} and {other}: two pins of one package" for one, other in self._repeated(version, True)]

    def duplicates(self, version: str = "") -> list[str]:
        """The packages that are listed twice, without a contradiction."""
        return [f"{one} and {other.place}" for one, other in self._repeated(version, False)]

    def unpinned(self) -> list[str]:
        return [entry.requirement.name for entry in self.packages if entry.requirement and not _is_pinned(entry)]

    def _repeated(self, version: str, differing: bool) -> Iterator[tuple[Entry, Entry]]:
        first: dict[str, Entry] = {}
        for entry in self.packages:
            if applies(entry, version):
                known = first.setdefault(entry.name, entry)
                differs = bool(known.pin and entry.pin and not known.is_version(entry.pin))
                if known is not entry and differs == differing:
                    yield known, entry


def _is_pinned(entry: Entry) -> bool:
    return bool(entry.pin or (entry.requirement and entry.requirement.url))


def applies(entry: Entry, version: str = "") -> bool:
    """Whether the line counts on the site: by its marker, for Linux and Python `version` ("": the one here)."""
    marker = entry.requirement.marker if entry.requirement else None
    return marker is None or marker.evaluate(site_environment(version))


def site_environment(version: str = "") -> dict[str, str]:
    """What markers are compared with, as on the site."""
    environment = {str(key): str(value) for key, value in default_environment().items()}
    environment |= {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    if version:
        environment["python_version"] = ".".join(version.split(".")[:2])
        environment["python_full_version"] = version if version.count(".") == 2 else f"{version}.0"
    return environment


def read(root: Path) -> Listing:
    """The project's requirements.txt with all that it includes; an empty listing where there is none."""
    entries: list[Entry] = []
    includes: list[str] = []
    comments = _read(root / FILE, root, entries, includes) if (root / FILE).is_file() else 0
    return Listing(tuple(entries), tuple(includes), comments)


def parse(root: Path, text: str) -> Listing:
    """The listing of a text that stands, or is to stand, in requirements.txt."""
    entries: list[Entry] = []
    comments = _parse_lines(text, root / FILE, root, entries, [])
    return Listing(tuple(entries), (), comments)


def _read(path: Path, root: Path, entries: list[Entry], includes: list[str]) -> int:
    return _parse_lines(decode(path.read_bytes()), path, root, entries, includes)


def _parse_lines(content: str, path: Path, root: Path, entries: list[Entry], includes: list[str]) -> int:
    comments = 0
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    for number, line in logical_lines(content):
        comments += bool(re.search(r"(^|\s)#", line))
        text = re.sub(r"(^|\s+)#.*$", "", line).strip()
        if not text:
            continue
        entry = _parse_line(f"line {number}" if shown == FILE else f"{shown}, line {number}", text, root)
        if entry.option in ("--requirement", "--constraint"):
            other = path.parent / _option_value(text)
            if not other.is_file():
                entry = Entry(entry.place, entry.text, fault="there is no such file here", option=entry.option)
            elif str(other.resolve()) not in [str((root / name).resolve()) for name in [FILE, *includes]]:
                includes.append(other.relative_to(root).as_posix() if other.is_relative_to(root) else str(other))
                if entry.option == "--requirement":
                    comments += _read(other, root, entries, includes)
        entries.append(entry)
    return comments


def decode(data: bytes) -> str:
    """The text as pip decodes it: by its byte order mark (PowerShell's > writes UTF-16), else UTF-8."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of its first line, text) of each line, those that end in a backslash joined with the next."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1] + " "
            continue
        yield start, joined + line
        joined, start = "", 0
    if joined:
        yield start, joined


def redacted(text: str) -> str:
    """The text without the user and password of URLs."""
    return re.sub(r"://[^/\s]*@", "://••••@", text)


def _option_value(text: str) -> str:
    match = OPTION.match(text)
    return (match[2] or "").strip() if match else ""


def _parse_line(place: str, text: str, root: Path) -> Entry:
    if text.startswith("-"):
        return _parse_option(place, text, root)
    words = re.split(r"\s+(?=--?\w)", text, maxsplit=1)
    hashed = len(words) > 1 and "--hash" in words[1]
    shown = redacted(words[0])
    if LOCAL.match(words[0]):
        return Entry(place, shown, fault="a place on one machine")
    remote = bool(REMOTE.match(words[0]))
    named = EGG.search(words[0]) or WHEEL.search(words[0]) if remote else None
    try:
        requirement = Requirement(_with_name(words[0], named[1] if named else "unnamed") if remote else words[0])
    except InvalidRequirement:
        return Entry(place, shown, fault=_why_unreadable(words[0]))
    if remote and not named:
        return Entry(place, shown, raw=text)
    if requirement.url and LOCAL.match(requirement.url):
        return Entry(place, shown, fault="a place on one machine")
    return Entry(place, shown, requirement, hashed=hashed)


def _with_name(text: str, name: str) -> str:
    """The line of an URL as that of a package; its marker is what follows a semicolon and a space, as in pip."""
    url, _, marker = text.partition("; ")
    return f"{name} @ {url.strip()} ; {marker}" if marker.strip() else f"{name} @ {url.strip()}"


def _why_unreadable(text: str) -> str:
    if re.match(r"[\w.-]+(\[.*\])?\s*=\s*[^=]", text):
        return "pip cannot read it: a version wants =="
    if re.search(r"[<>=]{7}", text):
        return "a mark of a merge that was not finished"
    return "pip cannot read it"


def _parse_option(place: str, text: str, root: Path) -> Entry:
    match = OPTION.match(text)
    option = (match[1] or match[3] or "") if match else ""
    option, value = SHORT.get(option, option), _option_value(text)
    shown, fault = redacted(text), ""
    if option not in KNOWN_OPTIONS:
        fault = "pip takes no such option here"
    elif option == "--editable":
        named = re.search(r"egg=([\w.-]+)", value)
        itself = {root.name.lower(), "."} & {canonicalize_name(named[1]) if named else value, value}
        fault = "the project itself, which comes by git" if itself else "an editable install, for development"
    elif option == "--find-links" and not REMOTE.match(value):
        fault = "a folder of another machine"
    return Entry(place, shown, fault=fault, option=option, raw=text)
