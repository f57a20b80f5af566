"""The tasks that only read. Each takes the reader's words and returns the data of its end event."""

import difflib
import os
import stat
import time

from ..backup import store
from ..lib import amounts, dotenv, files, next_steps
from ..lib.outcome import Nothing, Refused
from ..records import journal
from ..run import facts
from ..run.facts import Facts
from ..site import clone
from ..site import health as site_health
from . import check


class Reading:
    """One read of `site`: `args` of the laptop, `wire` to tell over, `mask` for all that is told."""

    def __init__(self, site, args, wire, mask):
        self.site, self.args, self.wire, self.mask = site, args, wire, mask
        self.facts = Facts(site, mask)

    def tell(self, event):
        self.wire.send(self.mask.value(event))

    def rows(self, columns, rows, title=None):
        self.tell({"event": "rows", "title": title, "columns": columns, "rows": rows})


def status(reading):
    """Commit, revision, drift, lock, gate, last release."""
    found = reading.facts
    found.check_places()
    asking = site_health.Question(reading.site.health_url())
    found.load_live()
    told = found.all()
    told.update(heads=[], differences=[])
    if found.live is not None:
        revisions = found.live.ask("revisions")
        told["heads"] = revisions["heads"]
        told["texts"] = {row["id"]: row["text"] for row in revisions["revisions"]}
        told["differences"] = found.live.ask("differences")["differences"]  # None: no models are known
    told["subject"] = clone.subject(reading.site.project, told["commit"]) if told["commit"] else None
    answer = asking.answer()
    told["health"] = site_health.describe(answer)
    told["guarantees"] = guarantees(told)
    return told


def guarantees(told):
    """What limits the guarantees on this site, as texts."""
    limits = []
    if told["fence_kind"] == "watched":
        limits.append("the database cannot refuse writes: while closed, its connections are watched instead")
    if not told["scratch"]:
        limits.append("no scratch database: a backup is put back in place, not beside")
    return limits


def current(reading):
    """The database's revisions and the live code's heads."""
    found = reading.facts
    found.check_places()
    found.load_live()
    told = {"revisions": found.database.revisions(), "heads": [], "texts": {}}
    if found.live is not None:
        revisions = found.live.ask("revisions")
        told["heads"] = revisions["heads"]
        told["texts"] = {row["id"]: row["text"] for row in revisions["revisions"]}
    return told


HISTORY = ("at", "task", "outcome", "who")  # what each of its lines has


def history(reading):
    """What was done to the site, newest first."""
    whole = [line for line in journal.read_lines(reading.site.history) if all(line.get(key) for key in HISTORY)]
    lines = whole[-int(reading.args.get("lines") or 20) :]
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
    reading.rows(["when", "task", "outcome", "commit", "revision", "who"], rows)
    return {"lines": lines}


def backups(reading):
    """The verified backups, newest first."""
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
    return {
        "backups": [
            {key: m.get(key) for key in ("id", "rows", "bytes", "commit", "revisions", "tables", "at", "task")}
            for m in found
        ]
    }


def logs(reading):
    """The end of a log; `follow`: what is added to it, until the laptop has enough."""
    kind = reading.args.get("which") or "error"
    path = reading.site.logs.get(kind)
    if not path:
        known = sorted(reading.site.logs)
        near = (difflib.get_close_matches(kind, known, 1) or known or ["error"])[0]
        raise Refused(
            "there is no log %r; there are: %s" % (kind, ", ".join(known) or "none"),
            next=["fab %s.logs --which %s" % (reading.site.name, near)],
        )
    reading.facts.know_secrets()
    text = site_health.log_tail(path, int(reading.args.get("lines") or 40))
    if text is None:
        raise Refused("the log %s is not there" % path, next=[next_steps.correct(reading.site, "logs", "domain")])
    reading.tell({"event": "text", "text": text})
    if reading.args.get("follow"):
        _follow_log(reading, path)
    return {"path": path}


def _follow_log(reading, path):
    mark = site_health.log_mark(path)
    while not reading.wire.hung_up(0.5):
        now = site_health.log_mark(path)
        start = mark[1] if now[0] == mark[0] and now[1] >= mark[1] else 0
        if now[1] > start:
            with open(path, "rb") as file:
                file.seek(start)
                data = file.read(now[1] - start)
            reading.tell({"event": "text", "text": data.decode("utf-8", "replace").rstrip("\n")})
        mark = now


def health(reading):
    """What the site answers now."""
    url = reading.site.health_url()
    began = time.monotonic()
    answer = site_health.settled(url)
    told = {
        "url": url,
        "status": answer.status,
        "answer": site_health.describe(answer),
        "gate": bool(answer.gate),
        "seconds": round(time.monotonic() - began, 2),
    }
    if not 200 <= answer.status < 300:
        if answer.gate:
            raise Refused("the gate is up: visitors of %s see it" % url, next=["fab %s.open" % reading.site.name])
        what = "the site answers %s, at %s" % (site_health.describe(answer), url)
        raise Refused(what, next=site_health.fixes(reading.site, answer))
    return told


def env(reading):
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
            next=["%s  mend the lines of .env, then  fab %s.reload" % (shell, reading.site.name)],
        )
    return {"missing": [row["name"] for row in found if row["kind"] == "missing"], "findings": found}


def watch(reading):
    """Follows the run under way, or tells the last one again; returns its own end event."""
    names = sorted(os.listdir(reading.site.runs)) if os.path.isdir(reading.site.runs) else []
    noted = files.read_json(reading.site.open_run)
    if noted and facts.interrupted(reading.site):
        found = facts.interrupted(reading.site)
        raise Refused(
            "the %s by %s was interrupted" % (found["task"], found["who"]), next=["fab %s.recover" % reading.site.name]
        )
    if noted is None and not names:
        raise Nothing("nothing has run on %s yet" % reading.site.name)
    run = noted["run"] if noted else names[-1]
    holder = noted and noted.get("holder")
    return {"follow": os.path.join(reading.site.runs, run, "events.jsonl"), "run": run, "holder": holder}


def _moment(seconds):
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


BY_TASK = {
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
