"""A run: one change of a site, from its lock to its record. Holds what the steps share, and tells what they do."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from typing import Any, Callable

from .. import protocol
from ..database.interface import Database
from ..lib import files, private
from ..lib.masking import Mask
from ..lib.outcome import Refused
from ..protocol import Access, Before, Event, Go, Holder, Manifest, OpenRun, Where, Wish
from ..records import kept, lines, lock
from ..records.journal import Journal
from ..site import clone, health
from ..site.app_process import App
from ..site.gate import Gate
from ..site.site import Site
from .facts import Facts, fingerprint, gate_folder, lock_folder
from .findings import Findings
from .target import Target, target


class Events:
    """Where a run's events go: over the wire until the go, to a file of the run afterwards."""

    def __init__(self, wire: Any, mask: Mask) -> None:
        self.wire, self.mask = wire, mask
        self.path: str | None = None

    def send(self, event: Any) -> None:
        """Tells an event, its free text masked; a disk that takes nothing stops no run."""
        event = self.mask.event(event)
        if self.path is None:
            self.wire.send(event)
            return
        with contextlib.suppress(OSError):
            lines.append(self.path, event)


class Run:
    """One change of `site`. `task`: its name; `wish`: what the laptop asked; `who`: who asked; `version`: the laptop's
    Flask-Slipway, "" where it did not say. The server's own `findings` come with the plan; the `go` and, of all three,
    the `target` with the person's yes; `before` with the lock."""

    before: Before
    journal: Journal
    gate: Gate

    def __init__(self, site: Site, task: str, wish: Wish, who: str, events: Events, version: str = "") -> None:
        self.site, self.task, self.wish, self.who, self.events = site, task, wish, who, events
        self.version = version
        self.mask = events.mask
        self.id = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), secrets.token_hex(2))
        self.token = secrets.token_hex(24)  # opens the gates that this process puts; it is written nowhere
        self.began = time.monotonic()
        self.facts = Facts(site, self.mask)
        self.findings = Findings()
        self.go: Go | None = None
        self.target = Target()
        self.is_open = False  # it has a journal
        self.lock: lock.Lock | None = None
        self.ahead: App | None = None  # started ahead, for the code to come
        self.stage: App | None = None  # of the staged code
        self.proved: Access | None = None  # the site's database, as FLASK_APP and env: lead to it
        self.wrote = False  # an app that writes while it loads was loaded so, after the backup
        self.python = site.python  # the interpreter that has the new packages
        self.commit: str | None = None  # the commit that is staged and swapped, None where the code stays
        self.kept: list[str] = []  # the paths that stay on disk as they are when the code is swapped
        self.head: str | None = None  # the revision that the staged code ends at
        self.backup: Manifest | None = None
        self.was_closed = False
        self.closed_at: float | None = None
        self.closed: float | None = None
        self.reloading: frozenset[int] = frozenset()  # the statuses that the host answered while it reloaded

    def say_go(self, go: Go) -> None:
        """Takes the person's yes: from here on it is settled what is done."""
        self.go = go
        self.target = target(self.task, self.wish, self.findings, go)

    # places

    @property
    def folder(self) -> str:
        """Where its journal and its events lie."""
        return os.path.join(self.site.runs, self.id)

    @property
    def stage_folder(self) -> str:
        """Where its commit is checked out, beside the live code."""
        return os.path.join(self.site.folder, "stages", self.id, os.path.basename(self.site.project))

    @property
    def packages_folder(self) -> str:
        """Where its packages are, beside the live ones."""
        return "%s.stage-%s" % (self.site.virtualenv, self.id)

    @property
    def database(self) -> Database:
        """The site's database, which the facts have found."""
        assert self.facts.database is not None
        return self.facts.database

    @property
    def pending(self) -> list[str]:
        """The revisions that go up, in order."""
        return self.target.pending or []

    @property
    def healthy(self) -> health.Good:
        """What counts as healthy of new processes."""
        return health.as_usual(self.before.get("expected_status"))

    @property
    def patience(self) -> float:
        """How long new processes are waited for, in seconds."""
        return health.patience(self.before.get("load_seconds") or 0)

    # beginning

    def begin(self) -> None:
        """Takes the lock, sees that the facts are those of the plan, and writes down the whole *before*.
        Raises Refused, lock.Held."""
        assert self.go is not None
        holder: Any = kept.stamped(
            {
                "who": self.who,
                "task": self.task,
                "run": self.id,
                "site": self.site.name,
                "commit": self.target.commit,
                "open_run": self.site.open_run,
            },
            self.version,
        )
        self.lock = lock.Lock(lock_folder(self.site), self.facts.keys(), holder)
        self.database.prepare_lock()
        self.lock.acquire()
        quick = self.facts.quick()
        if fingerprint(quick) != self.go["go"]:
            raise Refused(
                "the site is not as it was when the plan was made",
                ["somebody changed it meanwhile"],
                ["try again, for a new plan"],
            )
        self.hold_database_lock()
        revision_file = (files.read(os.path.join(self.site.project, "REVISION")) or b"").decode("utf-8", "replace")
        self.before = {
            **quick,
            "revision_file": revision_file or None,
            "expected_status": self.findings.expected_status,
            "answered": self.findings.answered,
            "load_seconds": self.facts.load_seconds,
            "heads": self.findings.heads,
        }
        self.was_closed = quick["gate"] == "up"
        self.open_folder()
        assert self.facts.access is not None
        files.write_json(os.path.join(self.folder, "access.json"), self.facts.access)
        files.write_json(os.path.join(self.folder, "site.json"), self.site.words)
        wanted = self.target.backup["id"] if self.target.backup else None
        words = {"run": self.id, "task": self.task, "who": self.who, "backup": wanted}
        self.journal.write(protocol.BEFORE, facts=self.before, **words)
        self.write_open_run({**holder, "since": time.time()}, self.lock.holder)

    def hold_database_lock(self) -> None:
        """The database's own lock, which is seen from other accounts and homes too. Raises Refused."""
        if not self.database.hold_lock():
            raise Refused("another release holds the lock of database %s" % self.database.name)

    def write_open_run(self, record: OpenRun, holder: Holder) -> None:
        """Names this run as the one under way, and who carries it."""
        kept.write(self.site.open_run, {**record, "holder": holder}, self.version)

    def open_folder(self) -> None:
        """Makes the run's folder, journal and gate, or takes up those that are there. What a killed process needed to
        reach a database goes, whichever database the site's is now."""
        private.remove_left(self.site.state)
        files.folder(self.folder)
        self.journal = Journal(self.folder, self.version)
        self.is_open = True
        self.mask.add(self.token, passing=True)
        self.gate = Gate(self.site, files.folder(gate_folder(self.site)), self.token)

    # doing

    def about_to(self, what: str, **words: Any) -> None:
        """Sees that the lock is still ours, and writes down what is about to be changed. Raises lock.Held."""
        assert self.lock is not None
        self.lock.check()
        self.journal.write(what, **words)

    def noted(self, what: str, **words: Any) -> bool:
        """Writes down what is done already. False where the disk takes nothing, which undoes nothing of it."""
        try:
            self.journal.write(what, **words)
        except OSError:
            return False
        return True

    def connected(self, number: int) -> None:
        """Notes a database connection before it is used, so that it can be ended later."""
        self.journal.write(protocol.CONNECTION, id=number)

    def say(self, text: str) -> None:
        """Tells a line between the steps."""
        self.events.send({"event": "say", "text": text})

    def step(self, name: str, function: Callable[..., str], *arguments: Any) -> str:
        """Runs one step, telling its beginning and end; returns its text. What it raises is told as failed."""
        began = time.monotonic()
        self.events.send({"event": "step", "step": name, "state": "begin", "text": "", "seconds": 0})
        try:
            text = function(self, *arguments)
        except BaseException as error:
            self._tell(name, "failed", short(error), began)
            raise
        self._tell(name, "done", text, began)
        return text

    def _tell(self, name: str, state: str, text: str, began: float) -> None:
        seconds = round(time.monotonic() - began, 2)
        event: Event = {"event": "step", "step": name, "state": state, "text": text or "", "seconds": seconds}
        self.events.send(event)

    @property
    def connections(self) -> list[int]:
        """The ids of all database connections that the run has used."""
        return [line["id"] for line in self.journal.all(protocol.CONNECTION)]

    def is_gated(self) -> bool:
        """True while the gate keeps visitors out: put there by this run, or found there."""
        both = (protocol.GATE, protocol.GATE_GONE)
        last = [line["what"] for line in self.journal.lines() if line["what"] in both][-1:]
        return self.was_closed or last == [protocol.GATE]

    def about_backup(self, task: str, commit: str | None) -> Manifest:
        """What a backup's manifest says of this run. `commit`: the code that the rows belong to."""
        return {
            "site": self.site.name,
            "domain": self.site.domain,
            "task": task,
            "run": self.id,
            "who": self.who,
            "commit": commit,
            "version": self.version,
        }

    def stop_apps(self) -> None:
        """Ends the app processes of this run."""
        for app in (self.ahead, self.stage, self.facts.live):
            if app is not None:
                app.close()

    # ending

    def end(self) -> None:
        """Lets go: run twice, the second finds nothing to do."""
        self.stop_apps()
        self.facts.close()
        if self.lock is not None:
            self.lock.release()

    def where(self) -> Where:
        """Where the site stands now: what a person wants to know when something failed."""
        where: Where = {
            "commit": None,
            "revision": None,
            "gate": None,
            "fence": "down",
            "lock": None,
            "healthy": None,
        }
        with contextlib.suppress(Exception):
            where["commit"] = clone.commit(self.site.project)
        with contextlib.suppress(Exception):
            where["gate"] = self.facts.gate()
        with contextlib.suppress(Exception):
            where["revision"] = ", ".join(self.database.revisions()) or None
            where["fence"] = "up" if self.database.fence_is_up() else "down"
        return where


def short(error: BaseException) -> str:
    """An error in one line, for the end of a step's line."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
