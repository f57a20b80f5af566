"""Recover: finishes what an interrupted run began, forwards where it was already proved, else by the return."""

import os

from ..lib import files
from ..lib.outcome import Nothing, Refused
from ..protocol import OpenRun
from ..records import lock
from ..site import health
from . import steps, take_back
from .facts import interrupted, lock_folder
from .run import Run


def find(this):
    """The interrupted run as a Run: its journal, its *before*, its way to the database. Raises Refused, Nothing."""
    site = this.site
    noted = files.read_json(site.open_run)
    if not noted:
        raise Nothing("Nothing was interrupted on %s" % site.name)
    if not interrupted(site):
        raise Refused(
            "the %s by %s is still running" % (noted["task"], noted["who"]), next=["fab %s.watch" % site.name]
        )
    old = Run(site, noted["task"], {}, noted["who"], this.events)
    old.id = noted["run"]
    old.open_folder()
    before = old.journal.last("before")
    access = files.read_json(os.path.join(old.folder, "access.json"))
    if before is None or access is None:
        raise Refused(
            "the interrupted run %s left no journal" % old.id,
            ["it had not begun to change anything, or its files were removed by hand"],
        )
    old.before = before["facts"]
    old.was_closed = old.before["gate"] == "up"
    old.commit = (old.journal.last("staging") or {}).get("commit")
    if os.path.isdir(old.packages_folder):
        old.python = os.path.join(old.packages_folder, "bin", "python")
    old.facts.use(access)
    old.noted = noted
    return old


def plan(old, leave):
    """What a person is told before recover does anything."""
    done = [line["what"] for line in old.journal.lines()]
    return {
        "event": "facts",
        "fingerprint": "recover %s" % old.id,
        "interrupted": {key: old.noted.get(key) for key in ("run", "task", "who", "since", "commit")},
        "forward": _is_proved(old),
        "leave": leave,
        "reached": done[-1],
        "commit": old.before["commit"],
        "revisions": old.before["revisions"],
        "last": None,
        "lock": None,
        "gate": old.facts.quick()["gate"],
    }


def _is_proved(old):
    """True where the run had come as far as the open site, and no return of it had begun."""
    return old.journal.has("complete") or (old.journal.has("opened") and not old.journal.has("returning"))


def carry_out(old, leave=False):
    """Takes the dead run's lock over and finishes; `leave`: moves nothing, so that a person can. Returns "released",
    "done", "returned" or "left"."""
    holder: OpenRun = old.noted.copy()
    holder["task"] = "recover of %s" % old.noted["task"]
    holder.pop("holder", None)
    old.lock = lock.Lock(lock_folder(old.site), old.facts.keys(), holder)
    old.lock.take_over(old.noted["holder"])
    files.write_json(old.site.open_run, dict(old.noted, holder=old.lock.holder))
    old.journal.write("recovering")
    old.database.kill(old.connections)
    if leave:
        old.step("close", leave_closed)
        return "left"
    if _is_proved(old) and _forward(old):
        old.step("record", steps.record)
        return "released" if old.noted["task"] == "release" else "done"
    if take_back.needed(old):
        take_back.bring_back(old)
    else:
        steps.clean(old)
    return "returned"


def leave_closed(old):
    """The gate up, the fence down, code and database as they are."""
    old.about_to("gate")
    old.gate.keep_original()
    nonce = old.gate.put(public=False)
    health.prove_gate(old.site.health_url(), nonce)
    old.database.fence_down()
    steps.clean(old)
    return "gate up; code and database as they are"


def _forward(old):
    """The run had been proved behind the gate: opens what it opened. False where the site is not healthy."""
    if old.journal.has("complete") or old.journal.has("gate gone"):
        return True
    try:
        old.step("open", steps.open_site)
    except Exception:
        return False
    return True
