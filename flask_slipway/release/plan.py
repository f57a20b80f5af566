"""The plan of a release: facts of the project and of the site in; a printable Plan, a Refusal or Nothing out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_slipway import wording
from flask_slipway.config.settings import Site
from flask_slipway.errors import Refusal
from flask_slipway.project.working_copy import Relation
from flask_slipway.revisions import effects
from flask_slipway.server.lib import own_files
from flask_slipway.server.lib.amounts import moment
from flask_slipway.ui import confirm, table

# What a database at these revisions lacks, in order of application; those of them that the code does not have.
Lacking = Callable[[Sequence[str]], tuple[Sequence[str], Sequence[str]]]
BACKUP_SPEED = 20e6  # bytes per second of a dump and its check, on a small host


class Nothing(Exception):
    """There is nothing to do, or it was only to be shown; the text says why."""


@dataclass(frozen=True)
class Candidate:
    """What is to be released: the commit, its revisions (newest first) with their heads.
    `label` names a commit that is still to be made, with `commit` as its parent. `tool`: what makes revisions."""

    commit: str
    subject: str
    heads: tuple[str, ...] = ()
    revisions: tuple[Mapping[str, Any], ...] = ()
    label: str = ""
    tool: str = "flask db"

    def args(self, by: str) -> dict[str, Any]:
        """What is sent with the go; `by`: user@machine."""
        rows = [{key: row[key] for key in ("id", "down", "text")} for row in self.revisions]
        return {
            "commit": self.commit,
            "revisions": rows,
            "heads": list(self.heads),
            "text": self.subject,
            "by": by,
        }


@dataclass(frozen=True)
class Plan:
    """What a release would do. `rows`: label, about, now, then; `closed`: seconds, None where the site stays open."""

    site: str
    domain: str
    fingerprint: str
    commit: str
    rows: tuple[tuple[str, str, str, str], ...]
    pending: tuple[str, ...] = ()
    closed: int | None = None
    why: str = ""
    notes: tuple[str, ...] = field(default=())
    is_closed: bool = False

    @property
    def question(self) -> str:
        return f"Release to {self.site}? [y/N] "

    def go(self) -> dict[str, Any]:
        """The word that starts the release, bound to the facts that the plan stands on."""
        return {
            "go": self.fingerprint,
            "commit": self.commit,
            "pending": list(self.pending),
        }

    def lines(self) -> list[str]:
        """The plan as a person reads it: now and then side by side, how long the site is closed, what to know."""
        return [*table.table([(self.site, self.domain, "now", "then"), *self.rows]), *self._closing(), *self.notes]

    def _closing(self) -> list[str]:
        """Whether the release closes the site, and for how long; nothing of one that is closed already."""
        if self.is_closed:
            return []
        if self.closed is None:
            return ["The site stays open."]
        return [f"The site will be closed for about {self.closed} s: {self.why}."]


def release(
    site: Site,
    candidate: Candidate,
    facts: Mapping[str, Any],
    relation: Relation,
    lacking: Lacking,
    describe: Callable[[Sequence[str]], Sequence[Mapping[str, Any]]] = lambda ids: (),
    packages: bool = False,
    tracked: Sequence[str] = (),
) -> Plan:
    """The plan to bring `site` to `candidate`; `lacking` tells what a database at revisions lacks, `describe` gives
    revisions' operations; `packages`: whether other ones are asked for; `tracked`: the paths that the candidate holds.
    Raises Refusal, Nothing."""
    refuse(site, facts)
    refuse_own(site, facts, tracked)
    refuse_backwards(site, candidate, facts, relation)
    pending = pending_revisions(site, candidate, facts["revisions"], lacking)
    live = facts["commit"]
    if live == candidate.commit and not (pending or packages or candidate.label):
        raise Nothing(_nothing(site.name, live, facts))
    operations = describe(pending) if pending else ()
    closing = bool(pending) or site.writes_on_load
    if closing:
        refuse_unrestorable(site, facts)
    return Plan(
        site=site.name,
        domain=site.domain,
        fingerprint=facts["fingerprint"],
        commit=candidate.commit,
        rows=(
            ("  code", "", wording.short(live), code_then(live, candidate, relation)),
            ("  database", about(facts["database"]), *_database(candidate, facts["revisions"], pending)),
            ("  packages", "", "changed" if packages else "unchanged", "as in requirements.txt" if packages else ""),
        ),
        pending=tuple(pending),
        closed=seconds_closed(facts) if closing and facts["gate"] == "down" else None,
        why=_why(pending, operations),
        notes=tuple(_notes(site, facts, operations, closing)),
        is_closed=facts["gate"] == "up",
    )


def _nothing(name: str, live: str, facts: Mapping[str, Any]) -> str:
    """Why there is nothing to do, and what is left to do by hand."""
    if facts["gate"] == "up":
        return f"Nothing to do: {name} has {wording.short(live)} already. It is closed: fab {name}.open opens it."
    if (facts.get("last") or {}).get("task") == "pull":
        served = f"it was pulled, and is served from the next reload on: fab {name}.reload."
        return f"Nothing to do: {name} has {wording.short(live)} already; {served}"
    return f"Nothing to do: {name} serves {wording.short(live)} already."


def refuse_unrestorable(site: Site, facts: Mapping[str, Any]) -> None:
    """Raises Refusal where the release would change a database of which no backup could be put back."""
    blockers = facts.get("restore_blockers")
    if blockers:
        raise Refusal(
            f"a backup of the database of {site.name} could not be put back",
            wording.listed(blockers, 3),
            [
                f"drop what is named, or let the host allow it: fab {site.name}.workon",
                f"then  fab {site.name}.check",
            ],
        )


def refuse(site: Site, facts: Mapping[str, Any]) -> None:
    """Raises Refusal where the site's own state forbids any release: locked, interrupted, changed by hand."""
    name, open_run = site.name, facts.get("interrupted")
    confirm.refuse_held(name, facts)
    if open_run:
        what = f"An interrupted {open_run.get('task') or 'release'} of {name} stands open"
        raise Refusal(what, [f"begun by {open_run['who']}, {moment(open_run['since'])}"], [f"fab {name}.recover"])
    if facts.get("fence") == "up":
        raise Refusal(
            f"The database of {name} refuses all writes, and no run is under way",
            ["a fence that was left up, or a person's own READ ONLY"],
            [f"fab {name}.open"],
        )
    if facts["changes"]:
        raise Refusal(
            f"Files were changed by hand on {name}",
            wording.listed(facts["changes"]),
            facts["edits"],
        )
    if facts["branch"] != site.branch:
        there = f"on branch {facts['branch']}" if facts["branch"] else "on no branch (a detached head)"
        raise Refusal(
            f"The clone on {name} is {there}, not on {site.branch}",
            next=[f"fab {name}.workon -c 'git switch {site.branch}'", f"or set  branch:  of {name} in invoke.yaml"],
        )


def refuse_own(site: Site, facts: Mapping[str, Any], tracked: Sequence[str]) -> None:
    """Raises Refusal where the candidate holds what is the site's own."""
    stop = own_files.in_commit(site.name, tracked, facts["own"])
    if stop is not None:
        raise Refusal(stop.what[:1].upper() + stop.what[1:], stop.lines, stop.next)


def refuse_backwards(site: Site, candidate: Candidate, facts: Mapping[str, Any], relation: Relation) -> None:
    """Raises Refusal unless the candidate contains what the site serves."""
    live, new = wording.short(facts["commit"]), wording.short(candidate.commit)
    if facts["commit"] in (None, candidate.commit):
        return
    if relation.shallow and not relation.ancestor:
        raise Refusal(
            f"This clone is shallow: how {new} follows the live commit {live} of {site.name} cannot be seen here",
            next=[f"git fetch --unshallow {relation.remote}, then release again"],
        )
    if not relation.known:
        there = f"fab {site.name}.workon -c 'git push {site.remote} HEAD:refs/heads/made-there'"
        raise Refusal(
            f"The live commit {live} of {site.name} is not known here",
            next=[f"git fetch {relation.remote}, and merge it", f"or, if it was made there: {there}  first"],
        )
    if relation.newer:
        raise Refusal(
            f"The live commit {live} of {site.name} is newer than {new}",
            ["a release goes forward only"],
            ["git pull", f"or, to go back: fab {site.name}.rollback"],
        )
    if not relation.ancestor:
        raise Refusal(
            f"The live commit {live} of {site.name} is not part of {new}",
            ["a release goes forward only"],
            [f"git merge {live}, then release again"],
        )


def pending_revisions(site: Site, candidate: Candidate, current: Sequence[str], lacking: Lacking) -> list[str]:
    """The revisions that the database, being at `current`, lacks, in order of application. Raises Refusal."""
    if len(candidate.heads) > 1:
        raise Refusal(
            f"The code has {len(candidate.heads)} heads: {', '.join(candidate.heads)}",
            next=[f"{candidate.tool} merge heads -m merge"],
        )
    pending, unknown = lacking(current)
    if unknown:
        raise Refusal(
            f"The database of {site.name} is at {', '.join(unknown)}, a revision that this code does not know",
            ["it was made by other code: on another branch, or by a newer commit"],
            ["git fetch, merge the commit that has it, then release again"],
        )
    return list(pending)


def seconds_closed(facts: Mapping[str, Any]) -> int:
    """About how long visitors meet the gate, in whole seconds: two app loads, the backup, one for the rest."""
    return max(1, round(2 * facts["load_seconds"] + facts["database"]["bytes"] / BACKUP_SPEED + 1))


def code_then(live: str | None, candidate: Candidate, relation: Relation) -> str:
    """The commit to come, with the number of commits that it brings."""
    if candidate.label:
        return f"{candidate.label}  ({wording.count(relation.ahead + 1, 'commit')})"
    if live == candidate.commit:
        return "unchanged"
    new = wording.short(candidate.commit)
    return f"{new}  ({wording.count(relation.ahead, 'commit')})" if live else new


def about(database: Mapping[str, Any]) -> str:
    """A database in a few words: mysql, 4.1 MB."""
    return f"{database['dialect']}, {wording.size(database['bytes'])}"


def _database(candidate: Candidate, current: Sequence[str], pending: Sequence[str]) -> tuple[str, str]:
    texts = {row["id"]: row["text"] for row in candidate.revisions}

    def named(ids: Sequence[str]) -> str:
        return ", ".join(f"{identifier} {texts.get(identifier, '')}".strip() for identifier in ids) or "no revision"

    if not pending:
        return named(current), "unchanged"
    more = f" (+{len(pending) - 1})" if len(pending) > 1 else ""
    return named(current), named(pending[-1:]) + more


def _why(pending: Sequence[str], operations: Sequence[Mapping[str, Any]]) -> str:
    if not pending:
        return "the app writes while it loads"
    subject = "the revision" if len(pending) == 1 else f"{len(pending)} revisions"
    does = effects.does(operations) if len(pending) == 1 else None
    if len(pending) == 1:
        return f"{subject} {does}" if does else "1 revision is pending"
    return f"{subject} are pending"


def _notes(site: Site, facts: Mapping[str, Any], operations: Sequence[Mapping[str, Any]], closing: bool) -> list[str]:
    notes = [f"Values will be lost: {text}." for text in wording.listed(effects.lossy(operations), 3)]
    notes += [f"Not known beforehand: {op['text']}." for op in operations if op["kind"] == "unknown"][:3]
    notes += confirm.about_database(facts)
    if facts["gate"] == "up":
        notes.append(f"The site is closed and stays closed: fab {site.name}.open opens it.")
    if closing and not facts.get("scratch", True) and facts["database"]["dialect"] != "sqlite":
        notes.append("If it fails, the backup is put back in place: there is no scratch database here.")
    if closing and facts.get("unseen"):
        notes.append(f"Not seen, and not waited for, if they have the database open: {facts['unseen']}.")
    if closing and facts.get("fence_kind") == "watched":
        notes.append("The database cannot refuse writes; its connections are watched instead.")
    return notes
