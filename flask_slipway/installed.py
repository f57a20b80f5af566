"""What is installed here, by the packages' own metadata: names, versions, what each needs, where it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Packages = dict[str, metadata.Distribution]


def packages() -> Packages:
    """All packages of this Python, by their name in its one spelling."""
    return {canonicalize_name(found.metadata["Name"]): found for found in metadata.distributions() if found.name}


def closure(names: Iterable[str], known: Packages) -> set[str]:
    """The installed packages of `names` with all that they need here, by their markers; extras left out."""
    found: set[str] = set()
    row = list(names)
    while row:
        name = row.pop()
        if name in found or name not in known:
            continue
        found.add(name)
        row += needs(known[name])
    return found


def needs(package: metadata.Distribution, extras: Iterable[str] = ()) -> list[str]:
    """The packages that it requires here, with the given extras."""
    found: list[str] = []
    for line in package.requires or []:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            found.append(canonicalize_name(re.split(r"[\s\[(<>=!~@;]", line.strip(), maxsplit=1)[0]))
            continue
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found.append(canonicalize_name(wanted.name))
    return found


def direct(package: metadata.Distribution) -> dict:
    """Where it was installed from, when not from an index (PEP 610)."""
    return json.loads(package.read_text("direct_url.json") or "{}")


def is_local(package: metadata.Distribution) -> bool:
    """True for what was installed from a folder or file of this machine, such as the project itself."""
    told = direct(package)
    return told.get("dir_info") is not None or told.get("url", "").startswith("file:")


def line(package: metadata.Distribution, extras: Iterable[str] = ()) -> str:
    """The package as a line of requirements.txt: pinned, or at its commit."""
    told, name = direct(package), package.metadata["Name"]
    name += f"[{','.join(sorted(extras))}]" if extras else ""
    if "vcs_info" in told:
        vcs = told["vcs_info"]
        return f"{name} @ {vcs['vcs']}+{told['url']}@{vcs['commit_id']}"
    return f"{name}=={package.version}"
