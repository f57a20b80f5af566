"""Putting a backup back: never over the live tables, but loaded beside, verified, and swapped in one step."""

import os

from ..database.sqlite import SQLite
from . import compress, store


class Restorer:
    """Puts backups back into `database`. `note(what, **words)` writes to the journal before each change; `kept_tag`
    names where replaced tables go, `tag` the scratch database: both unique to a run."""

    def __init__(self, database, folder, tag, note):
        self.database, self.folder, self.tag, self.note = database, folder, tag, note

    def put_back(self, manifest):
        """Makes the database what the backup is. Returns "beside" or "in place". Raises DatabaseError, NotVerified."""
        store.verify(self.folder, manifest)
        if manifest["dialect"] == "sqlite":
            return self._sqlite(manifest)
        if self.database.can_create() and self.database.movable() and not manifest.get("hindrances"):
            return self._beside(manifest)
        return self._in_place(manifest)

    def _reader(self, manifest):
        path = store.path_of(self.folder, manifest)
        return compress.of(path).reader(path)

    def _sqlite(self, manifest):
        plain = os.path.join(self.folder, "%s.%s.part" % (manifest["id"], self.tag))
        try:
            descriptor = os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb") as target, self._reader(manifest) as source:
                compress.copy(source, target)
            beside = SQLite(plain)
            beside.check()
            self._compare(beside, manifest)
            self.note("replacing", backup=manifest["id"])
            self.database.take(plain)
        finally:
            SQLite(plain).forget(plain)
        self._compare(self.database, manifest)
        return "beside"

    def _beside(self, manifest):
        scratch, kept = (self.database.scratch_name(word + self.tag) for word in ("new_", "old_"))
        if self.database.exists(kept) and self.database.at_tables(kept):
            self._compare(self.database, manifest)  # an earlier run was cut off after its swap
            self.database.drop(scratch)
            return "beside"
        for made in (scratch, kept):
            self.note("scratch", database=made)
            if made == scratch:
                self.database.drop(scratch)
            if not self.database.exists(made):
                self.database.create(made)
        with self._reader(manifest) as source:
            self.database.load(source, scratch)
        beside = self.database.at(scratch)
        try:
            self._compare(beside, manifest)
        finally:
            beside.close()
        self.note("replacing", backup=manifest["id"], kept=kept)
        self.database.fence_down()
        self.database.swap(scratch, kept)
        self.database.drop(scratch)
        self._compare(self.database, manifest)
        return "beside"

    def _in_place(self, manifest):
        if self.database.can_create():
            self._try_beside(manifest)
        self.note("replacing", backup=manifest["id"], in_place=True)
        self.database.fence_down()
        self.database.empty()
        with self._reader(manifest) as source:
            self.database.load(source, self.database.name)
        self._compare(self.database, manifest)
        return "in place"

    def _try_beside(self, manifest):
        """Sees that the backup can be loaded at all, before anything is emptied."""
        scratch = self.database.scratch_name("try_" + self.tag)
        self.note("scratch", database=scratch)
        self.database.drop(scratch)
        self.database.create(scratch)
        try:
            with self._reader(manifest) as source:
                self.database.load(source, scratch)
        finally:
            self.database.drop(scratch)

    def _compare(self, database, manifest):
        found = database.counts()
        if found != manifest["tables"]:
            wrong = [
                t for t in sorted(set(found) | set(manifest["tables"])) if found.get(t) != manifest["tables"].get(t)
            ]
            rows = ", ".join("%s: %s, not %s" % (t, found.get(t), manifest["tables"].get(t)) for t in wrong[:3])
            raise store.NotVerified("backup %s, loaded beside, has other rows: %s" % (manifest["id"], rows))


def forget(database, made):
    """Drops scratch databases that a journal proves to be ours: `made` is its list of names."""
    if database.dialect == "sqlite":
        return
    for name in made:
        database.drop(name)
