"""The stories: which steps a task is made of, in order. Each is a generator of (name, step), so that a later step may
depend on what an earlier one found."""

from ..lib.outcome import Nothing, Refused
from ..site import clone
from . import stage, steps


def release(run):
    """Brings the site to a commit: code, packages and database together."""
    yield "fetch", steps.fetch
    yield "stage", stage.stage
    closing = bool(run.pending) or run.site.writes_on_load
    if closing:
        yield "close", steps.close
        yield "back up", steps.back_up
    if run.pending:
        yield "upgrade", steps.upgrade
        if run.site.seed:
            yield "seed", steps.seed
    elif closing:
        yield "load", lambda run: steps.migrating_app(run) and "the app loads"
    yield "swap", steps.swap
    yield "reload", steps.reload
    if closing and not run.was_closed:
        yield "open", steps.open_site


def pull(run):
    """The code alone, where it brings neither revisions nor packages."""
    if run.args["commit"] == run.before["commit"]:
        raise Nothing("%s is at %s already" % (run.site.name, run.args["commit"][:7]))
    yield "fetch", steps.fetch
    yield "stage", stage.stage
    if run.pending:
        raise Refused(
            "the commit brings %d pending revision(s)" % len(run.pending),
            ["code and schema never part"],
            ["inv release --to %s" % run.site.name],
        )
    if run.python != run.site.python:
        raise Refused(
            "the commit changes requirements.txt",
            ["code and packages never part"],
            ["inv release --to %s" % run.site.name],
        )
    yield "swap", steps.swap


def install(run):
    """The packages of the live code's requirements."""
    run.commit = run.before["commit"]

    def staged(run):
        stage.stage_code(run)
        words = stage.stage_packages(run, always=True)
        stage.load_stage(run)
        return ", ".join(words)

    yield "stage", staged
    yield "swap", steps.swap
    yield "reload", steps.reload


def upgrade(run):
    """The revisions that the live code has and the database lacks."""
    yield "close", steps.close
    yield "back up", steps.back_up
    run.pending = list(run.args["pending"])
    yield "upgrade", steps.upgrade
    if run.site.seed:
        yield "seed", steps.seed
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def downgrade(run):
    """The database down to a revision, and the code to the newest commit whose head it is."""
    if not run.args.get("database_only"):
        run.commit = run.args["commit"]
        yield "stage", _stage_older
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "downgrade", steps.downgrade
    if run.args.get("database_only"):
        return
    yield "swap", steps.swap
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def rollback(run):
    """Back to the release before: with the way down where there is one."""
    if run.args["undone"]:
        yield from downgrade(run)
        return
    run.commit = run.args["commit"]
    yield "stage", _stage_older
    yield "swap", steps.swap
    yield "reload", steps.reload


def _stage_older(run):
    text = stage.stage(run)
    if run.stage is not None and run.head != (run.args.get("revision") or None):
        raise Refused("the commit %s has head %s, not %s" % (run.commit[:7], run.head, run.args.get("revision")))
    return text


def seed(run):
    """The configured commands."""
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "seed", steps.seed
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def reload(run):
    yield "reload", steps.reload


def back_up(run):
    yield "back up", steps.back_up


def restore(run):
    """A backup put back, with the commit it was made at."""
    if run.args["commit"] != run.before["commit"]:
        run.commit = run.args["commit"]
        if not clone.has(run.site.project, run.commit):
            raise Refused("the backup's commit %s is not on the server" % run.commit[:7])
        yield "stage", _stage_for_restore
    yield "close", steps.close
    yield "back up", steps.back_up
    yield "restore", steps.put_back
    if run.commit:
        yield "swap", steps.swap
    yield "reload", steps.reload
    if not run.was_closed:
        yield "open", steps.open_site


def _stage_for_restore(run):
    """The code of a backup is staged without looking at the present revisions: the backup brings its own."""
    run.args.pop("pending", None)
    text = stage.stage(run)
    if run.stage is not None:
        stage.refuse_unfit(run.site, run.args["backup"], run.args["backup_revisions"], [run.head] if run.head else [])
    return text


def close(run):
    """The gate alone: the site stays closed until `open`."""
    if run.was_closed:
        raise Nothing("%s is closed already" % run.site.name)

    def gate_up(run):
        steps.close(run)
        run.database.fence_down()
        return "gate up, requests finished"

    yield "close", gate_up


def open_site(run):
    """Opens a closed site, when code and database match."""
    if not run.was_closed:
        if not run.database.fence_is_up():
            raise Nothing("%s is open already" % run.site.name)
        yield "open", steps.lift
        return
    if run.facts.live is not None:
        heads = sorted(run.facts.live.ask("revisions")["heads"])
        if heads != sorted(run.database.revisions()):
            raise Refused(
                "code and database do not match: the code's head is %s, the database is at %s"
                % (", ".join(heads) or "none", ", ".join(run.database.revisions()) or "none"),
                next=["fab %s.upgrade" % run.site.name],
            )
    yield "reload", steps.reload
    yield "open", steps.open_site


BY_TASK = {
    "release": release,
    "pull": pull,
    "install": install,
    "upgrade": upgrade,
    "downgrade": downgrade,
    "rollback": rollback,
    "seed": seed,
    "reload": reload,
    "backup": back_up,
    "restore": restore,
    "close": close,
    "open": open_site,
}
