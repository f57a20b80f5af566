"""Apps whose revisions are not in Flask-Migrate's folder migrations/: Alembic alone, another folder, none at all; and
what stands between a site and an app's own threads, or a revision made for another database."""

import sqlite3
import sys
import time

import pytest

from flask_slipway.server.database import access
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import facts as server_facts
from flask_slipway.server.run import stage
from flask_slipway.server.site import app_process as server_app
from flask_slipway.server.site.site import Site

PLAIN = """\
import os
from flask import Flask
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import declarative_base

Base = declarative_base()
engine = create_engine(os.environ["DATABASE_URL"])


class Note(Base):
    __tablename__ = "note"
    id = Column(Integer, primary_key=True)
    text = Column(String(20))


app = Flask(__name__)
# here
"""
OWN_ENV = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool
from shop import Base

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
INI = "[alembic]\nscript_location = %(here)s/db\nprepend_sys_path = .\n"
FIRST = '''\
"""add notes"""
import sqlalchemy as sa
from alembic import op
revision = "aaaa1111"
down_revision = None

def upgrade():
    op.create_table("note", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("note")
'''
SECOND = '''\
"""add text"""
import sqlalchemy as sa
from alembic import op
revision = "bbbb2222"
down_revision = "aaaa1111"

def upgrade():
    op.add_column("note", sa.Column("text", sa.String(20)))

def downgrade():
    op.drop_column("note", "text")
'''
WSGI = """\
import os, sys
sys.path.insert(0, {project!r})
os.environ["DATABASE_URL"] = {url!r}
from shop import app as application
"""


class Project:
    """A Flask app with plain SQLAlchemy and Alembic, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder / "project"
        self.database = folder / "live.db"
        self.url = f"sqlite:///{self.database}"
        self.wsgi = folder / "www_wsgi.py"
        self.home = folder / "home"
        self.home.mkdir()
        self.write("shop.py", PLAIN)
        self.write("alembic.ini", INI)
        self.write("db/env.py", OWN_ENV)
        self.write("db/versions/aaaa1111.py", FIRST)
        self.write("db/versions/bbbb2222.py", SECOND)
        self.wsgi.write_text(WSGI.format(project=str(self.folder), url=self.url))
        self.processes = []

    def write(self, name, text):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def site(self, **more):
        words = {"name": "prod", "domain": "d", "url": "u", "health": "/", "branch": "main", "remote": "origin"}
        words.update(app="shop", home=str(self.home), project=str(self.folder), wsgi=str(self.wsgi))
        words.update(virtualenv=sys.prefix, backups=str(self.home / "backups"), env={"DATABASE_URL": self.url})
        return Site(dict(words, **more))

    def loaded(self, **more):
        app = self.unloaded(**more)
        app.load_code()
        return app

    def unloaded(self, **more):
        self.processes.append(server_app.App(sys.executable, str(self.folder), self.site(**more)))
        return self.processes[-1]

    def facts(self, **more):
        found = server_facts.Facts(self.site(**more), Mask())
        found.load_live()
        self.processes.append(found)
        return found

    def tables(self):
        with sqlite3.connect(self.database) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
        connection.close()
        return [row[0] for row in found]


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "ALEMBIC_CONFIG", "OTHER_URL"):
        monkeypatch.delenv(name, raising=False)
    made = Project(tmp_path)
    yield made
    for process in made.processes:
        process.close()


def test_an_env_py_without_flask_goes_up_and_down(project):
    app = project.loaded()
    told = app.ask("revisions")
    assert (told["heads"], told["tool"]) == (["bbbb2222"], "alembic")
    assert [row["text"] for row in told["revisions"]] == ["add text", "add notes"]
    assert app.ask("current")["revisions"] == []
    assert not project.database.exists(), "reading made no file"
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"]
    assert app.ask("differences")["differences"] == []
    app.ask("downgrade", to="aaaa1111")
    assert app.ask("current")["revisions"] == ["aaaa1111"]
    assert app.ask("differences")["differences"] == ["add column note.text VARCHAR(20)"]


def test_reading_such_an_app_changes_nothing(project):
    project.loaded().ask("upgrade", to="aaaa1111")
    before = project.database.read_bytes()
    app = project.loaded()
    for question in ("current", "differences", "database"):
        app.ask(question)
    up = app.ask("operations", revisions=["bbbb2222"], direction="up")["operations"]
    assert [(row["kind"], row["table"], row["column"]) for row in up] == [("add_column", "note", "text")]
    assert project.database.read_bytes() == before


def test_a_write_of_env_py_before_its_revisions_is_refused(project):
    project.edit(
        "db/env.py",
        "    context.configure(",
        "    connection.exec_driver_sql('CREATE TABLE x (y)')\n    context.configure(",
    )
    app = project.loaded()
    with pytest.raises(server_app.AppFailed, match="CREATE TABLE x") as caught:
        app.ask("current")
    assert caught.value.where.endswith("db/env.py:8")
    assert not project.database.exists()


def test_the_wsgi_files_database_is_that_of_the_engine_it_made(project):
    found = project.facts()
    assert found.database.path == str(project.database)
    stage.see_own_database(found, found.live.ask("database"))


def test_an_env_py_that_leads_elsewhere_is_refused_and_both_are_named(project, tmp_path):
    project.edit("db/env.py", 'os.environ["DATABASE_URL"]', f'"sqlite:///{tmp_path}/other.db"')
    found = project.facts()
    with pytest.raises(Refused, match=r"two different databases: the WSGI file .*live.db, Alembic's env.py .*other.db"):
        stage.see_own_database(found, found.live.ask("database"))


def test_a_relative_path_is_seen_from_where_the_host_loads_the_app(project):
    """Plain SQLAlchemy takes it from the working folder: the home for the host, the project for Alembic."""
    project.wsgi.write_text(WSGI.format(project=str(project.folder), url="sqlite:///app.db"))
    found = project.facts()
    assert found.database.path == str(project.home / "app.db")
    with pytest.raises(Refused, match=r"WSGI file .*home/app.db, Alembic's env.py .*project/app.db"):
        stage.see_own_database(found, found.live.ask("database"))


def test_an_env_py_that_leads_elsewhere_the_second_time_is_not_let_in(project, tmp_path):
    """What was proved must be what is upgraded."""
    project.edit(
        "db/env.py",
        'os.environ["DATABASE_URL"]',
        f'os.environ["DATABASE_URL"] if not context.get_context_asked() else "sqlite:///{tmp_path}/other.db"',
    )
    project.edit("db/env.py", "from shop", "context.get_context_asked = lambda: os.path.exists('asked')\nfrom shop")
    project.edit(
        "db/env.py", "        context.run_migrations()", "        context.run_migrations()\nopen('asked', 'w')"
    )
    app = project.loaded()
    with pytest.raises(server_app.AppFailed, match="another database than the one it was proved to use"):
        app.ask("upgrade", to="bbbb2222")
    assert not (tmp_path / "other.db").exists()


def test_another_user_of_the_same_database_is_refused(project):
    found = project.facts()
    told = found.live.ask("database")
    told["own"]["url"]["username"] = "migrator"
    with pytest.raises(Refused, match="another user than the app"):
        stage.see_own_database(found, told)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("        context.run_migrations()", "        pass", "ends without context.run_migrations()"),
        ("connection=connection,", "connection=connection, version_table='mine',", "in the table mine"),
    ],
)
def test_an_env_py_that_cannot_be_served_is_told_why(project, old, new, why):
    project.edit("db/env.py", old, new)
    with pytest.raises(server_app.AppFailed) as caught:
        project.loaded().ask("current")
    assert why in str(caught.value)


def test_without_target_metadata_drift_is_not_known(project):
    project.edit("db/env.py", ", target_metadata=Base.metadata", "")
    app = project.loaded()
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("differences")["differences"] is None


def test_an_app_that_makes_no_engine_while_it_loads_is_told_to(project):
    project.edit("shop.py", 'engine = create_engine(os.environ["DATABASE_URL"])', "")
    with pytest.raises(server_app.AppFailed, match="call create_engine"):
        project.loaded().ask("database")


def test_two_engines_to_two_databases_are_refused(project):
    project.edit("shop.py", "# here", 'other = create_engine("sqlite:///elsewhere.db")')
    with pytest.raises(server_app.AppFailed, match="several databases"):
        project.loaded().ask("database")


def test_a_site_before_its_first_revision_has_a_database_all_the_same(project):
    for name in ("alembic.ini", "db/env.py"):
        (project.folder / name).unlink()
    found = project.facts()
    assert found.database.path == str(project.database)
    assert found.live.ask("revisions")["heads"] == []
    with pytest.raises(server_app.AppFailed, match="no migrations: Migrate"):
        project.loaded()


def test_an_alembic_ini_elsewhere_is_found_and_among_several_one_is_named(project):
    (project.folder / "alembic.ini").rename(project.folder / "db" / "alembic.ini")
    project.edit("db/alembic.ini", "%(here)s/db", "%(here)s")
    assert project.loaded().ask("revisions")["heads"] == ["bbbb2222"]
    project.write("old/alembic.ini", "[alembic]\n")
    with pytest.raises(server_app.AppFailed, match=r"several .*db/alembic.ini, old/alembic.ini; .*ALEMBIC_CONFIG"):
        project.loaded()
    named = {"DATABASE_URL": project.url, "ALEMBIC_CONFIG": "db/alembic.ini"}
    assert project.loaded(env=named).ask("revisions")["heads"] == ["bbbb2222"]
    live = project.unloaded(env=named)
    live.load_live()
    assert live.ask("revisions")["heads"] == ["bbbb2222"], "the WSGI file need not know where revisions lie"


def test_alembic_in_pyproject_is_found(project):
    (project.folder / "alembic.ini").unlink()
    project.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/db"\nprepend_sys_path = ["."]\n')
    app = project.loaded()
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"]


FLASK_MIGRATE = """\
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
Base = db.Model
Migrate(app, db)
"""
FLASK_ENV = (
    OWN_ENV.replace("from shop import Base\n", "from flask import current_app\n")
    .replace(
        'create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)',
        "current_app.extensions['migrate'].db.engine",
    )
    .replace("Base.metadata", "current_app.extensions['migrate'].db.metadata")
)


@pytest.mark.parametrize("named", [True, False])
def test_flask_migrates_folder_may_have_another_name(project, named):
    project.write(
        "shop.py", FLASK_MIGRATE.replace("(app, db)", "(app, db, directory='db')") if named else FLASK_MIGRATE
    )
    project.write("db/env.py", FLASK_ENV)
    (project.folder / "alembic.ini").rename(project.folder / "db" / "alembic.ini")
    app = project.loaded()
    assert app.ask("revisions")["tool"] == "flask db"
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"]
    app.ask("command", args=["db", "downgrade"])
    assert app.ask("current")["revisions"] == ["aaaa1111"]


def test_of_two_folders_flask_migrate_must_name_one(project):
    project.write("shop.py", FLASK_MIGRATE)
    project.write("old/env.py", FLASK_ENV)
    project.write("old/versions/x.py", "")
    (project.folder / "alembic.ini").unlink()
    with pytest.raises(server_app.AppFailed, match=r"several folders of migrations: db, old; say which by Migrate"):
        project.loaded()


def test_heads_are_told_with_their_labels(project):
    project.write(
        "db/versions/cccc3333.py",
        SECOND.replace("bbbb2222", "cccc3333").replace("def upgrade", 'branch_labels = ("web",)\n\ndef upgrade', 1),
    )
    told = project.loaded().ask("revisions")
    assert sorted(told["heads"]) == ["bbbb2222", "cccc3333"]
    assert told["labels"] == {"cccc3333": "web"}


SCHEDULER = """\
import threading, time

def job():
    while True:
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("INSERT INTO note (id) VALUES (NULL)")
            open(os.environ["DATABASE_URL"][10:] + ".wrote", "a").write("x")
        except Exception as error:
            open(os.environ["DATABASE_URL"][10:] + ".told", "a").write(type(error).__name__ + "\\n")
        time.sleep(0.01)

threading.Thread(target=job).start()
"""


def test_an_apps_scheduler_is_kept_from_the_database_also_during_an_upgrade(project):
    """It was started while the app was loaded, ignores SLIPWAY=1, and is no daemon thread."""
    project.loaded().ask("upgrade", to="aaaa1111")
    project.edit("shop.py", "# here", SCHEDULER)
    app = project.loaded()
    told = project.database.with_suffix(".db.told")
    deadline = time.monotonic() + 20
    while not (told.exists() and "KeptAway" in told.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    slow = "    import time; time.sleep(0.3)\n"
    project.edit("db/versions/bbbb2222.py", "def upgrade():\n", "def upgrade():\n" + slow)
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"]
    assert not project.database.with_suffix(".db.wrote").exists()


UNSAID = [
    ("mysql", 'op.add_column("note", sa.Column("t", sa.String))', "VARCHAR requires a length"),
    ("mysql", 'op.create_table("x", sa.Column("t", sa.String()))', "VARCHAR requires a length"),
    ("mysql", 'op.alter_column("note", "text", nullable=False)', "require the existing type"),
    ("sqlite", 'op.create_unique_constraint("u", "note", ["text"])', "SQLite dialect"),
]
SAID = [
    ("mysql", 'op.add_column("note", sa.Column("t", sa.String(5)))'),
    (
        "mysql",
        'import datetime; at = sa.column("at", sa.DateTime); '
        'op.bulk_insert(sa.table("note", at), [{"at": datetime.datetime.now()}])',
    ),
    ("mysql", 'op.execute("whatever it is")'),
    ("mysql", 'op.get_bind().execute(sa.text("SELECT 1")).scalar_one() or 1 / 0'),
    ("sqlite", 'with op.batch_alter_table("note") as batch: batch.create_unique_constraint("u", ["text"])'),
    ("sqlite", 'op.create_table("x", sa.Column("t", sa.String()))'),
]


@pytest.mark.parametrize(("dialect", "code", "why"), UNSAID)
def test_what_a_database_has_no_words_for_is_found_before_it_runs(project, dialect, code, why):
    project.edit("db/versions/bbbb2222.py", 'op.add_column("note", sa.Column("text", sa.String(20)))', code)
    found = project.loaded().ask("unfit", revisions=["aaaa1111", "bbbb2222"], dialect=dialect)["unfit"]
    assert [row["revision"] for row in found] == ["bbbb2222"]
    assert why in found[0]["error"]
    assert found[0]["where"].endswith("db/versions/bbbb2222.py:8")


@pytest.mark.parametrize(("dialect", "code"), SAID)
def test_what_it_has_words_for_or_cannot_be_told_beforehand_is_let_pass(project, dialect, code):
    project.edit("db/versions/bbbb2222.py", 'op.add_column("note", sa.Column("text", sa.String(20)))', code)
    assert project.loaded().ask("unfit", revisions=["aaaa1111", "bbbb2222"], dialect=dialect)["unfit"] == []


def test_a_database_url_that_leaves_the_password_to_a_file_is_refused():
    told = {"dialect": "mysql", "url": {"database": "x", "query": {"read_default_file": "~/.my.cnf"}}}
    with pytest.raises(access.DatabaseError, match="write them into the URL"):
        access.from_access(told, "nowhere")
