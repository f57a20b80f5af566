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
from ..protocol import JournalLine, Manifest
from . import compress, store


class Restorer:
    """Puts backups back into `database`. `note(what, **words)` writes to the journal before each change; `tag` is what
    the names of scratch databases and kept tables end with: it is unique to a run, and the same when that is run
    again. `begun`: the line with which an earlier attempt of that run began the exchange, or None."""

    def __init__(
        self, database: Database, folder: str, tag: str, note: Callable[..., None], begun: JournalLine | None = None
    ) -> None:
        self.database, self.folder, self.tag, self.note, self.begun = database, folder, tag, note, begun

    def put_back(self, manifest: Manifest, saved: Manifest | None = None) -> str:
        """Makes the database what the backup is. `saved`: the backup of what it replaces, with which that is compared
        where it is kept. Returns "beside" or "in place". Raises DatabaseError, NotVerified."""
        how, kept = self._exchange(manifest)
        _compare(self.database, manifest, more=True)
        whole = kept is None or (saved is not None and not unsaved(self.database, kept, saved))
        self.note(protocol.REPLACED, backup=manifest["id"], how=how, kept=kept, saved=whole)
        return how

    def _exchange(self, manifest: Manifest) -> tuple[str, str | None]:
        """The exchange itself. Returns how, and the name of the scratch database that keeps what was there."""
        database = self.database
        if self.is_exchanged(manifest):
            assert isinstance(database, MySQL)
            database.drop(self._scratch(database))
            return "beside", self._kept(database)
        store.verify(self.folder, manifest)
        if isinstance(database, SQLite):
            self._sqlite(database, manifest)
            return "beside", None
        assert isinstance(database, MySQL)
        if database.can_create() and database.movable() and not manifest.get("restore_blockers"):
            return "beside", self._beside(database, manifest)
        self._in_place(database, manifest)
        return "in place", None

    def is_exchanged(self, manifest: Manifest) -> bool:
        """Whether an earlier attempt moved the tables. That is one statement, so there is no half of it: they are in
        the kept database now, or, where there were none to move, they are gone from the scratch database."""
        database = self.database
        if not isinstance(database, MySQL) or self.begun is None or not self.begun.get("kept"):
            return False
        scratch, kept = self._scratch(database), self._kept(database)
        if not database.exists(kept):
            return False
        if database.tables_of(kept):
            return True
        return bool(manifest["tables"]) and not (database.exists(scratch) and database.tables_of(scratch))

    def _scratch(self, database: MySQL) -> str:
        return database.scratch_name("new_" + self.tag)

    def _kept(self, database: MySQL) -> str:
        return database.scratch_name("old_" + self.tag)

    def _reader(self, manifest: Manifest) -> compress.Stream:
        path = store.path_of(self.folder, manifest)
        return compress.for_file(path).reader(path)

    def _sqlite(self, database: SQLite, manifest: Manifest) -> None:
        plain = os.path.join(self.folder, "%s.%s.part" % (manifest["id"], self.tag))
        with store.in_the_making(plain):
            try:
                with open(plain, "wb") as target, self._reader(manifest) as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                beside = SQLite(plain)
                beside.check()
                _compare(beside, manifest)
                self.note(protocol.REPLACING, backup=manifest["id"])
                database.replace_with(plain)
            finally:
                remove_sqlite(plain)

    def _beside(self, database: MySQL, manifest: Manifest) -> str:
        scratch, kept = self._scratch(database), self._kept(database)
        if database.exists(kept) and database.tables_of(kept):
            raise store.NotVerified("database %s is there already, and this run has moved nothing there" % kept)
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
        return kept

    def _in_place(self, database: MySQL, manifest: Manifest) -> None:
        if database.can_create():
            self._try_beside(database, manifest)
        self.note(protocol.REPLACING, backup=manifest["id"], in_place=True)
        database.fence_down()
        database.empty()
        with self._reader(manifest) as source:
            database.load(source, database.name)

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


def is_as_saved(database: Database, manifest: Manifest) -> bool:
    """Whether the database is just what the backup is: revisions, definitions, and every value of every row. False
    where the manifest does not tell, which is so of older ones."""
    if manifest["compared"] != "equal" or "contents" not in manifest or "definitions" not in manifest:
        return False
    if database.revisions() != manifest["revisions"] or database.definitions() != manifest["definitions"]:
        return False
    return database.contents() == manifest["contents"]


def unsaved(database: Database, kept: str, manifest: Manifest) -> list[str]:
    """The tables of the scratch database `kept` that hold something else than the backup has, sorted."""
    assert isinstance(database, MySQL)
    other = database.at(kept)
    try:
        if manifest.get("contents"):
            return store.differing(other.contents(), manifest["contents"])
        return store.differing(other.counts(), manifest["tables"])
    finally:
        other.close()


def _compare(database: Database, manifest: Manifest, more: bool = False) -> None:
    """Raises NotVerified unless the database has the rows that the backup has. `more`: others may have written since,
    so that more rows are no fault, and fewer are."""
    present, wanted = database.counts(), manifest["tables"]
    differing = store.differing(present, wanted)
    if more:
        differing = [table for table in differing if present.get(table, -1) < wanted.get(table, 0)]
    if differing:
        rows = ", ".join("%s: %s, not %s" % (table, present.get(table), wanted.get(table)) for table in differing[:3])
        what = " was put back, and rows are gone already" if more else ", loaded beside, has other rows"
        raise store.NotVerified("backup %s%s: %s" % (manifest["id"], what, rows))
