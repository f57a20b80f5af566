"""What a person is told and asked before a task of `fab ENV.` changes something. Pure: facts in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.server.lib.amounts import moment
from flask_slipway.server.protocol import HeldFacts

Facts = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is shown, and what is asked; without a question the task goes on by itself."""

    lines: tuple[str, ...] = ()
    question: str | None = None


def refuse_held(site: str, facts: Mapping[str, Any]) -> None:
    """Raises Refusal where somebody holds the lock of the site, or of what it shares with another."""
    held: HeldFacts | None = facts.get("lock")
    if not held:
        return
    held_site = held.get("site") or site
    commit = f", commit {wording.short(held['commit'])}" if held.get("commit") else ""
    what = f"{held_site} is held by {held['who']}: {held.get('task') or 'a change'}"
    lines = [f"since {moment(held['since'] or 0)}{commit}"]
    if held["alive"]:
        raise Refusal(what, lines, [f"fab {held_site}.watch"])
    raise Refusal(what, [*lines, "its process is gone"], [f"fab {held_site}.recover"])


def of(task: str, site: str, facts: Facts) -> Question:
    """The words for `task` on `site`."""
    words = BY_TASK.get(task)
    return words(site, facts) if words else Question()


def about_database(facts: Mapping[str, Any]) -> list[str]:
    """What a person should know of the site's database: that it is another than before, or lacks what code needs."""
    found, database = [], facts.get("database") or {}
    if facts.get("other_database"):
        now = f"{database.get('dialect', '')} {database.get('name', '')}".strip()
        found.append(f"The database is another than the last release left: {now}, not {facts['other_database']}.")
    if facts.get("lacking"):
        found.append(f"The database lacks already what the live code needs: {', '.join(facts['lacking'][:4])}.")
    return found


def upgrade(site: str, facts: Facts) -> Question:
    lines = [f"Upgrade the database of {site}, from the live code {_code(facts)}:"]
    lines += [f"  {identifier} {text}" for identifier, text in facts["texts"]]
    lines += about_database(facts)
    lines.append("The site will be closed meanwhile; a backup comes first.")
    return Question(tuple(lines), f"Upgrade {site}? [y/N] ")


def downgrade(site: str, facts: Facts) -> Question:
    target = facts["target"] or "the empty schema"
    lines = [f"Downgrade {site} to {target}, undoing:"]
    lines += [f"  {identifier} {text}" for identifier, text in facts["undone"]]
    if facts.get("target_commit"):
        lines.append(f"The code goes back with it, from {_code(facts)} to {facts['target_commit'][:7]}.")
    else:
        lines.append("The code stays: the gate is left up, for code and database no longer match.")
    lines += about_database(facts)
    if facts["losses"]:
        lines.append("This loses values:")
        lines += [f"  {text}" for text in facts["losses"]]
    else:
        lines.append("No table that it drops holds a row, no column another value than its default; no type loses one.")
    lines.append("The site will be closed meanwhile; a backup comes first.")
    return Question(tuple(lines), f"Downgrade {site}? [y/N] ")


def rollback(site: str, facts: Facts) -> Question:
    if facts["undone"]:
        shown = downgrade(site, facts)
        return Question(shown.lines, f"Roll {site} back? [y/N] ")
    target = wording.short(facts["target_commit"])
    line = f"Roll {site} back from {_code(facts)} to {target}; the database stays as it is."
    return Question((line,), f"Roll {site} back? [y/N] ")


def restore(site: str, facts: Facts) -> Question:
    backup = facts["backup"]
    lines = [
        f"Put backup {backup['id']} back on {site}: {backup['rows']:,} rows, where there are {facts['rows_now']:,} now."
    ]
    if backup["commit"] and backup["commit"] != facts["commit"]:
        lines.append(f"The code goes back with it, from {_code(facts)} to {backup['commit'][:7]}.")
    if facts.get("other"):
        lines.append(f"It was made of another database: {facts['other']}.")
    if not facts["scratch"]:
        lines.append("No scratch database can be had: it is put back in place, not beside.")
    lines.append("Rows written after it was made are not in it; they are backed up first.")
    return Question(tuple(lines), f"Restore {site}? [y/N] ")


def recover(site: str, facts: Facts) -> Question:
    run = facts["interrupted"]
    lines = [f"The {run['task']} by {run['who']}, {moment(run['since'])}, was interrupted (last: {facts['reached']})."]
    if facts["decision"] == "NOTHING":
        lines.append("It had changed nothing: recover removes what it had prepared, and ends it.")
    elif facts["decision"] in ("ENDED", "FINISHED"):
        lines.append("It had been done already: recover ends it, and moves nothing.")
    elif facts.get("leave"):
        lines.append("It is left where it stands: code and database are not moved, and the gate stays up.")
    elif facts["decision"] == "OPEN":
        lines.append("It had been proved already: recover opens the site, or takes it back if it is not healthy.")
    else:
        lines.append(
            f"Recover takes {site} back to {_code(facts)} at {', '.join(facts['revisions']) or 'the empty schema'}."
        )
    return Question(tuple(lines), f"Recover {site}? [y/N] ")


def _code(facts: Facts) -> str:
    return (facts.get("commit") or "no commit")[:7]


BY_TASK = {"upgrade": upgrade, "downgrade": downgrade, "rollback": rollback, "restore": restore, "recover": recover}
