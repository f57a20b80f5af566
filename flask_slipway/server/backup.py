"""Backups: a dump counts only after it was read to its end and its rows agree; then it gets its name and manifest."""

import difflib
import os
import re
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

from . import compress, files, process

MANIFEST = ".json"
NEEDED = ("id", "file", "dialect", "revisions", "tables", "rows", "bytes", "sha256", "at", "task", "commit")
IDENTIFIER = re.compile(r"\d{8}T\d{6}Z(-\d+)?\Z")


class NotVerified(Exception):
    """A dump that is not what the database holds, or a backup that is damaged or foreign."""


def make(database, folder, about, fenced=False):
    """Makes and verifies a backup of `database` in `folder`. `about`: words for the manifest (site, commit, task…).
    `fenced`: no one can write, so all counts must agree. Returns the manifest. Raises DatabaseError, NotVerified."""
    files.folder(folder)
    way = compress.best()
    identifier = new_identifier(folder)
    kind = "sqlite" if database.dialect == "sqlite" else "sql"
    path = os.path.join(folder, "%s.%s.%s" % (identifier, kind, way.suffix))
    part = path + ".part"
    try:
        before = database.counts()
        dumped = _dump(database, way, part)
        with way.check(part) as check, ThreadPoolExecutor(1) as pool:  # it is read back while the database counts
            read = pool.submit(_to_its_end, check)
            after = database.counts()
            sha256 = files.sha256_file(part)
            files.sync(part)
            read.result()
        compared = _compare(before, dumped, after, fenced)
        manifest = dict(
            about,
            id=identifier,
            file=os.path.basename(path),
            dialect=database.dialect,
            server=database.version,
            database=database.name,
            identity=database.identity(),
            revisions=database.revisions(),
            tables=dumped,
            rows=sum(dumped.values()),
            bytes=os.path.getsize(part),
            sha256=sha256,
            compared=compared,
            hindrances=database.hindrances(),
            columns=database.columns(),
            at=time.time(),
        )
        os.rename(part, path)
        files.write_json(os.path.join(folder, identifier + MANIFEST), manifest)
    finally:
        files.remove(part)
    return manifest


def _compare(before, dumped, after, fenced):
    if before == after or fenced:
        if not before == dumped == after:
            wrong = [
                t
                for t in sorted(set(before) | set(dumped) | set(after))
                if len({before.get(t), dumped.get(t), after.get(t)}) > 1
            ]
            rows = ", ".join("%s: %s, %s, %s" % (t, before.get(t), dumped.get(t), after.get(t)) for t in wrong[:3])
            raise NotVerified("rows before, in the dump and after do not agree: %s" % rows)
        return "equal"
    return "changing, not compared"


class _Target:
    """A file object that compresses what is written into it, and can start again."""

    def __init__(self, way, path):
        self.way, self.path = way, path
        self._begin()

    def _begin(self):
        self.inner = self.way.writer(self.path)
        self.write = self.inner.write

    def seek_to_start(self):
        self.inner.close()
        self._begin()


def _dump(database, way, part):
    """Dumps into `part`; returns {table: rows}."""
    target = _Target(way, part)
    if database.dialect == "sqlite":
        plain = part + ".plain"
        try:
            dumped = database.dump(plain)
            with open(plain, "rb") as source:
                compress.copy(source, target)
        finally:
            database.forget(plain)
            target.inner.close()
        return dumped
    try:
        return database.dump(target)
    finally:
        target.inner.close()


def _to_its_end(file):
    try:
        while file.read(1 << 20):
            pass
        file.close()
    except (process.Failed, OSError, EOFError, zlib.error) as error:
        raise NotVerified("the backup does not read back as it was written: %s" % error) from error


def new_identifier(folder):
    """The moment in UTC, such as 20261120T180312Z; with -2 and so on where that is taken."""
    stem = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    taken = {name.split(".")[0] for name in os.listdir(folder)}
    identifier, number = stem, 1
    while identifier in taken:
        number += 1
        identifier = "%s-%d" % (stem, number)
    return identifier


def listed(folder):
    """The manifests in `folder`, newest first. Only what has a manifest is a backup."""
    return sorted(_sorted_out(folder)[0], key=lambda manifest: manifest["at"], reverse=True)


def unusable(folder):
    """What looks like a backup in `folder` and is none: {identifier: why}."""
    return _sorted_out(folder)[1]


def _sorted_out(folder):
    """([manifest], {identifier: why it is none})."""
    found, wrong = [], {}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        identifier, _, rest = name.partition(".")
        if not IDENTIFIER.match(identifier) or name.endswith(".part"):
            continue
        if "." + rest != MANIFEST:
            if not os.path.exists(os.path.join(folder, identifier + MANIFEST)):
                wrong[identifier] = "its manifest is not there"
            continue
        try:
            manifest = files.read_json(os.path.join(folder, name)) or {}
        except files.Damaged:
            manifest = {}
        if manifest.get("id") != identifier or any(key not in manifest for key in NEEDED):
            wrong[identifier] = "its manifest is damaged"
        elif not os.path.isfile(path_of(folder, manifest)):
            wrong[identifier] = "its file %s is not there" % manifest["file"]
        else:
            found.append(manifest)
    return found, wrong


def path_of(folder, manifest):
    return os.path.join(folder, os.path.basename(str(manifest.get("file"))))


def find(folder, identifier=None):
    """The manifest of a backup, the newest without an identifier. Raises NotVerified, naming those that are like it;
    also where the newest is none any more, for nobody meant an older one."""
    found, wrong = listed(folder), unusable(folder)
    newest = max([manifest["id"] for manifest in found] + list(wrong), key=_moment_of, default=None)
    wanted = identifier or newest
    for manifest in found:
        if manifest["id"] == wanted:
            return manifest
    there = [manifest["id"] for manifest in found]
    near = (difflib.get_close_matches(wanted, there, 3, 0.7) if identifier else []) or there[:3]
    told = "there %s: %s" % ("is" if len(near) == 1 else "are", ", ".join(near)) if near else "there is none"
    if wanted in wrong:
        raise NotVerified("backup %s cannot be used: %s; %s" % (wanted, wrong[wanted], told))
    raise NotVerified("there is no backup %s; %s" % (wanted or "yet", told))


def _moment_of(identifier):
    """What sorts identifiers by age: the moment, then the number behind it."""
    moment, _, number = identifier.partition("-")
    return moment, int(number or 1)


def verify(folder, manifest):
    """Raises NotVerified unless the backup's file is byte for byte what its manifest says."""
    path = path_of(folder, manifest)
    if os.path.getsize(path) < manifest["bytes"]:
        raise NotVerified("backup %s is damaged: its end is missing" % manifest["id"])
    if files.sha256_file(path) != manifest["sha256"]:
        raise NotVerified("backup %s is damaged: its file is not what its manifest says" % manifest["id"])


def prune(folder, keep, spare=()):
    """Removes all but the newest `keep` backups, and never one whose id is in `spare`. Returns the ids removed."""
    gone = []
    for manifest in listed(folder)[keep:]:
        if manifest["id"] in spare:
            continue
        files.remove(os.path.join(folder, manifest["id"] + MANIFEST))
        files.remove(path_of(folder, manifest))
        gone.append(manifest["id"])
    return gone
