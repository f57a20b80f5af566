"""Recover: finishes what an interrupted run began, forwards where it was already proved, else by the return."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .. import protocol
from ..lib import files
from ..lib.outcome import Nothing, Refused
from ..protocol import Event, OpenRun, Outcome
from ..records import kept, lock
from . import decide, facts, steps, take_back
from .decide import Recovery
from .run import Run


class Interrupted(NamedTuple):
    """A run that was interrupted, taken up again: `record` is what stands in its open_run file."""

    run: Run
    record: OpenRun


def find(this: Run) -> Interrupted:
    """The interrupted run of the site: its journal, its *before*, its way to the database. Raises Refused, Nothing."""
    site = this.site
    record = facts.open_run(site)
    if record is None:
        raise Nothing("Nothing was interrupted on %s" % site.name)
    if not facts.interrupted(site):
        raise Refused(
            "the %s by %s is still running" % (record["task"], record["who"]), next=["fab %s.watch" % site.name]
        )
    old = Run(site, record["task"], {}, record["who"], this.events, this.version)
    old.id = record["run"]
    old.open_folder()
    before = old.journal.last(protocol.BEFORE)
    access: Any = files.read_json(os.path.join(old.folder, "access.json"))
    if before is None or access is None:
        raise Refused(
            "the interrupted run %s left no journal" % old.id,
            ["it had not begun to change anything, or its files were removed by hand"],
        )
    old.before = before["facts"]
    old.was_closed = old.before["gate"] == "up"
    old.commit = (old.journal.last(protocol.STAGING) or {}).get("commit")
    old.facts.use(access)
    return Interrupted(old, record)


def plan(old: Interrupted, leave: bool) -> Event:
    """What a person is told before recover does anything."""
    run, record = old.run, old.record
    lines = run.journal.lines()
    return {
        "event": "facts",
        "fingerprint": "recover %s" % run.id,
        "interrupted": {
            "run": record.get("run"),
            "task": record.get("task"),
            "who": record.get("who"),
            "since": record.get("since"),
            "commit": record.get("commit"),
        },
        "forward": decide.is_proved(lines),
        "leave": leave,
        "reached": lines[-1]["what"],
        "commit": run.before["commit"],
        "revisions": run.before["revisions"],
        "last": None,
        "lock": None,
        "gate": run.facts.quick()["gate"],
    }


def carry_out(old: Interrupted, leave: bool = False) -> Outcome:
    """Takes the dead run's lock over and finishes; `leave`: moves nothing, so that a person can."""
    run = old.run
    _take_over(old)
    run.journal.write(protocol.RECOVERING)
    run.database.kill(run.connections)
    if leave:
        run.step("close", leave_closed)
        return "left"
    decision = decide.recover(run.journal.lines())
    if decision is Recovery.FINISHED or (decision is Recovery.OPEN and _opens(run)):
        run.step("record", steps.record)
        return "released" if old.record["task"] == "release" else "done"
    if decision is Recovery.NOTHING:
        steps.clean(run)
    else:
        take_back.bring_back(run)
    return "returned"


def _take_over(old: Interrupted) -> None:
    """The lock, and the file that says who carries the run, from the process that is gone. Raises lock.Held."""
    run = old.run
    holder: Any = kept.stamped({**old.record, "task": "recover of %s" % old.record["task"]}, run.version)
    holder.pop("holder", None)
    run.lock = lock.Lock(facts.lock_folder(run.site), run.facts.keys(), holder)
    run.lock.take_over(old.record["holder"])
    run.write_open_run(old.record, run.lock.holder)


def leave_closed(run: Run) -> str:
    """The gate up, the fence down, code and database as they are."""
    run.about_to(protocol.GATE)
    steps.gate_up(run)
    run.database.fence_down()
    steps.clean(run)
    return "gate up; code and database as they are"


def _opens(run: Run) -> bool:
    """Opens what had been proved behind the gate; False where the site is not healthy then."""
    try:
        run.step("open", steps.open_site)
    except Exception:
        return False
    return True
