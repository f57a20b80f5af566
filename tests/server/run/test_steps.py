"""Steps of a change and acts of a return, each by itself, on a site of folders: what keeps them from going too far."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.lib import files
from flask_slipway.server.lib.outcome import Failed, Refused
from flask_slipway.server.records import kept
from flask_slipway.server.run import record, stage, steps, supervisor, take_back
from flask_slipway.server.site import clone, gate, health, virtualenv
from support.folders import Folders
from support.world import git

AT_FAULT = 'def application(environ, start_response):\n    start_response("500 FAULT", [])\n    return [b"fault"]\n'


@pytest.fixture
def folders(tmp_path):
    return Folders.on_sqlite(tmp_path)


@pytest.fixture(autouse=True)
def believed(monkeypatch):
    """A fault is believed at once."""
    monkeypatch.setattr(health, "AGAIN", 0)


@pytest.fixture
def told(monkeypatch):
    """What runs tell, as JSON."""
    texts = []
    monkeypatch.setattr("support.folders.Wire.send", lambda self, event: texts.append(json.dumps(event)))
    return texts


class Killed(Exception):
    pass


# beginning


def test_a_site_that_is_not_as_the_plan_was_made_for_is_refused(folders):
    run = folders.run("release")
    run.facts.use(folders.access)
    run.say_go({"go": "the fingerprint of another plan", "commit": folders.commits[1], "pending": []})
    with pytest.raises(Refused, match="not as it was when the plan was made"):
        run.begin()
    assert not run.is_open
    run.end()


def test_while_an_interrupted_run_stands_open_every_change_is_refused(folders):
    run = folders.begun(stage=False)
    run.journal.write(protocol.GATE)
    record_of = files.read_json(folders.site.open_run)
    record_of["holder"].update(pid=1, started=0)  # a process that is gone
    files.write_json(folders.site.open_run, record_of)
    for task in ("release", "backup", "open", "reload"):
        with pytest.raises(Refused, match="an interrupted release stands open") as refused:
            supervisor._carry(folders.run(task), None)
        assert refused.value.next == ["fab prod.recover"]
    run.end()


# fetch and stage


def committed(folders, names):
    """The newest commit with these files, as the remote has it; the live folder stays where it is. Its id."""
    origin = folders.home.parent / "origin"
    git(folders.home, "clone", "-q", str(folders.project), str(origin))
    git(origin, "reset", "-q", "--hard", folders.commits[1])
    for name, text in names.items():
        (origin / name).write_text(text)
    git(origin, "add", "-A", "-f")
    git(origin, "commit", "-q", "-m", "More")
    git(folders.project, "remote", "add", "origin", str(origin))
    return git(origin, "rev-parse", "HEAD")


def fetching(folders, commit):
    run = folders.begun(stage=False)
    run.target = run.target._replace(commit=commit)
    return run


@pytest.mark.parametrize(
    ("names", "why"),
    [({".env": "SECRET_KEY=x\n"}, "holds the site's .env"), ({"new.txt": "of the commit\n"}, "brings new.txt")],
    ids=["the sites own", "a persons"],
)
def test_a_commit_that_would_take_a_file_of_the_sites_place_is_not_fetched(folders, names, why):
    commit = committed(folders, names)
    (folders.project / "new.txt").write_text("of a person\n")
    run = fetching(folders, commit)
    with pytest.raises(Refused, match=why):
        steps.fetch(run)
    run.end()


def test_a_commit_that_is_not_a_descendant_of_the_live_one_is_refused(folders):
    commit = committed(folders, {"new.txt": "new\n"})
    git(folders.project, "commit", "-q", "--allow-empty", "-m", "On the server alone")
    run = fetching(folders, commit)
    with pytest.raises(Refused, match="is not a descendant of the live commit"):
        steps.fetch(run)
    run.end()


@pytest.mark.parametrize("hidden", [False, True])
def test_nothing_is_staged_over_an_edit_by_hand(folders, hidden):
    if hidden:
        git(folders.project, "update-index", "--assume-unchanged", "app.py")
    (folders.project / "app.py").write_text("V = 'by hand'\n")
    run = folders.begun(stage=False)
    with pytest.raises(Refused, match="changed by hand"):
        stage.stage_code(run, folders.commits[1])
    run.end()


# close, reload, open


def test_a_site_whose_processes_stay_is_not_taken_for_closed(folders, monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.3)
    with folders.served(reloads=False):
        run = folders.begun(stage=False)
        with pytest.raises(health.NotHealthy):
            steps.close(run)
        assert not run.journal.has(protocol.FENCE)
        run.end()


@pytest.mark.parametrize("without", ["HTTP_X_SLIPWAY", "HTTP_X_SLIPWAY_TOKEN"])
def test_a_site_that_no_run_could_open_again_is_not_closed(folders, without):
    """A proxy before it hands on no header that it does not know: no process behind the gate could ever be proved."""
    with folders.served(without=[without]):
        run = folders.begun(stage=False)
        before = folders.wsgi.read_bytes()
        with pytest.raises(Failed, match="does not get this run's token") as stop:
            steps.close(run)
        assert "url:" in stop.value.next[0]
        assert not run.journal.has(protocol.FENCE)
        take_back.bring_back(run)
        assert folders.wsgi.read_bytes() == before
        run.end()


@pytest.mark.parametrize("without", ["HTTP_X_SLIPWAY", "HTTP_X_SLIPWAY_TOKEN"])
def test_a_release_that_never_closed_the_site_leaves_it_open_where_no_process_can_be_proved(
    folders, without, monkeypatch
):
    monkeypatch.setattr(health, "PATIENCE", 0.5)
    with folders.served(without=[without]):
        run = folders.begun(stage=False)
        before, (old, new) = folders.wsgi.read_bytes(), folders.commits
        run.journal.write(protocol.SWAPPING, before=old, after=new, kept=[])
        with pytest.raises(Failed, match=r"the new processes are not healthy|does not get this run's token"):
            steps.reload(run)
        take_back.bring_back(run)
        assert folders.wsgi.read_bytes() == before
        assert run.journal.has(protocol.GATE_GONE)
        run.end()


def test_a_closed_sites_database_takes_no_write(folders):
    with folders.served():
        run = folders.begun(stage=False)
        steps.close(run)
        job = sqlite3.connect(folders.access["url"]["database"], timeout=0.1)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            job.execute("INSERT INTO notes VALUES ('of a job')")
        job.close()
        run.end()


def test_new_processes_that_are_at_fault_stay_behind_the_gate(folders):
    folders.wsgi.write_text(AT_FAULT)
    with folders.served():
        run = folders.begun(stage=False)
        steps.close(run)
        with pytest.raises(Failed, match="the new processes are not healthy"):
            steps.reload(run)
        assert gate.is_gate(folders.wsgi.read_bytes())
        run.end()


def test_that_a_site_is_opened_is_written_down_before_a_visitor_is_let_in(folders, monkeypatch):
    run = folders.begun(stage=False)
    known = []

    def killed():
        known.append(run.journal.has(protocol.OPENED))
        raise Killed

    monkeypatch.setattr(run.gate, "take_away", killed)
    with pytest.raises(Killed):
        steps.open_site(run)
    assert known == [True]
    run.end()


def test_a_site_that_is_at_fault_once_it_is_open_is_no_release(folders):
    with folders.served():
        run = folders.begun(stage=False)
        steps.close(run)
        steps.reload(run)
        Path(run.gate.original).write_text(AT_FAULT)
        with pytest.raises(Failed, match="not healthy after it was opened"):
            steps.open_site(run)
        run.end()


# code and packages taken back


def test_what_somebody_edited_meanwhile_is_kept_when_the_code_goes_back(folders, told):
    run = folders.begun()
    steps.swap_code(run, run.commit)
    (folders.project / "app.py").write_text("V = 'by hand'\n")
    take_back.code_back(run)
    assert (folders.project / "app.py").read_text() == "V = 1\n"
    assert git(folders.project, "show", f"refs/slipway/{run.id}:app.py") == "V = 'by hand'"
    assert any(f"refs/slipway/{run.id}" in text for text in told)
    run.end()


@pytest.mark.parametrize("half", [False, True])
def test_the_packages_of_before_come_back_also_from_half_an_exchange(folders, half):
    run = folders.begun()
    live, beside = run.site.virtualenv, run.packages_folder
    virtualenv.mark(beside, run.id)
    if half:  # by three renames, cut off after the second
        os.rename(live, live + ".moving")
        os.rename(beside, live)
    else:
        virtualenv.exchange(beside, live)
    take_back.code_back(run)
    assert os.path.isdir(live)
    assert virtualenv.marked(live) is None
    assert virtualenv.marked(beside) == run.id
    assert not virtualenv.is_half_exchanged(live)
    run.end()


def test_the_sites_database_stays_through_a_return_though_the_journal_names_no_kept_path(tmp_path):
    """A version before wrote none; git tracked the database in the older commit."""
    database = tmp_path / "home" / "app" / "live.db"
    folders = Folders(tmp_path / "home", {"dialect": "sqlite", "url": {"database": str(database)}})
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE notes (text)")
    git(folders.project, "add", "-f", "live.db")
    git(folders.project, "commit", "-q", "-m", "Track it")
    before = clone.commit(str(folders.project))
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO notes VALUES ('of a visitor')")
    run = folders.begun(stage=False)
    run.journal.write(protocol.SWAPPING, before=before, after=folders.commits[1], kept=[])
    take_back.code_back(run)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT text FROM notes").fetchall() == [("of a visitor",)]
    run.end()


# what is told, and the end


def test_what_a_run_tells_holds_no_secret_before_and_after_the_go(folders, told):
    run = folders.run("release")
    run.mask.add("hush-hush")
    run.say("before: hush-hush")
    run.events.path = str(folders.home / "events.jsonl")
    run.say("after: hush-hush")
    assert [("before: " in text, "hush" in text) for text in told] == [(True, False)]
    text = (folders.home / "events.jsonl").read_text()
    assert ("after: " in text, "hush" in text) == (True, False)


def test_events_that_find_no_room_stop_no_run(folders):
    run = folders.run("release")
    run.events.path = str(folders.home / "gone" / "events.jsonl")
    assert run.step("fetch", lambda run: "9bc1f02") == "9bc1f02"


def test_of_runs_long_past_neither_folder_nor_secret_stays(folders, monkeypatch):
    monkeypatch.setattr(record, "KEPT_RUNS", 1)
    old = [Path(folders.site.runs) / f"2020010{number}T000000Z-0000" for number in (1, 2)]
    for folder in old:
        folder.mkdir(parents=True)
        kept.append(str(folder / "journal.jsonl"), {"what": protocol.GATE}, "")
        (folder / "access.json").write_text("{}")
    run = folders.begun(stage=False)
    assert record.finish(run, "released")["code"] == 0
    run.end()
    assert [folder.exists() for folder in old] == [False, True]
    assert os.listdir(old[1]) == ["journal.jsonl"]
    assert sorted(os.listdir(run.folder)) == ["journal.jsonl"]
