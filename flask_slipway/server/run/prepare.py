"""What a task wants to know for its plan, beyond the facts of every plan. Reads only."""

from __future__ import annotations

import difflib
import shlex
from typing import Any, Callable

from ..backup import store
from ..database import identity
from ..lib import files
from ..lib.outcome import Nothing, Refused
from ..protocol import LONGEST_OPERATION, HistoryLine, Manifest, Revision
from ..records import history
from ..site import clone, health, load_errors, virtualenv
from ..site.app_process import App, AppFailed
from . import losses, schema, stage, steps, version_table, ways_back
from .findings import Down, Findings, PutBack, Seeds, Up, Way
from .run import Run


def prepare(run: Run) -> Findings:
    """Loads the live app, and finds what the plan of this task is made of. Raises Refused, Nothing."""
    asking = health.Question(health.usual, run.site.health_url())
    run.facts.load_live()
    if run.task in VERSIONED:
        version_table.refuse(run)
    answer = asking.answer()
    if run.task not in UNSEEN:
        refuse_unseen(run, answer)
    if run.task in CLOSING:
        steps.refuse_unrestorable(run)
    way = FOR_TASK.get(run.task)
    return Findings(
        answered=answer.status if health.is_own(answer, run.site.health_url()) else None,
        expected_status=expected(run, answer),
        way=way(run) if way is not None else None,
        lacking=schema.of_live(run) if run.task in COMPARED else [],
        heads=ways_back.live_heads(run.facts),
    )


def expected(run: Run, answer: health.Answer) -> int | None:
    """The last good status of the health page: the site's own now, below 500; behind a gate, or where the site is at
    fault, what it was before an earlier change. None where none is known."""
    good = health.is_own(answer, run.site.health_url()) and answer.status < 500
    return answer.status if good else history.last_answer(run.site, run.site.health)


def refuse_unseen(run: Run, answer: health.Answer) -> None:
    """Raises Refused where the server cannot see its own site: nothing could be proved there."""
    url = run.site.health_url()
    if answer.gate or (answer.status not in (0, 401) and not health.leads_to_itself(answer, url)):
        return
    fixes = health.fixes(run.site, answer)
    if answer.status == 302:
        fixes = ["wait until the host has reloaded, then the same again", "or %s" % fixes[0]]
    raise Refused(
        "from the server, %s answers %s" % (url, health.describe(answer)),
        ["new processes could not be proved there"],
        fixes,
    )


def _live(run: Run) -> App:
    """The live app's process. Raises Refused where it may not be loaded."""
    if run.facts.live is None:
        raise Refused(
            "the live app writes to its database while it loads, so it cannot be asked",
            next=["inv release --to %s" % run.site.name],
        )
    return run.facts.live


def _revisions(run: Run) -> list[Revision]:
    """The live code's revisions, newest first. Raises Refused."""
    live = _live(run)
    try:
        rows: list[Revision] = live.ask("revisions")["revisions"]
        stage.see_own_database(run.facts, live.ask("database"))
    except AppFailed as error:
        raise Refused(
            "the live code's revisions cannot be read",
            ["%s: %s" % (error.kind, error)]
            + (["in %s" % load_errors.location(error.where, run.site.project)] if error.where else []),
            ["fix it here, then  inv release --to %s" % run.site.name],
        ) from error
    return rows


def upgrade(run: Run) -> Up:
    """The pending revisions of the live code."""
    rows, current = _revisions(run), run.database.revisions()
    stage.prove_live(run)
    pending = stage.pending(run.site, _live(run), current)
    if not pending:
        raise Nothing("the database is at %s, the head of the live code" % (", ".join(current) or "nothing"))
    return Up(pending, rows)


def downgrade(run: Run) -> Down:
    """The way down that was asked for."""
    way = _down(run, run.wish.get("to"))
    return way if run.wish.get("database_only") else way._replace(commit=commit_before(run, way.undone[-1]))


def _down(run: Run, to: str | None) -> Down:
    """The way down of the database to the revision `to`, one step without it."""
    rows = {row["id"]: row for row in _revisions(run)}
    current = run.database.revisions()
    if len(current) != 1:
        raise Refused(
            "the database is at %s: a way down needs exactly one revision" % (", ".join(current) or "no revision"),
            next=ways_back.to_older(run) or ["fab %s.status  shows code and database" % run.site.name],
        )
    if current[0] not in rows:
        raise stage.unknown(run.site, current)
    way = _live(run).ask("way_down", current=current, target=to)
    _refuse_way(run, rows, current[0], to or "base", way)
    undone: list[str] = way["undone"]
    operations = _live(run).ask("operations", revisions=undone, direction="down")["operations"]
    lost = losses.losses(run.database, operations)
    if not any(row["revision"] in undone for row in operations):
        lost.append("nothing: the way down of %s is empty, its changes would stay" % ", ".join(undone))
    return Down(
        undone=[rows[identifier] for identifier in undone],
        revision=way["target"],
        commit=None,
        losses=lost,
        operations=[run.mask.text(row["text"])[:LONGEST_OPERATION] for row in operations],
    )


def _refuse_way(run: Run, rows: dict[str, Revision], current: str, target: str, way: dict[str, Any]) -> None:
    """Raises Refused where there is no way down from `current` to `target`, as the app's process tells (`way`), or one
    that leads past a merge."""
    name = run.site.name
    if way["why"] == "several":
        raise _no_target("%s is the beginning of several revisions" % target, name, rows, way["choices"], target)
    if not way["undone"]:
        what = "there is no revision %s below %s" % (target, current)
        raise _no_target(what, name, rows, way["choices"], target)
    if way["merge"]:
        raise Refused(
            "revision %s merges two branches: going down past it is not supported" % way["merge"],
            next=ways_back.to_older(run) or ["fab %s.backups" % name],
        )


def _no_target(what: str, name: str, rows: dict[str, Revision], choices: list[str], target: str) -> Refused:
    """The refusal of a target that is none, with those that are, the most like it first."""
    below = choices or ["base"]
    near = difflib.get_close_matches(target, below, 3, 0.5) or below[:3]
    texts = ["%s %s" % (identifier, rows[identifier]["text"] if identifier in rows else "") for identifier in near]
    return Refused(
        what,
        ["below it: %s" % "; ".join(text.strip() for text in texts)],
        ["fab %s.downgrade --to %s" % (name, shlex.quote(near[0]))],
    )


def rollback(run: Run) -> Down:
    """Back to what the last release replaced: its commit, and the way down where it brought revisions."""
    before = _replaced(run)
    revisions = before["revisions"]
    if revisions != run.database.revisions():
        return _down(run, revisions[0] if revisions else "base")._replace(commit=before["commit"])
    return Down([], revisions[0] if revisions else None, before["commit"], [], [])


def _replaced(run: Run) -> dict[str, Any]:
    """What the live release replaced: its "before" in the history. Raises Refused where that is no state to go back
    to."""
    name, live = run.site.name, clone.commit(run.site.project)
    short = (live or "no commit")[:7]
    released: HistoryLine | None = history.released(run.site, live)
    before = (released or {}).get("before") or {}
    if released is None:
        raise Refused(
            "no release of %s is in the history, so there is nothing to go back to" % short,
            next=_other_ways(run) or ["inv release --to %s" % name],
        )
    if not before.get("commit"):
        raise Refused(
            "before the release of %s there was no code here, so there is nothing to go back to" % short,
            next=["inv release --to %s  with a commit that fixes it" % name],
        )
    if not ways_back.matched(before):
        raise _unmatched(run, before, short)
    if before["commit"] == live:
        raise Refused("the last release brought no other commit", next=["fab %s.downgrade" % name])
    return before


def _other_ways(run: Run) -> list[str]:
    """The ways back that no release is needed for, as far as they are there."""
    name, backup = run.site.name, ways_back.fitting(run)
    down = ["fab %s.downgrade" % name] if run.database.revisions() else []
    return down + (["fab %s.restore --backup %s" % (name, backup["id"])] if backup is not None else [])


def _unmatched(run: Run, before: dict[str, Any], short: str) -> Refused:
    """The refusal to go back to a state in which code and database did not match, such as an empty database."""
    if before["revisions"]:
        what = "before the release of %s code and database did not match, so there is nothing to go back to" % short
    else:
        what = "before the release of %s the database was empty, so there is nothing to go back to" % short
    cause = "the code's head was %s, the database was at %s" % (
        ", ".join(before["heads"]) or "none",
        ", ".join(before["revisions"]) or "no revision",
    )
    return Refused(what, [cause], ["inv release --to %s  with a commit that fixes it" % run.site.name])


def commit_before(run: Run, row: Revision) -> str:
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
                "fab %s.downgrade --database-only  (its tables go, and it leaves the gate up)" % run.site.name,
                *ways_back.to_older(run),
            ],
        )
    return older


def restore(run: Run) -> PutBack:
    """The backup that would be put back. Raises Refused for one that is not this site's, or not whole."""
    manifest = _usable(run)
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
    other = identity.of_backup(manifest) if manifest.get("identity", run.facts.identity) != run.facts.identity else None
    if other is not None and not run.wish.get("other_database"):
        again = "fab %s.restore --backup %s --other-database" % (run.site.name, manifest["id"])
        raise Refused(
            "backup %s is of another database than the site's" % manifest["id"],
            ["the backup: %s" % other, "the site: %s" % identity.describe(run.database)],
            [
                "fab %s.workon  and correct .env, then the same again" % run.site.name,
                "or, where it is meant: %s" % again,
            ],
        )
    stays = manifest["commit"] in (None, clone.commit(run.site.project))  # without a commit of its own the code stays
    if stays and run.facts.live is not None:
        heads = run.facts.live.ask("revisions")["heads"]
        ways_back.refuse_unfit(run, manifest, heads)
    elif not stays and manifest.get("heads") is not None:
        ways_back.refuse_unfit(run, manifest, manifest["heads"] or [])
    steps.refuse_unrestorable(run, manifest.get("definitions", ()))
    return PutBack(manifest, sum(run.database.counts().values()), other)


def _usable(run: Run) -> Manifest:
    """The manifest of the backup that was asked for, verified. Raises Refused."""
    try:
        manifest: Manifest = store.find(run.site.backups, run.wish.get("backup"))
        store.verify(run.site.backups, manifest)
    except store.NotVerified as error:
        raise Refused(str(error), next=["fab %s.backups" % run.site.name]) from error
    return manifest


def install(run: Run) -> None:
    """Raises Refused where nothing is listed, Nothing where all that is listed is there."""
    path = run.site.project + "/requirements.txt"
    if files.read(path) is None:
        raise Refused(
            "the live code has no requirements.txt", next=["inv freeze, then  inv release --to %s" % run.site.name]
        )
    if virtualenv.is_satisfied(run.site.python, path):
        raise Nothing("the virtualenv has what requirements.txt lists")


def seed(run: Run) -> Seeds:
    """The configured commands. Raises Nothing."""
    if not run.site.seed:
        raise Nothing("no seed commands are configured for %s" % run.site.name)
    stage.prove_live(run)
    return Seeds(run.site.seed)


VERSIONED = ("release", "upgrade", "downgrade")  # these go by what alembic_version says
COMPARED = ("release", "pull", "upgrade")  # after these the database has what the models need
CLOSING = ("upgrade", "downgrade", "seed", "restore")  # these may have to put a backup back
UNSEEN = ("backup", "pull")  # these neither close nor reload the site
FOR_TASK: dict[str, Callable[[Run], Way | None]] = {
    "upgrade": upgrade,
    "downgrade": downgrade,
    "rollback": rollback,
    "restore": restore,
    "install": install,
    "seed": seed,
}
