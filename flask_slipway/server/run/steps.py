"""The steps of a release and of its parts. Each takes the run, does one thing, and returns what a person reads of it.
What a step is about to change is in the journal before it is changed."""

import os
import shutil
import time

from ..backup import make, restore, store
from ..database import errors as database_errors
from ..database.mysql_client import DatabaseError
from ..lib import amounts, disk_full, files, process
from ..lib.outcome import Failed, Refused
from ..protocol import Manifest
from ..site import clone, health, load_errors, preflight, virtualenv
from ..site import fetch as site_fetch
from ..site.app_process import App, AppFailed
from . import stage

# SQLAlchemy's, around what the driver raised. Source: sqlalchemy.exc.DBAPIError.
DATABASE_ERRORS = ("OperationalError", "ProgrammingError", "IntegrityError", "DataError", "InternalError")
UPGRADE_LIMIT = 3600  # seconds that one revision may take before it is ended


def lock(run):
    run.begin()
    return "alone on %s" % run.site.name


def fetch(run):
    """Gets the exact commit; refuses one that is not a fast-forward of the live one."""
    project, wanted, live = run.site.project, run.args["commit"], run.before["commit"]
    preflight.refuse_locked(run.site)
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
    stage.refuse_overwriting(run, wanted)
    run.commit = wanted
    return wanted[:7]


def close(run):
    """Gate up, running requests drained, fence up: from here on nothing is written."""
    if not run.was_closed:
        run.about_to("gate")
        run.gate.keep_original()
        run.closed_at = time.monotonic()
        nonce = run.gate.put(public=False)
        health.prove_gate(run.site.health_url(), nonce)
    run.about_to("fence")
    run.database.fence_up()
    refused = "writes refused" if run.database.fence_kind != "watched" else "no connection left"
    return "gate up, requests finished, %s" % refused


def back_up(run):
    """A dump, verified; behind the fence all counts must agree."""
    fenced = run.database.fence_is_up() or run.journal.has("fence")
    about: Manifest = {
        "site": run.site.name,
        "domain": run.site.domain,
        "task": run.task,
        "run": run.id,
        "who": run.who,
        "commit": run.before["commit"],
    }
    run.about_to("backing up")
    try:
        run.backup = make.make(run.database, run.site.backups, about, fenced=fenced)
    except (store.NotVerified, DatabaseError, OSError, process.Failed) as error:
        ways = disk_full.fixes(run.site, error) or database_errors.fixes(run.site, error, str(error))
        told = disk_full.message(error) if disk_full.is_full(error) else str(error)
        raise Failed("the backup failed", [told], ways) from error
    run.journal.write("backup", id=run.backup["id"], tables=run.backup["tables"])
    for text in run.backup["hindrances"]:
        run.say("  note: %s" % text)
    return backup_words(run.backup)


def contents(manifest):
    """What a backup holds: 12 tables, 18,204 rows."""
    return "%s, %s" % (amounts.count(len(manifest["tables"]), "table"), amounts.count(manifest["rows"], "row"))


def backup_words(manifest):
    """A backup in a line: 12 tables, 18,204 rows, 0.6 MB, verified."""
    words = "%s, %s, verified" % (contents(manifest), amounts.size(manifest["bytes"]))
    return words if manifest["compared"] == "equal" else words + "; rows kept changing meanwhile"


def upgrade(run):
    """The pending revisions, one by one, from the stage (or the live code); the fence is lifted for it."""
    app = migrating_app(run)
    run.about_to("changing database", by="upgrade")
    run.database.fence_down()
    for identifier in run.pending:
        run.about_to("revision", id=identifier)
        move(run, app, "upgrade", identifier)
        if identifier not in run.database.revisions():
            raise Failed("%s was run, but the database is not at it" % identifier)
    return "%s" % ", ".join(labelled(run, identifier) for identifier in run.pending[-2:])


def migrating_app(run):
    """The app process whose code knows the revisions: the stage's, else the live one."""
    if run.stage is None and run.site.writes_on_load:
        folder = run.stage_folder if os.path.isdir(run.stage_folder) else run.site.project
        run.stage = App(run.python, folder, run.site, mask=run.mask)
        run.about_to("changing database", by="load")
        run.database.fence_down()
        run.stage.load_code(guard=False)
        stage.see_same_database(run)
    return run.stage or run.facts.live


def labelled(run, identifier):
    texts = {row["id"]: row["text"] for row in run.args.get("revisions") or []}
    return ("%s %s" % (identifier, texts.get(identifier) or "")).strip()


def move(run, app, direction, target):
    """One revision up or down, by the app's own Alembic; each of its connections is in the journal."""
    try:
        app.ask(direction, to=target, connected=run.connected, timeout=UPGRADE_LIMIT)
    except AppFailed as error:
        speaker = "%s says" % run.database.dialect if error.kind in DATABASE_ERRORS else error.kind
        lines = ["%s: %s" % (speaker, error)]
        if error.where:
            lines.append("in %s" % load_errors.location(error.where, run.stage_folder, run.site.project))
        raise Failed(
            "%s failed" % (target if direction == "upgrade" else "the way down to %s" % target), lines
        ) from error


def downgrade(run):
    """The way down to the target revision, from the code that knows it: the live one."""
    app = run.facts.live or migrating_app(run)
    run.about_to("changing database", by="downgrade")
    run.database.fence_down()
    move(run, app, "downgrade", run.args["revision"] or "base")
    wanted = [run.args["revision"]] if run.args["revision"] else []
    if run.database.revisions() != wanted:
        raise Failed(
            "the database is at %s, not at %s"
            % (", ".join(run.database.revisions()) or "nothing", run.args["revision"] or "base")
        )
    return "to %s" % (run.args["revision"] or "the empty schema")


def put_back(run):
    """A backup put back: loaded beside, verified, swapped in one step."""
    manifest = store.find(run.site.backups, run.args["backup"])
    run.about_to("changing database", by="restore")
    how = restore.Restorer(run.database, run.site.backups, run.id[-4:] + "t", run.about_to).put_back(manifest)
    return "%s: %s, put back %s" % (manifest["id"], contents(manifest), how)


def seed(run):
    """The configured idempotent commands, from the stage (or the live code)."""
    if not run.site.seed:
        return "nothing configured"
    app = migrating_app(run)
    run.about_to("changing database", by="seed")
    run.database.fence_down()
    for command in run.site.seed:
        try:
            app.ask("command", args=command, connected=run.connected, timeout=UPGRADE_LIMIT)
        except AppFailed as error:
            raise Failed("flask %s failed" % " ".join(command), ["%s: %s" % (error.kind, error)]) from error
    return ", ".join(" ".join(command) for command in run.site.seed)


def swap(run):
    """Code and packages into the live place, back to back."""
    texts = []
    staged = virtualenv.marked(run.packages_folder) == run.id
    if staged:
        run.about_to("swapping packages", beside=run.packages_folder)
    if run.commit:
        texts += swap_code(run)
    if staged:
        virtualenv.exchange(run.packages_folder, run.site.virtualenv)
        texts.append("packages")
    return ", ".join(texts) or "the code was there"


def swap_code(run):
    """The commit, and the file REVISION that names it, into the live folder. Returns words for the step's line."""
    project, live = run.site.project, run.before["commit"]
    revision = os.path.join(project, "REVISION")
    named = run.commit.encode() + b"\n"
    if run.commit == live and files.read(revision) == named:
        return []
    changed = clone.changed_paths(project, live, run.commit) if live else []
    run.about_to("swapping", before=live, after=run.commit)
    clone.ignore(project, "REVISION")
    if run.commit != live:
        clone.move(project, run.commit)
    files.write(revision, named, 0o644)
    return ["%d file%s" % (len(changed), "" if len(changed) == 1 else "s")] if changed else []


def reload(run):
    """The host reloads; the new processes are proved, and asked for their health, behind the gate."""
    run.database.fence_down()
    closed = run.is_gated()
    run.about_to("reloading", public=not closed)
    if not closed:
        run.gate.keep_original()
    nonce = run.gate.put(public=not closed)
    try:
        run.reloading = health.prove_processes(
            run.site.health_url(), run.token, nonce, run.before.get("usual")
        ).reloading
    except health.NotHealthy as error:
        raise Failed("the new processes are not healthy", [str(error)]) from error
    if closed:
        return "new processes answer, healthy behind the gate"
    run.gate.take_away(reload=False)
    run.journal.write("gate gone")
    return "new processes answer, healthy"


def lift(run):
    """Takes away a fence that was left up."""
    run.about_to("lifting")
    run.database.fence_down()
    return "the database takes writes again"


def open_site(run):
    """The processes that were just proved become public; then the site's own WSGI file returns."""
    mark = health.log_mark(run.site.logs.get("error"))
    run.about_to("opened")
    run.gate.open()
    if run.closed_at is not None:
        run.closed = round(time.monotonic() - run.closed_at, 1)
    run.gate.take_away()
    # A host that answered otherwise while the gate came up answers 502 for one reason only, and visitors see it.
    quick = bool(run.reloading) and not run.reloading & {0, 502, 504}
    broken = health.SURELY_BROKEN if quick else health.BROKEN
    try:
        health.prove_own(run.site.health_url(), run.token, run.before.get("usual"), broken=broken)
    except health.NotHealthy as error:
        raise Failed("the site is not healthy after it was opened", [str(error)]) from error
    run.journal.write("gate gone")
    errors = health.new_errors(run.site.logs.get("error"), mark)
    told = "no new errors in the log" if not errors else "new in the error log: %s" % errors[-1][:60]
    return told if run.closed is None else "closed for %.1f s; %s" % (run.closed, told)


def record(run):
    """Old backups pruned, what was staged removed."""
    spare = [run.backup["id"]] if run.backup else []
    store.prune(run.site.backups, run.site.keep, spare)
    clean(run)
    return ""


def clean(run):
    """Removes what the run staged; run twice, the second finds nothing to do."""
    run.stop_apps()
    clone.remove_worktree(run.site.project, run.stage_folder)
    shutil.rmtree(os.path.dirname(run.stage_folder), ignore_errors=True)
    if run.journal.has("staging packages"):
        virtualenv.discard(run.packages_folder)
    for name in ("access.json", os.path.join("stage", "client.cnf")):
        files.remove(os.path.join(run.folder, name))
