"""The return: takes a site back to what was written down before a run that failed. `decide` says what is to be done;
each act here looks at what is there now, so that run twice, the second finds nothing to do. It needs no app, but for
the way down."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Iterable, Mapping

from .. import protocol
from ..backup import make, restore, store
from ..database.interface import Database
from ..lib import amounts, files
from ..lib.outcome import Incident
from ..protocol import Manifest
from ..site import clone, health, virtualenv
from ..site.app_process import App
from . import decide, stage, steps
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
    steps.clean(run)


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
    """Before the site was opened: the backup, behind the fence."""
    saved = run.journal.last(protocol.BACKUP)
    assert saved is not None
    if run.journal.has(protocol.RELOADING):  # the new processes, asked for their health, hold connections
        health.prove_gate(run.site.health_url(), run.gate.put(public=False))
    run.about_to(protocol.FENCE)
    run.database.fence_up()
    manifest = store.find(run.site.backups, saved["id"])
    replaced = back_up_replaced(run)
    how = restore.Restorer(run.database, run.site.backups, run.id[-4:] + "r", run.about_to).put_back(manifest)
    if run.database.revisions() != run.before["revisions"]:
        raise Incident("the backup was put back, but the database is at %s" % ", ".join(run.database.revisions()))
    run.journal.write(protocol.DATABASE_RETURNED, how=how)
    text = "backup %s put back, %s, as before" % (manifest["id"], amounts.count(manifest["rows"], "row"))
    newer = rows_since(run, manifest, replaced)
    if not newer or replaced is None:
        return text
    return "%s; rows that came since are kept in backup %s: %s" % (text, replaced["id"], newer)


def no_backup(run: Run) -> str:
    """The database was changed, and nothing can bring it back."""
    raise Incident("the database was changed and there is no backup of this run")


def back_up_replaced(run: Run) -> Manifest | None:
    """A backup of what is about to be replaced: whatever a job wrote behind the gate is in it. None on a second run
    whose database was swapped already."""
    kept = run.journal.last(protocol.BACKUP_OF_REPLACED)
    if kept is not None:
        return next((m for m in store.usable(run.site.backups) if m["id"] == kept["id"]), None)
    manifest = make.make(run.database, run.site.backups, run.about_backup("return", run.commit), fenced=False)
    run.journal.write(protocol.BACKUP_OF_REPLACED, id=manifest["id"])
    return manifest


def rows_since(run: Run, manifest: Manifest, replaced: Manifest | None) -> str:
    """Tables that had more rows when they were replaced than in the run's own backup, by a revision or by another
    program: "comments +1", or an empty text. Seeds are expected to add rows, so after them nothing is told."""
    if replaced is None:
        return ""
    seeded = any(line.get("by") in ("seed", "load") for line in run.journal.all(protocol.CHANGING_DATABASE))
    more = {table: rows - manifest["tables"].get(table, rows) for table, rows in replaced["tables"].items()}
    return "" if seeded else ", ".join("%s +%d" % (table, count) for table, count in sorted(more.items()) if count > 0)


def go_down(run: Run) -> str:
    """After the site was opened, rows may be new: the way down, if it drops no value that is not empty."""
    close_again(run)
    manifest = make.make(run.database, run.site.backups, run.about_backup("return", run.commit), fenced=True)
    folder = run.stage_folder if os.path.isdir(run.stage_folder) else run.site.project
    interpreter = run.python if os.path.exists(run.python) else run.site.python
    app = App(interpreter, folder, run.site, mask=run.mask)
    try:
        app.load_code()
        stage.see_own_database(run.facts, app.ask("database"))
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


def refuse_losses(run: Run, app: App, manifest: Manifest) -> None:
    """Raises Incident where the way down would drop what is not empty. `manifest`: the backup that holds all rows."""
    undone = [line["id"] for line in reversed(run.journal.all(protocol.REVISION))]
    lost = losses(run.database, app.ask("operations", revisions=undone, direction="down")["operations"])
    if lost:
        raise Incident(
            "the way down would drop values: %s" % "; ".join(lost),
            ["the site was open, so rows may be new; backup %s holds them" % manifest["id"]],
            leaving(run.site.name),
        )


def no_way_down(run: Run) -> str:
    """After the site was opened, a change that no way down undoes."""
    close_again(run)
    raise Incident("a %s that was opened cannot be taken back by itself" % run.task, next=leaving(run.site.name))


def leaving(name: str) -> list[str]:
    """What a person types to decide for themselves."""
    decide = "fab %s.downgrade,  fab %s.restore  or  inv release --to %s" % (name, name, name)
    return ["fab %s.recover --leave  (nothing moves, the gate stays up)" % name, "then  %s" % decide]


def close_again(run: Run) -> None:
    """Gate and fence up again, after the site was open."""
    run.about_to(protocol.GATE)
    nonce = run.gate.put(public=False)
    health.prove_gate(run.site.health_url(), nonce)
    run.about_to(protocol.FENCE)
    run.database.fence_up()


def losses(database: Database, operations: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the recorded `operations` would drop that is not empty, as texts, counted in the database."""
    lost: list[str] = []
    tables = database.tables()
    for operation in operations:
        kind, table, column = operation["kind"], operation["table"], operation["column"]
        if kind == "drop_table" and table in tables:
            rows = database.count_values(table)
            if rows:
                lost.append("table %s: %s" % (table, amounts.count(rows, "row")))
        elif kind == "drop_column" and column in database.columns().get(table, {}):
            rows = database.count_values(table, column)
            if rows:
                lost.append("column %s.%s: %s" % (table, column, amounts.count(rows, "value")))
        elif kind in ("execute", "unknown"):
            lost.append("cannot be told beforehand: %s" % operation["text"])
    return lost


def code_back(run: Run) -> str:
    """The old commit and the old packages in the live place."""
    texts = []
    virtualenv.finish_exchange(run.packages_folder, run.site.virtualenv)
    line = run.journal.last(protocol.SWAPPING)
    if line is not None:
        saved = clone.save_edits(run.site.project, line["before"], line["after"], run.id)
        if saved:
            run.say("  note: files edited by hand meanwhile are kept in git as %s" % saved)
        clone.move_back(run.site.project, line["before"], line["after"])
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
    run.gate.keep_original()
    health.prove_gate(run.site.health_url(), run.gate.put(public=False))
    return "closed, as before"


def open_again(run: Run) -> str:
    """The old code proved behind the gate, then the gate away."""
    url, expected = run.site.health_url(), run.before.get("answered")  # as before, also where that was a 500
    public = not run.is_gated()
    run.gate.keep_original()
    nonce = run.gate.put(public=public)
    answer = health.prove_processes(url, run.token, nonce, expected)
    run.gate.open()
    run.closed = closed_seconds(run)
    run.gate.take_away()
    health.prove_own(url, run.token, expected)
    healthy = answer.status < 500
    run.journal.write(protocol.GATE_GONE, healthy=healthy)
    text = "%s (%d)" % ("healthy" if healthy else "answers as before", answer.status)
    return text if run.closed is None else "closed for %.1f s; %s" % (run.closed, text)


def closed_seconds(run: Run) -> float | None:
    """How long visitors met the gate, or None where they did not."""
    first = run.journal.last(protocol.GATE)
    return None if first is None else round(time.time() - first["at"], 1)


def shut(run: Run) -> None:
    """What can still be done when a return fails: the gate up, so that nobody meets code on a foreign schema."""
    run.gate.keep_original()
    run.gate.put(public=False)


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
