"""What a task wants to know for its plan, beyond the facts of every plan. Reads only."""

import difflib

from ..backup import store
from ..lib import files
from ..lib.outcome import Nothing, Refused
from ..records import journal
from ..site import clone, health, load_errors, virtualenv
from ..site.app_process import AppFailed
from . import stage, take_back, version_table


def prepare(run):
    """Loads the live app, and puts into `run.found` what the plan of this task shows, into `run.args` what it does."""
    asking = health.Question(run.site.health_url())
    run.facts.load_live()
    if run.task in VERSIONED:
        version_table.refuse(run)
    answer = asking.answer()
    if run.task not in UNSEEN:
        refuse_unseen(run, answer)
    run.args["answered"] = answer.status if answer.status and not answer.gate else None
    run.args["usual"] = run.args["answered"] if answer.status < 500 else None
    extra = FOR_TASK.get(run.task)
    if extra is not None:
        extra(run)


def refuse_unseen(run, answer):
    """Raises Refused where the server cannot see its own site: nothing could be proved there."""
    if answer.status and not (answer.status == 401 and not answer.gate):
        return
    raise Refused(
        "from the server, %s answers %s" % (run.site.health_url(), health.describe(answer)),
        ["new processes could not be proved there"],
        health.fixes(run.site, answer),
    )


def _known(run):
    if run.facts.live is None:
        raise Refused(
            "the live app writes to its database while it loads, so it cannot be asked",
            next=["inv release --to %s" % run.site.name],
        )
    try:
        told = run.facts.live.ask("revisions")
        if run.task in MOVING:
            stage.see_own_database(run.facts, run.facts.live.ask("database"))
    except AppFailed as error:
        raise Refused(
            "the live code's revisions cannot be read",
            ["%s: %s" % (error.kind, error)]
            + (["in %s" % load_errors.location(error.where, run.site.project)] if error.where else []),
            ["mend it here, then  inv release --to %s" % run.site.name],
        ) from error
    return told


def upgrade(run):
    told = _known(run)
    current = run.database.revisions()
    pending = stage.pending(run.site, run.facts.live, current)
    if not pending:
        raise Nothing("the database is at %s, the head of the live code" % (", ".join(current) or "nothing"))
    run.args.update(pending=pending, revisions=told["revisions"])
    run.found.update(pending=pending, texts=_texts(told, pending))


def _texts(told, ids):
    by_id = {row["id"]: row["text"] for row in told["revisions"]}
    return [[identifier, by_id.get(identifier, "")] for identifier in ids]


def downgrade(run):
    """Target, commit, and what would be dropped."""
    told = _known(run)
    rows = {row["id"]: row for row in told["revisions"]}
    current = run.database.revisions()
    if len(current) != 1:
        raise Refused(
            "the database is at %s: a way down needs exactly one revision" % (", ".join(current) or "no revision"),
            next=["a backup goes back from there: fab %s.backups,  fab %s.restore" % (run.site.name, run.site.name)],
        )
    if current[0] not in rows:
        raise stage.unknown(run.site, current)
    way = run.facts.live.ask("way_down", current=current, target=run.args.get("to"))
    _refuse_way(run.site.name, rows, current[0], run.args.get("to"), way)
    undone = way["undone"]
    run.args["revision"] = way["target"]
    operations = run.facts.live.ask("operations", revisions=undone, direction="down")["operations"]
    lost = take_back.losses(run.database, operations)
    if not any(row["revision"] in undone for row in operations):
        lost.append("nothing: the way down of %s is empty, its changes would stay" % ", ".join(undone))
    if not run.args.get("database_only"):
        run.args["commit"] = commit_before(run, rows[undone[-1]])
    run.found.update(
        undone=_texts(told, undone),
        target=run.args["revision"],
        target_commit=run.args.get("commit"),
        losses=lost,
        operations=[row["text"] for row in operations],
    )


def _refuse_way(name, rows, current, target, way):
    """Raises Refused where there is no way down from `current` to `target`, as the app's process tells (`way`), or one
    that leads past a merge."""
    if way["why"] == "several":
        raise _no_target("%s is the beginning of several revisions" % target, name, rows, way["choices"], target)
    if not way["undone"]:
        what = "there is no revision %s below %s" % (target, current)
        raise _no_target(what, name, rows, way["choices"], target)
    if way["merge"]:
        raise Refused(
            "revision %s merges two branches: going down past it is not supported" % way["merge"],
            next=["a backup of before goes back past it: fab %s.backups,  fab %s.restore" % (name, name)],
        )


def _no_target(what, name, rows, choices, target):
    """The refusal of a target that is none, with those that are, the most like it first."""
    below = choices or ["base"]
    near = difflib.get_close_matches(target, below, 3, 0.5) or below[:3]
    texts = ["%s %s" % (identifier, rows[identifier]["text"] if identifier in rows else "") for identifier in near]
    return Refused(
        what,
        ["below it: %s" % "; ".join(text.strip() for text in texts)],
        ["fab %s.downgrade --to %s" % (name, near[0])],
    )


def rollback(run):
    """Back to what the last release replaced: its commit, and the way down where it brought revisions."""
    live = clone.commit(run.site.project)
    lines = [line for line in journal.read_lines(run.site.history) if line.get("outcome") == "released"]
    released = next((line for line in reversed(lines) if line.get("commit") == live), None)
    if released is None or not (released.get("before") or {}).get("commit"):
        raise Refused(
            "no release of %s is in the history, so there is nothing to go back to" % (live or "no commit")[:7],
            next=["fab %s.downgrade  or  fab %s.restore" % (run.site.name, run.site.name)],
        )
    before = released["before"]
    if before["commit"] == live:
        raise Refused("the last release brought no other commit", next=["fab %s.downgrade" % run.site.name])
    if before["revisions"] != run.database.revisions():
        run.args["to"] = before["revisions"][0] if before["revisions"] else "base"
        downgrade(run)
    else:
        run.args["revision"] = before["revisions"][0] if before["revisions"] else None
        run.found.update(undone=[], losses=[], target=run.args["revision"], operations=[])
    run.args["commit"] = run.found["target_commit"] = before["commit"]
    run.args["undone"] = [identifier for identifier, _ in run.found["undone"]]


def commit_before(run, row):
    """The newest commit in the live history that does not have the revision `row`: its head is the target."""
    project = run.site.project
    path = clone.relative(project, row["path"])
    added = clone.commit_that_added(project, path)
    older = added and clone.parent(project, added)
    if not older and clone.is_shallow(project):
        raise Refused(
            "the site's clone is shallow: whether an older commit is without %s cannot be seen" % row["id"],
            next=[
                "fab %s.workon -c 'git fetch --unshallow %s', then the same again" % (run.site.name, run.site.remote)
            ],
        )
    if not older:
        raise Refused(
            "there is no older commit without %s" % row["id"],
            ["code and schema never part"],
            [
                "fab %s.backups,  fab %s.restore: what was before, code and rows" % (run.site.name, run.site.name),
                "or  fab %s.downgrade --database-only  (it leaves the gate up)" % run.site.name,
            ],
        )
    return older


def restore(run):
    try:
        manifest = store.find(run.site.backups, run.args.get("backup"))
        store.verify(run.site.backups, manifest)
    except store.NotVerified as error:
        raise Refused(str(error), next=["fab %s.backups" % run.site.name]) from error
    if manifest["dialect"] != run.database.dialect and "sqlite" in (manifest["dialect"], run.database.dialect):
        raise Refused(
            "backup %s is of %s, the site's database is %s"
            % (manifest["id"], manifest["dialect"], run.database.dialect),
            next=["fab %s.backups" % run.site.name],
        )
    if manifest.get("domain") != run.site.domain:
        raise Refused(
            "backup %s is of %s, not of %s" % (manifest["id"], manifest.get("domain"), run.site.domain),
            next=["fab %s.backups" % run.site.name],
        )
    run.args.update(backup=manifest["id"], commit=manifest["commit"], backup_revisions=sorted(manifest["revisions"]))
    if manifest["commit"] == clone.commit(run.site.project) and run.facts.live is not None:
        stage.refuse_unfit(
            run.site, manifest["id"], run.args["backup_revisions"], run.facts.live.ask("revisions")["heads"]
        )
    shown = {
        key: manifest.get(key) for key in ("id", "commit", "revisions", "rows", "tables", "at", "task", "hindrances")
    }
    run.found.update(backup=shown, rows_now=sum(run.database.counts().values()))


def install(run):
    path = run.site.project + "/requirements.txt"
    if files.read(path) is None:
        raise Refused(
            "the live code has no requirements.txt", next=["inv freeze, then  inv release --to %s" % run.site.name]
        )
    if virtualenv.is_satisfied(run.site.python, path):
        raise Nothing("the virtualenv has what requirements.txt lists")


def seed(run):
    if not run.site.seed:
        raise Nothing("no seed commands are configured for %s" % run.site.name)
    run.found["commands"] = run.site.seed


MOVING = ("upgrade", "downgrade", "rollback")  # by the live code's own revisions
VERSIONED = ("release", "upgrade", "downgrade")  # these go by what alembic_version says
UNSEEN = ("backup", "pull")  # these neither close nor reload the site
FOR_TASK = {
    "upgrade": upgrade,
    "downgrade": downgrade,
    "rollback": rollback,
    "restore": restore,
    "install": install,
    "seed": seed,
}
