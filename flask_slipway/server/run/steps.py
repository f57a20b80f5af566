"""The steps of a release and of its parts. Each takes the run, does one thing, and returns what a person reads of it.
What a step is about to change is in the journal before it is changed."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Iterable, Iterator

from .. import protocol
from ..backup import make, restore, store
from ..database import errors as database_errors
from ..database.mysql_client import DatabaseError
from ..lib import amounts, disk_full, files, process
from ..lib.outcome import Failed, Refused
from ..protocol import Access, Manifest
from ..site import checkout, clone, health, load_errors, permissions, preflight, virtualenv
from ..site import fetch as site_fetch
from ..site.app_process import App, AppFailed
from . import decide, schema, stage
from .run import Run

# SQLAlchemy's, around what the driver raised. Source: sqlalchemy.exc.DBAPIError.
DATABASE_ERRORS = ("OperationalError", "ProgrammingError", "IntegrityError", "DataError", "InternalError")
UPGRADE_LIMIT = 3600  # seconds that one revision may take before it is ended


def lock(run: Run) -> str:
    """Alone on the site, as it was when the plan was made."""
    run.begin()
    return "alone on %s" % run.site.name


def fetch(run: Run) -> str:
    """Gets the exact commit; refuses one that is not a fast-forward of the live one."""
    project, wanted, live = run.site.project, run.target.commit, run.before["commit"]
    assert wanted is not None
    preflight.refuse_locked(run.site)
    permissions.refuse_foreign_repository(run.site)
    site_fetch.fetch(run.site, wanted)
    if not clone.has(project, wanted):
        where = "branch %s of %s" % (run.site.branch, run.site.remote)
        raise Refused(
            "the commit %s is not in %s, as the server sees it" % (wanted[:7], where),
            next=["git push %s %s" % (run.site.remote, run.site.branch)],
        )
    if live and not clone.is_ancestor(project, live, wanted):
        raise Refused(
            "%s is not a descendant of the live commit %s" % (wanted[:7], live[:7]),
            ["a release goes forward only"],
            ["git merge %s, then release again" % live[:7]],
        )
    stage.refuse_own(run, wanted)
    stage.refuse_overwriting(run, wanted)
    run.commit = wanted
    return wanted[:7]


def refuse_unrestorable(run: Run, definitions: Iterable[str] | None = None) -> None:
    """Raises Refused where a backup of the database could not be put back, or one that has these `definitions`."""
    blockers = run.database.restore_blockers(definitions)
    if blockers:
        more = ["and %d more" % (len(blockers) - 3)] if len(blockers) > 3 else []
        raise Refused(
            "a backup of the database could not be put back",
            blockers[:3] + more,
            [
                "drop what is named, or let the host allow it: fab %s.workon" % run.site.name,
                "then  fab %s.check" % run.site.name,
            ],
        )


def close(run: Run) -> str:
    """Gate up, running requests drained, fence up: from here on nothing is written."""
    permissions.refuse("the site's account", permissions.unwritable(run.database.written_files()))
    if run.task != "close":  # all others may have to put back what they are about to change
        refuse_unrestorable(run)
    run.about_to(protocol.GATE)
    if not run.was_closed:
        run.closed_at = time.monotonic()
    gate_up(run)  # also where one stands: its processes may have loaded the app, to be proved, and hold the database
    refuse_unknown(run)
    run.about_to(protocol.FENCE)
    run.database.fence_up()
    refused = "writes refused" if run.database.fence_kind != "watched" else "no connection left"
    return "gate up, requests finished, %s" % refused


def gate_up(run: Run) -> None:
    """The gate as a page and nothing more; returns when no visitor meets anything else."""
    nonce = run.gate.put(loads=False)
    health.prove_gate(run.site.health_url(), nonce, run.patience)


def refuse_unknown(run: Run) -> None:
    """Raises Failed where the gate would never let this run pass: then no new process could be proved, neither those
    of a release nor those of its return, and the site would stay closed."""
    if not health.knows(run.site.health_url(), run.token, run.gate.nonce):
        raise _unknown(run)


def _unknown(run: Run) -> Failed:
    return Failed(
        "the gate does not get this run's token",
        ["a proxy between %s and its visitors takes headers away: X-Slipway-Token, X-Slipway-Ask" % run.site.url],
        ["let it hand them on, or set  url:  of %s in invoke.yaml to an address past it" % run.site.name],
    )


def back_up(run: Run) -> str:
    """A dump, verified; behind the fence all counts must agree."""
    fenced = run.database.fence_is_up() or run.journal.has(protocol.FENCE)
    about = run.about_backup(run.task, run.before["commit"])
    about["heads"] = run.before.get("heads")
    run.about_to(protocol.BACKING_UP)
    try:
        backup = run.backup = make.make(run.database, run.site.backups, about, fenced=fenced)
    except (store.NotVerified, DatabaseError, OSError, process.Failed) as error:
        ways = disk_full.fixes(run.site, error) or database_errors.fixes(run.site, error, str(error))
        cause = disk_full.message(error) if disk_full.is_full(error) else str(error)
        raise Failed("the backup failed", [cause], ways) from error
    run.journal.write(protocol.BACKUP, id=backup["id"], tables=backup["tables"])
    for text in backup["notes"]:
        run.say("  note: %s" % text)
    blockers = backup["restore_blockers"]
    if blockers and run.task != "backup":
        raise Failed("the backup could not be put back", blockers[:3], ["fab %s.check" % run.site.name])
    for text in blockers:
        run.say("  note: it cannot be put back: %s" % text)
    return backup_words(backup)


def contents(manifest: Manifest) -> str:
    """What a backup holds: 12 tables, 18,204 rows."""
    return "%s, %s" % (amounts.count(len(manifest["tables"]), "table"), amounts.count(manifest["rows"], "row"))


def backup_words(manifest: Manifest) -> str:
    """A backup in a line: 12 tables, 18,204 rows, 0.6 MB, verified."""
    words = "%s, %s, verified" % (contents(manifest), amounts.size(manifest["bytes"]))
    return words if manifest["compared"] == "equal" else words + "; rows kept changing meanwhile"


def upgrade(run: Run) -> str:
    """The pending revisions, one by one, from the stage (or the live code); the fence is lifted for it."""
    app = migrating_app(run)
    pending = stage.pending(run.site, app, run.database.revisions())  # fewer, if the app upgrades itself as it loads
    with writing(run, "upgrade"):
        for identifier in (row for row in run.pending if row in pending):
            run.about_to(protocol.REVISION, id=identifier)
            move(run, app, "upgrade", identifier)
            if identifier not in run.database.revisions():
                raise Failed("%s was run, but the database is not at it" % identifier)
    left = stage.pending(run.site, app, run.database.revisions())
    if left:
        raise Failed("the code has other revisions than the plan: %s" % ", ".join(left))
    schema.see(run, app)
    return "%s" % ", ".join(labelled(run, identifier) for identifier in run.pending[-2:])


@contextlib.contextmanager
def writing(run: Run, by: str, again: bool = True) -> Iterator[None]:
    """The run itself writes: the fence is down inside, and up again afterwards unless not `again`."""
    run.about_to(protocol.CHANGING_DATABASE, by=by)
    run.database.fence_down()
    yield
    if again:
        fence_again(run)


def fence_again(run: Run) -> None:
    """Writes are refused once more, until the new processes are asked: what others write meanwhile would be replaced,
    if the run is taken back. A job that keeps the fence down is told, and stops nothing."""
    if not run.journal.has(protocol.FENCE):
        return
    run.about_to(protocol.FENCE)
    try:
        run.database.refuse_writes()
    except DatabaseError as error:
        run.say("  note: writes cannot be refused again: %s" % str(error).strip())


def migrating_app(run: Run) -> App:
    """The app process whose code knows the revisions: the stage's, else the live one."""
    if run.site.writes_on_load and not run.wrote:
        if run.proved is None:
            stage.prove_live(run)
        assert run.proved is not None
        if run.stage is not None:
            run.stage.close()
        folder = run.stage_folder if os.path.isdir(run.stage_folder) else run.site.project
        run.stage, run.wrote = App(run.python, folder, run.site, mask=run.mask), True
        with writing(run, "load"):
            _load_writing(run, run.stage, run.proved)
    app = run.stage or run.facts.live
    assert app is not None
    return app


def _load_writing(run: Run, app: App, proved: Access) -> None:
    try:
        app.load_writing(proved, run.connected)
        stage.refuse_other_database(run, app.ask("database"))
    except AppFailed as error:
        lines = ["%s: %s" % (error.kind, error)]
        if error.where:
            lines.append("in %s" % load_errors.location(error.where, run.stage_folder, run.site.project))
        raise Failed("the app cannot be loaded behind the gate", lines) from error


def load(run: Run) -> str:
    """Loads an app that writes while it loads, now that there is a backup."""
    schema.see(run, migrating_app(run))
    return "the app loads"


def labelled(run: Run, identifier: str) -> str:
    """A revision with its message."""
    return ("%s %s" % (identifier, run.target.texts.get(identifier) or "")).strip()


def move(run: Run, app: App, direction: str, target: str) -> None:
    """One revision up or down, by the app's own Alembic; each of its connections is in the journal."""
    try:
        app.ask(direction, to=target, connected=run.connected, timeout=UPGRADE_LIMIT)
    except AppFailed as error:
        speaker = "%s says" % run.database.dialect if error.kind in DATABASE_ERRORS else error.kind
        lines = ["%s: %s" % (speaker, error)]
        if error.where:
            lines.append("in %s" % load_errors.location(error.where, run.stage_folder, run.site.project))
        what = "%s failed" % (target if direction == "upgrade" else "the way down to %s" % target)
        raise Failed(what, lines) from error


def downgrade(run: Run) -> str:
    """The way down to the target revision, from the code that knows it: the live one."""
    app = run.facts.live or migrating_app(run)
    wanted = run.target.revision
    with writing(run, "downgrade", again=run.commit is not None):  # without a commit it is the last step
        move(run, app, "downgrade", wanted or "base")
        if run.database.revisions() != ([wanted] if wanted else []):
            at = ", ".join(run.database.revisions()) or "nothing"
            raise Failed("the database is at %s, not at %s" % (at, wanted or "base"))
    return "to %s" % (wanted or "the empty schema")


def put_back(run: Run) -> str:
    """A backup put back: loaded beside, verified, swapped in one step."""
    assert run.target.backup is not None
    manifest = store.find(run.site.backups, run.target.backup["id"])
    run.about_to(protocol.CHANGING_DATABASE, by="restore")
    how = restorer(run, manifest, "t").put_back(manifest, run.backup)
    fence_again(run)
    return "%s: %s, put back %s" % (manifest["id"], contents(manifest), how)


def restorer(run: Run, manifest: Manifest, word: str) -> restore.Restorer:
    """What puts the backup `manifest` back; `word` tells its scratch databases from those of the run's other one."""
    begun = decide.putting_back(run.journal.lines(), manifest["id"])
    return restore.Restorer(run.database, run.site.backups, run.id[-4:] + word, run.about_to, begun)


def kept(run: Run) -> list[str]:
    """Where the run kept what it replaced, in words: the backups that its return made, and scratch databases that hold
    what no backup has."""
    found = ["backup %s" % line["id"] for line in run.journal.all(protocol.BACKUP_OF_REPLACED)]
    return found + ["database %s" % line["kept"] for line in run.journal.all(protocol.REPLACED) if not line["saved"]]


def seed(run: Run) -> str:
    """The configured idempotent commands, from the stage (or the live code)."""
    if not run.site.seed:
        return "nothing configured"
    app = migrating_app(run)
    with writing(run, "seed"):
        for command in run.site.seed:
            try:
                app.ask("command", args=command, connected=run.connected, timeout=UPGRADE_LIMIT)
            except AppFailed as error:
                raise Failed("flask %s failed" % " ".join(command), ["%s: %s" % (error.kind, error)]) from error
    return ", ".join(" ".join(command) for command in run.site.seed)


def swap(run: Run) -> str:
    """Code and packages into the live place, back to back."""
    texts: list[str] = []
    staged = virtualenv.marked(run.packages_folder) == run.id
    if staged:
        run.about_to(protocol.SWAPPING_PACKAGES, beside=run.packages_folder)
    if run.commit:
        texts += swap_code(run, run.commit)
    if staged:
        virtualenv.exchange(run.packages_folder, run.site.virtualenv)
        texts.append("packages")
    return ", ".join(texts) or "the code was there"


def swap_code(run: Run, commit: str) -> list[str]:
    """The commit, and the file REVISION that names it, into the live folder. Returns words for the step's line."""
    project, live = run.site.project, run.before["commit"]
    revision = os.path.join(project, "REVISION")
    named = commit.encode() + b"\n"
    if commit == live and files.read(revision) == named:
        return []
    changed = clone.changed_paths(project, live, commit) if live else []
    run.about_to(protocol.SWAPPING, before=live, after=commit, kept=run.kept)
    clone.ignore(project, "REVISION")
    if commit != live:
        checkout.move(project, commit, run.kept)
    files.write_shared(revision, named)
    return ["%d file%s" % (len(changed), "" if len(changed) == 1 else "s")] if changed else []


def reload(run: Run) -> str:
    """The host reloads; the new processes are proved, and asked for their health, behind the gate."""
    closed = run.is_gated()
    run.about_to(protocol.RELOADING, public=not closed)
    nonce = run.gate.put(public=not closed)
    try:
        if closed and run.database.fence_is_up():  # until the host has reloaded, and loads the app when it is asked
            health.wait_for(run.site.health_url(), lambda answer: answer.gate == nonce, patience=run.patience)
        run.database.fence_down()  # its health is its own only if it can write
        answer = health.prove_processes(run.site.health_url(), run.token, nonce, run.healthy, run.patience)
    except health.Unknown as error:
        raise _unknown(run) from error
    except health.NotHealthy as error:
        raise Failed("the new processes are not healthy", unhealthy(run, error)) from error
    run.reloading = answer.reloading
    if closed:
        return "new processes answer, healthy behind the gate"
    run.gate.take_away(reload=False)
    run.noted(protocol.GATE_GONE)
    return "new processes answer, healthy"


def unhealthy(run: Run, error: health.NotHealthy) -> list[str]:
    """Why the site is not healthy, and what to set where that is how its health page answers."""
    by_nature = error.status is not None and 300 <= error.status < 500
    return [str(error), *([health.another_page(run.site, error.status or 0)] if by_nature else [])]


def lift(run: Run) -> str:
    """Takes away a fence that was left up."""
    run.about_to(protocol.LIFTING)
    run.database.fence_down()
    return "the database takes writes again"


def open_site(run: Run) -> str:
    """The processes that were just proved become public; then the site's own WSGI file returns."""
    mark = health.log_mark(run.site.logs.get("error"))
    run.about_to(protocol.OPENED)
    run.gate.take_away()
    if run.closed_at is not None:
        run.closed = round(time.monotonic() - run.closed_at, 1)
    # A host that answered otherwise while the gate came up answers 502 for one reason only, and visitors see it.
    quick = bool(run.reloading) and not run.reloading & {0, 502, 504}
    broken = health.SURELY_BROKEN if quick else health.BROKEN
    try:
        health.prove_own(run.site.health_url(), run.healthy, broken, run.patience)
    except health.NotHealthy as error:
        raise Failed("the site is not healthy after it was opened", unhealthy(run, error)) from error
    run.noted(protocol.GATE_GONE)
    words = new_in_log(run, mark)
    return words if run.closed is None else "closed for %.1f s; %s" % (run.closed, words)


def new_in_log(run: Run, mark: health.LogMark) -> str:
    """What the error log got since `mark`, in a few words; cut once it is masked, for half a secret is not known."""
    errors = health.new_errors(run.site.logs.get("error"), mark)
    return "new in the error log: %s" % run.mask.text(errors[-1])[:60] if errors else "no new errors in the log"
