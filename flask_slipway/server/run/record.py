"""The end of a run: in its journal, in the history, in the event that tells how it ended; and what it leaves behind,
tidied up."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import traceback
from typing import Callable

from .. import protocol
from ..backup import store
from ..database import identity
from ..database.mysql_client import DatabaseError
from ..lib import disk_full, files
from ..lib.outcome import Failed, Incident
from ..lib.process import Failed as ProgramFailed
from ..lib.stop import Stop
from ..protocol import End, HistoryLine, JournalLine, Outcome
from ..records import history, kept, known_once, lock
from ..site import clone, virtualenv
from . import decide, endings, steps, take_back, ways_back
from .run import Run, short

KEPT_RUNS = 20
SECRETS = ("access.json", "site.json", os.path.join("stage", "client.cnf"))  # of a run's folder
AGAIN = "then try again"  # what is not enough where a run stands open
FORWARD: tuple[Outcome, ...] = ("released", "done")
TAKEN_BACK: tuple[Outcome, ...] = ("returned", "left")  # these have made backups too


def incident(this: Run, stop: Stop, second: Exception) -> End:
    """A return that failed: the gate is put up, the run stays open for `recover`."""
    note_fault(this)
    with contextlib.suppress(Exception):
        if not isinstance(second, lock.Held):
            take_back.shut(this)
    why = as_stop(this, second)
    recover = "fab %s.recover" % this.site.name
    if why.next and not isinstance(second, lock.Held) and not any(recover in line for line in why.next):
        why = Failed(why.what, why.lines, [*(line for line in why.next if line != AGAIN), "then %s" % recover])
    return end_of_incident(this, stop, why)


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
    """Ends a run whose outcome is settled; nothing that fails here changes that.

    Each half of it is one that `recover` can end. First the journal says how the run ended: from then on only the
    record and the tidying up are left, and neither needs the database. Last it stands open no more, by a step that
    needs no room on the disk. Where the journal takes no line any more, that step comes before the tidying up, which
    removes what a return would need."""
    try:
        if this.lock is not None:
            this.lock.check()
    except lock.Held:
        return _taken_over(this, stop)
    ending = _ending(this, outcome, stop)
    if not _write_down(this, ending):
        _let_go(this)
    _tidy_up(this, outcome)
    _write_down(this, ending)  # once more: there may be room now
    _remove_secrets(this.folder)
    _let_go(this)
    return ending


def _taken_over(this: Run, stop: Stop | None) -> End:
    """The end of a run that finds itself no longer the holder of its lock: hands off what is another's by now."""
    this.lock = None
    cause = ["another release took the lock over", *([stop.what, *stop.lines] if stop else [])]
    what = Incident(
        "the end of the %s could not be written down" % this.task, cause, ["fab %s.status" % this.site.name]
    )
    return endings.end("incident", what, this.where())


def _ending(this: Run, outcome: Outcome, stop: Stop | None) -> End:
    """The end event; of a run that had ended already, the one that it has written down."""
    written = this.journal.last(protocol.END) or {}
    if written.get("ending"):
        known: End = written["ending"]
        return known
    where = this.where()
    gone = this.journal.last(protocol.GATE_GONE) if outcome in (*FORWARD, "returned") else None
    where["healthy"] = None if gone is None else gone.get("healthy", True)
    ending = endings.end(outcome, stop, where)
    ending["seconds"], ending["closed"], ending["commit"] = _seconds(this), this.closed, where["commit"]
    ending["data"] = {"backup": _backup(this), "run": this.id, "gate_left_up": where["gate"] == "up"}
    ending["data"]["back"] = ways_back.after(this, outcome, where)
    ending["data"]["kept"] = steps.kept(this)
    ending["data"]["apart"] = outcome == "done" and bool(this.wish.get("database_only"))
    return ending


def _write_down(this: Run, ending: End) -> bool:
    """How the run ended, once, into its journal and the history. False where the journal took no line."""
    where = ending["where"] or this.where()
    masked = this.mask.event(ending)
    told = this.journal.has(protocol.END) or this.noted(protocol.END, outcome=ending["outcome"], ending=masked)
    with contextlib.suppress(Exception):
        if not history.has(this.site, this.id, ending["outcome"]):
            _write_history(this, ending["outcome"], where)
    return told


def _let_go(this: Run) -> None:
    """The run stands open no more."""
    try:
        if (files.read_json(this.site.open_run) or {}).get("run") == this.id:
            files.remove(this.site.open_run)
    except Exception as error:
        _say_left(this, error)


def _tidy_up(this: Run, outcome: Outcome) -> None:
    """Removes what nobody needs any more; what cannot be removed is told, and stays."""
    parts: list[Callable[[Run], None]] = [_remove_stage, _sweep, _forget_old]
    if outcome in FORWARD:
        this.step("record", _tidy, [_prune, *parts, _remember])
    elif outcome in TAKEN_BACK:
        _tidy(this, [_prune, *parts, _remember])
    else:  # nothing was changed, and by this neither
        _tidy(this, parts)


def _tidy(this: Run, parts: list[Callable[[Run], None]]) -> str:
    for part in parts:
        try:
            part(this)
        except Exception as error:
            _say_left(this, error)
    return ""


def _say_left(this: Run, error: Exception) -> None:
    note_fault(this)
    this.say("  note: tidying up after the %s failed: %s" % (this.task, short(error)))


def _prune(this: Run) -> None:
    """Removes old backups, and none of this run's own, which its end may name, nor the one that it was to put back."""
    wanted = (this.journal.last(protocol.BEFORE) or {}).get("backup")
    manifests = store.usable(this.site.backups)
    spare = [manifest["id"] for manifest in manifests if manifest.get("run") == this.id or manifest["id"] == wanted]
    store.prune(this.site.backups, this.site.keep, spare)


def _remove_stage(this: Run) -> None:
    """Removes what the run staged."""
    this.stop_apps()
    clone.remove_stage(this.site.project, this.stage_folder)
    shutil.rmtree(os.path.dirname(this.stage_folder), ignore_errors=True)
    if this.journal.has(protocol.STAGING_PACKAGES):
        virtualenv.discard(this.packages_folder)


def _sweep(this: Run) -> None:
    """Removes what a killed process left half written: this run, or the one that it recovers, is alone on the site."""
    for path in (this.site.open_run, this.gate.original, os.path.join(this.site.project, "REVISION")):
        files.sweep(path)


def _remember(this: Run) -> None:
    known_once.remember(this.site, this.mask, this.version)


def _remove_secrets(folder: str) -> None:
    with contextlib.suppress(OSError):
        for name in SECRETS:
            files.remove_with_parts(os.path.join(folder, name))


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
        "before": {key: this.before.get(key) for key in ("commit", "revisions", "heads")},
        "backup": _backup(this),
        "closed": this.closed,
        "seconds": _seconds(this),
        "answered": this.before.get("answered"),
        "page": this.site.health,
    }
    history.append(this.site, line, this.version)


def _forget_old(this: Run) -> None:
    """Removes the folders of runs long past, and what their returns kept aside in scratch databases."""
    names = sorted(name for name in os.listdir(this.site.runs) if name != this.id)
    for name in names:
        folder = os.path.join(this.site.runs, name)
        _remove_secrets(folder)
        if this.task == "release":  # what a return kept aside stays until the next release
            _drop_scratch(this, os.path.join(folder, "journal.jsonl"))
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
    """Drops the scratch databases that the journal at `path` proves to be ours, once; and only where it is of the
    database that is in use now: in another nothing is ours."""
    journal, database = _journal(path) or [], this.facts.database
    before = next((line.get("facts") or {} for line in journal if line.get("what") == protocol.BEFORE), {})
    if database is None or list(before.get("identity") or ()) != list(this.facts.identity):
        return
    if decide.has_scratch(journal):
        with contextlib.suppress(DatabaseError):
            for name in decide.scratch(journal):
                database.drop(name)
            kept.append(path, {"what": protocol.SCRATCH_GONE}, this.version)


def note_fault(this: Run | None) -> None:
    """Keeps a traceback in the run's folder, for whoever looks into the tool itself."""
    with contextlib.suppress(Exception):
        assert this is not None
        text = this.mask.text(traceback.format_exc())
        files.write(os.path.join(this.folder, "fault-%d.txt" % time.time_ns()), text.encode())
