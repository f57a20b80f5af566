"""The tasks that only read. Each takes the reader's words and returns the data of its end event."""

from __future__ import annotations

import difflib
import os
import stat
import time
from typing import Any, Callable, Dict, NamedTuple, Union

from ..backup import store
from ..lib import amounts, dotenv, files, next_steps
from ..lib.outcome import Incident, Nothing, Refused
from ..protocol import Holder, Revision, SiteFacts
from ..records import history as records_history
from ..run import facts
from ..site import clone
from ..site import health as site_health
from . import check
from .reading import Reading

Data = Dict[str, Any]  # what the end event brings


class Follow(NamedTuple):
    """Instead of an answer: the events in the file `path`, which `holder` writes, if it is still open."""

    path: str
    holder: Holder | None


def status(reading: Reading) -> Data:
    """Commit, revision, drift, lock, gate, last change."""
    live_facts = reading.facts
    live_facts.check_places()
    asking = site_health.Question(site_health.ask, reading.site.health_url())
    live_facts.load_live()
    site_facts = live_facts.all()
    data: dict[str, Any] = {**site_facts, "heads": [], "differences": []}
    data.update(_heads(live_facts.revisions()))
    if live_facts.live is not None:
        data["differences"] = live_facts.live.ask("differences")["differences"]  # None: no models are known
    commit = site_facts["commit"]
    data["subject"] = clone.subject(reading.site.project, commit) if commit else None
    data["health"] = site_health.describe(asking.answer())
    data["guarantees"] = guarantees(site_facts)
    data["next"] = first_commands(reading.site.name, site_facts)
    return data


def first_commands(name: str, site_facts: SiteFacts) -> list[str]:
    """What has to be typed before anything else can be changed."""
    held = site_facts["lock"]
    if site_facts["interrupted"]:
        return ["fab %s.recover" % name]
    return ["fab %s.recover" % (held["site"] or name)] if held and not held["alive"] else []


def _heads(answer: dict[str, Any] | None) -> dict[str, Any]:
    """The code's heads, and the messages of its revisions; nothing of them where they are not known."""
    if answer is None:
        return {}
    rows: list[Revision] = answer["revisions"]
    return {"heads": answer["heads"], "texts": {row["id"]: row["text"] for row in rows}}


def guarantees(site_facts: SiteFacts) -> list[str]:
    """What limits the guarantees on this site, as texts."""
    limits = []
    if site_facts["fence_kind"] == "watched":
        limits.append("the database cannot refuse writes: while closed, its connections are watched instead")
    if site_facts["unseen"]:
        limits.append("who has the database open is not seen whole, and not waited for: %s" % site_facts["unseen"])
    if not site_facts["scratch"]:
        limits.append("no scratch database: a backup is put back in place, not beside")
    return limits


def current(reading: Reading) -> Data:
    """The database's revisions and the live code's heads."""
    live_facts = reading.facts
    live_facts.check_places()
    live_facts.load_live()
    assert live_facts.database is not None
    data: dict[str, Any] = {"revisions": live_facts.database.revisions(), "heads": [], "texts": {}}
    data.update(_heads(live_facts.revisions()))
    return data


def history(reading: Reading) -> Data:
    """What was done to the site, newest first."""
    lines = records_history.whole(reading.site)[-int(reading.wish.get("lines") or 20) :]
    rows = [
        [
            _moment(line["at"]),
            line["task"],
            line["outcome"],
            (line.get("commit") or "")[:7],
            line.get("revision") or "",
            line["who"],
        ]
        for line in reversed(lines)
    ]
    reading.rows(["when (UTC)", "task", "outcome", "commit", "revision", "who"], rows)
    return {"lines": lines}


def backups(reading: Reading) -> Data:
    """The verified backups, newest first, and what looks like one and cannot be used."""
    found = store.usable(reading.site.backups)
    rows = [
        [
            m["id"],
            "{:,}".format(m["rows"]),
            amounts.size(m["bytes"]),
            (m.get("commit") or "")[:7],
            ", ".join(m["revisions"]),
            m["task"],
        ]
        for m in found
    ]
    reading.rows(["backup", "rows", "size", "commit", "revision", "made by"], rows)
    for identifier, why in sorted(store.unusable(reading.site.backups).items()):
        reading.tell({"event": "say", "text": "  note: backup %s cannot be used: %s" % (identifier, why)})
    return {
        "backups": [
            {key: m.get(key) for key in ("id", "rows", "bytes", "commit", "revisions", "tables", "at", "task")}
            for m in found
        ]
    }


def logs(reading: Reading) -> Data:
    """The end of a log; `follow`: what is added to it, until the laptop has enough."""
    kind = reading.wish.get("which") or "error"
    path = reading.site.logs.get(kind)
    if not path:
        known = sorted(reading.site.logs)
        near = (difflib.get_close_matches(kind, known, 1) or known or ["error"])[0]
        raise Refused(
            "there is no log %r; there are: %s" % (kind, ", ".join(known) or "none"),
            next=["fab %s.logs --which %s" % (reading.site.name, near)],
        )
    reading.facts.know_secrets()
    mark, follow = site_health.log_mark(path), bool(reading.wish.get("follow"))
    if follow:
        mark = site_health.end_of_lines(path, mark)
    text = site_health.log_tail(path, int(reading.wish.get("lines") or 40), mark.size)
    if text is None:
        raise Refused("the log %s is not there" % path, next=[next_steps.correct(reading.site, "logs", "domain")])
    reading.tell({"event": "text", "text": text})
    follower = site_health.Follower(path, mark)
    while follow and not reading.wire.hung_up(0.5):
        added = follower.more()
        if added:
            reading.tell({"event": "text", "text": added})
    return {"path": path}


def health(reading: Reading) -> Data:
    """What the site answers now."""
    url = reading.site.health_url()
    began = time.monotonic()
    answer = site_health.settled(url)
    seconds = round(time.monotonic() - began, 2)
    if not 200 <= answer.status < 300:
        if answer.gate:
            raise Refused("the gate is up: visitors of %s see it" % url, next=["fab %s.open" % reading.site.name])
        what = "the site answers %s, at %s" % (site_health.describe(answer), url)
        raise Refused(what, next=site_health.fixes(reading.site, answer))
    return {
        "url": url,
        "status": answer.status,
        "answer": site_health.describe(answer),
        "gate": bool(answer.gate),
        "seconds": seconds,
    }


def env(reading: Reading) -> Data:
    """The lines of .env by themselves and against .env.example: names and line numbers, never a value."""
    project = reading.site.project
    data, example = (files.read(os.path.join(project, name)) for name in (".env", ".env.example"))
    shell = "fab %s.workon" % reading.site.name
    if data is None:
        raise Refused("there is no .env in %s" % project, next=["%s  then write it there" % shell])
    reading.mask.add_env(data.decode("utf-8", "replace"))
    mode = stat.S_IMODE(os.stat(os.path.join(project, ".env")).st_mode)
    found = dotenv.findings(data, example or b"", reading.site.env, mode)
    rows = [[row["name"], "" if row["line"] is None else str(row["line"]), row["what"]] for row in found]
    reading.rows([".env", "line", "what"], rows or [["every line", "", "read the same by dotenv and a shell"]])
    if example is None:
        reading.tell({"event": "say", "text": "There is no .env.example in the project to compare with."})
    serious = [row for row in found if row["kind"] in dotenv.SERIOUS]
    if serious:
        many = len(serious) > 1
        raise Refused(
            "%d line%s of .env do%s not reach the app as written"
            % (len(serious), "s" if many else "", "" if many else "es"),
            next=["%s  fix the lines of .env, then  fab %s.reload" % (shell, reading.site.name)],
        )
    return {"missing": [row["name"] for row in found if row["kind"] == "missing"], "findings": found}


def watch(reading: Reading) -> Follow:
    """The run under way, or the last one again, whose own end event it is. Raises Incident, Nothing."""
    site = reading.site
    names = sorted(os.listdir(site.runs)) if os.path.isdir(site.runs) else []
    record, interrupted = facts.open_run(site), facts.interrupted(site)
    if interrupted:
        raise Incident(
            "the %s by %s was interrupted" % (interrupted["task"], interrupted["who"]),
            ["its process is gone; what it had changed stands in its journal"],
            ["fab %s.recover" % site.name],
        )
    if record is None and not names:
        raise Nothing("nothing has run on %s yet" % site.name)
    holder = record.get("holder") if record else None
    path = os.path.join(site.runs, record["run"] if record else names[-1], "events.jsonl")
    return Follow((holder or {}).get("events") or path, holder)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


BY_TASK: dict[str, Callable[[Reading], Union[Data, Follow]]] = {
    "status": status,
    "current": current,
    "history": history,
    "backups": backups,
    "logs": logs,
    "health": health,
    "env": env,
    "check": check.check,
    "watch": watch,
}
