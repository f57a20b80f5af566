"""What is true at the site: read before a plan is made, and read again when the lock is held."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from typing import Any, cast

from ..backup import store
from ..database import access as database_access
from ..database import errors, identity
from ..database.interface import Database
from ..database.mysql_client import DatabaseError
from ..lib import files, next_steps, own_files, private
from ..lib.masking import Mask
from ..lib.outcome import Refused
from ..protocol import Access, HeldFacts, Holder, InterruptedFacts, LastFacts, OpenRun, QuickFacts, SiteFacts
from ..records import history, kept, known_once, lock
from ..site import clone, edited, gate, load_errors, preflight, virtualenv
from ..site.app_process import App, AppFailed
from ..site.site import Site


class Facts:
    """The facts of `site`. Opens what it needs to read; `close` ends it. Nothing is changed."""

    def __init__(self, site: Site, mask: Mask) -> None:
        self.site, self.mask = site, mask
        self.live: App | None = None
        self.code: dict[str, Any] | None = None  # of a live app that is not asked: its revisions and heads
        self.database: Database | None = None
        self.access: Access | None = None
        self.identity: list[str] = []
        self.load_seconds = 0.0
        self._private: str | None = None

    @property
    def private(self) -> str:
        """A folder for what no other process needs, and nobody may read."""
        if self._private is None:
            self._private = private.folder(self.site.state)
        return self._private

    def close(self) -> None:
        """Ends the app's process and the database's connections."""
        if self.live is not None:
            self.live.close()
        if self.database is not None:
            self.database.close()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None

    # what must be there

    def check_places(self) -> None:
        """Raises Refused unless project, virtualenv and WSGI file are there."""
        site = self.site
        preflight.check(site)
        self.know_secrets()

    def know_secrets(self) -> None:
        """Masks from here on what lies in .env, `env:`, the WSGI file, ~/.my.cnf and the addresses of git's remotes,
        and what lay there at earlier changes; not what the site is called by, which is told anyway."""
        site, mask = self.site, self.mask

        def text(*path: str) -> str:
            return (files.read(os.path.join(*path)) or b"").decode("utf-8", "replace")

        mask.spare(site.names)
        for name, value in site.env.items():
            mask.add_named(name, value)
        given = mask.add_python(text(self.wsgi_source() or site.wsgi))
        for name in (".env", ".flaskenv"):
            mask.add_env(text(site.project, name), {**os.environ, **site.env, **given})
        mask.add_options(text(site.home, ".my.cnf"))
        mask.add_remotes(text(site.project, ".git", "config"))
        known_once.recall(site, mask)

    def wsgi_source(self) -> str | None:
        """Where the site's own WSGI text lies: None, or the kept original while the gate stands in its place; where
        that is gone, what the gate itself holds of it, in a file of this process."""
        there = files.read(self.site.wsgi)
        if not gate.is_gate(there):
            return None
        kept = os.path.join(gate_folder(self.site), "wsgi.original")
        own = files.read(kept)
        held = gate.original_in(there) if own is None or gate.is_gate(own) else None
        if held is None:
            return kept
        path = os.path.join(self.private, "wsgi.original")
        files.write(path, held)
        return path

    # the app and its database

    def load_live(self) -> None:
        """Loads the live app as the host does, guarded, and finds the database it uses. Raises Refused."""
        live = self.live = self._started()
        try:
            live.load_live(self.wsgi_source())
            answer = live.ask("database")
        except AppFailed as error:
            answer = self._refused_write(live, error)
        self.load_seconds = self.live.seconds if self.live is not None else 0.0
        self.use(database_access.access(answer))

    def revisions(self) -> dict[str, Any] | None:
        """The live code's revisions and heads, as its Alembic tells; None where that cannot be told. Raises
        AppFailed."""
        return self.live.ask("revisions") if self.live is not None else self.code

    def _started(self) -> App:
        try:
            return App(self.site.python, self.site.project, self.site, as_host=True, mask=self.mask)
        except OSError as error:
            raise Refused(
                "the virtualenv's Python does not start",
                ["%s: %s" % (self.site.python, error.strerror)],
                [next_steps.on_server(self.site, "python3", "-m", "venv", "--clear", self.site.virtualenv)],
            ) from error

    def _refused_write(self, live: App, error: AppFailed) -> Any:
        """The database that an app writes to while it loads, where that is accepted. Raises Refused."""
        site = self.site
        if error.refused and site.writes_on_load and error.database:
            with contextlib.suppress(AppFailed):
                answer = live.ask("revisions")
                self.code = answer if answer["folder"] is not None else None  # else nobody knows where they lie
            live.close()
            self.live = None
            return error.database
        where = ["in %s" % load_errors.location(error.where, site.project)] if error.where else []
        if error.refused:
            raise Refused(
                "the live app writes to its database while it loads",
                [error.refused, *where, "only reads are allowed before there is a backup"],
                ["make the app load without writing, or set writes_on_load: true for %s in invoke.yaml" % site.name],
            )
        raise load_errors.live_refusal(site, error, self.mask.text(str(error)))

    def use(self, access: Access) -> None:
        """Takes the database that `access` leads to. Raises Refused where it cannot be reached."""
        self.mask.add(access["url"].get("password"))
        database: Database | None = None
        try:
            database = database_access.from_access(access, "" if access["dialect"] == "sqlite" else self.private)
            self.identity = database.identity()
            self.mask.spare([database.name, database.host, access["url"].get("username"), *database.tables()])
        except DatabaseError as error:
            if database is not None:
                database.close()
            described = database_access.describe(access)
            raise errors.refusal(self.site, error, described, self.mask.text(str(error))) from error
        self.access, self.database = access, database

    def forget_database(self) -> None:
        """Lets the database go that was taken."""
        if self.database is not None:
            self.database.close()
        self.access = self.database = None

    # what is true now

    def quick(self) -> QuickFacts:
        """The facts that a plan stands on, cheap to read again."""
        assert self.database is not None
        site = self.site
        commit, branch, changed = clone.state(site.project)
        own = self.own()
        return {
            "commit": commit,
            "branch": branch,
            "changes": [path for path in self.by_hand(changed) if not own_files.is_own(path, own)],
            "revisions": self.database.revisions(),
            "requirements": virtualenv.requirement_files(site.project),
            "wsgi": files.sha256(files.read(site.wsgi)),
            "gate": self.gate(),
            "packages": virtualenv.marked(site.virtualenv),
            "identity": self.identity,
        }

    def by_hand(self, changed: list[str]) -> list[str]:
        """Of the tracked paths that are `changed`, those that a person did: the gate stands in nobody's edit."""
        gated = preflight.tracked_wsgi(self.site) if changed and self.gate() == "up" else None
        return [path for path in changed if gated is None or path != clone.shown(gated)]

    def own(self) -> dict[str, str]:
        """{path in the project: what it is} of the site's own: its .env, and its database where that is a file."""
        file, project = self.database_file(), self.site.project
        held = clone.entries(project, "HEAD") if file and clone.commit(project) else {}
        links = (
            own_files.leading_to(project, file, filter(lambda path: clone.is_link(held[path]), held)) if file else []
        )
        return {**own_files.own(project, file), **dict.fromkeys(links, own_files.DATABASE)}

    def database_file(self) -> str | None:
        """Where the site's database lies, where it is a file; it may be still to come."""
        is_file = self.database is not None and self.database.dialect == "sqlite"
        return self.database.location if self.database and is_file else None

    def gate(self) -> str:
        """up or down."""
        return "up" if gate.is_gate(files.read(self.site.wsgi)) else "down"

    def all(self) -> SiteFacts:
        """Everything a plan wants to know, with the fingerprint of `quick`."""
        assert self.database is not None
        site, database, quick = self.site, self.database, self.quick()
        counts = database.counts()
        return {
            "event": "facts",
            "fingerprint": fingerprint(quick),
            "commit": quick["commit"],
            "branch": quick["branch"],
            "changes": quick["changes"],
            "edits": edited.advice(site, quick["changes"]) if quick["changes"] else [],
            "own": self.own(),
            "revisions": quick["revisions"],
            "requirements": quick["requirements"],
            "wsgi": quick["wsgi"],
            "gate": quick["gate"],
            "packages": quick["packages"],
            "database": {
                "dialect": database.dialect,
                "version": database.version,
                "name": database.name,
                "host": database.host,
                "bytes": database.size(),
                "tables": len(counts),
                "rows": sum(counts.values()),
            },
            "fence": "up" if database.fence_is_up() else "down",
            "fence_kind": database.fence_kind,
            "unseen": database.unseen(),
            "scratch": database.can_create(),
            "restore_blockers": database.restore_blockers(),
            "load_seconds": round(self.load_seconds, 2),
            "lock": self.lock(),
            "interrupted": interrupted(site),
            "last": last_good(site),
            "backups": len(store.usable(site.backups)),
            "other_database": self.other_database(),
        }

    def other_database(self) -> str | None:
        """The database that the last release left, in words, where the site's is another now; else None. Where the
        history does not tell, the newest backup of a run that changed the site does."""
        assert self.database is not None
        try:
            line = history.settled(self.site)
        except kept.Newer:
            return None
        if line is not None and line.get("identity"):
            same = line["identity"] == identity.digest(self.identity)
            return None if same else line.get("database") or "another"
        for manifest in store.usable(self.site.backups):
            if manifest.get("identity") and manifest["task"] in history.SETTLING:
                return None if manifest["identity"] == self.identity else identity.of_backup(manifest)
        return None

    def keys(self) -> list[str]:
        """What the lock is over."""
        site = self.site
        keys = ["domain " + site.domain.lower(), "project " + os.path.realpath(site.project)]
        keys.append("virtualenv " + os.path.realpath(site.virtualenv))
        if self.identity:
            keys.append("database " + " ".join(map(str, self.identity)))
        return keys

    def lock(self) -> HeldFacts | None:
        """Who holds the lock, or None."""
        for holder in lock.holders(lock_folder(self.site), self.keys()):
            if not lock.is_abandoned(lock_folder(self.site), holder):
                return shown(here_named(self.site, holder), lock.is_alive(lock_folder(self.site), holder))
        return None


def here_named(site: Site, holder: Holder) -> Holder:
    """The holder with the name that the site has here, where it is the same one: a colleague may call it otherwise."""
    if holder.get("open_run") != site.open_run:
        return holder
    named = Holder(**holder)
    named["site"] = site.name
    return named


def shown(holder: Holder, alive: bool) -> HeldFacts:
    """A lock's holder as others are told."""
    return {
        "who": holder.get("who"),
        "since": holder.get("since"),
        "task": holder.get("task"),
        "commit": holder.get("commit"),
        "run": holder.get("run"),
        "site": holder.get("site"),
        "alive": alive,
    }


def last_good(site: Site) -> LastFacts | None:
    """The last change that ended well, None too where a newer version wrote the history: it is told, and decides
    nothing here; so nobody is kept from a backup in the middle of an incident."""
    try:
        return history.last_good(site)
    except kept.Newer:
        return None


def lock_folder(site: Site) -> str:
    """Where the locks of all sites of the account lie."""
    return os.path.join(site.state, "locks")


def gate_folder(site: Site) -> str:
    """Where the gate keeps the site's own WSGI file."""
    return os.path.join(site.folder, "gate")


def fingerprint(quick: QuickFacts) -> str:
    """The sha256 of the facts that a plan stands on."""
    return hashlib.sha256(json.dumps(quick, sort_keys=True, default=str).encode()).hexdigest()


def open_run(site: Site) -> OpenRun | None:
    """The run under way, or that was interrupted; None where there is none. Raises files.Damaged, kept.Newer."""
    record = kept.read(site.open_run, "the run under way on %s" % site.name)
    return cast(OpenRun, record) if record else None


def interrupted(site: Site) -> InterruptedFacts | None:
    """The run that began and did not end, and whose process is gone, or None. Raises files.Damaged, kept.Newer."""
    record = open_run(site)
    if record is None or lock.is_alive(lock_folder(site), record.get("holder") or Holder()):
        return None
    return {"run": record["run"], "task": record["task"], "who": record["who"], "since": record["since"]}
