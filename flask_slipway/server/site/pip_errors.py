"""Requirements that pip cannot install: its long answer in a few lines, and what to do about it."""

from __future__ import annotations

import re

from ..lib import disk_full, process
from ..lib.next_steps import on_server
from ..lib.outcome import Refused
from .site import Site

MISSING = re.compile(r"No matching distribution found for (.+)")
UNREACHED = re.compile(r"WARNING: Retrying \(.*(?:onnection|timed out|resolution)|Could not fetch URL")
VERSIONS = re.compile(r"\(from versions: (.*)\)")


def refusal(site: Site, error: process.Failed) -> Refused:
    """The refusal for a pip that failed."""
    text, lines = error.output, [line.strip() for line in error.output.splitlines() if line.strip()]
    again = "then  inv release --to %s" % site.name
    if "No module named pip" in text:
        return Refused(
            "the virtualenv has no pip", [site.virtualenv], [on_server(site, "python", "-m", "ensurepip"), again]
        )
    if disk_full.is_full(error):
        return Refused("there is no room for the packages", [disk_full.message(error)], disk_full.fixes(site, error))
    missing, known = MISSING.search(text), VERSIONS.search(text)
    versions = [name.strip() for name in known.group(1).split(",")] if known else []
    if UNREACHED.search(text) and versions in ([], ["none"]):
        return Refused("the package index does not answer", _why(lines), ["wait a little, %s" % again])
    if missing:
        return Refused(
            "there is no %s for the site's Python" % missing.group(1).strip(),
            ["versions there: %s" % ", ".join(versions[-4:])] if versions and versions != ["none"] else [],
            ["correct it in requirements.txt, or in the file that it includes, %s" % again],
        )
    if "ResolutionImpossible" in text or "conflicting dependencies" in text:
        begin = next((i for i, line in enumerate(lines) if line.startswith("The conflict is caused by")), len(lines))
        causes = [line for line in lines[begin + 1 :] if line.startswith("The user requested") or "depends on" in line]
        return Refused(
            "the requirements contradict each other",
            causes[:1] + causes[1:][-4:] or [line for line in lines if "Cannot install" in line][:1],
            ["correct one of them, or pip install both here and  inv freeze, %s" % again],
        )
    if "has requirement" in text or "which is not installed" in text:
        return Refused(
            "the packages would not fit together (pip check)",
            lines[:4],
            ["pip install -r requirements.txt here, then pip check, then  inv freeze, %s" % again],
        )
    return Refused("the packages cannot be installed", _why(lines), _after_build(text, again))


def _why(lines: list[str]) -> list[str]:
    """The package that failed, and the last line of its own build's output before pip's frame around it."""
    errors = [line for line in lines if line.startswith(("ERROR:", "error:")) and "subprocess-exited" not in line]
    last_output = next((lines[i - 1] for i, line in enumerate(lines) if line.startswith("[end of output]") and i), None)
    return ([last_output] if last_output else []) + (errors[-2:] or lines[-2:])


def _after_build(text: str, again: str) -> list[str]:
    if "[end of output]" in text:
        return ["choose a version that has a wheel, or another package (PyMySQL for mysqlclient), %s" % again]
    return ["correct requirements.txt, %s" % again]
