"""The last event of a conversation: how it ended, made of a stop or of what went wrong."""

from __future__ import annotations

import contextlib
import os
import shlex
import traceback
from typing import Any, Mapping

from ..lib import disk_full, files
from ..lib.outcome import Ended, Incident, Refused
from ..lib.stop import Stop
from ..protocol import CODES, END, End, Outcome, Where
from ..records import kept
from ..site.site import Site


def end(outcome: Outcome, stop: Stop | None = None, where: Where | None = None, code: int | None = None) -> End:
    """The end event. `stop`: what is said of it, nothing where there is nothing to say; `code`: the exit code, where it
    is not the outcome's own."""
    return {
        "event": "end",
        "code": CODES[outcome] if code is None else code,
        "outcome": outcome,
        "what": stop.what if stop else "",
        "cause": stop.lines[:6] if stop else [],
        "where": where,
        "next": stop.next if stop else [],
        "seconds": None,
        "closed": None,
        "commit": None,
        "data": {},
    }


def done(data: Mapping[str, Any]) -> End:
    """The end of a task that reads: what it found."""
    ending = end("done")
    ending["data"] = dict(data)
    return ending


def of_stop(stop: Stop) -> End:
    """The end where a stop came before anything was changed."""
    return end(stop.outcome if isinstance(stop, Ended) else "refused", stop)


def of_error(error: BaseException, site: Site | None) -> End:
    """The refusal for what the system, a program or the database said."""
    name = site.name if site else "ENV"
    lines = [line for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    fixes = ["fab %s.check" % name]
    if isinstance(error, files.Damaged):
        looked = shlex.quote("cat %s" % shlex.quote(error.path))
        fixes = ["fab %s.workon -c %s" % (name, looked), "when nothing runs there, remove it"]
    elif site and disk_full.is_full(error):
        lines, fixes = [disk_full.message(error)], disk_full.fixes(site, error)
    return end("refused", Refused(lines[0], next=fixes))


def unheard(site: Site, path: str) -> End:
    """The end of a run whose process is gone without a last event in the file `path`: what its journal says of its end;
    else it is not known what it changed, until that was recovered."""
    folder = os.path.dirname(path)
    with contextlib.suppress(Stop, files.Damaged, OSError):
        for line in kept.lines(os.path.join(folder, "journal.jsonl"), "the journal"):
            if line.get("what") == END and line.get("ending"):
                written: End = line["ending"]
                return written
        if files.read(site.open_run) is None:
            fixes = ["fab %s.history  tells how runs ended" % site.name, "fab %s.status" % site.name]
            return of_stop(
                Incident("the process on the server ended before it told how", ["no run stands open there"], fixes)
            )
    return of_stop(
        Incident(
            "the process on the server ended before it was done",
            ["what it had changed stands in its journal"],
            ["fab %s.recover" % site.name],
        )
    )


def of_wrong_use(what: str) -> End:
    """The end of a request that does not say what it must, or of a process that ended before it changed anything."""
    return end("refused", Refused(what), code=1)


def of_fault(error: BaseException) -> End:
    """The end by what should never happen."""
    what = "internal error (%s: %s): this is a bug" % (type(error).__name__, error)
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    lines = ["%s:%d" % (os.path.basename(frame.filename), frame.lineno or 0) for frame in frames]
    return end("refused", Refused(what, lines), code=1)
