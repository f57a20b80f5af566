"""What a return and a recover have to do: decided from the lines of a run's journal alone. Nothing is read or written
here, so that every case can be tried (tests/server/run/test_decide.py)."""

from __future__ import annotations

from enum import Enum
from typing import Mapping, Sequence, cast

from .. import protocol
from ..protocol import Before, JournalLine, Outcome

# What changes something that visitors, code or database would notice. Until then there is nothing to take back.
CHANGES = (
    protocol.GATE,
    protocol.FENCE,
    protocol.CHANGING_DATABASE,
    protocol.SWAPPING,
    protocol.SWAPPING_PACKAGES,
    protocol.RELOADING,
)
TOUCHES = (
    protocol.CHANGING_DATABASE,
    protocol.SWAPPING,
    protocol.SWAPPING_PACKAGES,
)  # of these, what a site is made of
UNDONE_BY_WAY_DOWN = ("upgrade", "seed", "return")  # changes of a database that the way down of its revisions undoes


class Act(Enum):
    """One act of a return, by what it does. An act that finds its work done already does nothing."""

    LIFT_FENCE = "the database was not changed: it takes writes again"
    PUT_BACKUP_BACK = "the run's own backup, behind gate and fence"
    NO_BACKUP = "the database was changed and this run has no backup: a person is needed"
    WAY_DOWN = "the site was open, so rows may be new: gate, fence, a backup, then the way down"
    NO_WAY_DOWN = "the site was open, and no way down undoes this: gate and fence, and a person is needed"
    CODE_BACK = "the old commit and the old packages in the live place"
    OPEN = "the old code proved behind the gate, then the gate away"
    STAY_CLOSED = "the site was closed before the run: the gate stays"


class Recovery(Enum):
    """How a recover ends a run that was interrupted."""

    ENDED = "its journal says how it ended: only its record lacks"
    FINISHED = "every step was done, or the site is open by its own WSGI file: only the record lacks"
    OPEN = "proved behind the gate, and its opening begun: it is opened; where it is not healthy, it is taken back"
    BACK = "it is taken back"
    NOTHING = "nothing was changed: only what was staged is removed"


def needed(lines: Sequence[JournalLine]) -> bool:
    """True where the run has changed anything that visitors, code or database would notice."""
    return any(line["what"] in CHANGES for line in lines)


def touched(lines: Sequence[JournalLine]) -> bool:
    """True where a change of code, packages or database was begun; else the gate is all that there is to take back."""
    return any(line["what"] in TOUCHES for line in lines)


def database_changed(lines: Sequence[JournalLine]) -> bool:
    """True where a change of the database was begun and not yet taken back."""
    both = (protocol.CHANGING_DATABASE, protocol.DATABASE_RETURNED)
    return [line["what"] for line in lines if line["what"] in both][-1:] == [protocol.CHANGING_DATABASE]


def put_back(lines: Sequence[JournalLine], backup: str) -> JournalLine | None:
    """The line which tells that the database was exchanged for `backup`, and nothing has changed it since; None where
    it was not, or where nobody can say that it was."""
    both = (protocol.CHANGING_DATABASE, protocol.REPLACED)
    last = [line for line in lines if line["what"] in both][-1:]
    return last[0] if last and last[0].get("backup") == backup else None


def putting_back(lines: Sequence[JournalLine], backup: str) -> JournalLine | None:
    """The line which tells that the exchange for `backup` was begun, so that it may be done: None where the database
    is surely not exchanged."""
    begins = (protocol.CHANGING_DATABASE, protocol.SCRATCH, protocol.LOADING, protocol.REPLACING)  # a new attempt loads
    last = [line for line in lines if line["what"] in begins][-1:]
    return last[0] if last and last[0].get("backup") == backup else None


def scratch(lines: Sequence[JournalLine]) -> set[str]:
    """The scratch databases that the run made and nobody needs any more: without those that may hold what is in no
    backup. Format 1 did not say whether one does."""
    made = {line["database"] for line in lines if line.get("what") == protocol.SCRATCH}
    done = [line for line in lines if line.get("what") == protocol.REPLACED]
    begun = {line.get("kept") for line in lines if line.get("what") == protocol.REPLACING}
    return made - (begun - {line["kept"] for line in done if line["saved"]}) if lines and "format" in lines[0] else made


def forgotten(journals: Mapping[str, Sequence[JournalLine]], keep: int) -> list[str]:
    """Of runs by their names, which begin with their moments, those that are known long enough: all but the newest
    `keep` that changed something, and as many that changed nothing, so that backups push no release out. None whose
    scratch databases may be there still."""
    changed = [name for name in sorted(journals) if needed(journals[name])]
    others = [name for name in sorted(journals) if not needed(journals[name])]
    return [name for name in [*changed[:-keep], *others[:-keep]] if not has_scratch(journals[name])]


def has_scratch(lines: Sequence[JournalLine]) -> bool:
    """Whether scratch databases of the run may be there, which it is known by alone."""
    return bool(scratch(lines)) and not any(line.get("what") == protocol.SCRATCH_GONE for line in lines)


def take_back(lines: Sequence[JournalLine], before: Before) -> list[Act]:
    """What takes the site back to `before`, in order: database, code, site."""
    there = {line["what"] for line in lines}
    acts = []
    database = _database(lines, there)
    if database is not None:
        acts.append(database)
    if there & {protocol.SWAPPING, protocol.SWAPPING_PACKAGES}:
        acts.append(Act.CODE_BACK)
    if there & {protocol.GATE, protocol.RELOADING}:
        acts.append(Act.STAY_CLOSED if before.get("gate") == "up" else Act.OPEN)
    return acts


def _database(lines: Sequence[JournalLine], there: set[str]) -> Act | None:
    if not database_changed(lines):
        return Act.LIFT_FENCE if protocol.FENCE in there else None
    if protocol.OPENED in there:
        begun = [line.get("by") for line in lines if line["what"] == protocol.CHANGING_DATABASE]
        return Act.WAY_DOWN if all(by in UNDONE_BY_WAY_DOWN for by in begun) else Act.NO_WAY_DOWN
    return Act.PUT_BACKUP_BACK if protocol.BACKUP in there else Act.NO_BACKUP


def recover(lines: Sequence[JournalLine]) -> Recovery:
    """How the run that these lines are of is to be ended."""
    there = {line["what"] for line in lines}
    if ended(lines) is not None:
        return Recovery.ENDED
    if is_proved(lines):
        return Recovery.FINISHED if there & {protocol.COMPLETE, protocol.GATE_GONE} else Recovery.OPEN
    return Recovery.BACK if needed(lines) else Recovery.NOTHING


def ended(lines: Sequence[JournalLine]) -> Outcome | None:
    """How the run ended, once that was settled."""
    return next((cast(Outcome, line["outcome"]) for line in lines if line["what"] == protocol.END), None)


def is_proved(lines: Sequence[JournalLine]) -> bool:
    """True where the run had come as far as the open site, and no return of it had begun."""
    there = {line["what"] for line in lines}
    if protocol.COMPLETE in there:
        return True
    return bool(there & {protocol.OPENED, protocol.GATE_GONE}) and protocol.RETURNING not in there
