"""Whether requirements.txt fits the site's Python: by what is installed here, and by pip's resolver for that Python.

pip is asked once for each state of the file: a good answer is kept in git's own folder. What pip cannot tell is said,
and stops nothing: no index reached, a package that comes as source alone, markers of what packages need in turn (pip
takes those for the Python here)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from flask_slipway import wording
from flask_slipway.packages import installed, requirements, resolve
from flask_slipway.packages.requirements import Listing
from flask_slipway.packages.resolve import IndexFile, Resolution
from flask_slipway.project import beside, git

# PythonAnywhere's machines: x86-64, glibc 2.31 at least.
GLIBC = range(31, 16, -1)
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in GLIBC), "manylinux2014_x86_64", "linux_x86_64")
LINES = {"--extra-index-url", "--index-url", "--find-links", "--no-index", "--pre", "--trusted-host"}


@dataclass(frozen=True)
class Fit:
    """`summary`: what was looked at, or why not; `refused`: what cannot be installed there; `notes`: what is unsure."""

    summary: str
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Absence:
    """Why a requirement has no wheel, and whether that stops a release."""

    text: str
    stops: bool


def fit(root: Path, listing: Listing, version: str, on_host: bool, tell: Callable[[str], None] = print) -> Fit:
    """How the listing fits Python `version` (3.10, or 3.10.12). `on_host`: the site is a host like PythonAnywhere,
    not this machine; `tell` gets a line before pip is asked."""
    wrong = by_metadata(listing, version)
    if wrong:
        return Fit(f"by what is installed here, for Python {version}", tuple(wrong))
    lines = required_lines(listing, version)
    options = ["--python-version", version, *(f"--platform={name}" for name in PLATFORMS if on_host)]
    key = hashlib.sha256(json.dumps(["".join(f"{line}\n" for line in lines), options]).encode()).hexdigest()
    if key in _known_good(root):
        return Fit(f"pip resolved it for Python {version}, and it has not changed since")
    tell(f"Asking pip whether requirements.txt fits Python {version}…")
    answer = resolve.resolve(lines, options)
    if answer.is_good:
        _remember(root, key)
    return assess(answer, lines, version)


def by_metadata(listing: Listing, version: str) -> list[str]:
    """The pins whose package, installed here in that version, says that it does not run on Python `version`."""
    known, wrong = installed.packages(), []
    for entry in listing.packages:
        package = known.get(entry.name)
        if package is None or not entry.is_version(package.version) or not requirements.applies(entry, version):
            continue
        specifier = package.metadata["Requires-Python"] or ""
        if specifier and not allows(specifier, version):
            wrong.append(f"{entry}: needs Python {specifier}")
    return wrong


def allows(specifier: str, version: str) -> bool:
    """Whether a Requires-Python lets in Python `version`: 3.10 stands for every 3.10.x, "" lets in all."""
    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        return True
    exact = [version] if version.count(".") == 2 else [f"{version}.{micro}" for micro in (0, 99)]
    return any(allowed.contains(text, prereleases=True) for text in exact)


def required_lines(listing: Listing, version: str) -> list[str]:
    """What pip is to resolve: the lines that count on the site, without markers and hashes."""
    lines = [entry.raw for entry in listing.entries if entry.option in LINES and not entry.fault]
    for entry in listing.packages:
        if entry.requirement is not None and not entry.requirement.url and requirements.applies(entry, version):
            lines.append(re.sub(r"\s*;.*", "", str(entry.requirement)))
    return lines


def assess(answer: Resolution, lines: Sequence[str], version: str) -> Fit:
    """What pip's answer to `lines` means for a site of Python `version`. What packages need in turn stops only where
    pip's own Python is the site's, for it takes their markers for that."""
    if answer.no_answer:
        return Fit(f"not looked for: {answer.no_answer}")
    absences = [absence for pin in answer.missing if (absence := explain(pin, answer.files, version))]
    names = [canonicalize_name(Requirement(line).name) for line in lines if not line.startswith("-")]
    if not answer.complaint:
        many = wording.count(len(names) - len(absences), "line")
        return _fit(f"pip resolved {many} for Python {version}, without building anything", absences)
    unmet = explain(answer.unmet, answer.files, version) if answer.unmet else None
    cause = unmet or Absence(answer.complaint, True)
    own = unmet is not None and answer.unmet is not None and canonicalize_name(answer.unmet.name) in names
    if cause.stops and not (own or is_certain(version)):
        cause = Absence(f"{cause.text} (for the Python here, as far as markers go)", False)
    return _fit(f"pip cannot resolve it for Python {version}", [*absences, cause])


def _fit(summary: str, absences: Sequence[Absence]) -> Fit:
    refused, notes = ([each.text for each in absences if each.stops is stops] for stops in (True, False))
    return Fit(summary, tuple(dict.fromkeys(refused)), tuple(dict.fromkeys(notes)))


def is_certain(version: str) -> bool:
    """Whether markers mean on the site what they mean to the pip here."""
    return sys.platform == "linux" and version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]


def explain(wanted: Requirement, files: Sequence[IndexFile], version: str) -> Absence | None:
    """Why the index has no wheel for a requirement, by the files that it has; None where it has one, so that what
    other packages need is in the way."""
    there = [file for file in files if file.name == canonicalize_name(wanted.name)]
    fitting = [file for file in there if file.meets(wanted)]
    open_to = [file for file in fitting if allows(file.python, version)]
    if any(file.serves for file in fitting):
        return None
    if not there:
        return Absence(f"{wanted}: not on the index that is reached from here", False)
    if fitting and not open_to:
        return Absence(f"{wanted}: needs Python {fitting[-1].python}", True)
    if any(not file.is_wheel for file in open_to):
        text = f"no wheel for Python {version}, only its source; whether that builds there was not looked at"
        return Absence(f"{wanted}: {text}", False)
    return Absence(f"{wanted}: the index has no such version for Python {version}", True)


def _cache_file(root: Path) -> Path | None:
    """Where good answers are kept: git's own folder of this working copy."""
    path = git.quietly(root, "rev-parse", "--git-path", "slipway-fits.json")
    return root / path if path else None


def _known_good(root: Path) -> list[str]:
    path = _cache_file(root)
    with contextlib.suppress(OSError, ValueError):
        return list(json.loads(path.read_text(encoding="utf-8"))) if path else []
    return []


def _remember(root: Path, key: str) -> None:
    path = _cache_file(root)
    if path:
        beside.replace(path, json.dumps([*_known_good(root), key][-20:]).encode())
