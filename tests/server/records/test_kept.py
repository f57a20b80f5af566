"""What is kept outlives the version that wrote it: older words are read, and a newer format is refused by name."""

import json
from pathlib import Path

import pytest
from packaging.version import Version

import flask_slipway
from flask_slipway.server import protocol
from flask_slipway.server.backup import store
from flask_slipway.server.lib import process
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.records import history, journal, kept, lines, lock
from flask_slipway.server.run import endings, facts
from flask_slipway.server.site.site import Site

NEWER = {"format": protocol.FORMAT + 1, "version": "0.9.3"}
FIX = ["on your machine, install 0.9.3 or newer, from where this one came", "then the same again"]


@pytest.fixture
def site(tmp_path):
    home = tmp_path / "home"
    words = {"name": "prod", "domain": "www.example.org", "url": "http://127.0.0.1", "health": "/", "branch": "main"}
    words |= {"remote": "origin", "app": "app", "home": str(home), "project": str(home / "app")}
    words |= {"virtualenv": str(home / "venv"), "wsgi": str(tmp_path / "wsgi.py"), "backups": str(home / "backups")}
    made = Site(words)
    for folder in (made.folder, made.backups, facts.lock_folder(made)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    return made


def manifest(**words):
    kept_words = {"id": "20261120T180312Z", "file": "20261120T180312Z.sql.gz", "dialect": "mysql", "revisions": ["a1"]}
    kept_words |= {"tables": {}, "rows": 0, "bytes": 0, "sha256": "", "at": 1.0, "task": "backup", "commit": None}
    return kept_words | words


def test_what_is_written_bears_its_format_and_the_version_that_wrote_it(tmp_path):
    kept.write(str(tmp_path / "record"), {"run": "one"}, "0.2.0")
    assert json.loads((tmp_path / "record").read_text()) == {"run": "one", "format": 2, "version": "0.2.0"}
    kept.append(str(tmp_path / "lines"), {"run": "one", "version": "0.1.7"}, "0.2.0")
    assert lines.read(str(tmp_path / "lines")) == [{"run": "one", "format": 2, "version": "0.2.0"}]


def test_a_format_moves_with_the_version_that_reads_it_first():
    """Else who meets a newer record would be told to install what is there already."""
    assert set(protocol.READ_SINCE) == set(range(1, protocol.FORMAT + 1))
    first = protocol.READ_SINCE[protocol.FORMAT]
    assert Version(flask_slipway.__version__).release >= Version(first).release
    assert len(set(protocol.READ_SINCE.values())) == protocol.FORMAT


def test_a_newer_history_keeps_nobody_from_what_does_not_go_by_it(site):
    Path(site.history).write_text(json.dumps({"outcome": "released", "commit": "c", **NEWER}) + "\n")
    assert facts.last_good(site) is None
    with pytest.raises(kept.Newer):
        history.last_good(site)


def test_a_lock_on_the_same_site_is_told_by_the_name_that_the_site_has_here(site):
    theirs = {"site": "live", "open_run": site.open_run}
    assert facts.here_named(site, theirs)["site"] == "prod"
    assert facts.here_named(site, {"site": "staging", "open_run": "/elsewhere"})["site"] == "staging"


def test_a_record_without_a_number_is_of_the_first_format_and_is_read_in_todays_words():
    assert kept.today({"id": "x", "hindrances": ["a view"]}, "backup x") == {"id": "x", "restore_blockers": ["a view"]}
    first = {"what": "before", "facts": {"commit": "c", "usual": 302, "answered": 302}}
    assert kept.today(first, "a journal")["facts"] == {"commit": "c", "expected_status": 302, "answered": 302}
    assert kept.today({"what": "gate", "at": 1.5}, "a journal") == {"what": "gate", "at": 1.5}


@pytest.mark.parametrize("format_", [protocol.FORMAT + 1, "2024-01", None])
def test_a_format_that_is_not_known_is_refused_with_the_version_that_knows_it(format_):
    with pytest.raises(kept.Newer) as raised:
        kept.today({"format": format_, "version": "0.9.3"}, "the history of prod")
    ending = endings.of_stop(raised.value)
    assert (ending["code"], ending["outcome"]) == (3, "refused")
    assert ending["what"] == "the history of prod was written by Flask-Slipway 0.9.3"
    assert ending["next"] == FIX


def test_a_version_that_is_none_is_not_repeated():
    with pytest.raises(Refused) as raised:
        kept.today({"format": 99, "version": "1'; rm -r ~; '"}, "the lock")
    assert "rm -r" not in str(raised.value.what) + str(raised.value.next)


def test_where_the_newer_version_did_not_name_itself_the_newest_is_advised():
    with pytest.raises(Refused) as raised:
        kept.today({"format": 99}, "the lock")
    assert raised.value.next == ["on your machine, install it, from where this one came", "then the same again"]


def test_a_journal_of_a_newer_format_is_not_guessed_at(tmp_path):
    book = journal.Journal(str(tmp_path), "0.2.0")
    book.write(protocol.GATE)
    assert book.lines()[0]["version"] == "0.2.0"
    lines.append(book.path, {"what": "gate", **NEWER})
    with pytest.raises(kept.Newer):
        book.has(protocol.GATE)


def test_a_run_that_a_newer_version_left_open_is_refused(site):
    lines.append(site.open_run, {"run": "one", "task": "release", "who": "bob", "since": 1.0, "holder": {}, **NEWER})
    with pytest.raises(kept.Newer, match="the run under way on prod was written by"):
        facts.interrupted(site)


def test_a_run_that_the_first_format_left_open_is_known(site):
    gone = {"machine": process.machine(), "pid": 0, "started": 1}
    lines.append(site.open_run, {"run": "one", "task": "release", "who": "bob", "since": 1.0, "holder": gone})
    found = facts.interrupted(site)
    assert found == {"run": "one", "task": "release", "who": "bob", "since": 1.0}


def test_a_lock_of_a_newer_format_is_neither_taken_nor_called_free(site):
    folder = facts.lock_folder(site)
    held = lock.Lock(folder, ["project /a"], {"who": "dave@desk", **NEWER})
    held.acquire()
    with pytest.raises(kept.Newer):
        lock.holders(folder, ["project /a"])
    with pytest.raises(kept.Newer):
        lock.Lock(folder, ["project /a"], {"who": "bob@laptop"}).acquire()
    held.check()
    held.release()


def test_a_backup_of_a_newer_format_is_unusable_and_refused_by_its_name(site, tmp_path):
    folder = tmp_path / "home" / "backups"
    (folder / "20261120T180312Z.sql.gz").write_bytes(b"")
    (folder / "20261120T180312Z.json").write_text(json.dumps(manifest(**NEWER)))
    assert store.usable(str(folder)) == []
    assert store.unusable(str(folder)) == {"20261120T180312Z": "it was written by Flask-Slipway 0.9.3"}
    for identifier in ("20261120T180312Z", None):
        with pytest.raises(kept.Newer) as raised:
            store.find(str(folder), identifier)
        assert raised.value.what == "backup 20261120T180312Z was written by Flask-Slipway 0.9.3"
        assert raised.value.next == FIX
    assert store.prune(str(folder), 0) == []


def test_a_backup_of_the_first_format_says_still_what_may_not_be_put_back(tmp_path):
    (tmp_path / "20261120T180312Z.sql.gz").write_bytes(b"")
    (tmp_path / "20261120T180312Z.json").write_text(json.dumps(manifest(hindrances=["a view of another"])))
    assert store.find(str(tmp_path))["restore_blockers"] == ["a view of another"]


def line(outcome, commit, task="release"):
    return {"at": 1.0, "task": task, "outcome": outcome, "who": "bob", "commit": commit, "revision": "a1"}


def test_the_history_tells_the_last_good_change_and_the_release_of_a_commit(site):
    assert history.last_good(site) is None
    for one in (line("released", "c1"), line("done", "c2", "pull"), line("returned", "c3"), line("released", "c1")):
        history.append(site, one, "0.2.0")
    assert history.last_good(site)["commit"] == "c1"
    assert history.released(site, "c1") == history.lines(site)[-1]
    assert history.released(site, "c2") is None, "it was pulled, not released"
    lines.append(site.history, {"run": "half a line"})
    assert len(history.lines(site)) == 5
    assert len(history.whole(site)) == 4


def test_the_history_of_the_first_format_is_read(site):
    lines.append(site.history, line("released", "c1"))
    assert history.last_good(site) == {"commit": "c1", "revision": "a1", "at": 1.0, "who": "bob", "task": "release"}


def test_a_history_of_a_newer_format_is_refused(site):
    lines.append(site.history, {**line("released", "c1"), **NEWER})
    with pytest.raises(kept.Newer, match="the history of prod"):
        history.last_good(site)


def test_the_last_good_answer_of_a_health_page_is_known_beyond_a_fault_and_a_gate(site):
    assert history.last_answer(site, "/") is None
    for answered, page in ((302, "/"), (404, "/"), (200, "/health"), (500, "/"), (None, "/")):
        history.append(site, {"run": "one", "answered": answered, "page": page}, "0.2.0")
    history.append(site, {"run": "of a version that did not say"}, "0.1.0")
    assert (history.last_answer(site, "/"), history.last_answer(site, "/health")) == (404, 200)
    Path(site.history).write_text(json.dumps(NEWER) + "\n")
    assert history.last_answer(site, "/") is None
