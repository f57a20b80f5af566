"""What is installed here, by the packages' own metadata: names, versions, what each needs, where it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Packages = dict[str, metadata.Distribution]


def packages() -> Packages:
    """All packages of this Python, by their name in its one spelling; of two with one name that which Python imports,
    the first on its path."""
    first: Packages = {}
    for package in metadata.distributions():
        if package.name:
            first.setdefault(canonicalize_name(package.name), package)
    return first


def closure(wanted: Mapping[str, Iterable[str]], known: Packages) -> set[str]:
    """The packages `wanted`, each with its extras, and all that they need here, by their markers; also what is needed
    and not installed."""
    needed: dict[str, set[str]] = {}
    queue = [(name, {*extras}) for name, extras in wanted.items()]
    while queue:
        name, extras = queue.pop()
        if name in needed and extras <= needed[name]:
            continue
        needed.setdefault(name, set()).update(extras)
        if name in known:
            queue += dependencies(known[name], extras)
    return {*needed}


def dependencies(package: metadata.Distribution, extras: Iterable[str] = ()) -> list[tuple[str, set[str]]]:
    """The packages that it requires here, with the given extras: (name, the extras that it wants of that)."""
    required: list[tuple[str, set[str]]] = []
    for line in package.requires or []:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            required.append((canonicalize_name(re.split(r"[\s\[(<>=!~@;]", line.strip(), maxsplit=1)[0]), set()))
            continue
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            required.append((canonicalize_name(wanted.name), wanted.extras))
    return required


def direct_url(package: metadata.Distribution) -> dict:
    """Where it was installed from, when not from an index (PEP 610)."""
    return json.loads(package.read_text("direct_url.json") or "{}")


def is_local(package: metadata.Distribution) -> bool:
    """True for what was installed from a folder or file of this machine, such as the project itself. What conda
    installed is not, though it names the folder where it was built, nor is what names a folder that is gone."""
    origin = direct_url(package)
    if (package.read_text("INSTALLER") or "").strip() == "conda":
        return False
    if origin.get("dir_info") is not None:
        return Path(url2pathname(urlsplit(origin["url"]).path)).is_dir()
    return origin.get("url", "").startswith("file:")


def requirement_line(package: metadata.Distribution, extras: Iterable[str] = ()) -> str:
    """The package as a line of requirements.txt: pinned, at its commit, or at the address of its file."""
    origin, name = direct_url(package), package.metadata["Name"]
    name += f"[{','.join(sorted(extras))}]" if extras else ""
    folder = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"{name} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}{folder}"
    if "archive_info" in origin and not origin["url"].startswith("file:"):
        return f"{name} @ {origin['url']}{folder}"
    return f"{name}=={package.version}"
