"""What the models need and the database lacks, which no revision number tells: a head may have been stamped, or a
revision may have swallowed its own error."""

from __future__ import annotations

from ..lib.next_steps import on_server
from ..lib.outcome import Failed, Refused
from ..site.app_process import App, AppFailed
from .run import Run

MOST = 4  # of what is lacking, in a message


def of_live(run: Run) -> list[str]:
    """What the live code lacks already, where its database is at its head: none of it is a release's doing."""
    live = run.facts.live
    if live is None or live.ask("pending", current=run.database.revisions())["pending"]:
        return []
    return _lacking(run, live)


def refuse(run: Run, app: App) -> None:
    """Raises Refused where code that brings no revision needs what the database lacks."""
    found = _new(run, app)
    if found:
        raise Refused(
            "the database lacks what the new code needs, and the code brings no revision for it",
            [*_told(run, found), "its revision was written into alembic_version without being run, or is empty"],
            _fixes(run, app),
        )


def see(run: Run, app: App) -> None:
    """Raises Failed where the database, with every revision of the code in `app`, lacks what its models need."""
    found = _new(run, app)
    if found:
        raise Failed(
            "the database lacks what the code needs, after all of its revisions",
            [*_told(run, found), "a revision does not make it, or was written into alembic_version and never run"],
            _fixes(run, app),
        )


def _new(run: Run, app: App) -> list[str]:
    return [text for text in _lacking(run, app) if text not in run.findings.lacking]


def _lacking(run: Run, app: App) -> list[str]:
    """The tables and columns, ["table notes", "column notes.mood"]; none where the models are not known."""
    try:
        return list(app.ask("lacking")["lacking"] or [])
    except AppFailed as error:
        run.say("  note: models and database cannot be compared: %s" % run.mask.text(str(error))[:100])
        return []


def _told(run: Run, found: list[str]) -> list[str]:
    more = [] if len(found) <= MOST else ["and %d more" % (len(found) - MOST)]
    return ["%s, at %s, has no" % (run.database.name, ", ".join(run.database.revisions()) or "no revision")] + [
        "  %s" % text for text in [*found[:MOST], *more]
    ]


def _fixes(run: Run, app: App) -> list[str]:
    tool = str(app.ask("revisions")["tool"]).split()
    return [
        'inv migrate -m "…"  makes the revision that lacks, or, for one that was never run there:',
        "%s, with the one that the tables are of" % on_server(run.site, *tool, "stamp", "REVISION"),
    ]
