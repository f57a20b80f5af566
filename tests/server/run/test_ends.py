"""The end of a run: killed at each line, without room, disturbed. `recover` ends it, and the next change goes on."""

import errno
import itertools
import json
import os
import resource
import shutil
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.backup import make, store
from flask_slipway.server.database import mysql
from flask_slipway.server.lib import files, private, process
from flask_slipway.server.lib.outcome import Failed, Refused
from flask_slipway.server.main import tell_interrupted
from flask_slipway.server.records import kept
from flask_slipway.server.run import endings, facts, record, recover, supervisor
from flask_slipway.server.site.site import Site
from support.folders import Folders
from support.kill import ends
from support.world import git


@pytest.fixture
def folders(tmp_path):
    return Folders.on_sqlite(tmp_path, "INSERT INTO notes VALUES ('one')")


SWAP = {"what": protocol.SWAPPING, "before": 0, "after": 1}


def interrupted(folders, *lines):
    """A run whose process is gone after it wrote these lines; its id."""

    def act():
        run = folders.begun()
        for line in lines:
            words = {
                key: folders.commits[value] if key in ("before", "after") else value for key, value in line.items()
            }
            run.journal.write(**words)
        os._exit(9)

    assert not ends(act, -1)
    return facts.open_run(folders.site)["run"]


# What a run has written down before it comes to its end, and of how many lines one is tried.
BEFORE_END = {
    "released": ([{"what": protocol.COMPLETE}], 1),
    "returned": ([SWAP, {"what": protocol.RETURNING}], 5),
}


@pytest.mark.parametrize("outcome", BEFORE_END)
def test_a_run_killed_at_any_line_of_its_end_is_ended_by_recover_and_the_next_one_goes_on(folders, tmp_path, outcome):
    lines, stride = BEFORE_END[outcome]
    run = interrupted(folders, *lines)
    standing = shutil.copytree(folders.home, tmp_path / "standing", symlinks=True)
    for line in itertools.count(1, stride):
        whole = ends(folders.recover, line, record)
        ended = folders.recover()
        assert ended is None or ended["code"] == 0, (line, ended)
        assert folders.outcomes(run) == [outcome], line
        assert facts.open_run(folders.site) is None
        assert folders.left() == []
        if whole:
            break
        shutil.rmtree(folders.home)
        shutil.copytree(standing, folders.home, symlinks=True)
    folders.begun().end()
    assert line > 60


def test_what_a_killed_process_left_half_written_goes_with_the_end_of_its_run(folders):
    def act():
        run = folders.begun()
        for path in (run.site.open_run, run.gate.original, f"{run.folder}/access.json", f"{run.site.project}/REVISION"):
            Path(f"{path}.part-{'0' * 16}").write_text("half")
        run.journal.write(protocol.COMPLETE)
        os._exit(9)

    assert not ends(act, -1)
    assert len([path for path in folders.left() if ".part-" in path]) == 4
    assert folders.recover()["code"] == 0
    assert folders.left() == []


def test_the_token_of_a_run_is_on_no_disk_and_its_recover_needs_none_of_it(folders, tmp_path):
    with folders.served():

        def act():
            run = folders.begun()
            run.about_to(protocol.GATE)
            run.gate.put()
            run.journal.write(protocol.SWAPPING, before=folders.commits[0], after=folders.commits[1])
            (tmp_path / "token").write_text(run.token)
            os._exit(9)

        own = folders.wsgi.read_bytes()
        assert not ends(act, -1)
        token = (tmp_path / "token").read_bytes()
        assert len(token) == 48
        assert [path for path in folders.home.rglob("*") if path.is_file() and token in path.read_bytes()] == []
        assert folders.recover()["code"] == 0
        assert folders.wsgi.read_bytes() == own


@contextmanager
def no_room():
    """Every write is refused, as by a full quota."""
    kept_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, kept_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept_limit)


def test_a_release_that_finds_no_room_at_its_end_is_released_and_the_next_one_goes_on(folders):
    run = folders.begun()
    with no_room():
        run.noted(protocol.COMPLETE)
        ending = record.finish(run, "released")
    run.end()
    assert (ending["code"], ending["outcome"]) == (0, "released")
    assert folders.recover() is None
    assert folders.left() == []
    folders.begun().end()


@pytest.mark.parametrize("room", [True, False])
def test_a_run_killed_after_its_end_was_known_needs_neither_database_nor_stage_to_be_ended(folders, tmp_path, room):
    """How it ended is written down before anything is removed that a return would need; where there is no room for
    that, it stands open no more by then."""

    def act():
        run = folders.begun()
        run.journal.write(protocol.RELOADING)
        record._tidy_up = lambda *words: os._exit(9)
        with nullcontext() if room else no_room():
            record.finish(run, "returned", Failed("the reload failed"))

    assert not ends(act, -1)
    (tmp_path / "live.db").unlink()
    if not room:
        assert facts.open_run(folders.site) is None
        return
    run = facts.open_run(folders.site)["run"]
    (Path(folders.site.runs) / run / "access.json").unlink()
    assert folders.recover()["code"] == 0
    assert folders.outcomes(run) == ["returned"]


def test_a_run_killed_without_room_before_its_record_is_finished_once_there_is_room(folders):
    def act():
        run = folders.begun()
        run.journal.write(protocol.GATE_GONE)
        with no_room():
            run.noted(protocol.COMPLETE)
            os._exit(9)

    assert not ends(act, -1)
    run = facts.open_run(folders.site)["run"]
    with no_room(), pytest.raises(OSError, match="too large"):
        folders.recover()
    assert folders.recover()["what"] == "The interrupted release is finished"
    assert folders.outcomes(run) == ["released"]


def test_what_cannot_be_tidied_up_is_told_and_changes_nothing_of_how_a_run_ended(folders):
    (folders.home / "backups").write_text("a file in the folder's place")
    old = Path(folders.site.runs) / "20200101T000000Z-0000" / "journal.jsonl"
    old.mkdir(parents=True)
    for outcome in ("released", "refused"):
        run = folders.begun()
        told = []
        run.events.wire.send = told.append
        ending = record.finish(run, outcome, Refused("no") if outcome == "refused" else None)
        run.end()
        assert (ending["outcome"], ending["code"]) == (outcome, protocol.CODES[outcome])
        assert "tidying up after the release failed" in json.dumps(told)
        assert "application" in folders.wsgi.read_text(), "the site was closed"
        assert facts.open_run(folders.site) is None
        assert folders.left() == []


def test_a_run_that_lost_its_lock_ends_nothing_of_the_other_one(folders):
    run = folders.begun()
    for path in run.lock.paths:
        files.write_json(path, dict(run.lock.holder, token="of another"))
    ending = record.finish(run, "released")
    assert ending["outcome"] == "incident"
    assert facts.open_run(folders.site)["run"] == run.id
    assert not run.journal.has(protocol.END)


@pytest.mark.parametrize(
    "second",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Refused("the database cannot be reached", next=["correct .env"]),
        RuntimeError("no fix is known"),
    ],
)
def test_after_a_return_that_failed_the_last_thing_to_type_is_recover(folders, second):
    run = folders.begun()
    ending = record.incident(run, Failed("the upgrade failed"), second)
    run.end()
    assert ending["outcome"] == "incident"
    *first, last = ending["next"]
    if getattr(second, "next", None) or isinstance(second, OSError):
        assert first and last == "then fab prod.recover"
        assert "then try again" not in first
    else:
        assert first == ["fab prod.recover"]


def test_a_full_disk_is_told_in_the_line_that_says_so_not_in_the_last_one(folders):
    said = "error: unable to create file a: No space left on device\nfatal: Could not reset index file to revision"
    ending = endings.of_error(process.Failed("git reset", 128, said), folders.site)
    assert ending["what"] == "error: unable to create file a: No space left on device"
    assert ending["next"][-1] == "then try again"


# scratch databases of earlier runs


def left_by(folders, identity, database):
    """An earlier run whose journal names a scratch database."""
    folder = Path(folders.site.runs) / "20200101T000000Z-0000"
    folder.mkdir(parents=True)
    path = str(folder / "journal.jsonl")
    kept.append(path, {"what": protocol.BEFORE, "facts": {"identity": identity}}, "")
    kept.append(path, {"what": protocol.SCRATCH, "database": database}, "")
    return folder


def test_after_a_move_to_sqlite_what_a_run_kept_in_mysql_is_neither_dropped_nor_forgotten(folders, monkeypatch):
    monkeypatch.setattr(record, "KEPT_RUNS", 1)
    folder = left_by(folders, ["mysql", "server", "bob$site"], "bob$site_slipway_old_x")
    run = folders.begun()
    record.finish(run, "released")
    run.end()
    assert "scratch gone" not in (folder / "journal.jsonl").read_text()


@pytest.mark.parametrize("site", ["mariadb"], indirect=True)
def test_only_a_scratch_database_of_the_database_in_use_is_dropped(site, tmp_path):
    folders = Folders(tmp_path / "home", {"dialect": "mysql", "url": site.base.url})
    scratch = site.base.scratch_name("old_x")
    for identity, there in ((["mariadb", "another server", site.base.name], True), (site.base.identity(), False)):
        site.base.drop(scratch)
        site.base.create(scratch)
        folder = left_by(folders, identity, scratch)
        run = folders.begun()
        record.finish(run, "released")
        run.end()
        assert site.base.exists(scratch) is there
        (folder / "journal.jsonl").unlink(missing_ok=True)
        folder.rmdir()


# recover


def test_without_a_journal_and_a_trace_at_the_site_there_is_nothing_to_take_back(folders):
    for leave in (False, True):
        run = interrupted(folders)
        (Path(folders.site.runs) / run / "journal.jsonl").unlink()
        assert folders.recover(leave)["code"] == 0
        assert facts.open_run(folders.site) is None
        assert "application" in folders.wsgi.read_text(), "the site was closed"


def test_without_a_journal_what_the_site_shows_to_be_begun_is_left_closed_or_not_at_all(folders):
    with folders.served():
        run = interrupted(folders)
        (Path(folders.site.runs) / run / "journal.jsonl").unlink()
        git(folders.project, "reset", "-q", "--hard", folders.commits[1])
        with pytest.raises(Refused, match="journal") as caught:
            folders.recover()
        assert "fab prod.recover --leave" in caught.value.next[0]
        assert folders.recover(leave=True)["what"] == "The interrupted release is left where it stands"
    assert folders.wsgi.read_text().startswith("# Flask-Slipway")
    assert facts.open_run(folders.site) is None


def test_what_was_changed_is_taken_back_where_it_lay_then_whatever_invoke_yaml_says_now(folders, tmp_path):
    interrupted(folders, SWAP)
    git(folders.project, "reset", "-q", "--hard", folders.commits[1])
    moved = tmp_path / "home" / "moved"
    git(tmp_path, "clone", "-q", str(folders.project), str(moved))
    folders.site = Site({**folders.site.words, "name": "live", "project": str(moved), "virtualenv": "/nowhere"})
    assert folders.recover()["code"] == 0
    assert git(folders.project, "rev-parse", "HEAD") == folders.commits[0]
    assert git(moved, "rev-parse", "HEAD") == folders.commits[1]


def test_the_database_is_needed_only_where_something_is_taken_back(folders, tmp_path):
    run = interrupted(folders, {"what": protocol.COMPLETE})
    (Path(folders.site.runs) / run / "access.json").unlink()
    (tmp_path / "live.db").unlink()
    assert folders.recover()["code"] == 0
    assert folders.outcomes(run) == ["released"]


APP = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

application = Flask("app")
with open({path!r}) as file:
    application.config["SQLALCHEMY_DATABASE_URI"] = file.read()
base = SQLAlchemy(application)
with application.app_context():
    base.engine
"""


@pytest.fixture
def on_mariadb(mariadb, tmp_path, monkeypatch):
    """Folders on a MariaDB database, its account, and a function that gives the account another password."""
    monkeypatch.setattr(mysql, "LOCK_PATIENCE", 0)
    if mariadb.programs:
        monkeypatch.setenv("PATH", f"{mariadb.programs}{os.pathsep}{os.environ['PATH']}")
    account = mariadb.restricted("ends")
    mariadb.execute("CREATE DATABASE IF NOT EXISTS `ends$site`; CREATE TABLE IF NOT EXISTS `ends$site`.notes (n INT)")
    url = {"username": "ends", "password": account.password, "host": account.host, "port": account.port}
    folders = Folders(tmp_path / "home", {"dialect": "mysql", "url": {**url, "database": "ends$site", "query": {}}})
    told = tmp_path / "url"

    def change(password):
        mariadb.execute(f"SET PASSWORD FOR 'ends'@'%' = PASSWORD('{password}')")
        told.write_text(f"mysql+pymysql://ends:{password}@{account.host}:{account.port}/ends$site")

    folders.wsgi.write_text(APP.format(path=str(told)))
    yield folders, account, change
    mariadb.execute("DROP DATABASE `ends$site`; DROP USER 'ends'@'%'")


def test_after_a_change_of_the_database_password_recover_goes_the_sites_own_way(on_mariadb):
    folders, _, change = on_mariadb
    for leave, password in ((False, "an-other"), (True, "a-third")):
        with folders.served():
            run = interrupted(folders, SWAP, {"what": protocol.FENCE})
            change(password)
            path = Path(folders.site.runs) / run / "site.json"
            path.write_text(json.dumps({**folders.site.words, "virtualenv": sys.prefix}))
            old = recover.find(folders.run("recover"), leave)
            assert old.run.database.revisions() == []
            ended = supervisor.finish_interrupted(old, leave)
        assert ended["code"] == 0, ended
        folders.access["url"]["password"] = password
        folders.begun().end()


def test_recover_goes_no_way_of_the_site_that_leads_to_another_database(on_mariadb, mariadb, tmp_path):
    folders, _, change = on_mariadb
    mariadb.execute("CREATE DATABASE IF NOT EXISTS `ends$other`")
    with folders.served():
        run = interrupted(folders, SWAP, {"what": protocol.FENCE})
        change("an-other")
        url = tmp_path / "url"
        url.write_text(url.read_text().replace("ends$site", "ends$other"))
        path = Path(folders.site.runs) / run / "site.json"
        path.write_text(json.dumps({**folders.site.words, "virtualenv": sys.prefix}))
        with pytest.raises(Refused, match="the database cannot be reached") as refused:
            recover.find(folders.run("recover"), False)
    assert any("another database than the run's: ends$other" in line for line in refused.value.lines)
    mariadb.execute("DROP DATABASE `ends$other`")


def test_recover_waits_for_nobody_who_holds_the_databases_own_lock(on_mariadb):
    folders, _, _ = on_mariadb
    interrupted(folders, SWAP)
    other = folders.run("backup")
    other.facts.use(folders.access)
    assert other.database.hold_lock()
    with pytest.raises(Refused, match="another release holds the lock of database"):
        folders.recover()
    other.end()
    assert folders.recover()["code"] == 0


def test_a_change_begun_by_another_account_waits_for_the_databases_own_lock(on_mariadb):
    folders, _, _ = on_mariadb
    other = folders.run("backup")
    other.facts.use(folders.access)
    assert other.database.hold_lock()
    with pytest.raises(Refused, match="another release holds the lock of database"):
        folders.begun(stage=False)
    other.end()


def test_a_run_that_is_left_as_it_stands_has_no_connection_to_its_database_any_more(on_mariadb):
    folders, _, _ = on_mariadb
    watching, left = folders.run("backup"), folders.run("backup")
    for run in (watching, left):
        run.facts.use(folders.access)
    number = int(left.database.scalar("SELECT CONNECTION_ID()"))
    with folders.served():
        interrupted(folders, SWAP, {"what": protocol.CONNECTION, "id": number})
        assert number in watching.database.other_connections()
        assert folders.recover(leave=True)["code"] == 0
    assert number not in watching.database.other_connections()
    for run in (watching, left):
        run.end()


def test_the_password_file_of_a_killed_run_is_gone_after_the_next_contact(on_mariadb):
    folders, _, _ = on_mariadb
    interrupted(folders)
    assert list(Path(folders.site.state).rglob("client.cnf"))
    folders.recover()
    assert not list(Path(folders.site.state).rglob("client.cnf"))


def test_a_return_prunes_old_backups_and_keeps_its_own_and_a_refusal_prunes_none(folders):
    folders.site = Site({**folders.site.words, "keep": 2})

    def backups():
        return [manifest["run"] for manifest in store.usable(folders.site.backups)]

    def ended(outcome, own, wanted=None):
        run = folders.begun(stage=False)
        run.journal.write(protocol.BEFORE, facts=run.before, backup=wanted)
        for task in own:
            make.make(run.database, folders.site.backups, run.about_backup(task, None))
        record.finish(run, outcome, Failed("no"))
        run.end()
        return run.id

    older = [ended("refused", ["release", "return"]) for _ in range(3)]
    assert sorted(backups()) == sorted(older * 2)
    first = store.usable(folders.site.backups)[-1]["id"]
    mine = ended("returned", ["release", "return", "return", "return"], wanted=first)
    assert backups() == [mine] * 4 + [older[-1], older[0]]


PASSWORD = "the-password-of-the-database"


@pytest.mark.parametrize("name", ["access.json", "site.json", "open_run"])
def test_of_a_run_killed_while_it_begins_the_next_one_leaves_no_password(folders, name):
    rename = os.rename

    def killed():
        os.rename = lambda source, target: os._exit(9) if target.endswith(name) else rename(source, target)
        folders.begun(stage=False)

    def holding():
        files = filter(Path.is_file, folders.home.rglob("*"))
        return [path.name for path in files if PASSWORD in path.read_text("latin-1")]

    folders.access["url"]["password"] = PASSWORD
    assert not ends(killed, -1)
    assert holding() != []
    assert folders.recover() is None
    run = folders.begun(stage=False)
    record.finish(run, "refused", Refused("no"))
    run.end()
    assert holding() == []


def test_after_a_move_to_sqlite_the_password_file_of_a_killed_process_goes_with_the_next_run(folders):
    left = Path(private.folder(folders.site.state))
    killed = [*left.name.split("-")[:3], "1", "0"]  # of a process with this number, that began at another time
    left.rename(left.with_name("-".join(killed)))
    run = folders.begun(stage=False)
    record.finish(run, "refused", Refused("no"))
    run.end()
    assert list(left.parent.iterdir()) == []


# what is told of it


def test_what_was_not_heard_is_told_from_the_journal_else_it_is_not_known(folders):
    run = interrupted(folders, SWAP)
    path = os.path.join(folders.site.runs, run, "events.jsonl")
    ending = endings.unheard(folders.site, path)
    assert (ending["code"], ending["next"]) == (4, ["fab prod.recover"])
    refusal = endings.of_stop(Refused("the app cannot be loaded", next=["fab prod.logs"]))
    tell_interrupted(folders.site, refusal)
    assert refusal["next"] == ["fab prod.recover", "fab prod.logs"]
    folders.recover()
    assert endings.unheard(folders.site, path)["outcome"] == "returned"


class Yes:
    """A person who says yes, and is told what comes over the wire."""

    def __init__(self):
        self.told = []

    def receive(self):
        return {"go": "recover"}

    def send(self, event):
        self.told.append(event)


def test_a_run_that_finds_no_room_for_its_events_tells_it_to_who_said_yes(folders):
    interrupted(folders, {"what": protocol.GATE})
    request = {"site": folders.site.words, "task": "recover", "args": {}, "who": "ann@laptop"}
    wire = Yes()
    with no_room():
        supervisor.supervise(request, wire)
    (end,) = (event for event in wire.told if event["event"] == "end")
    assert end["code"] == 3
    assert end["next"][0].startswith("fab prod.workon -c 'du -sh ..'")


def test_an_interrupted_run_of_another_domain_is_named_with_what_ends_it(folders):
    interrupted(folders, {"what": protocol.GATE})
    other = folders.site
    folders.site = Site({**other.words, "domain": "new.example.org"})
    with pytest.raises(Refused) as refused:
        folders.recover()
    assert other.domain in refused.value.what
    assert refused.value.next == ["set  domain: www.example.org  of prod there, then  fab prod.recover"]
    assert facts.open_run(other) is not None
