"""The supervisor: carries a run from its plan to its record, in a process of its own that outlives the connection.

The channel's process forks it before the plan is made; until the go they talk over a pipe. After it the supervisor
writes its events to a file, and the channel only follows that file."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

from .. import protocol
from ..channel.wire import Wire
from ..database.mysql_client import DatabaseError
from ..lib import amounts, files, held_lock, outside, wall
from ..lib.masking import Mask
from ..lib.outcome import Failed, Incident, Nothing, Refused
from ..lib.process import Failed as ProgramFailed
from ..lib.stop import Stop
from ..protocol import End, Go, Request
from ..records import lines, lock
from ..site import preflight
from ..site.site import Site
from . import decide, endings, facts, prepare, record, recover, stage, steps, stories, take_back
from .recover import Interrupted
from .run import Events, Run


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
        outside.refuse_another(wall.here(), site)
        who, version = request.get("who") or "unknown", request.get("version") or ""
        this = Run(site, request["task"], request.get("args") or {}, who, events, version)
        ending = _carry(this, wire)
    except Stop as stop:
        ending = endings.of_stop(stop)
    except lock.Held as held:
        holder = held.holder if this is None else facts.here_named(this.site, held.holder)
        message = held_lock.message(holder, held.alive, request["site"].get("name") or "ENV")
        ending = endings.of_stop(Refused(*message))
    except (ProgramFailed, DatabaseError, OSError, files.Damaged) as error:
        ending = endings.of_error(error, this.site if this is not None else None)
    except Exception as error:
        record.note_fault(this)
        ending = endings.of_fault(error)
    finally:
        with contextlib.suppress(Exception):
            if this is not None:
                this.end()
    if ending is not None:
        events.send(ending)


def _carry(this: Run, wire: Wire) -> End | None:
    """From the facts to the end event; None where the laptop did not say go."""
    if this.task == "recover":
        return _recover(this, wire)
    refuse_interrupted(this)
    this.facts.check_places()
    if this.task != "backup":
        preflight.refuse_unwritable(this.site)
    if this.task not in ("backup", "open"):
        preflight.refuse_tracked_wsgi(this.site)
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
    path = os.path.join(files.folder(this.folder), "events.jsonl")
    lines.append(path, {"event": "following", "run": this.id})
    this.events.path = path  # only now: that the disk is full is told over the wire
    wire.send({"event": "follow", "path": path})
    return go


def _recover(this: Run, wire: Wire) -> End | None:
    """From what was interrupted to the end event; None where the laptop did not say go."""
    leave = bool(this.wish.get("leave"))
    old = recover.find(this, leave)
    this.events.send(recover.plan(old, leave))
    return None if _go(this, wire) is None else finish_interrupted(old, leave)


def finish_interrupted(old: Interrupted, leave: bool) -> End:
    """The end event of finishing an interrupted run. What stops it before it begins is a refusal."""
    run = old.run
    try:
        recover.take_over(old)
        try:
            outcome = recover.carry_out(old, leave)
        except lock.Held:
            raise
        except Exception as error:
            return record.incident(run, Failed("recover could not finish"), error)
        ending = record.finish(run, outcome)
    finally:
        run.end()
    if ending["outcome"] == "incident":
        return ending
    words = RECOVERED.get(ending["outcome"], "The interrupted %s is finished") % old.record["task"]
    ending.update({"code": 0, "outcome": "done", "what": words, "cause": [], "next": []})
    return ending


RECOVERED = {
    "returned": "The interrupted %s is taken back",
    "left": "The interrupted %s is left where it stands",
    "refused": "The interrupted %s had changed nothing",
    "nothing": "The interrupted %s had changed nothing",
}


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
    this.noted(protocol.COMPLETE)
    return record.finish(this, "released" if this.task == "release" else "done")


def _take_back(this: Run, error: Exception) -> End:
    """After a step failed. Before anything at the site was changed it is a refusal; else the site is returned."""
    if not this.is_open:
        raise error
    stop = record.as_stop(this, error)
    if isinstance(error, lock.Held):  # the site is another's now: hands off
        other = Incident("another release took the lock over", next=["fab %s.status" % this.site.name])
        return record.end_of_incident(this, stop, other)
    try:
        returning = decide.needed(this.journal.lines())
        if returning:
            take_back.bring_back(this)
    except Exception as second:
        return record.incident(this, stop, second)
    if returning:
        return record.finish(this, "returned", stop)
    return record.finish(this, "nothing" if isinstance(stop, Nothing) else "refused", stop)
