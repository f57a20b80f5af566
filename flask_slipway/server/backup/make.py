"""Backups: a dump counts only after it was read to its end and its rows agree; then it gets its name and manifest."""

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

from ..lib import files, process
from . import compress, store


def make(database, folder, about, fenced=False):
    """Makes and verifies a backup of `database` in `folder`. `about`: words for the manifest (site, commit, task…).
    `fenced`: no one can write, so all counts must agree. Returns the manifest. Raises DatabaseError, NotVerified."""
    files.folder(folder)
    way = compress.best()
    identifier = store.new_identifier(folder)
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
        files.write_json(os.path.join(folder, identifier + store.MANIFEST), manifest)
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
            raise store.NotVerified("rows before, in the dump and after do not agree: %s" % rows)
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
        raise store.NotVerified("the backup does not read back as it was written: %s" % error) from error
