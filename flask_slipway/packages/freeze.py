"""`inv freeze`: requirements.txt written anew from what is installed, and all that changed said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from flask_slipway import wording
from flask_slipway.config import pythonanywhere
from flask_slipway.config.settings import Settings
from flask_slipway.errors import Refusal
from flask_slipway.packages import compatibility, imports, installed, requirements
from flask_slipway.packages import known as packages_known
from flask_slipway.packages.requirements import Entry, Listing
from flask_slipway.ui import screen

KEPT = {*compatibility.LINES, "--no-binary", "--only-binary", "--prefer-binary"}
SHOWN = 20  # names in a line of what was left out


@dataclass(frozen=True)
class Frozen:
    """The new text of requirements.txt, and what is said of it, a line each; `changed`: whether it differs."""

    text: str
    told: tuple[str, ...]
    changed: bool


def freeze(known: Settings, dry: bool = False) -> Iterator[str]:
    """Writes requirements.txt, unless `dry`; says what it lists, changed and left out. Raises Refusal."""
    found = frozen(known.root, known.app)
    count = wording.count(len(requirements.parsed(known.root, found.text).names), "package")
    if not found.changed:
        yield f"Nothing to do: requirements.txt lists these {count} already."
    elif dry:
        yield f"Dry: requirements.txt would list {count}. Nothing was written."
    else:
        write(known.root, found.text)
        yield f"Wrote requirements.txt: {count}."
    for line in found.told:
        yield from screen.wrapped(line, 2)
    yield from fits(known, found.text)
    if found.changed:
        yield from wording.follow(["inv freeze" if dry else "git diff requirements.txt"])


def fits(known: Settings, text: str) -> Iterator[str]:
    """What does not fit the Python of a site, for each Python that invoke.yaml names."""
    listing = requirements.parsed(known.root, text)
    pythons = {site.virtualenv_python: site for site in known.edited if site.virtualenv_python}
    for version, site in pythons.items():
        fit = compatibility.fit(known.root, listing, version or "", site.host in pythonanywhere.HOSTS.values())
        if not (fit.refused or fit.notes):
            yield from screen.wrapped(f"{site.name}: {fit.looked}", 2)
        for line in (*fit.refused, *fit.notes):
            yield from screen.wrapped(f"note: for {site.name}: {line}", 2)


def frozen(root: Path, app: str) -> Frozen:
    """What requirements.txt should hold. Raises Refusal where the code imports what is not installed."""
    here = installed.packages()
    old = requirements.read(root)
    imported = imports.imports(root, app, imports.code(root, app))
    itself = {name for name, found in here.items() if installed.is_local(found)}
    direct = _needed(imported, old, itself)
    named = direct | (packages_known.COMPANIONS & set(here))
    named |= {"cryptography"} if "pymysql" in named else set()  # which it needs for MySQL's own way to log in
    ours = [entry for entry in old.packages if entry.name not in packages_known.TOOLS - direct]
    entries = {entry.name: entry for entry in ours if entry.name in here and _counts_here(entry)}
    wanted = {name: entries[name].extras if name in entries else set() for name in {*named, *entries}}
    needed = (installed.closure(wanted, here) & set(here)) - itself - ({"pip", "setuptools", "wheel"} - direct)
    bare = {name for name in needed if name not in entries or not _marked(entries[name])}
    kept = [entry for entry in ours if entry not in entries.values() and entry.name not in bare]
    lines = [_line(here[name], entries.get(name)) for name in needed] + [str(entry.requirement) for entry in kept]
    head = [entry.raw for entry in old.entries if entry.raw and not entry.fault and entry.option in {"", *KEPT}]
    text = "".join(f"{line}\n" for line in [*dict.fromkeys(head), *sorted(set(lines), key=str.lower)])
    path = root / requirements.FILE
    changed = not path.is_file() or path.read_bytes() != text.encode()
    told = _told(old, requirements.parsed(root, text), kept, set(here) - needed, itself)
    return Frozen(text, tuple(told), changed)


def _needed(imported: list[imports.Import], old: Listing, itself: set[str]) -> set[str]:
    """The packages that the imports name. Raises Refusal for one that is not here, or that several would bring."""
    missing = [str(found) for found in imported if not found.packages]
    if missing:
        next_lines = ["python -m pip install …  (what brings them), then  inv freeze"]
        what = "The code imports what is not installed here"
        raise Refusal(what, wording.listed(missing), next_lines)
    names = set()
    for found in imported:
        chosen = set(found.packages) & old.names or set(found.packages)
        if len(found.packages) > 1 and not chosen & old.names:
            lines = [f"{found}: {', '.join(found.packages)}"]
            next_lines = ["add the one that is meant to requirements.txt, then  inv freeze"]
            raise Refusal("Several packages bring one module", lines, next_lines)
        names |= chosen - itself
    return names


def _marked(entry: Entry) -> bool:
    return entry.requirement is not None and entry.requirement.marker is not None


def _counts_here(entry: Entry) -> bool:
    """Whether the line counts for the Python and system here, by its marker."""
    marker = entry.requirement.marker if entry.requirement else None
    return marker is None or marker.evaluate()


def _line(package: Distribution, entry: Entry | None) -> str:
    """The package as installed, with the extras and the marker that its line had."""
    wanted = entry.requirement if entry else None
    marker = f" ; {wanted.marker}" if wanted and wanted.marker else ""
    return installed.line(package, wanted.extras if wanted else ()) + marker


def _told(old: Listing, new: Listing, kept: list[Entry], rest: set[str], itself: set[str]) -> Iterator[str]:
    before, after = ({entry.name: entry for entry in listing.packages} for listing in (old, new))
    added = [after[name].text for name in sorted(after.keys() - before.keys())]
    if added:
        yield f"added: {', '.join(added)}"
    for name in sorted(after.keys() & before.keys()):
        if after[name].pin != before[name].pin:
            yield f"changed: {before[name].text} → {after[name].text}"
    if kept:
        yield f"kept as they were, not for here or not installed here: {', '.join(entry.text for entry in kept)}"
    gone = [entry.text for name, entry in sorted(before.items()) if name not in after]
    if gone:
        yield f"taken out: {', '.join(gone)}"
    for entry in old.entries:
        if entry.fault:
            yield f"taken out, {entry}: {entry.fault}"
        elif entry.option not in {"", *KEPT, "--requirement", "--constraint"}:
            yield f"taken out, {entry}"
    if old.includes:
        yield f"no longer included, all is pinned in it now: {', '.join(old.includes)}"
    if old.comments or any(entry.hashed for entry in old.packages):
        yield "comments and hashes are not kept: git has them"
    if itself:
        yield f"left out, installed from a folder here: {', '.join(sorted(itself))}"
    tools, others = sorted(rest & packages_known.TOOLS - itself), sorted(rest - packages_known.TOOLS - itself)
    if tools:
        yield f"left out, tools of development: {', '.join(tools)}"
    if others:
        yield f"left out, not needed by the app: {', '.join(wording.listed(others, SHOWN))}"


def write(root: Path, text: str) -> None:
    """Puts the new requirements.txt in the old one's place, whole or not at all; where it is a link, at its end."""
    path = (root / requirements.FILE).resolve()
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
