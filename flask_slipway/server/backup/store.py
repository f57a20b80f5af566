"""The backups that are kept: found, verified against their manifest, pruned."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import time
from typing import Container, NamedTuple, cast

from ..lib import files
from ..protocol import Manifest
from ..records import kept

MANIFEST = ".json"
NEEDED = ("id", "file", "dialect", "revisions", "tables", "rows", "bytes", "sha256", "at", "task", "commit")
IDENTIFIER = re.compile(r"\d{8}T\d{6}Z(-\d+)?\Z")


class NotVerified(Exception):
    """A dump that is not what the database holds, or a backup that is damaged or foreign."""


def new_identifier(folder: str) -> str:
    """The moment in UTC, such as 20261120T180312Z; with -2 and so on where that is taken."""
    stem = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    taken = {name.split(".")[0] for name in os.listdir(folder)}
    identifier, number = stem, 1
    while identifier in taken:
        number += 1
        identifier = "%s-%d" % (stem, number)
    return identifier


def usable(folder: str) -> list[Manifest]:
    """The manifests in `folder`, newest first. Only what has a manifest is a backup."""
    return sorted(_contents(folder).usable, key=lambda manifest: manifest["at"], reverse=True)


def unusable(folder: str) -> dict[str, str]:
    """What looks like a backup in `folder` and is none: {identifier: why}."""
    return _contents(folder).unusable


class _Contents(NamedTuple):
    """What lies in a folder of backups: manifests, and {identifier: why it is no backup}."""

    usable: list[Manifest]
    unusable: dict[str, str]


def _contents(folder: str) -> _Contents:
    usable: list[Manifest] = []
    unusable: dict[str, str] = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        identifier, _, rest = name.partition(".")
        if not IDENTIFIER.match(identifier) or name.endswith(".part"):
            continue
        if "." + rest != MANIFEST:
            if not os.path.exists(os.path.join(folder, identifier + MANIFEST)):
                unusable[identifier] = "its manifest is not there"
            continue
        try:
            manifest = _manifest(folder, identifier)
        except kept.Newer as error:
            unusable[identifier] = error.what
            continue
        except files.Damaged:
            manifest = {}
        if manifest.get("id") != identifier or any(key not in manifest for key in NEEDED):
            unusable[identifier] = "its manifest is damaged"
        elif not os.path.isfile(path_of(folder, manifest)):
            unusable[identifier] = "its file %s is not there" % manifest["file"]
        else:
            usable.append(manifest)
    return _Contents(usable, unusable)


def _manifest(folder: str, identifier: str) -> Manifest:
    """The manifest of a backup, {} where there is none. Raises files.Damaged, kept.Newer."""
    path = os.path.join(folder, identifier + MANIFEST)
    return cast(Manifest, kept.read(path, "backup %s" % identifier) or {})


def path_of(folder: str, manifest: Manifest) -> str:
    """Where a backup's file lies: in `folder`, whatever its manifest says."""
    return os.path.join(folder, os.path.basename(str(manifest.get("file"))))


def find(folder: str, identifier: str | None = None) -> Manifest:
    """The manifest of a backup, the newest without an identifier. Raises NotVerified, naming those that are like it;
    also where the newest is none any more, for nobody meant an older one. Raises kept.Newer for one that only a newer
    version can read."""
    manifests, damaged = usable(folder), unusable(folder)
    newest = max([manifest["id"] for manifest in manifests] + list(damaged), key=_age, default="")
    wanted = identifier or newest
    for manifest in manifests:
        if manifest["id"] == wanted:
            return manifest
    identifiers = [manifest["id"] for manifest in manifests]
    near = (difflib.get_close_matches(wanted, identifiers, 3, 0.7) if identifier else []) or identifiers[:3]
    known = "there %s: %s" % ("is" if len(near) == 1 else "are", ", ".join(near)) if near else "there is none"
    if wanted in damaged:
        with contextlib.suppress(files.Damaged):
            _manifest(folder, wanted)  # why a newer version is needed, and which, is said by what reads it
        raise NotVerified("backup %s cannot be used: %s; %s" % (wanted, damaged[wanted], known))
    raise NotVerified("there is no backup %s; %s" % (wanted or "yet", known))


def _age(identifier: str) -> tuple[str, int]:
    """What sorts identifiers by age: the moment, then the number behind it."""
    moment, _, number = identifier.partition("-")
    return moment, int(number or 1)


def verify(folder: str, manifest: Manifest) -> None:
    """Raises NotVerified unless the backup's file is byte for byte what its manifest says."""
    path = path_of(folder, manifest)
    if os.path.getsize(path) < manifest["bytes"]:
        raise NotVerified("backup %s is damaged: its end is missing" % manifest["id"])
    if files.sha256_file(path) != manifest["sha256"]:
        raise NotVerified("backup %s is damaged: its file is not what its manifest says" % manifest["id"])


def prune(folder: str, keep: int, spare: Container[str] = ()) -> list[str]:
    """Removes all but the newest `keep` backups, and never one whose id is in `spare`. Returns the ids removed."""
    removed = []
    for manifest in usable(folder)[keep:]:
        if manifest["id"] in spare:
            continue
        files.remove(os.path.join(folder, manifest["id"] + MANIFEST))
        files.remove(path_of(folder, manifest))
        removed.append(manifest["id"])
    return removed
