"""Putting a backup back: never over the live tables, but loaded beside, verified, and swapped in one step."""

from __future__ import annotations

import os
import shutil
from typing import Callable

from .. import protocol
from ..database import dump_lines
from ..database.interface import Columns, Contents, Database
from ..database.mysql import MySQL
from ..database.sqlite import SQLite
from ..database.sqlite import remove as remove_sqlite
from ..protocol import JournalLine, Manifest
from . import compress, make, store
from .in_place import InPlace

BY_NAME = ("view", "trigger", "routine")  # what is made anew: it holds no rows, and names its tables
ALL_BY_NAME = (*BY_NAME, "event", "sequence")


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
        store.verify(self.folder, manifest)
        exchanged = self.is_exchanged(manifest)
        how, kept = self._exchange(manifest, exchanged)
        if not exchanged:  # else others have written since, and may have removed rows
            _compare(self.database, manifest)
        whole = kept is None or (saved is not None and not unsaved(self.database, kept, saved))
        self.note(protocol.REPLACED, backup=manifest["id"], how=how, kept=kept, saved=whole)
        return how

    def _exchange(self, manifest: Manifest, exchanged: bool) -> tuple[str, str | None]:
        """The exchange itself, unless it is `exchanged`. Returns how, and the name of the scratch database that keeps
        what was there."""
        database = self.database
        if isinstance(database, SQLite):
            self._sqlite(database, manifest)
            return "beside", None
        assert isinstance(database, MySQL)
        if (self.begun or {}).get("kept") if exchanged else database.can_create():
            if not exchanged:
                self._beside(database, manifest)
            self._define(database, manifest)
            database.drop(self._scratch(database))
            return "beside", self._kept(database)
        if not exchanged:
            self._in_place(database, manifest)
        database.fence_down()
        with self._reader(manifest) as source:
            InPlace(database, self.tag).finish(source)
        self._define(database, manifest)
        return "in place", None

    def is_exchanged(self, manifest: Manifest) -> bool:
        """Whether an earlier attempt moved the tables. That is one statement, so there is no half of it: they are in
        the kept database now, or, where there were none to move, they are gone from where they were loaded."""
        database, begun = self.database, self.begun or {}
        if not isinstance(database, MySQL):
            return False
        if begun.get("aside"):
            return bool(manifest["tables"]) and not InPlace(database, self.tag).is_loaded()
        scratch, kept = self._scratch(database), self._kept(database)
        if not begun.get("kept") or not database.exists(kept):
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
        remove_sqlite(plain)  # what an attempt of this run left that was killed
        with store.in_the_making(plain):
            try:
                with open(plain, "r+b") as target, self._reader(manifest) as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                beside = SQLite(plain)
                beside.check()
                _compare_loaded(manifest, beside.contents(), beside.columns(), database.version)
                self.note(protocol.REPLACING, backup=manifest["id"])
                database.replace_with(plain)
            finally:
                remove_sqlite(plain)

    def _beside(self, database: MySQL, manifest: Manifest) -> None:
        scratch, kept = self._scratch(database), self._kept(database)
        if database.exists(kept) and database.tables_of(kept):
            raise store.NotVerified("database %s is there already, and this run has moved nothing there" % kept)
        for made in (scratch, kept):
            self.note(protocol.SCRATCH, database=made)
            if made == scratch:
                database.drop(scratch)
            if not database.exists(made):
                database.create(made)
        without = [dump_lines.EVENT]  # they would begin to run there
        if manifest.get("left_out"):
            without.append(dump_lines.DEFINED)  # views may use what is not there
        with self._reader(manifest) as source:
            database.load(source, scratch, without)
        beside = database.at(scratch)
        try:
            _compare_loaded(manifest, beside.contents(), beside.columns(), database.version)
            self.note(protocol.REPLACING, backup=manifest["id"], kept=kept)
            database.fence_down()
            for side in (database, beside):  # a table that has triggers cannot move to another database
                side.undefine(("trigger",))
        finally:
            beside.close()
        database.swap(scratch, kept)

    def _in_place(self, database: MySQL, manifest: Manifest) -> None:
        tables = InPlace(database, self.tag)
        self.note(protocol.LOADING, tables=tables.new)
        database.fence_down()
        with self._reader(manifest) as source:
            tables.load(source)
        try:
            _compare_loaded(manifest, tables.contents(), tables.columns(), database.version)
        except store.NotVerified:
            tables.forget()
            raise
        self.note(protocol.REPLACING, backup=manifest["id"], aside=True)
        tables.exchange()

    def _define(self, database: MySQL, manifest: Manifest) -> None:
        """Views, triggers, routines and events as the backup has them, and none else; what it left out stays as it is.
        Run twice, the second finds the same."""
        database.fence_down()
        told = manifest.get("definitions")  # a manifest without them is older, and events are in no such backup
        stays = database.undefine(BY_NAME if told is None else ALL_BY_NAME, manifest.get("left_out", []))
        with self._reader(manifest) as source:
            database.load(source, database.name, (dump_lines.TABLE,), stays)
        if told is not None:
            database.take_charset(told["database"])


def is_as_saved(database: Database, manifest: Manifest) -> bool:
    """Whether the database is just what the backup is: revisions, definitions, and every value of every row. False
    where the manifest does not tell, which is so of older ones."""
    if manifest["compared"] != make.EQUAL or "contents" not in manifest or "definitions" not in manifest:
        return False
    if database.revisions() != manifest["revisions"] or database.definitions() != manifest["definitions"]:
        return False
    return database.contents() == manifest["contents"]


def unsaved(database: Database, kept: str, manifest: Manifest) -> list[str]:
    """The tables of the scratch database `kept` that hold something else than the backup has, or may, as the backup was
    made while others wrote; sorted."""
    assert isinstance(database, MySQL)
    other = database.at(kept)
    try:
        if manifest.get("contents"):
            return store.differing(other.contents(), manifest["contents"])
        return other.tables()
    finally:
        other.close()


def _compare_loaded(manifest: Manifest, contents: Contents, columns: Columns, server: str) -> None:
    """Raises NotVerified unless what was loaded has the rows that the backup has: as many, and where they are told,
    for a table of the same form on the same server, with the same values."""
    present = make.counts(contents)
    _refuse(manifest, ", loaded beside, has other rows", store.differing(present, manifest["tables"]), present)
    if manifest.get("server") != server:
        return
    told, types = manifest.get("contents") or {}, manifest.get("columns", {})
    others = [t for t in sorted(told) if told[t] != contents[t] and types.get(t) == columns.get(t)]
    if others:
        what = "backup %s, loaded beside, has other values than were backed up" % manifest["id"]
        raise store.NotVerified("%s: %s" % (what, ", ".join(others[:3])))


def _compare(database: Database, manifest: Manifest) -> None:
    """Raises NotVerified unless the database has the rows that the backup has. Others may have written since, so that
    more rows are no fault, and fewer are."""
    present, wanted = database.counts(), manifest["tables"]
    fewer = [t for t in store.differing(present, wanted) if present.get(t, -1) < wanted.get(t, 0)]
    _refuse(manifest, " was put back, and rows are gone already", fewer, present)


def _refuse(manifest: Manifest, what: str, differing: list[str], present: dict[str, int]) -> None:
    if differing:
        wanted = manifest["tables"]
        rows = ", ".join("%s: %s, not %s" % (table, present.get(table), wanted.get(table)) for table in differing[:3])
        raise store.NotVerified("backup %s%s: %s" % (manifest["id"], what, rows))
