"""The supervisor: carries a run from its plan to its record, in a process of its own that outlives the connection.

The channel's process forks it before the plan is made; until the go they talk over a pipe. After it the supervisor
writes its events to a file, and the channel only follows that file."""

import contextlib
import os
import shutil
import signal
import time
import traceback

from ..channel.wire import Wire
from ..database.mysql_client import DatabaseError
from ..lib import disk_full, files
from ..lib.masking import Mask
from ..lib.outcome import Failed, Incident, Nothing, Refused
from ..lib.process import Failed as ProgramFailed
from ..protocol import Stop
from ..records import journal, lock
from ..site import preflight
from ..site.site import Site
from . import facts, prepare, run, stage, steps, stories, take_back
from . import recover as run_recover

KEPT_RUNS = 20


def start(request):
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


def supervise(request, wire):
    """Plan, wait for the go, run. Every way out ends with one `end` event."""
    mask = Mask()
    events = run.Events(wire, mask)
    this = None
    try:
        site = Site(request["site"])
        this = run.Run(site, request["task"], dict(request.get("args") or {}), request.get("who") or "unknown", events)
        ending = _carry(this, wire)
    except Stop as stop:
        ending = _end_of_stop(this, stop)
    except lock.Held as held:
        ending = _end_of_stop(this, _refused_by(held, request["site"].get("name")))
    except (ProgramFailed, DatabaseError, OSError, files.Damaged) as error:
        ending = end_of(error, this and this.site)
    except Exception as error:
        _note_fault(this)
        ending = end_of_fault(error)
    finally:
        with contextlib.suppress(Exception):
            if this is not None:
                this.end()
    if ending is not None:
        events.send(ending)


def _carry(this, wire):
    """From the facts to the end event; None where the laptop did not say go."""
    this.facts.check_places()
    refuse_interrupted(this)
    if this.task not in ("backup", "recover"):
        preflight.refuse_unwritable(this.site)
    if this.task == "recover":
        old = run_recover.find(this)
        told = run_recover.plan(old, bool(this.args.get("leave")))
    else:
        prepare.prepare(this)
        told = dict(this.facts.all(), **this.found)
    this.events.send(told)
    if this.task == "release" and not this.site.writes_on_load:
        stage.start_ahead(this)
    go = wire.receive()
    if not go or not go.get("go"):
        return None
    this.args.update(go, fingerprint=go["go"])
    this.began = time.monotonic()  # what was tested and thought about before is no time of the run
    this.events.path = os.path.join(files.folder(this.folder), "events.jsonl")
    journal.append(this.events.path, {"event": "following", "run": this.id})
    wire.send({"event": "follow", "path": this.events.path})
    return carry_out(this) if this.task != "recover" else recover(old, bool(this.args.get("leave")))


def recover(old, leave):
    """The end event of finishing the interrupted run `old`."""
    try:
        outcome = run_recover.carry_out(old, leave)
    except lock.Held:
        raise
    except Exception as error:
        return incident(old, Failed("recover could not finish"), error)
    finally:
        with contextlib.suppress(Exception):
            old.stop_apps()
    try:
        ending = _finish(old, outcome)
    finally:
        old.end()
    told = TOLD.get(outcome, "The interrupted %s is finished")
    return dict(ending, code=0, outcome="done", what=told % old.noted["task"])


def refuse_interrupted(this):
    """Until an interrupted run was recovered, every change is refused."""
    found = facts.interrupted(this.site)
    if found and this.task != "recover":
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found["since"]))
        raise Refused(
            "an interrupted %s stands open" % found["task"],
            ["begun by %s, %s" % (found["who"], when), "its process is gone; what it began has to be taken back first"],
            ["fab %s.recover" % this.site.name],
        )


def carry_out(this):
    """The run after its go: story, record, or return. Returns the end event."""
    try:
        this.step("lock", steps.lock)
        story = stories.BY_TASK[this.task](this)
        for name, step in story:
            this.step(name, step)
    except Exception as error:
        return _take_back(this, error)
    this.journal.write("complete")
    _tidy(this, lambda this: this.step("record", steps.record))
    return _finish(this, "released" if this.task == "release" else "done")


def _tidy(this, clean):
    """Tidies up after what is decided already; a fault there is told, and changes nothing of it."""
    try:
        clean(this)
    except Exception as error:
        _note_fault(this)
        this.say("Tidying up after the %s failed: %s" % (this.task, run.short(error)))


def _take_back(this, error):
    """After a step failed. Before anything at the site was changed it is a refusal; else the site is returned."""
    if this.journal is None:
        raise error
    stop = error if isinstance(error, Stop) else _as_stop(this, error)
    if isinstance(error, lock.Held):  # the site is another's now: hands off
        other = Incident("another release took the lock over", next=["fab %s.status" % this.site.name])
        return _end_of_incident(this, stop, other)
    try:
        if not take_back.needed(this):
            _tidy(this, steps.clean)
            return _finish(this, "nothing" if isinstance(stop, Nothing) else "refused", stop)
        take_back.bring_back(this)
    except Exception as second:
        return incident(this, stop, second)
    return _finish(this, "returned", stop)


def incident(this, stop, second):
    """A return that failed: the gate is put up, the run stays open for `recover`."""
    _note_fault(this)
    with contextlib.suppress(Exception):
        if not isinstance(second, lock.Held):
            take_back.shut(this)
    return _end_of_incident(this, stop, second)


def _end_of_incident(this, stop, second):
    told = second if isinstance(second, Stop) else _as_stop(this, second)
    lines = [stop.what, *stop.lines, "and the return failed: %s" % told.what, *told.lines]
    where = this.where()
    _history(this, "incident", where)
    this.lock = None  # its files stay: what shares anything with this site is refused, too
    name = this.site.name
    next_lines = told.next or ["fab %s.recover" % name, "fab %s.recover --leave  ends it as it stands, closed" % name]
    return end_event(4, "incident", "%s needs a person" % this.site.name, lines, where, next_lines)


def _as_stop(this, error):
    """Any error as a Stop, its text masked and short."""
    lines = [line for line in this.mask.text(str(error)).splitlines() if line.strip()]
    if not isinstance(error, (ProgramFailed, DatabaseError, OSError)):
        _note_fault(this)
    told = disk_full.message(error) if disk_full.is_full(error) else lines[0] if lines else type(error).__name__
    return Failed(told, lines[1:4] if lines and lines[0] == told else lines[:3], disk_full.fixes(this.site, error))


TOLD = {"returned": "The interrupted %s is taken back", "left": "The interrupted %s is left where it stands"}
CODES = {"left": 0, "released": 0, "done": 0, "nothing": 0, "refused": 3, "returned": 6, "incident": 4}


def _finish(this, outcome, stop=None):
    """The record of a run that ended as it should, one way or the other."""
    where = this.where()
    gone = this.journal.last("gate gone") if outcome in ("released", "done", "returned") else None
    where["healthy"] = None if gone is None else gone.get("healthy", True)
    _history(this, outcome, where)
    this.journal.write("end", outcome=outcome)
    files.remove(this.site.open_run)
    _forget_old(this)
    told = end_event(
        CODES[outcome], outcome, stop.what if stop else "", stop.lines if stop else (), where, stop.next if stop else ()
    )
    told.update(
        seconds=round(time.monotonic() - this.began, 1),
        closed=this.closed,
        commit=where["commit"],
        data={"backup": this.backup and this.backup["id"], "run": this.id, "gate_left_up": where["gate"] == "up"},
    )
    return told


def _history(this, outcome, where):
    line = {"run": this.id, "task": this.task, "who": this.who, "at": time.time(), "outcome": outcome}
    line.update(
        commit=where["commit"],
        revision=where["revision"],
        before={key: this.before.get(key) for key in ("commit", "revisions")},
    )
    line.update(
        backup=this.backup and this.backup["id"], closed=this.closed, seconds=round(time.monotonic() - this.began, 1)
    )
    with contextlib.suppress(OSError):
        journal.append(this.site.history, this.mask.value(line))


def _forget_old(this):
    """Removes the folders of runs long past, and what their returns kept aside in scratch databases."""
    names = sorted(os.listdir(this.site.runs))
    for name in names:
        if name == this.id:
            continue
        files.remove(os.path.join(this.site.runs, name, "access.json"))
        if this.task != "release":
            continue  # what a return kept aside stays until the next release
        lines = journal.read_lines(os.path.join(this.site.runs, name, "journal.jsonl"))
        made = {line["database"] for line in lines if line.get("what") == "scratch"}
        if made and not any(line.get("what") == "scratch gone" for line in lines):
            with contextlib.suppress(DatabaseError):
                for database_name in made:
                    this.database.drop(database_name)
                journal.append(os.path.join(this.site.runs, name, "journal.jsonl"), {"what": "scratch gone"})
    for name in names[:-KEPT_RUNS]:
        shutil.rmtree(os.path.join(this.site.runs, name), ignore_errors=True)


def end_of(error, site):
    """The end event of a refusal for what the system, a program or the database said."""
    name = site.name if site else "ENV"
    lines = [line for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    next_lines = ["fab %s.check" % name]
    if isinstance(error, files.Damaged):
        next_lines = ["fab %s.workon -c 'cat %s'" % (name, error.path), "when nothing runs there, remove it"]
    elif site and disk_full.is_full(error):
        next_lines = disk_full.fixes(site, error)
    return end_event(3, "refused", lines[0], next=next_lines)


def end_of_fault(error):
    """The end event of what should never happen."""
    what = "internal error (%s: %s): this is a bug" % (type(error).__name__, error)
    return end_event(1, "refused", what, lines=_last_lines(error))


def _end_of_stop(this, stop):
    outcome = stop.outcome if stop.outcome in CODES else "refused"
    return end_event(CODES[outcome], outcome, stop.what, stop.lines, None, stop.next)


def _refused_by(held, name):
    holder = held.holder
    when = time.strftime("%H:%M:%S UTC", time.gmtime(holder.get("since") or 0))
    what = "%s is held by %s: %s" % (holder.get("site") or name, holder.get("who"), holder.get("task"))
    lines = ["since %s%s" % (when, ", commit %s" % holder["commit"][:7] if holder.get("commit") else "")]
    site = holder.get("site") or name
    if held.alive:
        return Refused(what, lines, ["fab %s.watch" % site])
    return Refused(what, [*lines, "its process is gone"], ["fab %s.recover" % site])


def end_event(code, outcome, what, lines=(), where=None, next=()):
    return {
        "event": "end",
        "code": code,
        "outcome": outcome,
        "what": what,
        "cause": list(lines)[:6],
        "where": where,
        "next": list(next),
        "seconds": None,
        "closed": None,
        "commit": None,
        "data": {},
    }


def _note_fault(this):
    """Keeps a traceback in the run's folder, for whoever looks into the tool itself."""
    with contextlib.suppress(Exception):
        text = this.mask.text(traceback.format_exc())
        files.write(os.path.join(this.folder, "fault-%d.txt" % time.time_ns()), text.encode())


def _last_lines(error):
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    return ["%s:%d" % (os.path.basename(frame.filename), frame.lineno or 0) for frame in frames]
