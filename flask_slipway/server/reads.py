"""The tasks that only read. Each takes the reader's words and returns the data of its end event."""

import difflib
import os
import stat
import time

from . import amounts, backup, dotenv, facts, files, git, journal, packages, places, process, web
from .client import DatabaseError
from .facts import Facts
from .outcome import Nothing, Refused


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
    asking = web.Asking(reading.site.health_url())
    found.load_live()
    told = found.all()
    told.update(heads=[], differences=[])
    if found.live is not None:
        revisions = found.live.ask("revisions")
        told["heads"] = revisions["heads"]
        told["texts"] = {row["id"]: row["text"] for row in revisions["revisions"]}
        told["differences"] = found.live.ask("differences")["differences"]  # None: no models are known
    told["subject"] = git.subject(reading.site.project, told["commit"]) if told["commit"] else None
    answer = asking.answer()
    told["health"] = web.described(answer)
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
    found = backup.listed(reading.site.backups)
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
    text = web.log_tail(path, int(reading.args.get("lines") or 40))
    if text is None:
        raise Refused("the log %s is not there" % path, next=[places.correct(reading.site, "logs", "domain")])
    reading.tell({"event": "text", "text": text})
    if reading.args.get("follow"):
        _follow_log(reading, path)
    return {"path": path}


def _follow_log(reading, path):
    mark = web.log_mark(path)
    while not reading.wire.hung_up(0.5):
        now = web.log_mark(path)
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
    answer = web.ask(url)
    told = {
        "url": url,
        "status": answer.status,
        "answer": web.described(answer),
        "gate": bool(answer.gate),
        "seconds": round(time.monotonic() - began, 2),
    }
    if not 200 <= answer.status < 300:
        if answer.gate:
            raise Refused("the gate is up: visitors of %s see it" % url, next=["fab %s.open" % reading.site.name])
        what = "the site answers %s, at %s" % (web.described(answer), url)
        raise Refused(what, next=web.mends(reading.site, answer))
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


def check(reading):
    """Measures what the site offers, one row each: [what, found, good]."""
    rows = []

    def see(what, found, good=True):
        rows.append([what, found, bool(good)])

    site, found = reading.site, reading.facts
    see("python3", "%d.%d.%d" % __import__("sys").version_info[:3])
    see("git", process.run([process.find("git") or "git", "--version"]).split()[-1])
    found.check_places()
    see("project", "%s at %s" % (site.project, (git.commit(site.project) or "no commit")[:7]), git.commit(site.project))
    changed = git.changes(site.project)
    see("changed by hand", ", ".join(changed[:3]) or "nothing", not changed)
    see("virtualenv", *_python_of(site))
    found.load_live()
    base = found.database
    see("WSGI file leads to", "%s %s" % (base.dialect, getattr(base, "path", base.name)))
    see("gate", *_place_of_gate(site))
    see("database server", base.version)
    if base.dialect != "sqlite":
        clients = [process.find("mysql", "mariadb"), process.find("mysqldump", "mariadb-dump")]
        see("clients", ", ".join(os.path.basename(c) for c in clients if c) or "none", all(clients))
    see(
        "fence",
        {
            "database": "the server refuses writes",
            "sqlite": "the file's write lock",
            "watched": "weaker: connections are watched",
        }[base.fence_kind],
    )
    scratch = base.can_create() and base.movable()
    see("scratch database", "can be made" if scratch else "weaker: restores happen in place")
    see("compression", "zstd" if process.find("zstd") else "gzip")
    see("disk", "{:,.0f} MB free".format(free_bytes(site.home) / 1e6), free_bytes(site.home) > 3 * base.size())
    see("same database by FLASK_APP", *_same_by_flask(found))
    answer = web.ask(site.health_url())
    see("health", "%s answers %s" % (site.health_url(), web.described(answer)), 200 <= answer.status < 300)
    see("error log", site.logs.get("error") or "none", os.path.exists(site.logs.get("error") or ""))
    for text in base.hindrances():
        see("backup", text, False)
    told = found.lock()
    see("lock", "held by %s" % told["who"] if told else "free", told is None)
    pending = facts.interrupted(site)
    see(
        "interrupted",
        "%s by %s: fab %s.recover" % (pending["task"], pending["who"], site.name) if pending else "nothing",
        not pending,
    )
    reading.rows(["what", "found", ""], [[what, words, "ok" if good else "look"] for what, words, good in rows])
    return {"rows": rows, "packages": packages.marked(site.virtualenv)}


def _place_of_gate(site):
    """How the gate can come into the WSGI file's place: (words, good)."""
    path = os.path.realpath(site.wsgi)
    if not os.access(path, os.W_OK):
        return "the WSGI file cannot be written", False
    beside = os.access(os.path.dirname(path), os.W_OK)
    return "takes the WSGI file's place" if beside else "weaker: written over the WSGI file", True


def _python_of(site):
    """The virtualenv's Python against virtualenv_python of invoke.yaml: (words, good)."""
    found = process.run([site.python, "--version"]).strip()
    version = found.split()[-1]
    if site.virtualenv_python and not (version + ".").startswith(site.virtualenv_python + "."):
        return "%s, not %s: mend virtualenv_python: in invoke.yaml" % (found, site.virtualenv_python), False
    if site.virtualenv_python:
        return found, True
    short = ".".join(version.split(".")[:2])
    return '%s; set virtualenv_python: "%s"' % (found, short), True


def _same_by_flask(found):
    """Whether FLASK_APP with env: leads to the database that the WSGI file leads to: (words, good)."""
    from . import database, staging
    from .app import App, AppFailed

    app = App(found.site.python, found.site.project, found.site, mask=found.mask)
    try:
        app.load_code()
        told = app.ask("database")
        other = database.from_app(told, os.path.join(found.private, "flask"))
    except (AppFailed, DatabaseError) as error:
        return "cannot be loaded: %s" % error, False
    finally:
        app.close()
    try:
        if not database.same(other, found.database):
            return "no, it leads to %s" % staging.described(other), False
        staging.see_own_database(found, told)
    except (DatabaseError, Refused) as error:
        return str(error), False
    finally:
        other.close()
    return "yes, and by Alembic's env.py" if "own" in told else "yes", True


def free_bytes(path):
    """Free bytes of the disk that `path` is on."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


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
    "check": check,
    "watch": watch,
}
