"""The record of a run that ends: in its journal, in the history, and in the event that tells how it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import traceback

from .. import protocol
from ..database import identity
from ..database.mysql_client import DatabaseError
from ..lib import disk_full, files
from ..lib.outcome import Failed, Incident
from ..lib.process import Failed as ProgramFailed
from ..lib.stop import Stop
from ..protocol import End, HistoryLine, JournalLine, Outcome
from ..records import history, kept, lock
from . import decide, endings, steps, take_back
from .run import Run

KEPT_RUNS = 20


def incident(this: Run, stop: Stop, second: Exception) -> End:
    """A return that failed: the gate is put up, the run stays open for `recover`."""
    note_fault(this)
    with contextlib.suppress(Exception):
        if not isinstance(second, lock.Held):
            take_back.shut(this)
    return end_of_incident(this, stop, as_stop(this, second))


def end_of_incident(this: Run, stop: Stop, second: Stop) -> End:
    """The end event of an incident: what failed, and why the return failed too. The lock's files stay."""
    cause = [stop.what, *stop.lines, "and the return failed: %s" % second.what, *second.lines]
    where = this.where()
    _write_history(this, "incident", where)
    this.lock = None  # what shares anything with this site is refused, too
    name = this.site.name
    fixes = second.next or ["fab %s.recover" % name, "fab %s.recover --leave  ends it as it stands, closed" % name]
    return endings.end("incident", Incident("%s needs a person" % name, cause, fixes), where)


def as_stop(this: Run, error: Exception) -> Stop:
    """Any error as a Stop, its text masked and short."""
    if isinstance(error, Stop):
        return error
    texts = [line for line in this.mask.text(str(error)).splitlines() if line.strip()]
    if not isinstance(error, (ProgramFailed, DatabaseError, OSError)):
        note_fault(this)
    what = disk_full.message(error) if disk_full.is_full(error) else texts[0] if texts else type(error).__name__
    cause = texts[1:4] if texts and texts[0] == what else texts[:3]
    return Failed(what, cause, disk_full.fixes(this.site, error))


def finish(this: Run, outcome: Outcome, stop: Stop | None = None) -> End:
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
    ending["data"]["kept"] = steps.kept(this)
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
        "database": identity.describe(this.database) if this.facts.database is not None else None,
        "identity": identity.digest(this.facts.identity) if this.facts.identity else None,
        "before": {"commit": this.before.get("commit"), "revisions": this.before.get("revisions")},
        "backup": _backup(this),
        "closed": this.closed,
        "seconds": _seconds(this),
        "answered": this.before.get("answered"),
        "page": this.site.health,
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
    journals = {name: _journal(os.path.join(this.site.runs, name, "journal.jsonl")) for name in names}
    known = {name: journal for name, journal in journals.items() if journal is not None}
    for name in decide.forgotten(known, KEPT_RUNS):
        shutil.rmtree(os.path.join(this.site.runs, name), ignore_errors=True)


def _journal(path: str) -> list[JournalLine] | None:
    """The lines of another run's journal, None where only a newer version can read them."""
    try:
        return kept.lines(path, "a journal")
    except kept.Newer:
        return None


def _drop_scratch(this: Run, path: str) -> None:
    """Drops the scratch databases that the journal at `path` proves to be ours, once."""
    journal = _journal(path) or []
    if decide.has_scratch(journal):
        with contextlib.suppress(DatabaseError):
            for name in decide.scratch(journal):
                this.database.drop(name)
            kept.append(path, {"what": protocol.SCRATCH_GONE}, this.version)


def note_fault(this: Run | None) -> None:
    """Keeps a traceback in the run's folder, for whoever looks into the tool itself."""
    with contextlib.suppress(Exception):
        assert this is not None
        text = this.mask.text(traceback.format_exc())
        files.write(os.path.join(this.folder, "fault-%d.txt" % time.time_ns()), text.encode())
