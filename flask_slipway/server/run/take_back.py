"""The return: takes a site back to what was written down before a run that failed. `decide` says what is to be done;
each act here looks at what is there now, so that run twice, the second finds nothing to do. It needs no app, but for
the way down."""

from __future__ import annotations

import os
import time
from typing import Callable

from .. import protocol
from ..backup import make, restore, store
from ..lib import amounts, files, own_files
from ..lib.outcome import Incident
from ..protocol import Manifest
from ..site import checkout, health, virtualenv
from ..site.app_process import App
from . import decide, losses, stage, steps
from .decide import Act
from .run import Run


def bring_back(run: Run) -> None:
    """Takes back all that the run's journal says was begun. Raises whatever goes wrong; the gate is up then."""
    run.events.send({"event": "returning", "site": run.site.name, "to": (run.before["commit"] or "")[:7]})
    run.about_to(protocol.RETURNING)
    stop(run)
    for act in decide.take_back(run.journal.lines(), run.before):
        name, function = ACTS[act]
        run.step(name, function)


def stop(run: Run) -> None:
    """Sees that the release's processes and database connections are gone: a killed client's ALTER goes on, and
    commits, so only then is looked at what is there."""
    run.stop_apps()
    run.database.kill(run.connections)


def lift_fence(run: Run) -> str:
    """The database was not changed: it takes writes again."""
    run.database.fence_down()
    return "not changed"


def put_backup_back(run: Run) -> str:
    """Before the site was opened: the backup, behind the fence. Nothing, where the database is as it was saved; and
    nothing either where an earlier attempt has put it back: what was written since would be lost."""
    saved = run.journal.last(protocol.BACKUP)
    assert saved is not None
    manifest = store.find(run.site.backups, saved["id"])
    restorer = steps.restorer(run, manifest, "r")
    if decide.put_back(run.journal.lines(), manifest["id"]) is None:
        if not restorer.is_exchanged(manifest):
            if run.journal.has(protocol.RELOADING):  # the new processes, asked for their health, hold connections
                steps.gate_up(run)
            run.about_to(protocol.FENCE)
            run.database.fence_up()
            if is_unchanged(run):
                return lift_fence(run)
            back_up_replaced(run, manifest["id"])
        restorer.put_back(manifest, _backup(run, protocol.BACKUP_OF_REPLACED))
    run.database.fence_down()
    if run.database.revisions() != run.before["revisions"]:
        raise Incident("the backup was put back, but the database is at %s" % ", ".join(run.database.revisions()))
    run.journal.write(protocol.DATABASE_RETURNED, how="backup")
    text = "backup %s put back, %s, as before" % (manifest["id"], amounts.count(manifest["rows"], "row"))
    words = kept(run, manifest)
    return "%s; what it replaced is kept in %s" % (text, words) if words else text


def is_unchanged(run: Run) -> bool:
    """Whether the database, behind the fence, is proved to be as it was before the run; that is noted then."""
    manifest = _backup(run, protocol.BACKUP)
    if manifest is None or not restore.is_as_saved(run.database, manifest):
        return False
    run.journal.write(protocol.DATABASE_RETURNED, how="unchanged")
    return True


def no_backup(run: Run) -> str:
    """The database was changed, and nothing can bring it back."""
    raise Incident("the database was changed and there is no backup of this run")


def back_up_replaced(run: Run, own: str) -> None:
    """A backup of what is about to be replaced by the backup `own`: whatever a job wrote behind the gate is in it. The
    one of an earlier attempt will do where it holds just what is there, or where that attempt left half of `own`."""
    earlier = _backup(run, protocol.BACKUP_OF_REPLACED)
    half = any(line.get("in_place") and line["backup"] == own for line in run.journal.all(protocol.REPLACING))
    if earlier is not None and (half or restore.is_as_saved(run.database, earlier)):
        return
    about = run.about_backup(store.RETURN, run.commit or run.before["commit"])
    manifest = make.make(run.database, run.site.backups, about, fenced=False)
    run.journal.write(protocol.BACKUP_OF_REPLACED, id=manifest["id"])


def _backup(run: Run, what: str) -> Manifest | None:
    """The backup that the last line `what` of the journal names, where it is still there."""
    line = run.journal.last(what)
    return next((m for m in store.usable(run.site.backups) if line and m["id"] == line["id"]), None)


def kept(run: Run, own: Manifest) -> str:
    """Where what was replaced is kept, and what is other in it than in the run's own backup, by a revision, a seed or
    another program: "backup 20261120T180312Z (comments +1, users changed)"; "" where no line of the journal tells."""
    replaced = _backup(run, protocol.BACKUP_OF_REPLACED)
    other = changes(own, replaced) if replaced is not None else []
    return " and ".join(steps.kept(run)) + (" (%s)" % ", ".join(other) if other else "")


def changes(own: Manifest, replaced: Manifest) -> list[str]:
    """The tables of which `replaced` has other rows than `own`, at most five."""
    more = {table: rows - own["tables"].get(table, 0) for table, rows in replaced["tables"].items()}
    other = store.differing(own["tables"], replaced["tables"])
    if own.get("contents") and replaced.get("contents"):
        other = store.differing(own["contents"], replaced["contents"])
    texts = [
        "%s +%d" % (table, more[table]) if more.get(table, 0) > 0 else "%s changed" % table
        for table in other
        if table != "alembic_version"
    ]
    return texts[:5] + (["and %d more" % (len(texts) - 5)] if len(texts) > 5 else [])


def go_down(run: Run) -> str:
    """After the site was opened, rows may be new: the way down, if it drops no value that is not empty."""
    close_again(run)
    if is_unchanged(run):
        return lift_fence(run)
    about = run.about_backup(store.RETURN, run.commit or run.before["commit"])
    manifest = make.make(run.database, run.site.backups, about, fenced=True)
    folder = run.stage_folder if os.path.isdir(run.stage_folder) else run.site.project
    app = App(interpreter(run), folder, run.site, mask=run.mask)
    try:
        app.load_code()
        stage.refuse_other_database(run, app.ask("database"))  # a recover has today's `env:`
        refuse_losses(run, app, manifest)
        run.about_to(protocol.CHANGING_DATABASE, by="return")
        run.database.fence_down()
        steps.move(run, app, "downgrade", run.before["revisions"][0] if run.before["revisions"] else "base")
    finally:
        app.close()
    if run.database.revisions() != run.before["revisions"]:
        at = ", ".join(run.database.revisions()) or "no revision"
        raise Incident("the way down led to %s; backup %s holds all rows" % (at, manifest["id"]))
    run.journal.write(protocol.DATABASE_RETURNED, how="down")
    return "down to %s; backup %s" % (", ".join(run.before["revisions"]) or "the empty schema", manifest["id"])


def interpreter(run: Run) -> str:
    """The interpreter that has the packages of the run's own code: the live one, once they were exchanged."""
    virtualenv.finish_exchange(run.packages_folder, run.site.virtualenv)
    if virtualenv.marked(run.packages_folder) == run.id:
        return os.path.join(run.packages_folder, "bin", "python")
    return run.site.python


def refuse_losses(run: Run, app: App, manifest: Manifest) -> None:
    """Raises Incident where the way down would drop what is not empty. `manifest`: the backup that holds all rows."""
    undone = [line["id"] for line in reversed(run.journal.all(protocol.REVISION))]
    lost = losses.losses(run.database, app.ask("operations", revisions=undone, direction="down")["operations"])
    if lost:
        raise Incident(
            "the way down would drop values: %s" % "; ".join(lost),
            ["the site was open, so rows may be new; backup %s holds them" % manifest["id"]],
            leaving(run.site.name),
        )


def no_way_down(run: Run) -> str:
    """After the site was opened, a change that no way down undoes."""
    close_again(run)
    if is_unchanged(run):
        return lift_fence(run)
    raise Incident("a %s that was opened cannot be taken back by itself" % run.task, next=leaving(run.site.name))


def leaving(name: str) -> list[str]:
    """What a person types to decide for themselves."""
    decide = "fab %s.downgrade,  fab %s.restore  or  inv release --to %s" % (name, name, name)
    return ["fab %s.recover --leave  (nothing moves, the gate stays up)" % name, "then  %s" % decide]


def close_again(run: Run) -> None:
    """Gate and fence up again, after the site was open."""
    run.about_to(protocol.GATE)
    steps.gate_up(run)
    run.about_to(protocol.FENCE)
    run.database.fence_up()


def code_back(run: Run) -> str:
    """The old commit and the old packages in the live place."""
    texts = []
    virtualenv.finish_exchange(run.packages_folder, run.site.virtualenv)
    line = run.journal.last(protocol.SWAPPING)
    if line is not None:
        project, before, after = run.site.project, line["before"], line["after"]
        own = run.facts.own()
        kept = [*line.get("kept", own)]  # an older version's journal names none
        kept += [path for path, kind in own.items() if kind == own_files.DATABASE and path not in kept]
        saved = checkout.save_edits(project, before, after, run.id, kept)
        if saved:
            run.say("  note: files edited by hand meanwhile are kept in git as %s" % saved)
        checkout.move_back(project, before, after, kept)
        path = os.path.join(run.site.project, "REVISION")
        if run.before["revision_file"] is None:
            files.remove(path)
        else:
            files.write_shared(path, run.before["revision_file"].encode())
        texts.append(line["before"][:7])
    if virtualenv.marked(run.site.virtualenv) == run.id and os.path.isdir(run.packages_folder):
        virtualenv.exchange(run.packages_folder, run.site.virtualenv)
        texts.append("packages as before")
    return ", ".join(texts) or "not moved"


def stay_closed(run: Run) -> str:
    """The gate, as before: the site was closed when the run began."""
    steps.gate_up(run)
    return "closed, as before"


def open_again(run: Run) -> str:
    """The old code proved behind the gate, then the gate away. Where visitors were never kept out, it is judged by what
    it answers them, if it cannot be proved: no database was changed, and what was live before has to stay."""
    if not decide.touched(run.journal.lines()):
        return leave_as_found(run)
    url, good, is_gated = run.site.health_url(), health.as_before(run.before.get("answered")), run.is_gated()
    nonce = run.gate.put(public=not is_gated)
    try:
        health.prove_processes(url, run.token, nonce, good, run.patience)
    except health.NotHealthy:
        if is_gated:
            raise
    run.gate.take_away()
    run.closed = closed_seconds(run)
    return opened(run, health.prove_own(url, good, patience=run.patience).status)


def leave_as_found(run: Run) -> str:
    """Code, packages and database were not changed: the site's own WSGI file comes back, and what it answers then is no
    matter of this run."""
    run.gate.take_away()
    run.closed = closed_seconds(run)
    try:
        answer = health.prove_own(run.site.health_url(), lambda status: True, patience=run.patience)
    except health.NotHealthy as error:
        run.noted(protocol.GATE_GONE, healthy=False)
        return "as it was: %s" % error
    return opened(run, answer.status)


def opened(run: Run, status: int) -> str:
    """The words for a site that is open again, and answers with `status`."""
    healthy = status < 500
    run.noted(protocol.GATE_GONE, healthy=healthy)
    text = "%s (%d)" % ("healthy" if healthy else "answers as before", status)
    return text if run.closed is None else "closed for %.1f s; %s" % (run.closed, text)


def closed_seconds(run: Run) -> float | None:
    """How long visitors met the gate, or None where they did not; 0 where the clock was set back meanwhile."""
    first = run.journal.last(protocol.GATE)
    return None if first is None else round(max(0.0, time.time() - first["at"]), 1)


def shut(run: Run) -> None:
    """What can still be done when a return fails: the gate up, so that nobody meets code on a foreign schema."""
    run.gate.put(loads=False)


# Each act's name, as it is told, and what does it.
ACTS: dict[Act, tuple[str, Callable[[Run], str]]] = {
    Act.LIFT_FENCE: ("database", lift_fence),
    Act.PUT_BACKUP_BACK: ("database", put_backup_back),
    Act.NO_BACKUP: ("database", no_backup),
    Act.WAY_DOWN: ("database", go_down),
    Act.NO_WAY_DOWN: ("database", no_way_down),
    Act.CODE_BACK: ("code", code_back),
    Act.OPEN: ("open", open_again),
    Act.STAY_CLOSED: ("open", stay_closed),
}
