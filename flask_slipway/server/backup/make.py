"""Backups: a dump counts only after it was read to its end and its rows agree; then it gets its name and manifest."""

from __future__ import annotations

import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, cast

from ..database.interface import Contents, Counts, Database, Dumped
from ..lib import files, process
from ..protocol import Manifest
from ..records import kept
from . import compress, store

EQUAL = "equal"  # what a manifest says of a database that stayed as it was while it was dumped


def make(database: Database, folder: str, about: Manifest, fenced: bool = False) -> Manifest:
    """Makes and verifies a backup of `database` in `folder`. `about`: what the manifest says of the run: site, domain,
    task, run, who, commit, version. `fenced`: no one can write, so that its contents must stay equal. Returns the
    manifest. Raises DatabaseError, NotVerified, process.Failed, OSError."""
    files.folder(folder)
    store.sweep(folder)
    way = compress.best()
    identifier = store.new_identifier(folder)
    kind = "sqlite" if database.dialect == "sqlite" else "sql"
    path = os.path.join(folder, "%s.%s.%s" % (identifier, kind, way.suffix))
    part = path + ".part"
    with store.in_the_making(part):
        before = database.contents()
        dumped = _dump(database, way, part)
        with way.check(part) as check, ThreadPoolExecutor(1) as pool:  # it is read back meanwhile
            read = pool.submit(_read_to_end, check)
            after = database.contents()
            sha256 = files.sha256_file(part)
            files.sync(part)
            read.result()
        compared = _compare(before, dumped.rows, after, fenced)
        record = {
            **about,
            "id": identifier,
            "file": os.path.basename(path),
            "dialect": database.dialect,
            "server": database.version,
            "database": database.name,
            "identity": database.identity(),
            "revisions": database.revisions(),
            "tables": dumped.rows,
            "rows": sum(dumped.rows.values()),
            "bytes": os.path.getsize(part),
            "sha256": sha256,
            "compared": compared,
            "definitions": database.definitions(),
            "left_out": dumped.left_out,
            "restore_blockers": database.restore_blockers() + dumped.blockers,
            "notes": database.backup_notes(),
            "columns": database.columns(),
            "at": time.time(),
        }
        if compared == EQUAL:
            record["contents"] = after
        manifest = cast(Manifest, kept.stamped(record, about.get("version", "")))
        os.rename(part, path)
        files.write_json(os.path.join(folder, identifier + store.MANIFEST), manifest)
    return manifest


def counts(contents: Contents) -> Counts:
    """The rows of each table, which its digest begins with."""
    return {table: int(found.split()[0]) for table, found in contents.items()}


def _compare(before: Contents, dumped: Counts, after: Contents, fenced: bool) -> str:
    """What the manifest says of the comparison. Raises NotVerified where nobody wrote and the counts differ, and where
    somebody wrote behind the fence."""
    changed = [table for table in sorted({*before, *after}) if before.get(table) != after.get(table)]
    if changed and not fenced:
        return "changing, not compared"
    if changed:
        raise store.NotVerified("rows changed while they were dumped, behind the fence: %s" % ", ".join(changed[:3]))
    there = counts(after)
    rows = [(table, there.get(table), dumped.get(table)) for table in sorted({*there, *dumped})]
    differing = ["%s: %s, %s" % row for row in rows if row[1] != row[2]]
    if differing:
        raise store.NotVerified("rows in the database and in the dump do not agree: %s" % ", ".join(differing[:3]))
    return EQUAL


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


def _dump(database: Database, way: compress.Compressor, part: str) -> Dumped:
    """Dumps into `part`."""
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
