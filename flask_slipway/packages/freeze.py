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
from flask_slipway.packages import compatibility, imports, installed, known, requirements
from flask_slipway.packages.requirements import Entry, Listing
from flask_slipway.project import beside
from flask_slipway.ui import screen

KEPT = {*compatibility.LINES, "--no-binary", "--only-binary", "--prefer-binary"}
MOST_SHOWN = 20  # names in a line of what was left out


@dataclass(frozen=True)
class Frozen:
    """The new text of requirements.txt; its changes, a line each; whether it differs at all from the file."""

    text: str
    changes: tuple[str, ...]
    is_changed: bool


def freeze(settings: Settings, dry: bool = False) -> Iterator[str]:
    """Writes requirements.txt, unless `dry`; says what it lists, changed and left out. Raises Refusal."""
    new = frozen(settings.root, settings.app)
    count = wording.count(len(requirements.parse(settings.root, new.text).names), "package")
    if not new.is_changed:
        yield f"Nothing to do: requirements.txt lists these {count} already."
    elif dry:
        yield f"Dry: requirements.txt would list {count}. Nothing was written."
    else:
        write(settings.root, new.text)
        yield f"Wrote requirements.txt: {count}."
    for line in new.changes:
        yield from screen.wrapped(line, 2)
    yield from compatibility_notes(settings, new.text)
    if new.is_changed:
        yield from wording.follow(["inv freeze" if dry else "git diff requirements.txt"])


def compatibility_notes(settings: Settings, text: str) -> Iterator[str]:
    """What does not fit the Python of a site, for each Python that invoke.yaml names."""
    listing = requirements.parse(settings.root, text)
    pythons = {site.virtualenv_python: site for site in settings.edited if site.virtualenv_python}
    for version, site in pythons.items():
        fit = compatibility.fit(settings.root, listing, version or "", site.host in pythonanywhere.HOSTS.values())
        if not (fit.refused or fit.notes):
            yield from screen.wrapped(f"{site.name}: {fit.summary}", 2)
        for line in (*fit.refused, *fit.notes):
            yield from screen.wrapped(f"note: for {site.name}: {line}", 2)


def frozen(root: Path, app: str) -> Frozen:
    """What requirements.txt should hold. Raises Refusal where the code imports what is not installed."""
    here = installed.packages()
    old = requirements.read(root)
    imported = imports.imports(root, app, imports.app_code(root, app))
    local = {name for name, package in here.items() if installed.is_local(package)}
    direct = _imported_packages(imported, old, local)
    named = direct | (known.COMPANIONS & set(here))
    named |= {"cryptography"} if "pymysql" in named else set()  # which it needs for MySQL's own way to log in
    ours = [entry for entry in old.packages if entry.name not in known.TOOLS - direct]
    entries = {entry.name: entry for entry in ours if entry.name in here and _counts_here(entry)}
    wanted = {name: entries[name].extras if name in entries else set() for name in {*named, *entries}}
    needed = (installed.closure(wanted, here) & set(here)) - local - ({"pip", "setuptools", "wheel"} - direct)
    unmarked = {name for name in needed if name not in entries or not _has_marker(entries[name])}
    kept = [entry for entry in ours if entry not in entries.values() and entry.name not in unmarked]
    lines = [_line(here[name], entries.get(name)) for name in needed] + [str(entry.requirement) for entry in kept]
    head = [entry.raw for entry in old.entries if entry.raw and not entry.fault and entry.option in {"", *KEPT}]
    text = "".join(f"{line}\n" for line in [*dict.fromkeys(head), *sorted(set(lines), key=str.lower)])
    path = root / requirements.FILE
    is_changed = not path.is_file() or path.read_bytes() != text.encode()
    changes = _changes(old, requirements.parse(root, text), kept, set(here) - needed, local)
    return Frozen(text, tuple(changes), is_changed)


def _imported_packages(imported: list[imports.Import], old: Listing, local: set[str]) -> set[str]:
    """The packages that the imports name. Raises Refusal for one that is not here, or that several would bring."""
    missing = [str(module) for module in imported if not module.packages]
    if missing:
        next_lines = ["python -m pip install …  (what brings them), then  inv freeze"]
        what = "The code imports what is not installed here"
        raise Refusal(what, wording.listed(missing), next_lines)
    names = set()
    for module in imported:
        chosen = set(module.packages) & old.names or set(module.packages)
        if len(module.packages) > 1 and not chosen & old.names:
            lines = [f"{module}: {', '.join(module.packages)}"]
            next_lines = ["add the one that is meant to requirements.txt, then  inv freeze"]
            raise Refusal("Several packages bring one module", lines, next_lines)
        names |= chosen - local
    return names


def _has_marker(entry: Entry) -> bool:
    return entry.requirement is not None and entry.requirement.marker is not None


def _counts_here(entry: Entry) -> bool:
    """Whether the line counts for the Python and system here, by its marker."""
    marker = entry.requirement.marker if entry.requirement else None
    return marker is None or marker.evaluate()


def _line(package: Distribution, entry: Entry | None) -> str:
    """The package as installed, with the extras and the marker that its line had."""
    wanted = entry.requirement if entry else None
    marker = f" ; {wanted.marker}" if wanted and wanted.marker else ""
    return installed.requirement_line(package, wanted.extras if wanted else ()) + marker


def _changes(old: Listing, new: Listing, kept: list[Entry], left_out: set[str], local: set[str]) -> Iterator[str]:
    """What differs between the two, a line each; `left_out`: what is installed here and not listed."""
    before, after = ({entry.name: entry for entry in listing.packages} for listing in (old, new))
    added = [after[name].text for name in sorted(after.keys() - before.keys())]
    if added:
        yield f"added: {', '.join(added)}"
    for name in sorted(after.keys() & before.keys()):
        if after[name].pin != before[name].pin:
            yield f"changed: {before[name].text} → {after[name].text}"
    if kept:
        yield f"kept as they were, not for here or not installed here: {', '.join(entry.text for entry in kept)}"
    removed = [entry.text for name, entry in sorted(before.items()) if name not in after]
    if removed:
        yield f"taken out: {', '.join(removed)}"
    for entry in old.entries:
        if entry.fault:
            yield f"taken out, {entry}: {entry.fault}"
        elif entry.option not in {"", *KEPT, "--requirement", "--constraint"}:
            yield f"taken out, {entry}"
    if old.includes:
        yield f"no longer included, all is pinned in it now: {', '.join(old.includes)}"
    if old.comments or any(entry.hashed for entry in old.packages):
        yield "comments and hashes are not kept: git has them"
    if local:
        yield f"left out, installed from a folder here: {', '.join(sorted(local))}"
    tools, others = sorted(left_out & known.TOOLS - local), sorted(left_out - known.TOOLS - local)
    if tools:
        yield f"left out, tools of development: {', '.join(tools)}"
    if others:
        yield f"left out, not needed by the app: {', '.join(wording.listed(others, MOST_SHOWN))}"


def write(root: Path, text: str) -> None:
    """Puts the new requirements.txt in the old one's place, whole or not at all; where it is a link, at its end. Raises
    Refusal where that is outside of the project."""
    beside.replace(beside.inside(root, root / requirements.FILE), text.encode())
