"""pip's resolver, asked for another Python and platform: what it would install, read from its report (JSON), and why
it cannot, read from its complaint. Wheels alone; nothing is built or installed.

pip stops at the first package that it finds nowhere. So where it fails it is asked once more, with a stand-in beside
the index for each pin: an empty wheel of that very version, yanked and of the least wanted tag, which pip takes where
no wheel of the index serves. Then its report names all pins that lack one."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from flask_slipway.packages.requirements import redacted

PATIENCE = 180  # seconds for one call of pip
LEAST_TAG = "py30-none-any"  # of all tags of a Python 3 the last that pip takes
REQUIRED = "required.txt"
NO_INDEX = "no index reached"

NO_PIP = re.compile(r"No module named '?pip\b")
TOO_OLD = re.compile(r"no such option: --(?:dry-run|report)")  # before pip 22.2
UNREACHED = re.compile(r"Retrying \(|connection broken|Could not fetch URL|SSLError|not a trusted or secure host")
MISSING = re.compile(r"No matching distribution found for (.+?)(?: \(from .*)?$", re.MULTILINE)
OWN_LINE = re.compile(rf"-r \S*{re.escape(REQUIRED)} \(line (\d+)\)")
# A file of the index in the log: Found link URL (from PAGE) (requires-python:>=3.9), version: 1.0; Skipping link: …
LINK = re.compile(
    r"(?P<found>Found|Skipping) link.*?/(?P<file>[^/\s#]+\.(?:whl|tar\.gz|zip))(?:[#\s]|$)"
    r"(?:.*\(requires-python:(?P<python>[^)]*)\))?"
)


@dataclass(frozen=True)
class IndexFile:
    """A file that the index has: `python`: its Requires-Python; `serves`: a wheel for the Python that was asked for."""

    name: str
    version: Version
    is_wheel: bool
    python: str
    serves: bool

    def meets(self, requirement: Requirement) -> bool:
        """Whether it is of the package and a version that the requirement wants."""
        is_wanted = requirement.specifier.contains(self.version, prereleases=True)
        return is_wanted and self.name == canonicalize_name(requirement.name)


@dataclass(frozen=True)
class Resolution:
    """pip's answer. `no_answer`: why there is none; `missing`: the pins that no wheel serves; `complaint`: why the rest
    cannot be resolved, "" where it can; `unmet`: the requirement that pip found nowhere, where that is why; `files`:
    what the index has of the packages that pip came to, unless all is well."""

    no_answer: str = ""
    missing: tuple[Requirement, ...] = ()
    complaint: str = ""
    unmet: Requirement | None = None
    files: tuple[IndexFile, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether all of it can be installed there."""
        return not (self.no_answer or self.missing or self.complaint)


def resolve(lines: Sequence[str], options: Sequence[str]) -> Resolution:
    """What pip answers to the lines of a requirements file, with its options --python-version and --platform."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder).resolve()
        pins = _pins(lines)
        lines = sorted(
            lines, key=lambda line: (not line.startswith("-"), line not in pins)
        )  # as it stops at the others
        (here / REQUIRED).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        arguments = ["--target", str(here / "none"), "--requirement", str(here / REQUIRED), *options]
        first = _pip(arguments)
        if no_answer := _no_answer(first):
            return Resolution(no_answer)
        if first is not None and first.returncode == 0:
            return Resolution()
        return _with_stand_ins(here, arguments, lines, pins.values())


def _with_stand_ins(
    here: Path, arguments: Sequence[str], lines: Sequence[str], pins: Collection[Requirement]
) -> Resolution:
    """pip's answer where it failed without stand-ins. Only its log tells what the index has; writing that takes it a
    third more of its time."""
    page, report, log = _stand_ins(here / "stand-ins", pins), here / "report.json", here / "log.txt"
    done = _pip([*arguments, "--find-links", str(page), "--report", str(report), "--log", str(log)])
    no_answer = _no_answer(done)
    if no_answer or done is None:
        return Resolution(no_answer)
    if UNREACHED.search(done.stderr):
        return Resolution(NO_INDEX)
    text = log.read_text(encoding="utf-8", errors="replace")
    files = tuple(_files(text))
    if done.returncode:
        reached = [pin for pin in pins if quote(_stand_in(pin)) in text]
        missing = [pin for pin in reached if not any(file.serves and file.meets(pin) for file in files)]
        return Resolution("", tuple(missing), _complaint(done.stderr, lines), _unmet(done.stderr), files)
    names = _stood_in(json.loads(report.read_text(encoding="utf-8")), page.parent)
    return Resolution("", tuple(pin for pin in pins if canonicalize_name(pin.name) in names), files=files)


def _pip(arguments: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    line = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
    line += ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout", "10"]
    try:
        return subprocess.run(
            [*line, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return None


def _no_answer(done: subprocess.CompletedProcess[str] | None) -> str:
    """Why pip gave no answer at all, "" where it did."""
    if done is None:
        return "pip did not answer in time"
    if done.returncode == 0:
        return ""
    reasons = {
        NO_PIP: "pip is not installed here",
        TOO_OLD: "pip is too old here: python -m pip install --upgrade pip",
        UNREACHED: NO_INDEX,
    }
    return next((reason for pattern, reason in reasons.items() if pattern.search(done.stderr)), "")


# Stand-ins


def _pins(lines: Iterable[str]) -> dict[str, Requirement]:
    """The lines that pin one version, each with its requirement."""
    pins = {}
    for line in lines:
        with contextlib.suppress(InvalidRequirement, InvalidVersion):  # a pip option; ==1.*
            requirement = Requirement(line)
            if [each.operator for each in requirement.specifier] in (["=="], ["==="]) and _version(requirement):
                pins[line] = requirement
    return pins


def _version(pin: Requirement) -> Version:
    """The version of a pin. Raises InvalidVersion where it stands for several."""
    return Version(next(iter(pin.specifier)).version)


def _stand_in(pin: Requirement) -> str:
    """The file name of its stand-in."""
    return f"{canonicalize_name(pin.name).replace('-', '_')}-{_version(pin)}-{LEAST_TAG}.whl"


def _stand_ins(folder: Path, pins: Iterable[Requirement]) -> Path:
    """The page that lists an empty wheel for each pin; yanked, so that pip takes any other before it."""
    folder.mkdir()
    links = []
    for pin in pins:
        name = _stand_in(pin)
        links.append(f'<a href="{quote(name)}" data-yanked="stand-in">{name}</a>')
        with zipfile.ZipFile(folder / name, "w") as wheel:
            info = name.removesuffix(f"-{LEAST_TAG}.whl") + ".dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {pin.name}\nVersion: {_version(pin)}\n")
            wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {LEAST_TAG}\n")
            wheel.writestr(f"{info}/RECORD", "")
    page = folder / "index.html"
    text = "\n".join(["<!DOCTYPE html>", "<html><body>", *links, "</body></html>", ""])
    page.write_text(text, encoding="utf-8")
    return page


def _stood_in(report: dict, folder: Path) -> set[str]:
    """The packages of which pip took the stand-in, by its report (PyPA's installation report, version 1)."""
    place = f"{folder.as_uri()}/"
    chosen = [row for row in report["install"] if row["download_info"]["url"].startswith(place)]
    return {canonicalize_name(row["metadata"]["name"]) for row in chosen}


# What the report does not tell


def _unmet(complaint: str) -> Requirement | None:
    """The requirement of which pip found no version at all, where that is its complaint."""
    named = MISSING.search(complaint)
    try:
        return Requirement(named[1]) if named else None
    except InvalidRequirement:
        return None


def _complaint(text: str, lines: Sequence[str]) -> str:
    """What pip says last, with our own lines in place of the temporary file's."""
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR: ")]
    plain = [line for line in errors if not line.startswith(("ResolutionImpossible", "No matching"))]
    last = (plain or errors or text.strip().splitlines() or ["pip failed"])[-1]
    return redacted(OWN_LINE.sub(lambda match: lines[int(match[1]) - 1], last))


def _files(log: str) -> Iterator[IndexFile]:
    """The files of the index that pip looked at, from its log."""
    for line in log.splitlines():
        link = LINK.search(line)
        file = unquote(link["file"]) if link else ""
        if link is None or file.endswith(f"-{LEAST_TAG}.whl"):
            continue
        try:
            name, version = parse_wheel_filename(file)[:2] if file.endswith(".whl") else parse_sdist_filename(file)
        except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
            continue
        yield IndexFile(name, version, file.endswith(".whl"), link["python"] or "", link["found"] == "Found")
