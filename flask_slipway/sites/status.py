"""Code, database and drift of development and of every site, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.config import settings
from flask_slipway.config.settings import Settings, Site
from flask_slipway.errors import SlipwayError
from flask_slipway.project import working_copy
from flask_slipway.project.app import loaded
from flask_slipway.release import plan
from flask_slipway.server.lib.stop import Stop
from flask_slipway.ssh import conversation
from flask_slipway.ui import screen, table

MOST_DIFFERENCES = 8
MOST_REASONS = 4
AT_ONCE = 4


@dataclass(frozen=True)
class Column:
    """What is known of one place. `rows`: by label; `stop`: why nothing is; `differences`: its drift;
    `next`: what to type there before anything else."""

    name: str
    rows: Mapping[str, str] = field(default_factory=dict)
    stop: Stop | None = None
    differences: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


LABELS = ("code", "tree", "revision", "database", "drift", "site", "lock")


def show(root: Path) -> None:
    """Prints the table. A site that cannot be asked says so in its own lines, and the others are shown."""
    known = settings.load(root)
    sites = list(known.sites.values())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(site_column, site, root) for site in sites]
        columns = [development_column(known), *(found.result() for found in asked)]
    screen.tell(lines(columns))


def lines(columns: Sequence[Column]) -> list[str]:
    """The columns as lines: a table of those that answered, then drift, then those that did not."""
    answered = [column for column in columns if column.rows]
    labels = [label for label in LABELS if any(label in column.rows for column in answered)]
    shown: list[str] = []
    for group in _groups(answered, labels):
        rows = [["", *(column.name for column in group)]]
        rows += [[label, *(column.rows.get(label, "") for column in group)] for label in labels]
        shown += [*([""] if shown else []), *table.table(rows)]
    for column in answered:
        if column.differences:
            shown += [f"Drift of {column.name}:"]
            shown += [f"  {line}" for line in wording.listed(column.differences, MOST_DIFFERENCES)]
    for column in answered:
        shown += [f"{column.name}: {line.strip()}" for line in wording.follow(column.next)]
    for column in columns:
        if column.stop is not None:
            why = [*column.stop.lines, *wording.follow(column.stop.next)]
            shown += [f"{column.name}: {column.stop.what}", *(f"  {line.strip()}" for line in why[:MOST_REASONS])]
    return shown


def _groups(columns: Sequence[Column], labels: Sequence[str]) -> list[list[Column]]:
    """As many columns side by side as 80 characters hold."""
    groups: list[list[Column]] = []
    room = 0
    for column in columns:
        width = max(len(column.name), *(len(column.rows.get(label, "")) for label in labels)) + 2
        if not groups or room < width:
            groups.append([])
            room = table.WIDTH - 10
        groups[-1].append(column)
        room -= width
    return groups


def development_column(known: Settings) -> Column:
    """What is here: working copy, app, development database."""
    try:
        here = working_copy.working_copy(known.root)
        rows = {"code": f"{wording.short(here.commit)}{f' {here.branch}' if here.branch else ' (detached)'}"}
        count = len(here.changed) + len(here.untracked)
        rows["tree"] = "clean" if here.clean else f"{wording.count(count, 'file')} not committed"
        with loaded(known.root, known.app) as app:
            heads, at = app.heads(), app.current()
            rows["revision"] = revision(at, heads)
            rows["database"] = app.database()["dialect"]
            differences = app.differences() if at == heads else []
            rows["drift"] = drift(differences) if at == heads else "not at head"
        return Column("development", rows, differences=tuple(differences or ()))
    except SlipwayError as error:
        return Column("development", stop=error)


def site_column(site: Site, root: Path) -> Column:
    """What a site says of itself."""
    if site.unedited:
        return Column(site.name, stop=Stop("still the example in invoke.yaml"))
    try:
        end = conversation.converse(site, "status", {}, None, lambda event: None)
        if end.get("code"):
            return Column(
                site.name, stop=Stop(end.get("what") or "refused", end.get("cause") or (), end.get("next") or ())
            )
        return column_of(site, end["data"], root)
    except SlipwayError as error:
        return Column(site.name, stop=error)


def column_of(site: Site, data: Mapping[str, Any], root: Path) -> Column:
    """The column of a site that answered."""
    changes, differences = data.get("changes") or [], data.get("differences", ())
    lock, open_run = data.get("lock"), data.get("interrupted")
    rows = {
        "code": f"{wording.short(data['commit'])}{apart(data['commit'], root)}",
        "tree": f"{wording.count(len(changes), 'file')} changed by hand" if changes else "clean",
        "revision": revision(data["revisions"], data.get("heads") or []),
        "database": plan.about(data["database"]),
        "drift": drift(differences),
        "site": "closed (gate up)" if data["gate"] == "up" else str(data.get("health") or "open"),
        "lock": f"{lock['who']}: {lock.get('task')}" if lock else "interrupted!" if open_run else "free",
    }
    return Column(site.name, rows, differences=tuple(differences or ()), next=tuple(data.get("next") or ()))


def apart(commit: str | None, root: Path) -> str:
    """How far a site's commit stands from what is checked out here."""
    here = working_copy.working_copy(root).commit
    if not commit or commit == here:
        return " (as here)" if commit else ""
    relation = working_copy.relation(root, commit, here)
    if not relation.known:
        return " (not known here)"
    return f" ({relation.ahead} behind)" if relation.ancestor else " (ahead)" if relation.newer else " (apart)"


def revision(at: Sequence[str], heads: Sequence[str]) -> str:
    """The revision, and whether it is the code's head."""
    names = ", ".join(at) or "none"
    return f"{names} (head)" if at and sorted(at) == sorted(heads) else names


def drift(differences: Sequence[str] | None) -> str:
    if differences is None:
        return "not known"
    return wording.count(len(differences), "difference") if differences else "none"
