"""Putting a backup back: never over the live tables, but loaded beside, verified, and swapped in one step."""

from __future__ import annotations

import os
import shutil
from typing import Callable

from .. import protocol
from ..database.interface import Database
from ..database.mysql import MySQL
from ..database.sqlite import SQLite
from ..database.sqlite import remove as remove_sqlite
from ..protocol import Manifest
from . import compress, store


class Restorer:
    """Puts backups back into `database`. `note(what, **words)` writes to the journal before each change; `tag` is what
    the names of scratch databases and kept tables end with: it is unique to a run, and the same when that is run
    again."""

    def __init__(self, database: Database, folder: str, tag: str, note: Callable[..., None]) -> None:
        self.database, self.folder, self.tag, self.note = database, folder, tag, note

    def put_back(self, manifest: Manifest) -> str:
        """Makes the database what the backup is. Returns "beside" or "in place". Raises DatabaseError, NotVerified."""
        store.verify(self.folder, manifest)
        database = self.database
        if isinstance(database, SQLite):
            return self._sqlite(database, manifest)
        assert isinstance(database, MySQL)
        if database.can_create() and database.movable() and not manifest.get("restore_blockers"):
            return self._beside(database, manifest)
        return self._in_place(database, manifest)

    def _reader(self, manifest: Manifest) -> compress.Stream:
        path = store.path_of(self.folder, manifest)
        return compress.for_file(path).reader(path)

    def _sqlite(self, database: SQLite, manifest: Manifest) -> str:
        plain = os.path.join(self.folder, "%s.%s.part" % (manifest["id"], self.tag))
        try:
            descriptor = os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as target, self._reader(manifest) as source:
                shutil.copyfileobj(source, target, 1 << 20)
            beside = SQLite(plain)
            beside.check()
            _compare(beside, manifest)
            self.note(protocol.REPLACING, backup=manifest["id"])
            database.replace_with(plain)
        finally:
            remove_sqlite(plain)
        _compare(database, manifest)
        return "beside"

    def _beside(self, database: MySQL, manifest: Manifest) -> str:
        scratch, kept = (database.scratch_name(word + self.tag) for word in ("new_", "old_"))
        if database.exists(kept) and database.tables_of(kept):
            _compare(database, manifest)  # an earlier run was cut off after its swap
            database.drop(scratch)
            return "beside"
        for made in (scratch, kept):
            self.note(protocol.SCRATCH, database=made)
            if made == scratch:
                database.drop(scratch)
            if not database.exists(made):
                database.create(made)
        with self._reader(manifest) as source:
            database.load(source, scratch)
        beside = database.at(scratch)
        try:
            _compare(beside, manifest)
        finally:
            beside.close()
        self.note(protocol.REPLACING, backup=manifest["id"], kept=kept)
        database.fence_down()
        database.swap(scratch, kept)
        database.drop(scratch)
        _compare(database, manifest)
        return "beside"

    def _in_place(self, database: MySQL, manifest: Manifest) -> str:
        if database.can_create():
            self._try_beside(database, manifest)
        self.note(protocol.REPLACING, backup=manifest["id"], in_place=True)
        database.fence_down()
        database.empty()
        with self._reader(manifest) as source:
            database.load(source, database.name)
        _compare(database, manifest)
        return "in place"

    def _try_beside(self, database: MySQL, manifest: Manifest) -> None:
        """Sees that the backup can be loaded at all, before anything is emptied."""
        scratch = database.scratch_name("try_" + self.tag)
        self.note(protocol.SCRATCH, database=scratch)
        database.drop(scratch)
        database.create(scratch)
        try:
            with self._reader(manifest) as source:
                database.load(source, scratch)
        finally:
            database.drop(scratch)


def _compare(database: Database, manifest: Manifest) -> None:
    """Raises NotVerified unless the database has the rows that the backup has."""
    present, wanted = database.counts(), manifest["tables"]
    differing = [table for table in sorted({*present, *wanted}) if present.get(table) != wanted.get(table)]
    if differing:
        rows = ", ".join("%s: %s, not %s" % (table, present.get(table), wanted.get(table)) for table in differing[:3])
        raise store.NotVerified("backup %s, loaded beside, has other rows: %s" % (manifest["id"], rows))
