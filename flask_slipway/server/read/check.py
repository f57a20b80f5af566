"""fab ENV.check: what the site offers, measured. Each row is (what, found, good)."""

from __future__ import annotations

import os
import sys
from typing import Any, Iterator, Tuple

from ..database import access, identity
from ..database.mysql_client import DatabaseError
from ..lib import own_files, process
from ..lib.outcome import Refused
from ..run import facts, stage
from ..run.facts import Facts
from ..site import clone, health, permissions, preflight, virtualenv
from ..site.app_process import App, AppFailed
from ..site.site import Site
from .reading import Reading

Row = Tuple[str, object, object]  # what was measured, what was found, whether it is good

FENCES = {
    "database": "the server refuses writes",
    "sqlite": "the file's write lock",
    "watched": "weaker: connections are watched",
}


def check(reading: Reading) -> dict[str, Any]:
    """Measures the site, tells a row for each thing, and returns the rows and the packages that are there."""
    site, site_facts = reading.site, reading.facts
    rows: list[Row] = list(_programs())
    site_facts.check_places()
    rows += _code(site)
    site_facts.load_live()
    rows += [*_edited(site, site_facts), *_database(site, site_facts), *_web(site), *_under_way(site, site_facts)]
    shown = [(what, site_facts.mask.text(str(words)), bool(good)) for what, words, good in rows]
    reading.rows(["what", "found", ""], [[what, words, "ok" if good else "look"] for what, words, good in shown])
    return {"rows": shown, "packages": virtualenv.marked(site.virtualenv)}


def _programs() -> Iterator[Row]:
    yield "python3", "%d.%d.%d" % sys.version_info[:3], True
    yield "git", process.run([process.find("git") or "git", "--version"]).split()[-1], True
    yield "compression", "zstd" if process.find("zstd") else "gzip", True


def _code(site: Site) -> Iterator[Row]:
    commit = clone.commit(site.project)
    yield "project", "%s at %s" % (site.project, (commit or "no commit")[:7]), commit
    yield ("virtualenv", *python_of(site))
    repository, packages = permissions.foreign(site)
    if repository:
        yield "repository", "%s cannot be written" % repository, False
    if packages:
        yield "packages", "%s cannot be written" % packages, False


def _edited(site: Site, site_facts: Facts) -> Iterator[Row]:
    own = site_facts.own()
    tracked = sorted(path for path in clone.entries(site.project, clone.commit(site.project)) if path in own)
    changed = [path for path in site_facts.by_hand(clone.changes(site.project)) if not own_files.is_own(path, own)]
    yield "changed by hand", ", ".join(changed[:3]) or "nothing", not changed
    if tracked:
        yield "tracked by git", "the site's own: %s" % ", ".join(tracked), False


def _database(site: Site, site_facts: Facts) -> Iterator[Row]:
    base = site_facts.database
    assert base is not None
    yield "WSGI file leads to", "%s %s" % (base.dialect, getattr(base, "path", base.name)), True
    yield ("same database by FLASK_APP", *_same_by_flask(site_facts))
    yield "database server", base.version, True
    if base.dialect != "sqlite":
        clients = [process.find("mysql", "mariadb"), process.find("mysqldump", "mariadb-dump")]
        yield "clients", ", ".join(os.path.basename(c) for c in clients if c) or "none", all(clients)
    yield "fence", FENCES[base.fence_kind], True
    if base.fence_kind == "sqlite":
        unseen = base.unseen()
        words = "not seen: %s" % unseen if unseen else "seen: of this account, on this machine"
        yield "who has it open", words, not unseen
    yield "scratch database", "can be made" if base.can_create() else "weaker: restores happen in place", True
    foreign = permissions.unwritable(base.written_files())
    if foreign:
        yield "database", "%s cannot be written" % foreign, False
    for text in base.restore_blockers():
        yield "backup", "cannot be put back: %s" % text, False
    for text in base.backup_notes():
        yield "backup", text, False
    free = _free_bytes(site.home)
    yield "disk", "{:,.0f} MB free".format(free / 1e6), free > 3 * base.size()


def _web(site: Site) -> Iterator[Row]:
    answer, log = health.settled(site.health_url()), site.logs.get("error")
    yield ("gate", *_place_of_gate(site))
    yield "health", "%s answers %s" % (site.health_url(), health.describe(answer)), 200 <= answer.status < 300
    closed = log and os.path.exists(log) and not os.access(log, os.R_OK)
    yield "error log", "%s cannot be read" % log if closed else log or "none", os.access(log or "", os.R_OK)


def _under_way(site: Site, site_facts: Facts) -> Iterator[Row]:
    held, open_run = site_facts.lock(), facts.interrupted(site)
    yield "lock", "held by %s" % held["who"] if held else "free", held is None
    words = "%s by %s: fab %s.recover" % (open_run["task"], open_run["who"], site.name) if open_run else "nothing"
    yield "interrupted", words, not open_run


def python_of(site: Site) -> tuple[str, bool]:
    """The virtualenv's Python against virtualenv_python of invoke.yaml: (words, good)."""
    python = process.run([site.python, "--version"]).strip()
    version = python.split()[-1]
    if site.virtualenv_python and not (version + ".").startswith(site.virtualenv_python + "."):
        return "%s, not %s: correct virtualenv_python: in invoke.yaml" % (python, site.virtualenv_python), False
    if site.virtualenv_python:
        return python, True
    short = ".".join(version.split(".")[:2])
    return '%s; set virtualenv_python: "%s"' % (python, short), True


def _place_of_gate(site: Site) -> tuple[str, bool]:
    """How the gate can come into the WSGI file's place: (words, good)."""
    path = os.path.realpath(site.wsgi)
    if preflight.tracked_wsgi(site) is not None:
        return "tracked by git: see fab %s.reload" % site.name, False
    if not os.access(path, os.W_OK):
        return "the WSGI file cannot be written", False
    beside = os.access(os.path.dirname(path), os.W_OK) and os.stat(path).st_uid == os.geteuid()
    return "takes the WSGI file's place" if beside else "weaker: written over the WSGI file", True


def _same_by_flask(site_facts: Facts) -> tuple[str, bool]:
    """Whether FLASK_APP with env: leads to the database that the WSGI file leads to: (words, good)."""
    app = App(site_facts.site.python, site_facts.site.project, site_facts.site, mask=site_facts.mask)
    try:
        answer = _database_by_flask(app)
        other = access.from_app(answer, os.path.join(site_facts.private, "flask"))
    except (AppFailed, DatabaseError) as error:
        return "cannot be loaded: %s" % error, False
    finally:
        app.close()
    assert site_facts.database is not None
    try:
        if not identity.same(other, site_facts.database):
            return "no, it leads to %s" % identity.describe(other), False
        stage.see_own_database(site_facts, answer)
    except DatabaseError as error:
        return str(error), False
    except Refused:  # why is told where it matters, by a release; here is room for a few words
        return "Alembic's env.py differs: docs/alembic.md", False
    finally:
        other.close()
    return "yes, and by Alembic's env.py" if "own" in answer else "yes", True


def _database_by_flask(app: App) -> Any:
    """The database that the app tells of; where it may write while it loads, that of its first write."""
    try:
        app.load_code()
        return app.ask("database")
    except AppFailed as error:
        if app.site.writes_on_load and error.refused and error.database:
            return error.database
        raise


def _free_bytes(path: str) -> int:
    """Free bytes of the disk that `path` is on."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
