"""The supervisor: carries a run from its plan to its record, in a process of its own that outlives the connection.

The channel's process forks it before the plan is made; until the go they talk over a pipe. After it the supervisor
writes its events to a file, and the channel only follows that file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import traceback
from typing import Any, Callable

from .. import protocol
from ..channel.wire import Wire
from ..database.mysql_client import DatabaseError
from ..lib import amounts, disk_full, files, held_lock
from ..lib.masking import Mask
from ..lib.outcome import Failed, Incident, Nothing, Refused
from ..lib.process import Failed as ProgramFailed
from ..protocol import End, Go, HistoryLine, Outcome, Request
from ..records import history, kept, lines, lock
from ..site import preflight
from ..site.site import Site
from . import decide, endings, facts, prepare, recover, stage, steps, stories, take_back
from .recover import Interrupted
from .run import Events, Run, short

KEPT_RUNS = 20


def start(request: Request) -> tuple[int, int]:
    """Forks the supervisor of `request`. Returns (reading, writing) descriptors of the pipes to it."""
    up_read, up_write = os.pipe()
    down_read, down_write = os.pipe()
    if os.fork():
        os.close(up_write)
        os.close(down_read)
        os.wait()
        return up_read, down_write
    os.setsid()
    if os.fork():
        os._exit(0)
    os.close(up_read)
    os.close(down_write)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    code = 0
    try:
        supervise(request, Wire(down_read, up_write, ""))
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def supervise(request: Request, wire: Wire) -> None:
    """Plan, wait for the go, run. Every way out ends with one `end` event."""
    events = Events(wire, Mask())
    this: Run | None = None
    ending: End | None
    try:
        site = Site(request["site"])
        who, version = request.get("who") or "unknown", request.get("version") or ""
        this = Run(site, request["task"], request.get("args") or {}, who, events, version)
        ending = _carry(this, wire)
    except protocol.Stop as stop:
        ending = endings.of_stop(stop)
    except lock.Held as held:
        message = held_lock.message(held.holder, held.alive, request["site"].get("name") or "ENV")
        ending = endings.of_stop(Refused(*message))
    except (ProgramFailed, DatabaseError, OSError, files.Damaged) as error:
        ending = endings.of_error(error, this.site if this is not None else None)
    except Exception as error:
        _note_fault(this)
        ending = endings.of_fault(error)
    finally:
        with contextlib.suppress(Exception):
            if this is not None:
                this.end()
    if ending is not None:
        events.send(ending)


def _carry(this: Run, wire: Wire) -> End | None:
    """From the facts to the end event; None where the laptop did not say go."""
    this.facts.check_places()
    if this.task == "recover":
        return _recover(this, wire)
    refuse_interrupted(this)
    if this.task != "backup":
        preflight.refuse_unwritable(this.site)
    this.findings = prepare.prepare(this)
    this.events.send({**this.facts.all(), **this.findings.shown()})
    if this.task == "release" and not this.site.writes_on_load:
        stage.start_ahead(this)
    go = _go(this, wire)
    if go is None:
        return None
    this.say_go(go)
    return carry_out(this)


def _go(this: Run, wire: Wire) -> Go | None:
    """The person's yes, None without one. After it events go to the run's file, which the channel follows."""
    answer: Any = wire.receive()
    if not answer or not answer.get("go"):
        return None
    go: Go = answer
    this.began = time.monotonic()  # what was tested and thought about before is no time of the run
    this.events.path = os.path.join(files.folder(this.folder), "events.jsonl")
    lines.append(this.events.path, {"event": "following", "run": this.id})
    wire.send({"event": "follow", "path": this.events.path})
    return go


def _recover(this: Run, wire: Wire) -> End | None:
    """From what was interrupted to the end event; None where the laptop did not say go."""
    leave = bool(this.wish.get("leave"))
    old = recover.find(this)
    this.events.send(recover.plan(old, leave))
    return None if _go(this, wire) is None else finish_interrupted(old, leave)


def finish_interrupted(old: Interrupted, leave: bool) -> End:
    """The end event of finishing an interrupted run."""
    try:
        outcome = recover.carry_out(old, leave)
    except lock.Held:
        raise
    except Exception as error:
        return incident(old.run, Failed("recover could not finish"), error)
    finally:
        with contextlib.suppress(Exception):
            old.run.stop_apps()
    try:
        ending = _finish(old.run, outcome)
    finally:
        old.run.end()
    ending["code"], ending["outcome"] = 0, "done"
    ending["what"] = RECOVERED.get(outcome, "The interrupted %s is finished") % old.record["task"]
    return ending


RECOVERED = {"returned": "The interrupted %s is taken back", "left": "The interrupted %s is left where it stands"}


def refuse_interrupted(this: Run) -> None:
    """Until an interrupted run was recovered, every change is refused."""
    run = facts.interrupted(this.site)
    if run:
        begun = "begun by %s, %s" % (run["who"], amounts.moment(run["since"]))
        raise Refused(
            "an interrupted %s stands open" % run["task"],
            [begun, "its process is gone; what it began has to be taken back first"],
            ["fab %s.recover" % this.site.name],
        )


def carry_out(this: Run) -> End:
    """The run after its go: story, record, or return. Returns the end event."""
    try:
        this.step("lock", steps.lock)
        for name, step in stories.BY_TASK[this.task](this):
            this.step(name, step)
    except Exception as error:
        return _take_back(this, error)
    this.journal.write(protocol.COMPLETE)
    _tidy(this, lambda this: this.step("record", steps.record))
    return _finish(this, "released" if this.task == "release" else "done")


def _tidy(this: Run, clean: Callable[[Run], Any]) -> None:
    """Tidies up after what is decided already; a fault there is told, and changes nothing of it."""
    try:
        clean(this)
    except Exception as error:
        _note_fault(this)
        this.say("Tidying up after the %s failed: %s" % (this.task, short(error)))


def _take_back(this: Run, error: Exception) -> End:
    """After a step failed. Before anything at the site was changed it is a refusal; else the site is returned."""
    if not this.is_open:
        raise error
    stop = _as_stop(this, error)
    if isinstance(error, lock.Held):  # the site is another's now: hands off
        other = Incident("another release took the lock over", next=["fab %s.status" % this.site.name])
        return _end_of_incident(this, stop, other)
    try:
        if not decide.needed(this.journal.lines()):
            _tidy(this, steps.clean)
            return _finish(this, "nothing" if isinstance(stop, Nothing) else "refused", stop)
        take_back.bring_back(this)
    except Exception as second:
        return incident(this, stop, second)
    return _finish(this, "returned", stop)


def incident(this: Run, stop: protocol.Stop, second: Exception) -> End:
    """A return that failed: the gate is put up, the run stays open for `recover`."""
    _note_fault(this)
    with contextlib.suppress(Exception):
        if not isinstance(second, lock.Held):
            take_back.shut(this)
    return _end_of_incident(this, stop, _as_stop(this, second))


def _end_of_incident(this: Run, stop: protocol.Stop, second: protocol.Stop) -> End:
    cause = [stop.what, *stop.lines, "and the return failed: %s" % second.what, *second.lines]
    where = this.where()
    _write_history(this, "incident", where)
    this.lock = None  # its files stay: what shares anything with this site is refused, too
    name = this.site.name
    fixes = second.next or ["fab %s.recover" % name, "fab %s.recover --leave  ends it as it stands, closed" % name]
    return endings.end("incident", Incident("%s needs a person" % name, cause, fixes), where)


def _as_stop(this: Run, error: Exception) -> protocol.Stop:
    """Any error as a Stop, its text masked and short."""
    if isinstance(error, protocol.Stop):
        return error
    texts = [line for line in this.mask.text(str(error)).splitlines() if line.strip()]
    if not isinstance(error, (ProgramFailed, DatabaseError, OSError)):
        _note_fault(this)
    what = disk_full.message(error) if disk_full.is_full(error) else texts[0] if texts else type(error).__name__
    cause = texts[1:4] if texts and texts[0] == what else texts[:3]
    return Failed(what, cause, disk_full.fixes(this.site, error))


def _finish(this: Run, outcome: Outcome, stop: protocol.Stop | None = None) -> End:
    """The record of a run that ended as it should, one way or the other."""
    where = this.where()
    gone = this.journal.last(protocol.GATE_GONE) if outcome in ("released", "done", "returned") else None
    where["healthy"] = None if gone is None else gone.get("healthy", True)
    _write_history(this, outcome, where)
    this.journal.write(protocol.END, outcome=outcome)
    files.remove(this.site.open_run)
    _forget_old(this)
    ending = endings.end(outcome, stop, where)
    ending["seconds"], ending["closed"], ending["commit"] = _seconds(this), this.closed, where["commit"]
    ending["data"] = {"backup": _backup(this), "run": this.id, "gate_left_up": where["gate"] == "up"}
    return ending


def _seconds(this: Run) -> float:
    return round(time.monotonic() - this.began, 1)


def _backup(this: Run) -> str | None:
    return this.backup["id"] if this.backup is not None else None


def _write_history(this: Run, outcome: Outcome, where: protocol.Where) -> None:
    line: HistoryLine = {
        "run": this.id,
        "task": this.task,
        "who": this.who,
        "at": time.time(),
        "outcome": outcome,
        "commit": where["commit"],
        "revision": where["revision"],
        "before": {"commit": this.before.get("commit"), "revisions": this.before.get("revisions")},
        "backup": _backup(this),
        "closed": this.closed,
        "seconds": _seconds(this),
    }
    history.append(this.site, this.mask.value(line), this.version)


def _forget_old(this: Run) -> None:
    """Removes the folders of runs long past, and what their returns kept aside in scratch databases."""
    names = sorted(os.listdir(this.site.runs))
    for name in names:
        if name == this.id:
            continue
        files.remove(os.path.join(this.site.runs, name, "access.json"))
        if this.task == "release":  # what a return kept aside stays until the next release
            _drop_scratch(this, os.path.join(this.site.runs, name, "journal.jsonl"))
    for name in names[:-KEPT_RUNS]:
        shutil.rmtree(os.path.join(this.site.runs, name), ignore_errors=True)


def _drop_scratch(this: Run, path: str) -> None:
    """Drops the scratch databases that the journal at `path` proves to be ours, once."""
    try:
        found = kept.lines(path, "a journal")
    except kept.Newer:
        return
    made = {line["database"] for line in found if line.get("what") == protocol.SCRATCH}
    if made and not any(line.get("what") == protocol.SCRATCH_GONE for line in found):
        with contextlib.suppress(DatabaseError):
            for name in made:
                this.database.drop(name)
            kept.append(path, {"what": protocol.SCRATCH_GONE}, this.version)


def _note_fault(this: Run | None) -> None:
    """Keeps a traceback in the run's folder, for whoever looks into the tool itself."""
    with contextlib.suppress(Exception):
        assert this is not None
        text = this.mask.text(traceback.format_exc())
        files.write(os.path.join(this.folder, "fault-%d.txt" % time.time_ns()), text.encode())
