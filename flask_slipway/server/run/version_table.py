"""A database whose alembic_version does not fit what is in it: gone, empty, or with rows that cannot stand together."""

from __future__ import annotations

from typing import Any, Iterable

from ..database import identity
from ..lib.next_steps import on_server
from ..lib.outcome import Refused
from ..records import history
from ..site.app_process import App, AppFailed
from .run import Run


def refuse(run: Run) -> None:
    """Raises Refused where to go up from what alembic_version says would go wrong, or hide that rows are gone."""
    current = run.database.revisions()
    if len(current) > 1:
        _refuse_related(run, current)
    if not current:
        _refuse_missing(run)


def _refuse_missing(run: Run) -> None:
    tables = [table for table in run.database.tables() if table != "alembic_version"]
    good = history.settled(run.site) or history.last_good(run.site)
    last = good.get("revision") if good is not None else None
    name = run.site.name
    other = run.facts.other_database() if not tables and last else None
    if other is not None:
        raise Refused(
            "the database is empty, and it is another than the last release left",
            ["now: %s" % identity.describe(run.database), "then, at %s: %s" % (last, other)],
            [
                "fab %s.workon  and correct .env, then the same again" % name,
                "or, where the move is meant: fab %s.restore --other-database" % name,
            ],
        )
    if not tables and last:
        raise Refused(
            "the database is empty, and the last release left it at %s" % last,
            [identity.describe(run.database), "the database that it was; somebody emptied it"],
            ["fab %s.restore  puts the newest backup back" % name, "or correct .env: fab %s.workon" % name],
        )
    known = [table for table in tables if table in _made_by_revisions(run)]
    if known:
        which = last or "REVISION"
        raise Refused(
            "the database has tables of the app, and no revision in alembic_version",
            ["such as %s; so nothing says which revisions they have" % ", ".join(known[:3])],
            [_stamp(run, _revisions(run), which)]
            + ([] if last else ["with the revision that the tables are of: fab %s.status shows drift" % name]),
        )


def refuse_there(run: Run) -> None:
    """Raises Refused where the database has no revision, and tables that the new code's revisions would make: the live
    code had none."""
    if run.stage is None or not run.pending or run.before["revisions"]:
        return
    there = set(run.database.tables())
    both = sorted(there & _made(run.stage, run.pending)) if there - {"alembic_version"} else []
    if both:
        raise Refused(
            "the database has tables that the revisions would make, and no revision in alembic_version",
            ["such as %s; made by db.create_all() or by hand" % ", ".join(both[:3])],
            [
                "fab %s.backup, then bring the code there by hand, and stamp the database once:" % run.site.name,
                'docs/pythonanywhere.md, "If the tables are there already"',
            ],
        )


def _revisions(run: Run) -> dict[str, Any]:
    """What the live code's Alembic tells of its revisions, none where it cannot be asked; `tool`: its command."""
    try:
        return run.facts.live.ask("revisions") if run.facts.live is not None else {"revisions": []}
    except AppFailed:
        return {"revisions": []}


def _stamp(run: Run, answer: dict[str, Any], *words: str) -> str:
    """The command that writes a revision into alembic_version, as a person types it."""
    return on_server(run.site, *answer.get("tool", "flask db").split(), "stamp", *words)


def _made_by_revisions(run: Run) -> set[str]:
    """The tables that the live code's revisions make, as far as they can be known."""
    ids = [row["id"] for row in _revisions(run)["revisions"]]
    return _made(run.facts.live, ids) if ids and run.facts.live is not None else set()


def _made(app: App, ids: Iterable[str]) -> set[str]:
    """The tables that the revisions `ids` make, as far as the app's process can tell."""
    try:
        rows = app.ask("operations", revisions=ids, direction="up")["operations"]
    except AppFailed:
        return set()
    return {row["table"] for row in rows if row["kind"] == "create_table"}


def _refuse_related(run: Run, current: list[str]) -> None:
    """Two rows are right only on two branches: never one above the other."""
    for identifier, lower in _related(run, current).items():
        raise Refused(
            "alembic_version holds %s, and %s, which stands below it" % (identifier, ", ".join(lower)),
            ["only one of them can be true"],
            [
                "the true one, as the drift of  fab %s.status  tells:" % run.site.name,
                _stamp(run, _revisions(run), "--purge", identifier),
            ],
        )


def _related(run: Run, current: list[str]) -> dict[str, list[str]]:
    """{id: those below it} of the database's revisions, as far as the live code's Alembic can tell."""
    if run.facts.live is None:
        return {}
    try:
        result: dict[str, list[str]] = run.facts.live.ask("related", current=current)["related"]
    except AppFailed:
        return {}
    return result
