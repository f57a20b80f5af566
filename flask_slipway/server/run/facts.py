"""What is true at the site: read before a plan is made, and read again when the lock is held."""

import hashlib
import json
import os
import shutil
import tempfile
from typing import Any

from ..backup import store
from ..database import access as database_access
from ..database import errors
from ..database.mysql_client import DatabaseError
from ..lib import files, next_steps
from ..lib.outcome import Refused
from ..protocol import Holder
from ..records import journal, lock
from ..site import clone, gate, load_errors, preflight, virtualenv
from ..site.app_process import App, AppFailed


class Facts:
    """The facts of `site`. Opens what it needs to read; `close` ends it. Nothing is changed."""

    def __init__(self, site, mask):
        self.site, self.mask = site, mask
        self.live: Any = None  # App
        self.database: Any = None
        self.access: Any = None
        self.identity: Any = None
        self.load_seconds = 0.0
        self.private = tempfile.mkdtemp(prefix="slipway-")

    def close(self):
        if self.live is not None:
            self.live.close()
        if self.database is not None:
            self.database.close()
        shutil.rmtree(self.private, ignore_errors=True)

    # what must be there

    def check_places(self):
        """Raises Refused unless project, virtualenv and WSGI file are there."""
        site = self.site
        preflight.check(site)
        self.know_secrets()

    def know_secrets(self):
        """Masks from here on what lies in .env, `env:`, the WSGI file, ~/.my.cnf and the addresses of git's remotes."""
        site, mask = self.site, self.mask

        def text(*path):
            return (files.read(os.path.join(*path)) or b"").decode("utf-8", "replace")

        mask.add_env(text(site.project, ".env"))
        for name, value in site.env.items():
            mask.add_named(name, value)
        mask.add_python(text(self.wsgi_source() or site.wsgi))
        mask.add_options(text(site.home, ".my.cnf"))
        mask.add_remotes(text(site.project, ".git", "config"))

    def wsgi_source(self):
        """Where the site's own WSGI text lies: None, or the kept original while the gate stands in its place."""
        if not gate.is_gate(files.read(self.site.wsgi)):
            return None
        return os.path.join(gate_folder(self.site), "wsgi.original")

    # the app and its database

    def load_live(self):
        """Loads the live app as the host does, guarded, and finds the database it uses. Raises Refused."""
        self.live = self._started()
        try:
            self.live.load_live(self.wsgi_source())
            told = self.live.ask("database")
        except AppFailed as error:
            told = self._told_by_guard(error)
        self.load_seconds = self.live.seconds if self.live is not None else 0.0
        self.use(database_access.access(told))

    def _started(self):
        try:
            return App(self.site.python, self.site.project, self.site, as_host=True, mask=self.mask)
        except OSError as error:
            raise Refused(
                "the virtualenv's Python does not start",
                ["%s: %s" % (self.site.python, error.strerror)],
                [next_steps.on_server(self.site, "python3", "-m", "venv", "--clear", self.site.virtualenv)],
            ) from error

    def _told_by_guard(self, error):
        site = self.site
        if error.refused and site.writes_on_load and error.database:
            self.live.close()
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

    def use(self, access):
        """Takes the database that `access` leads to. Raises Refused where it cannot be reached."""
        self.mask.add(access["url"].get("password"))
        self.access = access
        try:
            self.database = database_access.from_access(access, self.private)
            self.identity = self.database.identity()
            self.database.tables()
        except DatabaseError as error:
            told = database_access.describe(access)
            raise errors.refusal(self.site, error, told, self.mask.text(str(error))) from error

    # what is true now

    def quick(self):
        """The facts that a plan stands on, cheap to read again: {name: value}."""
        site = self.site
        commit, branch, changes = clone.state(site.project)
        return {
            "commit": commit,
            "branch": branch,
            "changes": changes,
            "revisions": self.database.revisions(),
            "requirements": virtualenv.requirement_files(site.project),
            "wsgi": files.sha256(files.read(site.wsgi)),
            "gate": self.gate(),
            "packages": virtualenv.marked(site.virtualenv),
            "identity": self.identity,
        }

    def gate(self):
        """up or down."""
        return "up" if gate.is_gate(files.read(self.site.wsgi)) else "down"

    def all(self):
        """Everything a plan wants to know, with the fingerprint of `quick`."""
        site = self.site
        quick = self.quick()
        counts = self.database.counts()
        told = {
            "event": "facts",
            "fingerprint": fingerprint(quick),
            "database": {
                "dialect": self.database.dialect,
                "version": self.database.version,
                "name": self.database.name,
                "host": self.database.host,
                "bytes": self.database.size(),
                "tables": len(counts),
                "rows": sum(counts.values()),
            },
            "fence": "up" if self.database.fence_is_up() else "down",
            "fence_kind": self.database.fence_kind,
            "scratch": self.database.can_create() and self.database.movable(),
            "detached": True,
            "load_seconds": round(self.load_seconds, 2),
            "lock": self.lock(),
            "interrupted": interrupted(site),
            "last": last(site),
            "backups": len(store.usable(site.backups)),
        }
        quick.pop("identity")
        return dict(quick, **told)

    def keys(self):
        """What the lock is over."""
        site = self.site
        keys = ["domain " + site.domain.lower(), "project " + os.path.realpath(site.project)]
        keys.append("virtualenv " + os.path.realpath(site.virtualenv))
        if self.database is not None:
            keys.append("database " + " ".join(map(str, self.identity)))
        return keys

    def lock(self):
        """Who holds the lock, or None."""
        for holder in lock.holders(lock_folder(self.site), self.keys()):
            if not lock.is_abandoned(lock_folder(self.site), holder):
                return told_of(holder, lock.is_alive(lock_folder(self.site), holder))
        return None


def told_of(holder, alive):
    """A lock's holder as others are told."""
    return dict({key: holder.get(key) for key in ("who", "since", "task", "commit", "run", "site")}, alive=alive)


def lock_folder(site):
    return os.path.join(site.state, "locks")


def gate_folder(site):
    return os.path.join(site.folder, "gate")


def fingerprint(quick):
    """The sha256 of the facts that a plan stands on."""
    return hashlib.sha256(json.dumps(quick, sort_keys=True, default=str).encode()).hexdigest()


def last(site):
    """The site's last release, or None."""
    for line in reversed(journal.read_lines(site.history)):
        if line.get("outcome") in ("released", "done") and line.get("commit"):
            return {key: line.get(key) for key in ("commit", "revision", "at", "who", "task")}
    return None


def interrupted(site):
    """The run that began and did not end, and whose process is gone: {"run", "task", "who", "since"}, or None."""
    found = files.read_json(site.open_run)
    if not found:
        return None
    holder = found.get("holder") or Holder()
    if lock.is_alive(lock_folder(site), holder):
        return None
    return {key: found.get(key) for key in ("run", "task", "who", "since")}
