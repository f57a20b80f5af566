"""A return's way with the database, on SQLite, MariaDB and MySQL: what is there is put back, kept or left alone."""

import contextlib
import itertools
import os
import re
import threading
import time
from types import SimpleNamespace

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.backup import compress, restore, store
from flask_slipway.server.database.mysql_client import Session
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Failed, Refused
from flask_slipway.server.records import lock
from flask_slipway.server.run import decide, steps, take_back
from flask_slipway.server.run.facts import lock_folder
from flask_slipway.server.run.run import Events, Run
from flask_slipway.server.site import virtualenv
from flask_slipway.server.site.site import Site

JOB = "UPDATE children SET note = 'of a job' WHERE id = 1"


def new_run(site, folder):
    """A release on the database of `site` that has its lock and its journal, and has changed nothing yet."""
    words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
    words.update(name="prod", domain="www.example.org", home=str(folder / "home"), wsgi=str(folder / "wsgi.py"))
    words.update(project=str(folder / "home/app"), virtualenv=str(folder / "venv"), backups=str(folder / "backups"))
    run = Run(Site(words), "release", {}, "ann@laptop", Events(SimpleNamespace(send=print), Mask()))
    run.facts.database = site.base
    run.lock = lock.Lock(lock_folder(run.site), ["project"], {"run": run.id})
    run.lock.acquire()
    run.open_folder()
    run.before = {"commit": "c" * 40, "revisions": site.base.revisions(), "gate": "down"}
    return run


@pytest.fixture
def run(site, tmp_path):
    """A run that has closed the site and backed its database up, and is about to change it."""
    site.fill()
    made = new_run(site, tmp_path)
    made.about_to(protocol.FENCE)
    site.base.fence_up()
    steps.back_up(made)
    yield made
    made.lock.release()


def changing(run, by="upgrade"):
    run.about_to(protocol.CHANGING_DATABASE, by=by)
    run.database.fence_down()


def words(run):
    return [line["what"] for line in run.journal.lines()]


def kept_backup(run):
    return store.find(run.site.backups, run.journal.last(protocol.BACKUP_OF_REPLACED)["id"])


def test_a_database_that_is_as_it_was_saved_is_not_touched(site, run):
    changing(run)
    site.execute(JOB)
    site.execute(JOB.replace("of a job", "note"))
    assert take_back.put_backup_back(run) == "not changed"
    assert not {protocol.SCRATCH, protocol.REPLACING, protocol.BACKUP_OF_REPLACED} & set(words(run))
    assert len(store.usable(run.site.backups)) == 1
    assert not site.base.fence_is_up()
    assert decide.take_back(run.journal.lines(), run.before) == [decide.Act.LIFT_FENCE]
    assert steps.kept(run) == []


@pytest.mark.parametrize(
    ("by", "job", "told"),
    [
        ("upgrade", JOB, "children changed"),
        ("seed", "INSERT INTO parents VALUES (99, 'of a job')", "parents +1"),
        ("upgrade", "CREATE TABLE later (id INTEGER PRIMARY KEY)", "later changed"),
    ],
)
def test_whatever_came_since_the_backup_is_kept_and_told(site, run, by, job, told):
    changing(run, by)
    site.execute(job)
    text = take_back.put_backup_back(run)
    kept = kept_backup(run)
    assert text.endswith(f"as before; what it replaced is kept in backup {kept['id']} ({told})")
    assert steps.kept(run) == [f"backup {kept['id']}"]
    assert kept["commit"] == run.before["commit"], "also where the run brought no commit of its own"
    own = store.find(run.site.backups, run.journal.last(protocol.BACKUP)["id"])
    assert restore.is_as_saved(site.base, own)
    restore.Restorer(site.base, run.site.backups, "back", lambda what, **words: None).put_back(kept)
    assert restore.is_as_saved(site.base, kept)


def after(base, monkeypatch, job):
    """`job` runs right after the exchange."""
    name = "replace_with" if base.dialect == "sqlite" else "swap"
    exchange = getattr(base, name)

    def exchanged(*arguments):
        exchange(*arguments)
        job()

    monkeypatch.setattr(base, name, exchanged)


def test_a_row_that_a_job_writes_right_after_the_exchange_is_no_fault_and_stays(site, run, monkeypatch):
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    after(site.base, monkeypatch, lambda: site.execute("INSERT INTO parents VALUES (99, 'of a job')"))
    assert "put back" in take_back.put_backup_back(run)
    assert site.base.counts()["parents"] == 12


def test_a_row_that_is_missing_after_the_exchange_is_a_fault(site, run, monkeypatch):
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    after(site.base, monkeypatch, lambda: site.execute("DELETE FROM children WHERE id = 1"))
    with pytest.raises(store.NotVerified, match="children: 10, not 11"):
        take_back.put_backup_back(run)


REFUSED = r"3989|read only|locked"  # the database's own words for a write behind the fence


def test_nobody_writes_from_the_look_at_what_is_there_until_it_is_replaced(site, run, monkeypatch):
    if site.base.fence_kind == "watched":
        pytest.skip("this database cannot refuse writes")
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    dump = site.base.dump

    def a_job_writes_meanwhile(target, aside):
        with pytest.raises(Exception, match=REFUSED):
            site.execute(JOB)
        return dump(target, aside)

    monkeypatch.setattr(site.base, "dump", a_job_writes_meanwhile)
    assert "as before" in take_back.put_backup_back(run)


class Job:
    """A program of the owner's that writes all the time, by connections of its own. `stored`: what it was told is."""

    def __init__(self, site):
        self.site, self.stored, self._stop = site, [], threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self):
        for number in itertools.count(1000):
            with contextlib.suppress(Exception):
                self.site.execute(f"INSERT INTO parents VALUES ({number}, 'job-{number}')")
                self.stored.append(f"job-{number}")
            if self._stop.wait(0.05):
                return

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait_for(self, count):
        wanted, deadline = len(self.stored) + count, time.monotonic() + 60
        while len(self.stored) < wanted:
            assert time.monotonic() < deadline, "the job cannot write"
            time.sleep(0.01)


@pytest.mark.parametrize("site", ["mariadb", "mysql"], indirect=True)
def test_of_a_job_that_writes_during_a_release_and_its_return_every_row_is_somewhere_that_is_told(site, run):
    with Job(site) as job:
        changing(run)
        job.wait_for(2)
        site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
        told = take_back.put_backup_back(run)
        job.wait_for(2)
    kept = kept_backup(run)
    path = store.path_of(run.site.backups, kept)
    with compress.for_file(path).reader(path) as file:
        found = set(re.findall(r"job-\d+", file.read().decode()))
    assert kept["id"] in told
    names = [line["kept"] for line in run.journal.all(protocol.REPLACED) if not line["saved"]]
    for name in [site.base.name, *names]:
        base = site.base.at(name)
        found.update(row[0] for row in base.rows("SELECT name FROM parents"))
        base.close()
        assert name == site.base.name or name in told
    assert set(job.stored) <= found


@pytest.mark.parametrize("served", ["mariadb"], indirect=True)
def test_a_return_first_ends_what_the_run_left_connected(served, tmp_path):
    served.fill()
    run = new_run(served, tmp_path)
    left = Session(served.base.options, served.base.name)
    run.connected(int(left.rows("SELECT CONNECTION_ID()")[0][0]))
    take_back.bring_back(run)
    assert served.base.other_connections() == []
    left.close()
    run.lock.release()


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_row_that_comes_behind_the_fence_makes_no_backup_of_a_release(site, run, monkeypatch):
    dump = site.base.dump

    def a_job_writes_meanwhile(target, aside):
        found = dump(target, aside)
        site.base.fence_down()  # it does not hold, such as on a disk that several machines share
        site.execute(JOB)
        return found

    monkeypatch.setattr(site.base, "dump", a_job_writes_meanwhile)
    with pytest.raises(Failed, match="the backup failed") as failed:
        steps.back_up(run)
    assert failed.value.lines == ["rows changed while they were dumped, behind the fence: children"]


class Killed(Exception):
    pass


@pytest.mark.parametrize("place", [protocol.REPLACED, protocol.DATABASE_RETURNED])
def test_a_return_cut_off_after_its_exchange_does_not_replace_what_was_written_since(site, run, monkeypatch, place):
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    with monkeypatch.context() as patch:
        write = run.journal.write

        def killed(what, **more):
            if what == place:
                raise Killed
            write(what, **more)

        patch.setattr(run.journal, "write", killed)
        with pytest.raises(Killed):
            take_back.put_backup_back(run)
    site.execute("INSERT INTO parents VALUES (99, 'of a job')")
    text = take_back.put_backup_back(run)
    if site.base.dialect == "sqlite" and place == protocol.REPLACED:  # it cannot be known whether it was exchanged
        assert kept_backup(run)["tables"]["parents"] == 12
        assert kept_backup(run)["id"] in text
    else:
        assert site.base.counts()["parents"] == 12
    assert "half" not in site.base.columns()["children"]


def test_what_was_written_between_fence_and_exchange_is_kept_and_never_dropped(site, run, monkeypatch):
    if site.base.dialect == "sqlite":
        pytest.skip("nothing is kept aside of a file")
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    swap = site.base.swap

    def late(scratch, kept):
        site.execute(JOB)
        swap(scratch, kept)

    monkeypatch.setattr(site.base, "swap", late)
    text = take_back.put_backup_back(run)
    name = run.journal.last(protocol.REPLACED)["kept"]
    assert f"and database {name}" in text
    assert name not in decide.scratch(run.journal.lines())
    aside = site.base.at(name)
    assert aside.count_longer("children", "note", len("note")) == 1
    aside.close()


def test_what_was_kept_aside_and_is_in_a_backup_may_be_dropped(site, run):
    if site.base.dialect == "sqlite":
        pytest.skip("nothing is kept aside of a file")
    changing(run)
    site.execute(JOB)
    take_back.put_backup_back(run)
    assert run.journal.last(protocol.REPLACED)["kept"] in decide.scratch(run.journal.lines())


def test_a_scratch_database_that_the_journal_does_not_know_is_not_taken_for_a_done_exchange(site, run):
    """A name says nothing: its tables are another's."""
    if site.base.dialect == "sqlite":
        pytest.skip("no scratch databases are made beside a file")
    changing(run)
    site.execute("ALTER TABLE children ADD COLUMN half VARCHAR(20)")
    name = site.base.scratch_name(f"old_{run.id[-4:]}r")
    site.base.create(name)
    other = site.base.at(name)
    other.rows("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    with pytest.raises(store.NotVerified, match="is there already"):
        take_back.put_backup_back(run)
    assert other.tables() == ["parents"]
    other.close()
    assert "half" in site.base.columns()["children"]


def test_the_fence_is_down_while_the_run_writes_and_up_again_afterwards(site, run):
    if site.base.fence_kind == "watched":
        pytest.skip("this database cannot refuse writes")
    with steps.writing(run, "upgrade"):
        site.execute(JOB)
    assert site.base.fence_is_up()
    with pytest.raises(Exception, match=REFUSED):
        site.execute(JOB)
    with steps.writing(run, "downgrade", again=False):
        pass
    assert not site.base.fence_is_up()


def staged(run):
    """The live virtualenv, and the staged one beside it."""
    for folder in (run.site.virtualenv, run.packages_folder):
        os.makedirs(os.path.join(folder, "bin"))
    virtualenv.mark(run.site.virtualenv, "an earlier run")
    virtualenv.mark(run.packages_folder, run.id)
    return run.site.virtualenv, run.packages_folder


@pytest.mark.parametrize("exchanged", ["not yet", "half", "done"])
def test_the_way_down_runs_with_the_packages_of_the_code_that_knows_it(tmp_path, exchanged):
    base = SimpleNamespace(revisions=list)
    run = new_run(SimpleNamespace(base=base), tmp_path)
    live, beside = staged(run)
    if exchanged == "half":  # by three renames, cut off after the second
        os.rename(live, live + ".moving")
        os.rename(beside, live)
    elif exchanged == "done":
        virtualenv.exchange(beside, live)
    python = take_back.interpreter(run)
    assert virtualenv.marked(os.path.dirname(os.path.dirname(python))) == run.id
    assert python.startswith(beside if exchanged == "not yet" else live + os.sep)
    run.lock.release()


def test_without_packages_of_its_own_the_way_down_runs_with_the_live_ones(tmp_path):
    run = new_run(SimpleNamespace(base=SimpleNamespace(revisions=list)), tmp_path)
    assert take_back.interpreter(run) == run.site.python
    run.lock.release()


@pytest.mark.parametrize("task", ["release", "upgrade", "downgrade", "seed", "restore"])
@pytest.mark.parametrize("served", ["mariadb"], indirect=True)
def test_a_database_of_which_no_backup_could_be_put_back_is_not_closed(served, tmp_path, task):
    served.fill()
    served.execute("CREATE VIEW names AS SELECT id FROM parents")
    user = served.base.url["username"]
    served.confine()
    served.server.execute(f"REVOKE CREATE VIEW ON `{served.base.name}`.* FROM '{user}'@'%'")
    run = new_run(served, tmp_path)
    run.task = task
    with pytest.raises(Refused, match="could not be put back") as refused:
        steps.close(run)
    assert refused.value.lines == ["view names: your database user has no right CREATE VIEW"]
    assert refused.value.next[-1] == "then  fab prod.check"
    assert words(run) == []
    run.lock.release()


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_backup_that_could_not_be_put_back_ends_a_release_and_not_a_backup(site, tmp_path, monkeypatch):
    site.fill()
    write = site.base.dump
    told = "a row takes 70000000 bytes as SQL"
    monkeypatch.setattr(site.base, "dump", lambda *words, **more: write(*words, **more)._replace(blockers=[told]))
    run = new_run(site, tmp_path)
    with pytest.raises(Failed, match="could not be put back") as failed:
        steps.back_up(run)
    assert failed.value.lines == [told]
    run.task = "backup"
    assert "verified" in steps.back_up(run)
    run.lock.release()


@pytest.mark.parametrize(("ago", "seconds"), [(2.0, 2.0), (-60.0, 0.0)])
def test_how_long_a_site_was_closed_is_a_duration_also_where_the_clock_was_set_back(monkeypatch, ago, seconds):
    """A negative one would be held for no word of the server's half, and the end of the run would not be told."""
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    journal = SimpleNamespace(last=lambda what: {"at": 1000.0 - ago})
    assert take_back.closed_seconds(SimpleNamespace(journal=journal)) == seconds
