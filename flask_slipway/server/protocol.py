"""The shapes that cross the wire, and those that are kept on the account. Both halves read them here.

What crosses the wire is of one version: the laptop's half brings the server's. What is kept outlives it: each record
bears FORMAT; one without a number is of format 1, the only one before there were numbers. A record of a newer format is
refused, never guessed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Literal, Optional

if TYPE_CHECKING:
    from typing import TypedDict
else:

    class TypedDict(dict):
        """The shapes are for the reader and the type checker: made in full they would cost each start milliseconds."""

        total = True

        def __init_subclass__(cls, total=True):
            """Takes what typing's own takes."""
            cls.total = total


FORMAT = 2  # of what is kept: journal, open run, lock, manifest, history
LONGEST_OPERATION = 200  # signs that are shown of what a revision does
READ_SINCE = {1: "0.1.0", 2: "0.2.0"}  # each format, and the version from which on it is read

Outcome = Literal["left", "released", "done", "nothing", "refused", "returned", "incident", "stopped"]

# How a run can end: the exit code of each. Of a no, which stops a conversation, only the laptop's half tells.
CODES: Dict[Outcome, int] = {
    "left": 0,
    "released": 0,
    "done": 0,
    "nothing": 0,
    "refused": 3,
    "returned": 6,
    "incident": 4,
}

# Values that the laptop's half uses, and does not only show: by these names ssh/checked.py holds what a server says to
# their form.

Commit = str  # 40 hexadecimal digits
Digest = str  # of a sha256: 64 of them
ProjectPath = str  # from the project's folder, and in it
SiteName = str  # as invoke.yaml names a site
UpDown = str  # up or down
Amount = int  # zero or more
Moment = float  # seconds since 1970, up to the year 9999
Seconds = float  # a duration
Label = List[str]  # a revision and its message
ToType = str  # a line that a person is to type: one command, or words
WayBack = str  # what follows  fab ENV.  to go back: a task with an option


# A request


class SiteWords(TypedDict, total=False):
    """A site as the laptop's settings have it; paths are absolute. Source: docs/configuration.md."""

    name: str
    domain: str
    url: str
    health: str
    branch: str
    remote: str
    app: str
    home: str
    project: str
    virtualenv: str
    virtualenv_python: str
    wsgi: str
    backups: str
    keep: int
    scratch: Optional[str]
    writes_on_load: bool
    env: Dict[str, str]
    seed: List[List[str]]
    logs: Dict[str, str]


class Wish(TypedDict, total=False):
    """What the person asked for, as the laptop sends it with the request. Each task has its own of these."""

    commit: str  # pull, release
    pending: List[str]  # pull: none
    to: Optional[str]  # downgrade: a revision
    database_only: bool  # downgrade
    backup: Optional[str]  # restore: an identifier, None for the newest
    other_database: bool  # restore: a backup of another database than the site's is meant
    leave: bool  # recover
    command: Optional[str]  # workon
    lines: int  # history, logs
    which: str  # logs
    follow: bool  # logs


class _Asked(TypedDict):
    task: str
    site: SiteWords


class Request(_Asked, total=False):
    """One task on one site. `who`: user@machine; `version`: of the laptop's half."""

    args: Wish
    who: str
    version: str


class Go(TypedDict, total=False):
    """The person's yes. `go`: the fingerprint of the facts that the plan stands on; for a release also what it brings:
    `pending`: revisions in order of application; `revisions`: every one, newest first; `text`: the commit's subject;
    `by`: user@machine."""

    go: str
    commit: str
    pending: List[str]
    revisions: List[Revision]
    heads: List[str]
    text: str
    by: str


# What the app's process answers


class UrlParts(TypedDict, total=False):
    """A database URL taken apart: a secret."""

    username: Optional[str]
    password: Optional[str]
    host: Optional[str]
    port: Optional[int]
    database: Optional[str]
    query: Dict[str, str]


class _Access(TypedDict):
    dialect: str
    url: UrlParts


class Access(_Access, total=False):
    """What reaches a database without the app: a secret, for a 0600 file only. `driver`: SQLAlchemy's name of it, which
    tells what the URL's words on TLS mean."""

    driver: str


class Revision(TypedDict, total=False):
    """`down`: the revisions below, several for a merge; `text`: its message; `path`: its file, absolute."""

    id: str
    down: List[str]
    text: str
    path: str


class Operation(TypedDict, total=False):
    """What a revision would do. `kind`: as Alembic names it, such as drop_column, or unknown where it cannot be told
    beforehand; `empty`: it adds a column that must have a value, and gives rows that are there none; `type`: the type
    that a column gets instead of its own, as the database's SQL says it; `renamed`: the new name of table or column."""

    revision: str
    kind: str
    table: Optional[str]
    column: Optional[str]
    text: str
    empty: bool
    type: Optional[str]
    renamed: Optional[str]


# Facts of a site


class ShownFacts(TypedDict):
    """What a plan stands on, as the laptop is told. `changes`: tracked paths that a person has changed;
    `requirements`: {path: sha256 or None}; `wsgi`: its sha256; `gate`: up or down; `packages`: the run that marked
    the virtualenv."""

    commit: Optional[Commit]
    branch: str
    changes: List[ProjectPath]
    revisions: List[str]
    requirements: Dict[ProjectPath, Optional[Digest]]
    wsgi: Optional[Digest]
    gate: UpDown
    packages: Optional[str]


class QuickFacts(ShownFacts):
    """What a plan stands on, cheap to read again under the lock. `identity`: tells the database from every other."""

    identity: List[Any]


class DatabaseFacts(TypedDict):
    """`bytes`: of tables and indexes."""

    dialect: str
    version: str
    name: str
    host: str
    bytes: Amount
    tables: Amount
    rows: Amount


class Kept(TypedDict, total=False):
    """What every kept record bears. `format`: FORMAT, or what it was then; `version`: the Flask-Slipway that wrote it;
    neither stood there in format 1."""

    format: int
    version: str


class Holder(Kept, total=False):
    """Who holds a lock. `since`: seconds since 1970; `machine`: host name, boot id and pid namespace; `started`: the
    process's start, in clock ticks since boot; `open_run`: the file that names the run under way; `events`: the file
    that tells what is done, where it is not the run's own."""

    who: str
    task: str
    run: str
    site: str
    commit: Optional[str]
    open_run: str
    events: str
    token: str
    since: float
    machine: str
    pid: int
    started: Optional[int]


class HeldFacts(TypedDict):
    """A lock's holder as others are told. `alive`: whether its process is there."""

    who: Optional[str]
    since: Optional[Moment]
    task: Optional[str]
    commit: Optional[Commit]
    run: Optional[str]
    site: Optional[SiteName]
    alive: bool


class _Began(TypedDict):
    run: str
    task: str
    who: str
    since: Moment


class InterruptedFacts(_Began, total=False):
    """A run that began and did not end, and whose process is gone. `since`: seconds since 1970."""

    commit: Optional[Commit]


class LastFacts(TypedDict):
    """The last change that ended well. `at`: seconds since 1970."""

    commit: Optional[Commit]
    revision: Optional[str]
    at: Optional[Moment]
    who: Optional[str]
    task: Optional[str]


class SiteFacts(ShownFacts):
    """What every plan is made of: the event `facts`, to which a task adds its own findings. `fingerprint`: of the
    QuickFacts; `edits`: what to type where there are changes; `own`: {path in the project: what it is} of the site's
    own, which no commit may hold; `fence_kind`: database, sqlite or watched; `unseen`: who may use the database and
    cannot be seen, in words; `scratch`: whether a scratch database can be had; `backups`: how many; `other_database`:
    that of the last release in words, where it is not the site's now; `restore_blockers`: why a backup of the database
    could not be put back, as texts."""

    event: str
    fingerprint: str
    edits: List[ToType]
    own: Dict[ProjectPath, str]
    database: DatabaseFacts
    fence: UpDown
    fence_kind: str
    unseen: str
    scratch: bool
    restore_blockers: List[str]
    load_seconds: Seconds
    lock: Optional[HeldFacts]
    interrupted: Optional[InterruptedFacts]
    last: Optional[LastFacts]
    backups: Amount
    other_database: Optional[str]


class Lacking(TypedDict, total=False):
    """Beside the facts: what the live code needs and the database lacks, in words."""

    lacking: List[str]


class TaskFacts(SiteFacts, Lacking):
    """The facts of a task that has nothing to add."""


class UpFacts(TaskFacts):
    """The facts of an upgrade. `pending`: in order of application; `texts`: the same, labelled."""

    pending: List[str]
    texts: List[Label]


class DownFacts(TaskFacts):
    """The facts of a way down: findings.Down."""

    undone: List[Label]
    target: Optional[str]
    target_commit: Optional[Commit]
    losses: List[str]
    operations: List[str]


class BackupFacts(TypedDict):
    """A backup that would be put back."""

    id: str
    commit: Optional[Commit]
    rows: Amount


class RestoreFacts(TaskFacts):
    """The facts of a restore: findings.PutBack."""

    backup: BackupFacts
    rows_now: Amount
    other: Optional[str]


class _NotHeld(TypedDict, total=False):
    lock: Optional[HeldFacts]


class RecoverFacts(_NotHeld):
    """The facts of a recover. `decision`: how it is to be ended (decide.Recovery); `reached`: the journal's last
    event."""

    fingerprint: str
    interrupted: InterruptedFacts
    decision: Optional[str]
    leave: bool
    reached: str
    commit: Optional[Commit]
    revisions: List[str]


# Events, from the server to the laptop


class _OfStep(TypedDict):
    step: str


class Step(_OfStep, total=False):
    """A step of a run. `state`: begin, done or failed."""

    state: str
    text: Optional[str]
    seconds: Optional[Seconds]


class Said(TypedDict, total=False):
    """A line between the steps; or what a program printed."""

    text: Optional[str]


class Rows(TypedDict):
    """A table, each row as long as `columns`."""

    title: Optional[str]
    columns: List[str]
    rows: List[List[Any]]


class Returning(TypedDict, total=False):
    """A return begins. `to`: a commit, short."""

    site: Optional[str]
    to: Optional[str]


class NoHome(TypedDict):
    """The account has no such folder."""

    home: str


class NotKept(TypedDict):
    """The server's half could not be kept there."""

    folder: str
    why: Optional[str]


class Where(TypedDict):
    """Where a site stands. `gate`, `fence`: up or down; `healthy`: None where it was not asked."""

    commit: Optional[Commit]
    revision: Optional[str]
    gate: Optional[UpDown]
    fence: UpDown
    lock: Optional[str]
    healthy: Optional[bool]


class EndData(TypedDict, total=False):
    backup: Optional[str]
    back: Optional[WayBack]  # the task that goes back, with its options, where there is one: what follows  fab ENV.
    run: str
    gate_left_up: bool
    apart: bool  # code and database do not match: the database alone went down
    kept: List[str]  # where a return, or a restore, kept what it replaced: backups and scratch databases, in words


class End(TypedDict):
    """The last event. `code`: the exit code; `what`, `cause`, `next`: a Stop's; `closed`: seconds that visitors met the
    gate; `data`: what a reading task found, or a run's EndData."""

    event: str
    code: int
    outcome: Outcome
    what: str
    cause: List[str]
    where: Optional[Where]
    next: List[ToType]
    seconds: Optional[Seconds]
    closed: Optional[Seconds]
    commit: Optional[Commit]
    data: Dict[str, Any]


class TextsData(TypedDict, total=False):
    """The messages of the live code's revisions, where they are known."""

    texts: Dict[str, str]


class StatusData(SiteFacts, TextsData):
    """What `status` found, beside the facts. `differences`: None where no models are known."""

    heads: List[str]
    differences: Optional[List[str]]
    subject: Optional[str]
    health: str
    guarantees: List[str]
    next: List[ToType]


class CurrentData(TextsData):
    """What `current` found."""

    revisions: List[str]
    heads: List[str]


class HealthData(TypedDict):
    """What `health` found."""

    url: str
    answer: str
    seconds: Seconds


Event = Dict[str, Any]  # one of: facts, step, returning, say, text, rows, following, follow, beat, end

# What is kept


class Before(QuickFacts, total=False):
    """The whole state before a run. `revision_file`: the text of REVISION; `answered`: the status of the health page,
    None where a gate answered; `expected_status`: the last good one that is known, also from before the site was
    closed; `load_seconds`: what a load of the live code took; `heads`: of its revisions, None where they are not
    known."""

    revision_file: Optional[str]
    answered: Optional[int]
    expected_status: Optional[int]
    load_seconds: float
    heads: Optional[List[str]]


class OpenRun(Holder, total=False):
    """The run under way, from its lock to its record. `holder`: who carries it, which changes by a recover."""

    holder: Holder


JournalLine = Dict[str, Any]  # "what": one of the constants below; "at": seconds since 1970; and that event's words


class Manifest(Kept, total=False):
    """A backup's. `tables`: {table: rows}; `bytes`: of its file; `at`: seconds since 1970; `compared`: equal where the
    contents stayed as they were and all rows are in the dump; `contents`: {table: a digest of its rows}, absent in
    older ones and where rows were changing; `definitions`: {what: its definition}, absent in older ones; `left_out`:
    those of them that are not in it; `restore_blockers`: why this user could not put it back, as texts; `notes`: what a
    person should know of it; `columns`: {table: {column: type}}; `heads`: of the revisions of its commit, absent in
    older ones and None where they are not known."""

    id: str
    file: str
    dialect: str
    server: str
    database: str
    identity: List[str]
    revisions: List[str]
    tables: Dict[str, int]
    rows: int
    bytes: int
    sha256: str
    compared: str
    contents: Dict[str, str]
    definitions: Dict[str, str]
    left_out: List[str]
    restore_blockers: List[str]
    notes: List[str]
    columns: Dict[str, Dict[str, str]]
    at: float
    site: str
    domain: str
    task: str
    run: str
    who: str
    commit: Optional[str]
    heads: Optional[List[str]]


class HistoryLine(Kept, total=False):
    """One change of the site that ended. `at`: seconds since 1970; `revision`: of the database, several by commas;
    `answered`: the status of the health page `page` before it, None where a gate or nothing answered; `database`: in
    words; `identity`: the digest of what tells it from every other, None where that was not known."""

    run: str
    task: str
    who: str
    at: float
    outcome: Outcome
    commit: Optional[str]
    revision: Optional[str]
    database: Optional[str]
    identity: Optional[str]
    before: Dict[str, Any]
    backup: Optional[str]
    closed: Optional[float]
    seconds: float
    answered: Optional[int]
    page: str


# The events of a journal, each written before what it names is done, unless its name says that it is.

BEFORE = "before"  # the whole state: Before
STAGING = "staging"  # code beside the live code: path, commit
STAGING_PACKAGES = "staging packages"  # packages beside the live ones: path
GATE = "gate"  # the gate is put up
FENCE = "fence"  # writes are to be refused
BACKING_UP = "backing up"
BACKUP = "backup"  # done: id, tables
CHANGING_DATABASE = "changing database"  # by: upgrade, downgrade, load, seed, restore, return
REVISION = "revision"  # one revision goes up: id
CONNECTION = "connection"  # a database connection, before it is used: id
SCRATCH = "scratch"  # a scratch database is made: database
SCRATCH_GONE = "scratch gone"
LOADING = "loading"  # in the same database: tables (how their names begin)
REPLACING = "replacing"  # the database's contents are exchanged: backup, kept or aside
REPLACED = "replaced"  # done: they were, and looked at: backup, how; kept (the scratch database of what was there, or
# None) and saved: whether a backup has all that is in it. One that has more is never dropped
SWAPPING = "swapping"  # code: before, after; kept: the paths that stay on disk as they are
SWAPPING_PACKAGES = "swapping packages"  # beside: the staged virtualenv
RELOADING = "reloading"  # public: whether visitors pass the gate
OPENED = "opened"  # the proved processes become public
GATE_GONE = "gate gone"  # done: the site's own WSGI file serves; healthy
LIFTING = "lifting"  # a fence that was left up is taken away
COMPLETE = "complete"  # done: every step; only its end lacks
RETURNING = "returning"  # the return begins
BACKUP_OF_REPLACED = "backup of replaced"  # done: id
DATABASE_RETURNED = "database returned"  # done: how
RECOVERING = "recovering"  # a recover has taken over
END = "end"  # how it ended is settled; only its record lacks: outcome, ending (the end event; not in format 1)
