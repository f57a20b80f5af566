"""The development database up, down, and where it stands."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project import tracked
from flask_slipway.project.app import App, heads_in_words, loaded, merging


def upgrade(root: Path, app_name: str) -> Generator[str, None, bool]:
    """The development database up to the head; says what it did, and returns whether it did anything."""
    with loaded(root, app_name) as app:
        answer = app.ask("revisions")
        if len(answer["heads"]) > 1:
            what = f"The code has {heads_in_words(answer)}"
            raise Refusal(what, next=merging(answer))
        before = app.current()
        pending, unknown = app.pending(before)
        _refuse_unknown(unknown)
        if not pending:
            yield f"Nothing to do: the development database is at {', '.join(before) or 'no revision'}, the head."
            return False
        app.move("upgrade", answer["heads"][0])
        yield f"Upgraded the development database: {', '.join(before) or 'empty'} → {', '.join(app.current())}"
        yield from held_by_git(app)
        return True


def downgrade(root: Path, app_name: str, to: str) -> Iterator[str]:
    """The development database down to `to`, or one step; says what it did, and what it loses. Raises Refusal."""
    with loaded(root, app_name) as app:
        before = app.current()
        _refuse_unknown(app.pending(before)[1])
        if not before:
            yield "Nothing to do: the development database is at no revision."
            return
        app.move("downgrade", _target(app, before, to))
        yield f"Downgraded the development database: {', '.join(before)} → {', '.join(app.current()) or 'empty'}"
        yield "The models are ahead of it now: inv upgrade brings it back."
        yield from held_by_git(app)


def held_by_git(app: App) -> Iterator[str]:
    """A note where a commit would hold the development database: what was just changed would be released with it."""
    refusal = tracked.development(app.root, app.database_file())
    if refusal is not None:
        yield f"Note: {refusal.what}. A release refuses that:"
        yield from (f"  {line}" for line in refusal.next)


def _target(app: App, current: Sequence[str], to: str) -> str:
    """The revision to go down to, or base; `to` may be short, or empty for one step. Raises Refusal for one that is
    unknown, or not below."""
    way = app.way_down(current, to or None)
    if way["why"] in ("unknown", "several"):
        raise _not_one(app.revisions(), to, way["choices"] if way["why"] == "several" else [])
    if way["why"]:
        what = f"{way['target']} is not below {', '.join(current)}, where the development database is"
        raise Refusal(what, next=["inv upgrade, to go up"])
    return way["target"] or "base"


def _not_one(rows: Sequence[Any], to: str, found: Sequence[str]) -> Refusal:
    """What to type instead of `to`, which is no revision, or the beginning of several: the nearest ones, with texts."""
    texts = {row["id"]: row["text"] for row in rows}
    near = wording.near(to, texts)
    offered = list(found) or ([near] if near else list(texts))
    what = f"{to} is {'the beginning of several revisions' if found else 'no revision here'}"
    follow = [f"inv downgrade --to {near}"] if near and not found else ["inv downgrade --to  and one of these"]
    return Refusal(what, wording.listed(f"{name} {texts[name]}".strip() for name in offered), follow)


def _refuse_unknown(unknown: Sequence[str]) -> None:
    if unknown:
        what = f"The development database is at {', '.join(sorted(unknown))}, which this code does not know"
        next_lines = ["git switch to the branch that has it, inv downgrade there, then come back"]
        raise Refusal(what, next=next_lines)


def current(root: Path, app_name: str) -> Iterator[str]:
    """The development database's revision, the code's head, what lies between, and drift."""
    with loaded(root, app_name) as app:
        answer, at = app.ask("revisions"), app.current()
        texts = {row["id"]: row["text"] for row in answer["revisions"]}
        named = [f"{identifier} {texts.get(identifier, '(unknown to this code)')}".strip() for identifier in at]
        yield f"database  {', '.join(named) or 'no revision'}"
        yield f"code      {', '.join(f'{head} {texts[head]}'.strip() for head in answer['heads']) or 'no revision'}"
        if at == answer["heads"]:
            differences = app.differences()
            if differences is None:
                yield "drift     not known: env.py names no target_metadata"
                return
            yield f"drift     {wording.count(len(differences), 'difference') if differences else 'none'}"
            yield from (f"          {line}" for line in wording.listed(differences, 20))
        elif not set(at) - set(texts):
            yield from wording.follow(["inv upgrade"])
