"""The backups that are kept: found, verified against their manifest, pruned."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import re
import time
from typing import Container, Iterator, Mapping, NamedTuple, cast

from ..lib import files
from ..protocol import Manifest
from ..records import kept

MANIFEST = ".json"
RETURN = "return"  # the task of a backup of what a return replaced
NO_MANIFEST = "its manifest is not there"
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
            if not _has_manifest(folder, identifier):
                unusable[identifier] = NO_MANIFEST
            continue
        try:
            manifest = _manifest(folder, identifier, "it")
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


def _manifest(folder: str, identifier: str, what: str) -> Manifest:
    """The manifest of a backup, {} where there is none. Raises files.Damaged, kept.Newer, which calls it `what`."""
    return cast(Manifest, kept.read(os.path.join(folder, identifier + MANIFEST), what) or {})


def path_of(folder: str, manifest: Manifest) -> str:
    """Where a backup's file lies: in `folder`, whatever its manifest says."""
    return os.path.join(folder, os.path.basename(str(manifest.get("file"))))


def find(folder: str, identifier: str | None = None) -> Manifest:
    """The manifest of a backup, without an identifier the newest that is not a return's own: what a return replaced is
    the state that failed. Raises NotVerified, naming those that are like it; also where the newest is none any more,
    for nobody meant an older one: a dump that never got a manifest was none. Raises kept.Newer for one that only a
    newer version can read."""
    manifests, damaged = usable(folder), unusable(folder)
    meant = [manifest["id"] for manifest in manifests if manifest["task"] != RETURN]
    newest = max(meant + [one for one in damaged if _has_manifest(folder, one)], key=_age, default="")
    wanted = identifier or newest
    for manifest in manifests:
        if manifest["id"] == wanted:
            return manifest
    identifiers = [manifest["id"] for manifest in manifests]
    near = (difflib.get_close_matches(wanted, identifiers, 3, 0.7) if identifier else []) or identifiers[:3]
    known = "there %s: %s" % ("is" if len(near) == 1 else "are", ", ".join(near)) if near else "there is none"
    if wanted in damaged:
        with contextlib.suppress(files.Damaged):
            _manifest(
                folder, wanted, "backup %s" % wanted
            )  # why a newer version is needed, and which, is said by what reads it
        raise NotVerified("backup %s cannot be used: %s; %s" % (wanted, damaged[wanted], known))
    raise NotVerified("there is no backup %s; %s" % (wanted or "yet", known))


def _has_manifest(folder: str, identifier: str) -> bool:
    return os.path.exists(os.path.join(folder, identifier + MANIFEST))


def _age(identifier: str) -> tuple[str, int]:
    """What sorts identifiers by age: the moment, then the number behind it."""
    moment, _, number = identifier.partition("-")
    return moment, int(number or 1)


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The keys that do not have the same value in both, sorted."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


@contextlib.contextmanager
def in_the_making(path: str) -> Iterator[None]:
    """Makes the file `path` (0600), which may not be there yet, and holds it while it is written, so that nobody takes
    it for what a killed process left; removes it, unless it has another name by then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
        files.remove(path)


def _is_held(path: str) -> bool:
    """Whether a process holds the file, or may: not every file system tells."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return not os.path.islink(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def sweep(folder: str) -> None:
    """Removes what killed processes left half written."""
    by_identifier: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        by_identifier.setdefault(name.partition(".")[0], []).append(os.path.join(folder, name))
    for identifier, paths in by_identifier.items():
        left = [path for path in paths if ".part" in os.path.basename(path)]
        if left and IDENTIFIER.match(identifier) and not any(map(_is_held, paths)):
            for path in left:
                files.remove(path)


def verify(folder: str, manifest: Manifest) -> None:
    """Raises NotVerified unless the backup's file is byte for byte what its manifest says."""
    path = path_of(folder, manifest)
    if os.path.getsize(path) < manifest["bytes"]:
        raise NotVerified("backup %s is damaged: its end is missing" % manifest["id"])
    if files.sha256_file(path) != manifest["sha256"]:
        raise NotVerified("backup %s is damaged: its file is not what its manifest says" % manifest["id"])


def prune(folder: str, keep: int, spare: Container[str] = ()) -> list[str]:
    """Removes all but the newest `keep` backups, and the newest `keep` of those that returns made of what failed, which
    push out no other; never one whose id is in `spare`. And the dumps that never got a manifest, where they are older.
    Returns the ids removed."""
    removed = []
    meant: list[Manifest] = []
    returns: list[Manifest] = []
    for manifest in usable(folder):
        (returns if manifest["task"] == RETURN else meant).append(manifest)
    for identifier, why in unusable(folder).items():
        if why == NO_MANIFEST and len(meant) >= keep and _age(identifier) < _age(meant[keep - 1]["id"]):
            for name in os.listdir(folder):
                if name.partition(".")[0] == identifier:
                    files.remove(os.path.join(folder, name))
            removed.append(identifier)
    for manifest in [*meant[keep:], *returns[keep:]]:
        if manifest["id"] in spare:
            continue
        files.remove(os.path.join(folder, manifest["id"] + MANIFEST))
        files.remove(path_of(folder, manifest))
        removed.append(manifest["id"])
    return removed
