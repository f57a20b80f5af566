"""The return: takes a site back to what was written down before a run that failed. A function of (before, now): run
twice, the second finds nothing to do. It needs no app."""

import os
import time

from ..backup import make, restore, store
from ..lib import amounts, files
from ..lib.outcome import Incident
from ..protocol import Manifest
from ..site import clone, health, virtualenv
from ..site.app_process import App
from . import stage, steps


def needed(run):
    """True where the run has changed anything that visitors, code or database would notice."""
    return any(
        run.journal.has(what)
        for what in ("gate", "fence", "changing database", "swapping", "swapping packages", "reloading")
    )


def bring_back(run):
    """Takes back all that the run's journal says was begun. Raises whatever goes wrong; the gate is up then."""
    run.events.send({"event": "returning", "site": run.site.name, "to": (run.before["commit"] or "")[:7]})
    run.about_to("returning")
    stop(run)
    if run.journal.has("opened") and database_changed(run):
        run.step("database", database_down)
    elif database_changed(run) or run.journal.has("fence"):
        run.step("database", database_back)
    if run.journal.has("swapping") or run.journal.has("swapping packages"):
        run.step("code", code_back)
    if run.journal.has("gate") or run.journal.has("reloading"):
        run.step("open", site_back)
    steps.clean(run)


def stop(run):
    """Sees that the release's processes and database connections are gone: a killed client's ALTER goes on, and
    commits, so only then is looked at what is there."""
    run.stop_apps()
    run.database.kill(run.connections)


def database_changed(run):
    """True where a change of the database was begun and not yet taken back."""
    lines = [line["what"] for line in run.journal.lines() if line["what"] in ("changing database", "database returned")]
    return bool(lines) and lines[-1] == "changing database"


def database_back(run):
    """Before the site was opened: the backup, behind the fence."""
    if not database_changed(run):
        run.database.fence_down()
        return "not changed"
    saved = run.journal.last("backup")
    if saved is None:
        raise Incident("the database was changed and there is no backup of this run")
    if run.journal.has("reloading"):  # the new processes, asked for their health, hold connections
        health.prove_gate(run.site.health_url(), run.gate.put(public=False))
    run.about_to("fence")
    run.database.fence_up()
    manifest = store.find(run.site.backups, saved["id"])
    replaced = back_up_replaced(run)
    how = restore.Restorer(run.database, run.site.backups, run.id[-4:] + "r", run.about_to).put_back(manifest)
    if run.database.revisions() != run.before["revisions"]:
        raise Incident("the backup was put back, but the database is at %s" % ", ".join(run.database.revisions()))
    run.journal.write("database returned", how=how)
    told = "backup %s put back, %s, as before" % (manifest["id"], amounts.count(manifest["rows"], "row"))
    newer = rows_since(run, manifest, replaced)
    return "%s; rows that came since are kept in backup %s: %s" % (told, replaced["id"], newer) if newer else told


def back_up_replaced(run):
    """A backup of what is about to be replaced: whatever a job wrote behind the gate is in it. None on a second run
    whose database was swapped already."""
    kept = run.journal.last("backup of replaced")
    if kept is not None:
        return next((m for m in store.usable(run.site.backups) if m["id"] == kept["id"]), None)
    about: Manifest = {
        "site": run.site.name,
        "domain": run.site.domain,
        "task": "return",
        "run": run.id,
        "who": run.who,
        "commit": run.commit,
    }
    manifest = make.make(run.database, run.site.backups, about, fenced=False)
    run.journal.write("backup of replaced", id=manifest["id"])
    return manifest


def rows_since(run, manifest, replaced):
    """Tables that had more rows when they were replaced than in the run's own backup, by a revision or by another
    program: "comments +1", or an empty text. Seeds are expected to add rows, so after them nothing is told."""
    if replaced is None:
        return ""
    seeded = any(line.get("by") in ("seed", "load") for line in run.journal.all("changing database"))
    more = {table: rows - manifest["tables"].get(table, rows) for table, rows in replaced["tables"].items()}
    return "" if seeded else ", ".join("%s +%d" % (table, count) for table, count in sorted(more.items()) if count > 0)


def database_down(run):
    """After the site was opened, rows may be new: the way down, if it drops no value that is not empty."""
    if not all(line.get("by") in ("upgrade", "seed", "return") for line in run.journal.all("changing database")):
        close_again(run)
        next_lines = leaving(run.site.name)
        raise Incident("a %s that was opened cannot be taken back by itself" % run.task, next=next_lines)
    close_again(run)
    about: Manifest = {
        "site": run.site.name,
        "domain": run.site.domain,
        "task": "return",
        "run": run.id,
        "who": run.who,
        "commit": run.commit,
    }
    manifest = make.make(run.database, run.site.backups, about, fenced=True)
    folder = run.stage_folder if os.path.isdir(run.stage_folder) else run.site.project
    interpreter = run.python if os.path.exists(run.python) else run.site.python
    app = App(interpreter, folder, run.site, mask=run.mask)
    try:
        app.load_code()
        stage.see_own_database(run.facts, app.ask("database"))
        undone = [line["id"] for line in reversed(run.journal.all("revision"))]
        lost = losses(run.database, app.ask("operations", revisions=undone, direction="down")["operations"])
        if lost:
            raise Incident(
                "the way down would drop values: %s" % "; ".join(lost),
                ["the site was open, so rows may be new; backup %s holds them" % manifest["id"]],
                leaving(run.site.name),
            )
        run.about_to("changing database", by="return")
        run.database.fence_down()
        steps.move(run, app, "downgrade", run.before["revisions"][0] if run.before["revisions"] else "base")
    finally:
        app.close()
    if run.database.revisions() != run.before["revisions"]:
        at = ", ".join(run.database.revisions()) or "no revision"
        raise Incident("the way down led to %s; backup %s holds all rows" % (at, manifest["id"]))
    run.journal.write("database returned", how="down")
    return "down to %s; backup %s" % (", ".join(run.before["revisions"]) or "the empty schema", manifest["id"])


def leaving(name):
    """What a person types to decide for themselves."""
    decide = "fab %s.downgrade,  fab %s.restore  or  inv release --to %s" % (name, name, name)
    return ["fab %s.recover --leave  (nothing moves, the gate stays up)" % name, "then  %s" % decide]


def close_again(run):
    """Gate and fence up again, after the site was open."""
    run.about_to("gate")
    nonce = run.gate.put(public=False)
    health.prove_gate(run.site.health_url(), nonce)
    run.about_to("fence")
    run.database.fence_up()


def losses(database, operations):
    """What the recorded `operations` would drop that is not empty, as texts, counted in the database."""
    found, tables = [], database.tables()
    for operation in operations:
        kind, table, column = operation["kind"], operation["table"], operation["column"]
        if kind == "drop_table" and table in tables:
            rows = database.count_values(table)
            if rows:
                found.append("table %s: %s" % (table, amounts.count(rows, "row")))
        elif kind == "drop_column" and column in database.columns().get(table, {}):
            rows = database.count_values(table, column)
            if rows:
                found.append("column %s.%s: %s" % (table, column, amounts.count(rows, "value")))
        elif kind in ("execute", "unknown"):
            found.append("cannot be told beforehand: %s" % operation["text"])
    return found


def code_back(run):
    """The old commit and the old packages in the live place."""
    texts = []
    virtualenv.finish_exchange(run.packages_folder, run.site.virtualenv)
    line = run.journal.last("swapping")
    if line is not None:
        saved = clone.save_edits(run.site.project, line["before"], line["after"], run.id)
        if saved:
            run.say("  note: files edited by hand meanwhile are kept in git as %s" % saved)
        clone.move_back(run.site.project, line["before"], line["after"])
        path = os.path.join(run.site.project, "REVISION")
        if run.before["revision_file"] is None:
            files.remove(path)
        else:
            files.write(path, run.before["revision_file"].encode(), 0o644)
        texts.append(line["before"][:7])
    if virtualenv.marked(run.site.virtualenv) == run.id and os.path.isdir(run.packages_folder):
        virtualenv.exchange(run.packages_folder, run.site.virtualenv)
        texts.append("packages as before")
    return ", ".join(texts) or "not moved"


def site_back(run):
    """The old code proved behind the gate, then the gate away (unless the site was closed before)."""
    url, expected_status = (
        run.site.health_url(),
        run.before.get("answered"),
    )  # back means as before, also where that was a 500
    public = not run.is_gated()
    run.gate.keep_original()
    nonce = run.gate.put(public=public)
    if run.was_closed:
        health.prove_gate(url, nonce)
        return "closed, as before"
    answer = health.prove_processes(url, run.token, nonce, expected_status)
    run.gate.open()
    run.closed = closed_seconds(run)
    run.gate.take_away()
    health.prove_own(url, run.token, expected_status)
    healthy = answer.status < 500
    run.journal.write("gate gone", healthy=healthy)
    told = "%s (%d)" % ("healthy" if healthy else "answers as before", answer.status)
    return told if run.closed is None else "closed for %.1f s; %s" % (run.closed, told)


def closed_seconds(run):
    """How long visitors met the gate, or None where they did not."""
    first = run.journal.last("gate")
    return None if first is None else round(time.time() - first["at"], 1)


def shut(run):
    """What can still be done when a return fails: the gate up, so that nobody meets code on a foreign schema."""
    run.gate.keep_original()
    run.gate.put(public=False)
