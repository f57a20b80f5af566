"""The longer answers of a site, as lines: status, current, health. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from flask_slipway import wording

Data = Mapping[str, Any]
MOST_DIFFERENCES = 12
WIDTH = 80
MARGIN = 16  # columns before a fact


def status(data: Data) -> list[str]:
    """A site's facts, one a line; drift as exact differences."""
    database = data["database"]
    rows = [
        ("code", _code(data)),
        ("database", _database(database)),
        *_other(data.get("other_database")),
        ("revision", _revision(data)),
        ("site", _site(data)),
        ("lock", _lock(data)),
        _last(data.get("last")),
        ("backups", str(data.get("backups", 0))),
    ]
    lines = [line for label, text in rows for line in _row(label, text)]
    lines += _listed("changed there", data.get("changes") or [], 5)
    unknown = data.get("differences", []) is None
    agree = "not known: env.py names no target_metadata" if unknown else "none: models and database agree"
    lines += _listed("drift", data.get("differences") or [], MOST_DIFFERENCES, none=agree)
    lines += _listed("guarantees", data.get("guarantees") or [], 5, none="all hold here")
    return lines + wording.follow(data.get("next") or [])


def _other(database: str | None) -> list[tuple[str, str]]:
    return [("", f"another than the last release left: {database}")] if database else []


def _row(label: str, text: str) -> list[str]:
    """A label with its words, which go on below where they are longer than the line."""
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    found = textwrap.wrap(text, WIDTH - MARGIN, **options) or [""]
    return [f"  {label if index == 0 else '':<14}{line}" for index, line in enumerate(found)]


def _code(data: Data) -> str:
    """Commit, branch, and as much of the subject as fits the line."""
    branch = f"branch {data['branch']}" if data["branch"] else "no branch (a detached head)"
    room = WIDTH - MARGIN - len(f"{wording.short(data['commit'])} , {branch}")
    subject = data.get("subject") or ""
    if len(subject) > room:
        subject = subject[: max(0, room - 1)] + "…"
    return f"{wording.short(data['commit'])} {subject}".strip() + f", {branch}"


def current(data: Data) -> list[str]:
    """The database's revision, and the head of the live code."""
    return [f"  {'revision':<14}{_revision(data)}"]


def health(data: Data) -> list[str]:
    """What the site answered, and after how long."""
    return [f"{data['url']}  {data['answer']}  {data['seconds']:.2f} s"]


def named(ids: Sequence[str], texts: Mapping[str, str]) -> str:
    """Revisions with their texts: 8a1c5e20 add posted."""
    return ", ".join(f"{identifier} {texts.get(identifier, '')}".strip() for identifier in ids) or "none"


def _revision(data: Data) -> str:
    texts, heads, found = data.get("texts") or {}, data.get("heads") or [], data["revisions"]
    if sorted(heads) == sorted(found):
        return f"{named(found, texts)} (head)"
    return named(found, texts) + (f"; the code's head is {named(heads, texts)}" if heads else "")


def _database(database: Data) -> str:
    parts = [f"{database['dialect']} {database['version']}", database["name"], wording.size(database["bytes"])]
    return ", ".join([*parts, wording.count(database["tables"], "table"), wording.count(database["rows"], "row")])


def _site(data: Data) -> str:
    gate = "closed: the gate is up" if data["gate"] == "up" else "open"
    fence = ", the fence is up" if data.get("fence") == "up" else ""
    return ", ".join([gate + fence, *([data["health"]] if data.get("health") else [])])


def _lock(data: Data) -> str:
    lock, open_run = data.get("lock"), data.get("interrupted")
    if open_run:
        return f"an interrupted {open_run.get('task')} by {open_run.get('who')} stands open"
    return f"held by {lock['who']}: {lock.get('task')}" if lock else "free"


def _last(last: Data | None) -> tuple[str, str]:
    """The last change, under the name of a release only where it was one."""
    if not last:
        return "last change", "none"
    task = last.get("task") or "release"
    words = f"{wording.short(last.get('commit'))} at {last.get('revision') or 'no revision'}, by {last.get('who')}"
    return ("last release", words) if task == "release" else ("last change", f"{task}, {words}")


def _listed(label: str, lines: Sequence[str], most: int, none: str = "") -> list[str]:
    """A label with the lines below each other; nothing at all where there are none and no word for it."""
    every = wording.listed(lines, most) or ([none] if none else [])
    return [f"  {label if index == 0 else '':<14}{line}" for index, line in enumerate(every)]
