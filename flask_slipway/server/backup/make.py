"""Backups: a dump counts only after it was read to its end and its rows agree; then it gets its name and manifest."""

from __future__ import annotations

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, cast

from ..database.interface import Counts, Database
from ..lib import files, process
from ..protocol import Manifest
from ..records import kept
from . import compress, store


def make(database: Database, folder: str, about: Manifest, fenced: bool = False) -> Manifest:
    """Makes and verifies a backup of `database` in `folder`. `about`: what the manifest says of the run: site, domain,
    task, run, who, commit, version. `fenced`: no one can write, so all counts must agree. Returns the manifest. Raises
    DatabaseError, NotVerified, process.Failed, OSError."""
    files.folder(folder)
    store.sweep(folder)
    way = compress.best()
    identifier = store.new_identifier(folder)
    kind = "sqlite" if database.dialect == "sqlite" else "sql"
    path = os.path.join(folder, "%s.%s.%s" % (identifier, kind, way.suffix))
    part = path + ".part"
    with store.in_the_making(part):
        contents = database.contents()  # before the dump: so a write in between is never taken for saved
        before = database.counts()
        dumped = _dump(database, way, part)
        with way.check(part) as check, ThreadPoolExecutor(1) as pool:  # it is read back while the database counts
            read = pool.submit(_read_to_end, check)
            after = database.counts()
            sha256 = files.sha256_file(part)
            files.sync(part)
            read.result()
        compared = _compare(before, dumped, after, fenced)
        record = {
            **about,
            "id": identifier,
            "file": os.path.basename(path),
            "dialect": database.dialect,
            "server": database.version,
            "database": database.name,
            "identity": database.identity(),
            "revisions": database.revisions(),
            "tables": dumped,
            "rows": sum(dumped.values()),
            "bytes": os.path.getsize(part),
            "sha256": sha256,
            "compared": compared,
            "restore_blockers": database.restore_blockers(),
            "columns": database.columns(),
            "at": time.time(),
        }
        if compared == "equal":
            record.update(contents=contents, definitions=database.definitions())
        manifest = cast(Manifest, kept.stamped(record, about.get("version", "")))
        os.rename(part, path)
        files.write_json(os.path.join(folder, identifier + store.MANIFEST), manifest)
    return manifest


def _compare(before: Counts, dumped: Counts, after: Counts, fenced: bool) -> str:
    """What the manifest says of the comparison. Raises NotVerified where nobody wrote and the counts differ."""
    if before != after and not fenced:
        return "changing, not compared"
    tables = sorted({*before, *dumped, *after})
    rows = [(table, before.get(table), dumped.get(table), after.get(table)) for table in tables]
    differing = ["%s: %s, %s, %s" % row for row in rows if not row[1] == row[2] == row[3]]
    if differing:
        raise store.NotVerified("rows before, in the dump and after do not agree: %s" % ", ".join(differing[:3]))
    return "equal"


class _Target:
    """A file object that compresses what is written into it, and can start again."""

    def __init__(self, way: compress.Compressor, path: str) -> None:
        self.way, self.path = way, path
        self._begin()

    def _begin(self) -> None:
        self.inner = self.way.writer(self.path)
        self.write: Callable[[bytes], int] = self.inner.write

    def seek_to_start(self) -> None:
        self.inner.close()
        self._begin()


def _dump(database: Database, way: compress.Compressor, part: str) -> Counts:
    """Dumps into `part`; returns {table: rows}."""
    target = _Target(way, part)
    try:
        return database.dump(target, aside=part + ".plain")
    finally:
        target.inner.close()


def _read_to_end(file: compress.Stream) -> None:
    """Reads the stream to its end. Raises NotVerified."""
    try:
        while file.read(1 << 20):
            pass
        file.close()
    except (process.Failed, OSError, EOFError, zlib.error) as error:
        raise store.NotVerified("the backup does not read back as it was written: %s" % error) from error
