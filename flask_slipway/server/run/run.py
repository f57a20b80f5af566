"""A run: one change of a site, from its lock to its record. Holds what the steps share, and tells what they do."""

import contextlib
import os
import secrets
import time
from typing import Any

from ..lib import files
from ..lib.outcome import Refused
from ..protocol import Holder
from ..records import journal, lock
from ..site import clone
from ..site.gate import Gate
from .facts import Facts, fingerprint, gate_folder, lock_folder


class Events:
    """Where a run's events go: over the wire until the go, to a file of the run afterwards."""

    def __init__(self, wire, mask):
        self.wire, self.mask = wire, mask
        self.path: Any = None

    def send(self, event):
        event = self.mask.value(event)
        if self.path is None:
            self.wire.send(event)
        else:
            journal.append(self.path, event)


class Run:
    """One change of `site`. `task`: its name; `args`: what the laptop asked; `who`: who asked."""

    def __init__(self, site, task, args, who, events):
        self.site, self.task, self.args, self.who, self.events = site, task, args, who, events
        self.mask = events.mask
        self.id = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), secrets.token_hex(2))
        self.began = time.monotonic()
        self.facts = Facts(site, self.mask)
        self.before: Any = {}
        self.journal: Any = None
        self.lock: Any = None
        self.ahead: Any = None  # App that was started ahead, for the code to come
        self.stage: Any = None  # App of the staged code
        self.python = site.python  # the interpreter that has the new packages
        self.pending: Any = []
        self.commit: Any = None  # the commit that the run brings
        self.backup: Any = None  # manifest
        self.was_closed = False
        self.closed_at: Any = None
        self.closed: Any = None
        self.reloading: Any = set()  # the statuses that the host answered while it reloaded
        self.found: Any = {}
        self.head: Any = None
        self.noted: Any = None  # of an interrupted run: what its open_run file says

    # places

    @property
    def folder(self):
        return os.path.join(self.site.runs, self.id)

    @property
    def stage_folder(self):
        return os.path.join(self.site.folder, "stages", self.id, os.path.basename(self.site.project))

    @property
    def packages_folder(self):
        return "%s.stage-%s" % (self.site.virtualenv, self.id)

    @property
    def database(self):
        return self.facts.database

    # beginning

    def begin(self):
        """Takes the lock, sees that the facts are those of the plan, and writes down the whole *before*.
        Raises Refused, lock.Held."""
        holder: Holder = {
            "who": self.who,
            "task": self.task,
            "run": self.id,
            "site": self.site.name,
            "commit": self.args.get("commit"),
            "open_run": self.site.open_run,
        }
        self.lock = lock.Lock(lock_folder(self.site), self.facts.keys(), holder)
        self.database.prepare_lock()
        self.lock.acquire()
        quick = self.facts.quick()
        if fingerprint(quick) != self.args["fingerprint"]:
            raise Refused(
                "the site is not as it was when the plan was made",
                ["somebody changed it meanwhile"],
                ["try again, for a new plan"],
            )
        if not self.database.hold_lock():
            raise Refused("another release holds the lock of database %s" % self.database.name)
        self.open_folder()
        self.before = dict(
            quick,
            access=None,
            revision_file=(files.read(os.path.join(self.site.project, "REVISION")) or b"").decode("utf-8", "replace")
            or None,
            usual=self.args.get("usual"),
            answered=self.args.get("answered"),
        )
        self.was_closed = quick["gate"] == "up"
        files.write_json(os.path.join(self.folder, "access.json"), self.facts.access)
        self.journal.write("before", run=self.id, task=self.task, who=self.who, facts=self.before)
        files.write_json(self.site.open_run, dict(holder, since=time.time(), holder=self.lock.holder))

    def open_folder(self):
        files.folder(self.folder)
        self.journal = journal.Journal(self.folder, self.mask)
        token_path = os.path.join(files.folder(gate_folder(self.site)), "token")
        token = files.read(token_path)
        if token is None:
            token = secrets.token_hex(24).encode()
            files.write(token_path, token)
        self.token = token.decode()
        self.mask.add(self.token)
        self.gate = Gate(self.site, gate_folder(self.site), self.token)

    # doing

    def about_to(self, what, **words):
        """Sees that the lock is still ours, and writes down what is about to be changed. Raises lock.Held."""
        self.lock.check()
        self.journal.write(what, **words)

    def connected(self, number):
        """Notes a database connection before it is used, so that it can be ended later."""
        self.journal.write("connection", id=number)

    def say(self, text):
        self.events.send({"event": "say", "text": text})

    def step(self, name, function, *arguments):
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

    def _tell(self, name, state, text, began):
        seconds = round(time.monotonic() - began, 2)
        self.events.send({"event": "step", "step": name, "state": state, "text": text or "", "seconds": seconds})

    @property
    def connections(self):
        return [line["id"] for line in self.journal.all("connection")]

    def is_gated(self):
        """True while the gate keeps visitors out: put there by this run, or found there."""
        lines = [line["what"] for line in self.journal.lines() if line["what"] in ("gate", "gate gone")]
        return self.was_closed or lines[-1:] == ["gate"]

    def stop_apps(self):
        """Ends the app processes of this run."""
        for app in (self.ahead, self.stage, self.facts.live):
            if app is not None:
                app.close()

    # ending

    def end(self):
        """Lets go: run twice, the second finds nothing to do."""
        self.stop_apps()
        self.facts.close()
        if self.lock is not None:
            self.lock.release()

    def where(self):
        """Where the site stands now: what a person wants to know when something failed."""
        told = {"commit": None, "revision": None, "gate": None, "fence": "down", "lock": None, "healthy": None}
        with contextlib.suppress(Exception):
            told["commit"] = clone.commit(self.site.project)
        with contextlib.suppress(Exception):
            told["gate"] = self.facts.gate()
        with contextlib.suppress(Exception):
            told["revision"] = ", ".join(self.database.revisions()) or None
            told["fence"] = "up" if self.database.fence_is_up() else "down"
        return told


def short(error):
    """An error in one line, for the end of a step's line."""
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
