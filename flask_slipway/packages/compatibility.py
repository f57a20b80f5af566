"""Whether requirements.txt fits the site's Python: by what is installed here, and by pip's resolver for that Python.

pip is asked once for each state of the file: a good answer is kept in git's own folder. What pip cannot tell is said,
and stops nothing: no index reached, a package that comes as source alone, markers of what packages need in turn (pip
takes those for the Python here)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from flask_slipway import wording
from flask_slipway.packages import installed, requirements
from flask_slipway.packages.requirements import Listing
from flask_slipway.project import git

# PythonAnywhere's machines: x86-64, glibc 2.31 at least.
GLIBC = range(31, 16, -1)
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in GLIBC), "manylinux2014_x86_64", "linux_x86_64")
LINES = {"--extra-index-url", "--index-url", "--find-links", "--no-index", "--pre", "--trusted-host"}
ROUNDS = 6
PATIENCE = 180  # seconds for one call of pip
UNREACHED = re.compile(r"Retrying \(|connection broken|Could not fetch URL|SSLError|not a trusted or secure host")
NO_PIP = re.compile(r"No module named '?pip\b")
MISSING = re.compile(r"No matching distribution found for (\S+)")
IGNORED = re.compile(r"require a different python version: (.*)")


@dataclass(frozen=True)
class Fit:
    """`looked`: what was looked at, or why not; `refused`: what cannot be installed there; `notes`: what is unsure."""

    looked: str
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def fit(root: Path, listing: Listing, version: str, elsewhere: bool, tell: Callable[[str], None] = print) -> Fit:
    """How the listing fits Python `version` (3.10, or 3.10.12). `elsewhere`: the site is a host like PythonAnywhere,
    not this machine; `tell` gets a line before pip is asked."""
    wrong = by_metadata(listing, version)
    if wrong:
        return Fit(f"by what is installed here, for Python {version}", tuple(wrong))
    text = wanted(listing, version)
    options = ["--python-version", version, *(f"--platform={name}" for name in PLATFORMS if elsewhere)]
    key = hashlib.sha256(json.dumps([text, options]).encode()).hexdigest()
    if key in _kept(root):
        return Fit(f"pip resolved it for Python {version}, and it has not changed since")
    tell(f"Asking pip whether requirements.txt fits Python {version}…")
    found = by_pip(text, version, options)
    if not found.refused and not found.notes and found.looked.startswith("pip resolved"):
        _keep(root, key)
    return found


def by_metadata(listing: Listing, version: str) -> list[str]:
    """The pins whose package, installed here in that version, says that it does not run on Python `version`."""
    known, wrong = installed.packages(), []
    for entry in listing.packages:
        package = known.get(entry.name)
        if package is None or not entry.is_version(package.version) or not requirements.applies(entry, version):
            continue
        wants = package.metadata["Requires-Python"] or ""
        if wants and not takes(wants, version):
            wrong.append(f"{entry}: needs Python {wants}")
    return wrong


def takes(wants: str, version: str) -> bool:
    """Whether a Requires-Python lets in Python `version`: 3.10 stands for every 3.10.x."""
    try:
        allowed = SpecifierSet(wants)
    except InvalidSpecifier:
        return True
    exact = [version] if version.count(".") == 2 else [f"{version}.{micro}" for micro in (0, 99)]
    return any(allowed.contains(text, prereleases=True) for text in exact)


def wanted(listing: Listing, version: str) -> str:
    """What pip is to resolve: the lines that count on the site, without markers and hashes."""
    lines = [entry.raw for entry in listing.entries if entry.option in LINES and not entry.fault]
    for entry in listing.packages:
        if entry.requirement is not None and requirements.applies(entry, version):
            lines.append(re.sub(r"\s*;.*", "", str(entry.requirement)) if not entry.requirement.url else "")
    return "".join(f"{line}\n" for line in lines if line)


def by_pip(text: str, version: str, options: Sequence[str]) -> Fit:
    """pip's answer, pin by pin: what it cannot find is judged and taken out, until the rest resolves."""
    certain = sys.platform == "linux" and version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    fit, lines = Fit(""), text.splitlines()
    for _ in range(ROUNDS):
        done = _resolve("\n".join(lines), options)
        if done is None:
            return replace(fit, looked="not looked for: pip did not answer in time")
        if NO_PIP.search(done.stderr):
            return replace(fit, looked="not looked for: pip is not installed here")
        if done.returncode == 0:
            many = wording.count(len(lines), "line")
            return replace(fit, looked=f"pip resolved {many} for Python {version}, without building anything")
        failed = MISSING.search(done.stderr)
        if UNREACHED.search(done.stderr):
            return replace(fit, looked="not looked for: no index reached")
        name = canonicalize_name(re.split(r"[\[=<>!~;@]", failed[1])[0]) if failed else ""
        own = [line for line in lines if _name(line) == name and "==" in line]
        if failed is None or not own:
            told = _last_error(done.stderr, lines)
            return replace(fit, looked=f"pip cannot resolve it for Python {version}", **_judged(fit, told, certain))
        fit = _missing(fit, own[0], done.stderr, version, options)
        lines = [line for line in lines if line not in own]
    return replace(fit, looked=f"for Python {version}, as far as pip came")


def _name(line: str) -> str:
    return "" if line.startswith("-") else canonicalize_name(re.split(r"[\[=<>!~;@\s]", line)[0])


def _judged(fit: Fit, told: str, certain: bool) -> dict[str, tuple[str, ...]]:
    if certain:
        return {"refused": (*fit.refused, told)}
    return {"notes": (*fit.notes, f"{told} (for the Python here, as far as markers go)")}


def _missing(fit: Fit, pin: str, stderr: str, version: str, options: Sequence[str]) -> Fit:
    """The fit with the judgement on a pin of which pip finds no wheel."""
    name, _, wants = pin.partition("==")
    ignored = IGNORED.search(stderr)
    for other in (ignored[1] if ignored else "").split("; "):
        if other.startswith(f"{wants} Requires-Python"):
            return replace(fit, refused=(*fit.refused, f"{pin}: needs Python {other.split('Requires-Python ')[1]}"))
    there = _versions(re.sub(r"\[.*", "", name), options)
    if there is None:
        return replace(fit, notes=(*fit.notes, f"{pin}: not on the index that is reached from here"))
    if wants not in there:
        return replace(fit, refused=(*fit.refused, f"{pin}: the index has no such version for Python {version}"))
    text = f"{pin}: no wheel for Python {version}, only its source; whether that builds there was not looked at"
    return replace(fit, notes=(*fit.notes, text))


def _resolve(text: str, options: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "wanted.txt")
        path.write_text(text + "\n", encoding="utf-8")
        line = ["install", "--dry-run", "--ignore-installed", "--target", str(Path(folder, "none"))]
        return _pip([*line, "--only-binary", ":all:", *options, "--requirement", str(path)])


def _versions(name: str, options: Sequence[str]) -> list[str] | None:
    """The versions that the index has for the site's Python, source or wheel; None where it has none."""
    done = _pip(["index", "versions", name, "--pre", *options])
    found = re.search(r"Available versions: (.*)", done.stdout) if done and done.returncode == 0 else None
    return found[1].split(", ") if found else None


def _pip(arguments: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    line = [sys.executable, "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check"]
    quiet = ["--quiet"] if arguments[0] == "install" else []
    try:
        return subprocess.run(
            [*line, *quiet, "--retries", "1", "--timeout", "10"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return None


def _last_error(stderr: str, lines: Sequence[str]) -> str:
    """What pip says last, with our own lines in place of the temporary file's."""
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    told = [line for line in errors if not line.startswith(("ResolutionImpossible", "No matching"))]
    text = (told or errors or stderr.strip().splitlines() or ["pip failed"])[-1]
    own = re.compile(r"-r \S*wanted\.txt \(line (\d+)\)")
    return requirements.covered(own.sub(lambda match: lines[int(match[1]) - 1], text))


def _store(root: Path) -> Path | None:
    """Where good answers are kept: git's own folder of this working copy."""
    path = git.quietly(root, "rev-parse", "--git-path", "slipway-fits.json")
    return root / path if path else None


def _kept(root: Path) -> list[str]:
    path = _store(root)
    with contextlib.suppress(OSError, ValueError):
        return list(json.loads(path.read_text(encoding="utf-8"))) if path else []
    return []


def _keep(root: Path, key: str) -> None:
    path = _store(root)
    if path:
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps([*_kept(root), key][-20:]), encoding="utf-8")
        part.replace(path)
