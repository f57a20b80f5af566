"""Where an app leads is known before it may write; what its code needs is compared with what its database has."""

import shutil
import sqlite3

import pytest

from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Failed, Refused
from flask_slipway.server.records import lock
from flask_slipway.server.run import schema, stage, steps
from flask_slipway.server.run.facts import lock_folder
from flask_slipway.server.run.findings import Findings
from flask_slipway.server.run.run import Events, Run
from flask_slipway.server.run.target import Target
from flask_slipway.server.site import app_process as server_app
from support.tiny_app import APP, CREATE_ALL, Project, told_of

MOOD = "    mood = db.Column(db.String(20))\n"
AGE = "    age = db.Column(db.Integer)\n"


class Wire:
    """Where a run's words go until the go."""

    def __init__(self):
        self.sent = []

    def send(self, event):
        self.sent.append(event)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    made = Project(tmp_path)
    made.fill()
    made.runs = []
    yield made
    for app in made.processes:
        app.close()
    for run in made.runs:
        run.end()


def run_on(project, **site):
    """A run whose facts know the site's database: that of the WSGI file."""
    project.runs.append(Run(project.site(**site), "release", {}, "ann", Events(Wire(), Mask())))
    project.runs[-1].facts.load_live()
    return project.runs[-1]


def sql(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def another(project):
    path = project.folder.parent / "another.db"
    shutil.copy(project.database, path)
    return path


def test_an_app_that_writes_and_leads_elsewhere_is_refused_and_both_are_named(project):
    project.while_it_loads(CREATE_ALL)
    sql(project.database, "DROP TABLE asset")
    other = another(project)
    before = project.database.read_bytes(), other.read_bytes()
    run = run_on(project, writes_on_load=True, env={"DATABASE_URL": f"sqlite:///{other}"})
    with pytest.raises(Refused, match="two different databases") as caught:
        stage.prove_live(run)
    assert "another.db" in caught.value.what and "live.db" in caught.value.what
    assert run.proved is None
    assert (project.database.read_bytes(), other.read_bytes()) == before


def test_an_app_that_writes_where_it_should_is_proved_and_may_then_load_whole(project):
    project.while_it_loads(CREATE_ALL)
    sql(project.database, "DROP TABLE asset")
    before = project.database.read_bytes()
    run = run_on(project, writes_on_load=True)
    stage.prove_live(run)
    assert project.database.read_bytes() == before
    seen = []
    app = project.start()
    app.load_writing(run.proved, seen.append)
    assert app.ask("lacking")["lacking"] == []
    assert "asset" in run.database.tables()


def test_an_app_that_writes_reaches_no_other_database_than_the_one_that_was_proved(project):
    """It writes to its own first, and then to another."""
    other = another(project)
    before = other.read_bytes()
    project.while_it_loads(
        "import sqlalchemy as sa\n"
        "    with app.app_context():\n        db.session.execute(db.text('UPDATE asset SET name = name'))\n"
        f"    with sa.create_engine('sqlite:///{other}').begin() as second:\n"
        "        second.exec_driver_sql('DELETE FROM asset')"
    )
    with pytest.raises(server_app.AppFailed, match="another database than the one it was proved to use"):
        project.start().load_writing(told_of(project.database), print)
    assert other.read_bytes() == before


def test_the_revisions_of_an_app_that_was_stopped_are_known(project):
    project.while_it_loads(CREATE_ALL)
    sql(project.database, "DROP TABLE asset")
    run = run_on(project, writes_on_load=True)
    assert run.facts.live is None
    assert run.facts.revisions()["heads"] == ["bbbb2222"]
    app = project.start()
    with pytest.raises(server_app.AppFailed):
        app.load_code()
    assert app.ask("pending", current=["aaaa1111"])["pending"] == ["bbbb2222"]


@pytest.mark.parametrize("kind", ["alembic.ini", "other folder", "two folders"])
def test_where_they_lie_is_found_without_the_app(project, kind):
    project.while_it_loads(CREATE_ALL)
    sql(project.database, "DROP TABLE asset")
    folder = project.folder / "migrations"
    if kind == "alembic.ini":
        project.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    elif kind == "other folder":
        folder.rename(project.folder / "database")
    else:
        shutil.copytree(folder, project.folder / "one")
        folder.rename(project.folder / "two")
    run = run_on(project, writes_on_load=True)
    known = run.facts.revisions()
    assert (known is None) == (kind == "two folders")
    assert known is None or known["heads"] == ["bbbb2222"]


def stamped(project, needs=MOOD):
    """The database says that it is at the head; its column was never made. The models want it."""
    sql(project.database, "UPDATE alembic_version SET version_num = 'bbbb2222'")
    project.write("app/__init__.py", APP.replace("\n\ndef create_app", f"{needs}\n\ndef create_app", 1))


def test_a_head_that_was_stamped_and_never_run_is_no_success(project):
    stamped(project)
    run = run_on(project)
    app = project.loaded()
    with pytest.raises(Failed, match="the database lacks what the code needs") as caught:
        schema.see(run, app)
    assert caught.value.lines[0] == "live.db, at bbbb2222, has no"
    assert caught.value.lines[1].strip() == "column asset.mood"
    with pytest.raises(Refused, match="brings no revision for it"):
        schema.refuse(run, app)
    sql(project.database, "ALTER TABLE asset ADD COLUMN mood VARCHAR(20)")
    schema.see(run, app)


def test_what_the_live_code_lacked_already_is_told_and_no_fault_of_what_comes(project):
    stamped(project)
    run = run_on(project)
    run.findings = Findings(lacking=schema.of_live(run))
    assert run.findings.shown() == {"lacking": ["column asset.mood"]}
    schema.see(run, project.loaded())
    stamped(project, MOOD + AGE)
    with pytest.raises(Failed) as caught:
        schema.see(run, project.loaded())
    assert caught.value.lines[1].strip() == "column asset.age"


def test_what_pending_revisions_bring_is_not_lacking_already(project):
    stamped(project)
    sql(project.database, "UPDATE alembic_version SET version_num = 'aaaa1111'")
    assert schema.of_live(run_on(project)) == []


def test_a_view_stands_for_a_table_that_the_models_name(project):
    stamped(project, "\n\nclass Named(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n")
    run = run_on(project)
    app = project.loaded()
    with pytest.raises(Failed) as caught:
        schema.see(run, app)
    assert caught.value.lines[1].strip() == "table named"
    sql(project.database, "CREATE VIEW named AS SELECT id FROM asset")
    schema.see(run, app)


# the stage, and the upgrade


def staged(project, pending, task="release"):
    """A run whose stage holds the code; its plan knew these pending revisions."""
    run = run_on(project)
    run.task, run.target, run.before = task, Target("c" * 40, pending), {"revisions": run.database.revisions()}
    shutil.copytree(project.folder, run.stage_folder)
    return run


@pytest.mark.parametrize(
    ("task", "why"),
    [("release", "brings other revisions than the plan: bbbb2222"), ("pull", "brings 1 pending revision")],
)
def test_code_with_other_revisions_than_the_plan_is_refused(project, task, why):
    run = staged(project, [], task)
    with pytest.raises(Refused, match=why):
        stage.load_stage(run, "c" * 40)


def test_code_whose_models_need_what_no_revision_of_it_brings_is_refused(project):
    stamped(project)
    run = staged(project, [])
    with pytest.raises(Refused, match="brings no revision for it"):
        stage.load_stage(run, "c" * 40)


def test_an_upgrade_writes_each_revision_down_first_and_looks_at_what_it_made(project):
    project.write("app/__init__.py", APP.replace("\n\ndef create_app", f"{MOOD}{AGE}\n\ndef create_app", 1))
    run = run_on(project)
    run.target = Target(pending=["bbbb2222"])
    run.lock = lock.Lock(lock_folder(run.site), ["project"], {"run": run.id})
    run.lock.acquire()
    run.open_folder()
    known = {}
    write = run.journal.write
    run.journal.write = lambda what, **words: (
        known.update({what: (words, run.database.revisions())}),
        write(what, **words),
    )
    with pytest.raises(Failed, match="the database lacks what the code needs") as failed:
        steps.upgrade(run)
    assert failed.value.lines[1].strip() == "column asset.age"
    assert run.database.revisions() == ["bbbb2222"]
    assert known["changing database"] == ({"by": "upgrade"}, ["aaaa1111"])
    assert known["revision"] == ({"id": "bbbb2222"}, ["aaaa1111"])
