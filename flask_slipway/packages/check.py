"""What requirements.txt brings, against what the code needs and the site can install: each a Finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from flask_slipway import wording
from flask_slipway.config import pythonanywhere
from flask_slipway.config.settings import Site
from flask_slipway.packages import compatibility, imports, installed, known, requirements
from flask_slipway.packages.finding import Finding
from flask_slipway.packages.imports import Import
from flask_slipway.packages.requirements import Listing
from flask_slipway.project import dotenv

SUBJECT = "packages"
MOST_SHOWN = 8  # how many lines of one finding are shown


def look(root: Path, app: str, site: Site | None) -> Iterator[Finding]:
    """All that is to be known of requirements.txt before a release to `site` (None: to no certain one)."""
    if not (root / requirements.FILE).is_file():
        yield Finding(SUBJECT, "there is no requirements.txt", True, (), ("inv freeze",))
        return
    listing = requirements.read(root)
    version = (site.virtualenv_python if site else None) or ""
    faults = listing.faults(version)
    if faults:
        text = "requirements.txt has lines that a server cannot install"
        yield Finding(SUBJECT, text, True, _shown(faults), ("inv freeze  writes it anew",))
        return
    imported: list[Import] = []
    if imports.can_look():
        trees, provided = imports.app_code(root, app), provided_packages(listing)
        imported = imports.imports(root, app, trees)
        findings = [*missing_packages(imported, provided), *_missing_drivers(root, trees, provided, site)]
    else:
        text = "note: not looked for what the code imports: deptry is not installed"
        findings = [Finding(SUBJECT, text, False, ("python -m pip install deptry",))]
    findings += incompatible(root, listing, site)
    if imports.can_look() and not any(finding.stops for finding in findings):
        yield Finding(SUBJECT, "requirements.txt brings what the code imports")
    yield from findings
    yield from warnings(listing, version, imported)


def missing_packages(imported: Sequence[Import], provided: set[str]) -> Iterator[Finding]:
    """The modules that the code imports and none of the packages that requirements.txt provides brings."""
    missing = [module for module in imported if not provided & providers(module)]
    if missing:
        is_unknown = any(not module.packages for module in missing)
        install = ("python -m pip install …  (what brings it), then",) if is_unknown else ()
        next_lines = (
            *install,
            "inv freeze",
            "or, where the app can do without: import it in try: … except ImportError:",
        )
        text = "the code imports what requirements.txt does not bring"
        yield Finding(SUBJECT, text, True, _shown(list(map(str, missing))), next_lines)


def provided_packages(listing: Listing) -> set[str]:
    """The packages that are listed, with what they and their extras need, as far as they are installed here. Of those
    that are not, an extra that is named like a database driver counts as that."""
    here = installed.packages()
    wanted: dict[str, set[str]] = {}
    for entry in listing.packages:
        wanted.setdefault(entry.name, set()).update(entry.extras)
    unknown = [extra for name in wanted.keys() - here.keys() for extra in wanted[name]]
    drivers = {known.driver_package(extra) for extra in unknown} - {""}
    return drivers | installed.closure(wanted, here)


def providers(module: Import) -> set[str]:
    """The packages of which each would bring the module; its own name where none is known here."""
    return set(module.packages) or {canonicalize_name(module.module)}


def _missing_drivers(root: Path, trees: imports.Trees, provided: set[str], site: Site | None) -> Iterator[Finding]:
    """Database drivers that only an URL names. One in the site's env: or in .env stops; one in the code may be meant
    for another place, and is noted."""
    configured = {known.driver(value): f"{name} in .env" for name, value in dotenv.values(root).items()}
    if site is not None:
        configured |= {known.driver(value): f"env: of {site.name} in invoke.yaml" for value in site.env.values()}
    for driver, place in {**imports.drivers(trees), **configured}.items():
        packages = known.DRIVERS.get(driver, ())
        if packages and not provided & set(packages):
            stops = driver in configured
            text = f"{place} names the driver of {packages[0]}, which requirements.txt does not bring"
            install = (f"python -m pip install {packages[0]}", "then  inv freeze")
            yield Finding(SUBJECT, text if stops else f"note: {text}", stops, (), install)


def incompatible(root: Path, listing: Listing, site: Site | None) -> Iterator[Finding]:
    """What cannot be installed for the site's Python."""
    if site is None:
        return
    if not site.virtualenv_python:
        text = f"not compared with the site's: set virtualenv_python, which fab {site.name}.check tells"
        yield Finding("python", text)
        return
    fit = compatibility.fit(root, listing, site.virtualenv_python, site.host in pythonanywhere.HOSTS.values())
    if fit.refused:
        text = f"requirements.txt does not fit Python {site.virtualenv_python} of {site.name}"
        next_lines = (
            f"python -m pip install  versions that run on {site.virtualenv_python}, then  inv freeze",
            "or, if the site has another Python: correct  virtualenv_python:  in invoke.yaml",
        )
        yield Finding("python", text, True, _shown([*fit.refused, *fit.notes]), next_lines)
    elif fit.notes:
        yield Finding("python", f"note: {fit.summary}, but", False, _shown(fit.notes))
    else:
        yield Finding("python", fit.summary)


def warnings(listing: Listing, version: str, imported: Sequence[Import]) -> Iterator[Finding]:
    """What works and had better not be so. A tool of development that the code imports is none."""
    unneeded = known.TOOLS.difference(*(module.packages for module in imported))
    tools = [str(entry) for entry in listing.packages if entry.name in unneeded]
    if tools:
        text = "note: requirements.txt lists tools of development; inv freeze leaves them out"
        yield Finding(SUBJECT, text, False, _shown(tools))
    unpinned = listing.unpinned()
    if unpinned:
        text = "note: not pinned, so that each installation may bring another version; inv freeze pins"
        yield Finding(SUBJECT, text, False, _shown([", ".join(unpinned)]))
    duplicates = listing.duplicates(version)
    if duplicates:
        yield Finding(SUBJECT, "note: listed twice", False, _shown(duplicates))
    mismatches = _version_mismatches(listing)
    if mismatches:
        text = "note: other versions are installed here than are listed; pip install -r requirements.txt, or inv freeze"
        yield Finding(SUBJECT, text, False, _shown(mismatches))


def _version_mismatches(listing: Listing) -> list[str]:
    """The pins whose package is installed here in another version."""
    here = installed.packages()
    return [
        f"{entry}, {here[entry.name].version} here"
        for entry in listing.packages
        if entry.pin and entry.name in here and requirements.applies(entry)
        if not entry.is_version(here[entry.name].version)
    ]


def _shown(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(wording.listed(lines, MOST_SHOWN))
