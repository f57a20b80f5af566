"""To make a revision: generated, shown, tried up, down and up on a scratch copy, then applied here."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.errors import Refusal, WrongUse
from flask_slipway.project import app as project_app
from flask_slipway.project.app import App, AppFailed, heads_in_words, loaded, merging
from flask_slipway.revisions import effects
from flask_slipway.revisions.move import held_by_git
from flask_slipway.revisions.scratch import NoScratch, Scratch, compared, schema, scratch, url
from flask_slipway.ui import screen

HEADLINES = 20


@dataclass(frozen=True)
class Revision:
    """A revision that was generated: its id, text, file and the revision below it ("" for none)."""

    id: str
    text: str
    path: Path
    below: str


def migrate(root: Path, app_name: str, message: str, initial: bool = False) -> None:
    """Generates a revision and proves it. Raises Refusal where the models have nothing new, AppFailed."""
    if not message.strip():
        raise WrongUse("A revision needs a text", next=['inv migrate -m "add display_order"'])
    if initial:
        return _initial(root, app_name, message)
    with loaded(root, app_name) as app:
        _refuse_unready(app)
        made = _generate(app, root, message)
        _shown(app, made)
        access = app.database()
        proof = _prove(root, app_name, access, made)
        screen.say(proof)
        app.move("upgrade", made.id)
        screen.say([f"Applied {made.id} to the development database.", *held_by_git(app)])
    screen.say(wording.follow([f"read {_name(root, made.path)}, then  inv test"]))
    return None


def _refuse_unready(app: App) -> None:
    """Raises Refusal unless there is one head and the development database is at it."""
    told = app.ask("revisions")
    heads, current = told["heads"], app.current()
    if len(heads) > 1:
        what = f"The code has {heads_in_words(told)}"
        raise Refusal(what, next=merging(told))
    if current != heads:
        if not heads:
            what = f"The database is at {', '.join(current)}, and the code has no revision"
            raise Refusal(what, next=["git switch to the branch that has it"])
        at = ", ".join(current) or "no revision"
        what = f"The development database is at {at}, not at {heads[0]}"
        raise Refusal(what, next=["inv upgrade, then  inv migrate"])
    if not heads:
        raise Refusal("There is no migration yet", next=['inv migrate --initial -m "first tables"'])


def _generate(app: App, root: Path, message: str) -> Revision:
    """A revision generated, and what it wrote; an empty one is removed again. Raises Refusal."""
    before = {row["id"] for row in app.revisions()}
    try:
        app.generate(message)
    except AppFailed:
        _remove_new(app, before)
        raise
    new = [row for row in app.revisions() if row["id"] not in before]
    found = [Revision(row["id"], row["text"], Path(row["path"]), (row["down"] or [""])[0]) for row in new]
    if not found or not app.operations([found[0].id], "up"):
        for revision in found:
            revision.path.unlink(missing_ok=True)
        raise Refusal(
            "No changes: models and migrations agree",
            next=["edit the models first; see that the app imports them"],
        )
    return found[0]


def _remove_new(app: App, before: set[str]) -> None:
    """Takes away what a failed generation left."""
    with contextlib.suppress(AppFailed):
        for row in app.revisions():
            if row["id"] not in before:
                Path(row["path"]).unlink(missing_ok=True)


def _shown(app: App, made: Revision) -> None:
    """Prints what the revision does, and its warnings."""
    up, down = app.operations([made.id], "up"), app.operations([made.id], "down")
    screen.say([f"{made.id} {made.text}".strip()])
    screen.say([f"  {line}" for line in wording.listed([operation["text"] for operation in up], HEADLINES)])
    for warning in [*effects.warnings(up, down), *_elsewhere(app, made)]:
        screen.say(screen.wrapped(f"warning: {warning}", 2))


def _elsewhere(app: App, made: Revision) -> list[str]:
    """What a revision that SQLite takes cannot do on MySQL, where a site may be on it."""
    if app.database()["dialect"] != "sqlite":
        return []
    return [f"on MySQL it cannot be run: {found['error']}" for found in app.unfit([made.id], "mysql")]


def _prove(root: Path, app_name: str, access: Any, made: Revision) -> list[str]:
    """Up, down and up again on a scratch copy; returns what was proved in words. Raises Refusal where it does not go
    up: the revision's file stays, for a person to fix."""
    try:
        with scratch(access) as copy, loaded(root, app_name, copy.redirect) as app:
            before = copy.schema()
            _up(app, made, root)
            return _down_and_up(app, copy, made, before, root)
    except NoScratch as stop:
        return [f"Not proved: {stop.what}", *(f"  {line}" for line in stop.lines), *wording.follow(stop.next)]


def _up(app: App, made: Revision, root: Path) -> None:
    try:
        app.move("upgrade", made.id)
    except AppFailed as error:
        where = [f"in {error.place}"] if error.place else []
        raise Refusal(
            f"{made.id} cannot be applied. The development database was not changed; the revision's file stays",
            [error.error, *where],
            [f"fix {_name(root, made.path)}, then  inv upgrade", "or remove it, and make another"],
            changed=True,
        ) from error


def _down_and_up(app: App, copy: Scratch, made: Revision, before: list[str], root: Path) -> list[str]:
    after = copy.schema()
    place = _name(root, made.path)
    try:
        app.move("downgrade", made.below or "base")
    except AppFailed as error:
        where = f" in {error.place}" if error.place else ""
        return [f"No way down: downgrade() fails{where}.", f"  {error.error}", f"  Fix it in {place}."]
    differences = compared(before, copy.schema())
    if differences:
        lines = wording.listed(differences)
        return [f"The way down does not lead back; fix downgrade() in {place}:", *(f"  {line}" for line in lines)]
    app.move("upgrade", made.id)
    differences = compared(after, copy.schema())
    if differences:
        return [
            "Up again after the way down gives another schema:",
            *(f"  {line}" for line in wording.listed(differences)),
        ]
    return ["Proved on a scratch copy: up, down and up again; the same schema each time."]


def _initial(root: Path, app_name: str, message: str) -> None:
    """The first revision, generated against an empty scratch database; a database that is there already is stamped,
    once its schema was compared."""
    with loaded(root, app_name) as app:
        missing = app.ask("revisions")["folder"] is None
    if missing and project_app.flask(root, app_name, "db", "init"):
        raise WrongUse("flask db init failed; see above", changed=True)
    with loaded(root, app_name) as app:
        if app.revisions():
            count = wording.count(len(app.revisions()), "revision")
            what = f"There is a history already: {count}. --initial is for the first one"
            raise Refusal(what, next=[f'inv migrate -m "{message}"'])
        access = app.database()
    with scratch(access, copy=False) as empty:
        with loaded(root, app_name, empty.redirect) as app:
            made = _generate(app, root, message)
            _shown(app, made)
            _up(app, made, root)
            wanted = empty.schema()
            _report_way_down(app, made)
        _settle(root, app_name, access, made, wanted)
    screen.say(wording.follow([f"read {_name(root, made.path)}, then  inv test"]))


def _report_way_down(app: App, made: Revision) -> None:
    try:
        app.move("downgrade", "base")
        screen.say(["Proved on an empty scratch database: up and down."])
    except AppFailed as error:
        screen.say(f"No way down: {error.error}".splitlines())


def _settle(root: Path, app_name: str, access: Any, made: Revision, wanted: Sequence[str]) -> None:
    """The development database: upgraded where it is empty, stamped where it has exactly the schema already."""
    with loaded(root, app_name) as app:
        tool = app.ask("revisions")["tool"]
        present = schema(url(access)) if _exists(access) else []
        if not present:
            app.move("upgrade", made.id)
            screen.say([f"Applied {made.id} to the development database, which was empty.", *held_by_git(app)])
            return
        differences = compared(list(wanted), present)
        if not differences:
            app.stamp(made.id)
            screen.say([f"The development database has exactly this schema: stamped with {made.id}, no table touched."])
            return
    lines = [f"  {line}" for line in wording.listed(differences, 12)]
    screen.say(["The development database has tables already, and they differ; it was not changed:", *lines])
    screen.say([f"Bring models and database together, then: {tool} stamp --purge {made.id}"])


def _exists(access: Any) -> bool:
    return access["dialect"] != "sqlite" or Path(access["url"]["database"] or "").is_file()


def _name(root: Path, path: Path) -> str:
    with contextlib.suppress(ValueError):
        return path.resolve().relative_to(root.resolve()).as_posix()
    return str(path)
