"""Recover: finishes what an interrupted run began, forwards where it was already proved, else by the return."""

from __future__ import annotations

import contextlib
import os
from typing import Any, NamedTuple

from .. import protocol
from ..database.mysql_client import DatabaseError
from ..lib import files
from ..lib.outcome import Nothing, Refused
from ..lib.stop import Stop
from ..protocol import Event, OpenRun, Outcome
from ..records import kept, lock
from ..site import clone, health, preflight, virtualenv
from ..site.site import Site
from . import decide, facts, steps, take_back
from .decide import Recovery
from .run import Run

NEEDING_DATABASE = (Recovery.OPEN, Recovery.BACK)


class Interrupted(NamedTuple):
    """A run that was interrupted, taken up again: `record` is what stands in its open_run file; `decision`: how it is
    to be ended, None where its journal is gone and the site shows that it had begun."""

    run: Run
    record: OpenRun
    decision: Recovery | None


def find(this: Run, leave: bool) -> Interrupted:
    """The interrupted run of the site: its journal, its *before*, its way to the database. Raises Refused, Nothing."""
    site = this.site
    record = facts.open_run(site)
    if record is None:
        _refuse_elsewhere(this)
        raise Nothing("Nothing was interrupted on %s" % site.name)
    if not facts.interrupted(site):
        raise Refused(
            "the %s by %s is still running" % (record["task"], record["who"]), next=["fab %s.watch" % site.name]
        )
    old = Run(_site_of(site, record["run"]), record["task"], {}, record["who"], this.events, this.version)
    old.id = record["run"]
    old.open_folder()
    old.facts.know_secrets()
    before = old.journal.last(protocol.BEFORE)
    facts_before: Any = before["facts"] if before is not None else {}
    old.before = facts_before
    old.facts.identity = list(old.before.get("identity") or ())
    old.was_closed = old.before.get("gate") == "up"
    old.commit = (old.journal.last(protocol.STAGING) or {}).get("commit")
    decision = _decision(old, record)
    if decision is None and not leave:
        raise Refused(
            "the journal of the interrupted %s is gone" % old.task,
            ["it lay in %s" % old.folder, "the site shows that it had begun; how to take it back is not known"],
            ["fab %s.recover --leave  ends it as it stands, closed" % site.name],
        )
    moving = decision is None or decision in NEEDING_DATABASE
    needed = moving and not leave
    if needed and not virtualenv.is_half_exchanged(old.site.virtualenv):
        preflight.check(old.site)
    try:
        _reach_database(old, moving)
    except Stop:
        if needed:
            raise
    return Interrupted(old, record, decision)


def _refuse_elsewhere(this: Run) -> None:
    """Raises Refused where an interrupted run of this project or virtualenv stands open under another domain: its
    record lies by the domain that invoke.yaml named then."""
    folder = facts.lock_folder(this.site)
    for holder in lock.holders(folder, this.facts.keys()):
        place = holder.get("open_run")
        if not place or place == this.site.open_run or lock.is_abandoned(folder, holder):
            continue
        if lock.is_alive(folder, holder):
            continue
        domain = os.path.basename(os.path.dirname(place))
        raise Refused(
            "the interrupted %s by %s is of the domain %s" % (holder.get("task"), holder.get("who"), domain),
            ["%s is %s in invoke.yaml" % (this.site.name, this.site.domain)],
            ["set  domain: %s  of %s there, then  fab %s.recover" % (domain, this.site.name, this.site.name)],
        )


def _site_of(site: Site, run: str) -> Site:
    """The site as it was configured when the run began: what it changed lies there. Its name is the one of today."""
    with contextlib.suppress(files.Damaged):
        words = files.read_json(os.path.join(site.runs, run, "site.json"))
        if words is not None:
            then = Site({**words, "name": site.name})
            return then if then.folder == site.folder else site
    return site


def _decision(run: Run, record: OpenRun) -> Recovery | None:
    """How the run is to be ended, by its journal; without one, by what the site shows: None where it had begun."""
    lines = run.journal.lines()
    if run.before or decide.ended(lines):
        return decide.recover(lines)
    wanted = record.get("commit")
    swapped = wanted is not None and clone.commit(run.site.project) == wanted
    begun = run.facts.gate() == "up" or swapped or virtualenv.marked(run.site.virtualenv) == run.id
    return None if begun else Recovery.NOTHING


def _reach_database(run: Run, by_the_site: bool) -> None:
    """The run's database, by the way that it has kept; where that leads nowhere any more, such as after a change of the
    password, `by_the_site`: by its own, if it is the same database. Raises Refused."""
    known = run.facts.identity
    try:
        run.facts.use(_kept_access(run))
    except Refused as refused:
        if not by_the_site:
            raise
        try:
            _reach_by_the_site(run)
        except Stop as second:
            run.facts.identity = known
            raise Refused(refused.what, [*refused.lines, *_other_words(refused, second)], refused.next) from None


def _kept_access(run: Run) -> protocol.Access:
    access: Any = None
    with contextlib.suppress(files.Damaged):
        access = files.read_json(os.path.join(run.folder, "access.json"))
    if access is None:
        raise Refused("how the interrupted run reached its database is not kept any more")
    found: protocol.Access = access
    return found


def _reach_by_the_site(run: Run) -> None:
    wanted = list(run.before.get("identity") or ())
    try:
        run.facts.load_live()
    finally:
        run.stop_apps()  # it holds connections, which a fence waits for
        run.facts.live = None
    if wanted and run.facts.identity != wanted:
        location = run.database.location
        run.facts.forget_database()
        raise Refused("it leads to another database than the run's: %s" % location)


def _other_words(first: Stop, second: Stop) -> list[str]:
    """What is told of the second way that failed, where it says more than the first."""
    words = [second.what, *second.lines]
    return [] if words == [first.what, *first.lines] else ["by the site's own way: %s" % line for line in words[:2]]


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
        "decision": old.decision.name if old.decision else None,
        "leave": leave,
        "reached": lines[-1]["what"] if lines else "nothing",
        "commit": run.before.get("commit"),
        "revisions": run.before.get("revisions") or [],
        "last": None,
        "lock": None,
        "gate": run.facts.gate(),
    }


def take_over(old: Interrupted) -> None:
    """The lock, the database's own too, and the file that says who carries the run, from the process that is gone.
    Raises lock.Held, Refused."""
    run = old.run
    holder: Any = kept.stamped({**old.record, "task": "recover of %s" % old.record["task"]}, run.version)
    holder.pop("holder", None)
    if run.events.path is not None:
        holder["events"] = run.events.path
    run.lock = lock.Lock(facts.lock_folder(run.site), run.facts.keys(), holder)
    run.lock.take_over(old.record.get("holder") or protocol.Holder())
    if run.facts.database is not None:
        run.hold_database_lock()
    run.write_open_run(old.record, run.lock.holder)


def carry_out(old: Interrupted, leave: bool = False) -> Outcome:
    """Does what is left to do, up to the end of the run; `leave`: moves nothing, so that a person can."""
    run, decision = old.run, old.decision
    if decision is Recovery.ENDED:
        return decide.ended(run.journal.lines()) or "returned"
    if decision is Recovery.FINISHED:
        return _forwards(old)
    if decision is Recovery.NOTHING:
        return "returned"
    run.journal.write(protocol.RECOVERING)
    if run.facts.database is not None:
        run.database.kill(run.connections)
    if leave:
        run.step("close", leave_closed)
        return "left"
    if decision is Recovery.OPEN and _opens(run):
        return _forwards(old)
    take_back.bring_back(run)
    return "returned"


def _forwards(old: Interrupted) -> Outcome:
    return "released" if old.record["task"] == "release" else "done"


def leave_closed(run: Run) -> str:
    """The gate up, the fence down, code and database as they are."""
    run.about_to(protocol.GATE)
    text = "gate up; code and database as they are"
    try:
        steps.gate_up(run)
    except health.NotHealthy as error:
        text += "; it was not seen at the site: %s" % error
    with contextlib.suppress(DatabaseError):
        if run.facts.database is not None:
            run.database.fence_down()
            return text
    return text + "; the database was not reached: its fence may be up, until fab %s.open" % run.site.name


def _opens(run: Run) -> bool:
    """Opens what had been proved behind the gate; False where the site is not healthy then."""
    try:
        run.step("open", steps.open_site)
    except Exception:
        return False
    return True
