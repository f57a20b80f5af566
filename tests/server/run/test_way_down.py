"""A return's way down, after the site was opened: by the app's own Alembic, to the site's own database, and not where
it would drop a value."""

import shutil
import sqlite3
from types import SimpleNamespace

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Incident, Refused
from flask_slipway.server.records import lock
from flask_slipway.server.run import steps, take_back
from flask_slipway.server.run.facts import lock_folder
from flask_slipway.server.run.run import Events, Run
from support.tiny_app import SECOND, Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(take_back, "close_again", lambda run: None)  # nobody serves it
    made = Project(tmp_path)
    made.write("migrations/versions/bbbb2222.py", SECOND.split('    op.drop_index("ix_name"')[0])
    made.fill()
    return made


def released(project, mood, **words):
    """A run that had opened the site at the newer revision, with this `mood` in a row."""
    run = Run(project.site(**words), "release", {}, "ann", Events(SimpleNamespace(send=print), Mask()))
    run.facts.load_live()
    run.lock = lock.Lock(lock_folder(run.site), ["project"], {"run": run.id})
    run.lock.acquire()
    run.open_folder()
    run.before = {"commit": "c" * 40, "revisions": ["aaaa1111"], "gate": "down"}
    steps.back_up(run)
    run.about_to(protocol.CHANGING_DATABASE, by="upgrade")
    run.about_to(protocol.REVISION, id="bbbb2222")
    with sqlite3.connect(project.database) as connection:
        connection.execute("ALTER TABLE asset ADD COLUMN mood VARCHAR(20)")
        connection.execute("UPDATE asset SET mood = ?", (mood,))
        connection.execute("UPDATE alembic_version SET version_num = 'bbbb2222'")
    connection.close()
    return run


def test_it_goes_down_where_that_drops_nothing_and_a_backup_has_all_that_was_there(project):
    run = released(project, None)
    assert take_back.go_down(run).startswith("down to aaaa1111; backup 2")
    assert run.database.revisions() == ["aaaa1111"]
    assert "mood" not in run.database.columns()["asset"]
    run.end()


def test_a_value_that_it_would_drop_is_left_to_a_person(project):
    run = released(project, "calm")
    with pytest.raises(Incident, match=r"would drop values: column asset\.mood: 1 value"):
        take_back.go_down(run)
    assert run.database.revisions() == ["bbbb2222"]
    assert run.database.count_values("asset", "mood") == 1
    run.end()


def test_another_database_that_env_leads_to_by_now_is_not_touched(project, tmp_path):
    run = released(project, None)
    other = tmp_path / "another.db"
    shutil.copy(project.database, other)
    before = other.read_bytes()
    run.site.env["DATABASE_URL"] = f"sqlite:///{other}"
    with pytest.raises(Refused, match="two different databases"):
        take_back.go_down(run)
    assert (run.database.revisions(), other.read_bytes()) == (["bbbb2222"], before)
    run.end()
