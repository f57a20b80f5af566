"""A tiny Flask app with two revisions, on SQLite: what its process is asked, and what a run does with it."""

import os
import sqlite3
import sys

from flask_slipway.server.site import app_process as server_app
from flask_slipway.server.site.site import Site

APP = """\
import os
import sys
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Asset(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(20))


def create_app():
    app = Flask(__name__)
    app.config.update(SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"], SQLALCHEMY_TRACK_MODIFICATIONS=False)
    db.init_app(app)
    Migrate(app, db)
    # here
    return app
"""
WSGI = """\
import os
import sys
sys.path.insert(0, {project!r})
os.environ["DATABASE_URL"] = {url!r}
from app import create_app
application = create_app()
"""
ENV = """\
from alembic import context
from flask import current_app

db = current_app.extensions["migrate"].db
with db.engine.connect() as connection:
    context.configure(connection=connection, target_metadata=db.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
FIRST = '''\
"""add assets"""
import sqlalchemy as sa
from alembic import op
revision = "aaaa1111"
down_revision = None

def upgrade():
    op.create_table("asset", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))

def downgrade():
    op.drop_table("asset")
'''
SECOND = '''\
"""add mood"""
import sqlalchemy as sa
from alembic import op
revision = "bbbb2222"
down_revision = "aaaa1111"

def upgrade():
    op.add_column("asset", sa.Column("mood", sa.String(20)))

def downgrade():
    with op.batch_alter_table("asset") as batch:
        batch.drop_column("mood")
    op.drop_index("ix_name", table_name="asset")
    op.execute("DELETE FROM asset WHERE id > 7")
    op.get_bind().execute(sa.text("UPDATE asset SET name = 'lost'"))
'''
CREATE_ALL = "with app.app_context():\n        db.create_all()"


def told_of(database):
    """The database file as an app's process tells of it."""
    return {"dialect": "sqlite", "driver": "pysqlite", "url": {"database": os.path.realpath(database)}}


class Project:
    """A project folder with the app, its revisions, its database file and a WSGI file."""

    def __init__(self, folder, virtualenv=None):
        self.virtualenv = str(virtualenv or sys.prefix)
        self.folder = folder / "project"
        self.database = folder / "live.db"
        self.url = f"sqlite:///{self.database}"
        self.wsgi = folder / "www_wsgi.py"
        self.home = folder / "home"
        self.home.mkdir()
        for name, text in (
            ("app/__init__.py", APP),
            ("migrations/env.py", ENV),
            ("migrations/alembic.ini", "[alembic]\n"),
            ("migrations/versions/aaaa1111.py", FIRST),
            ("migrations/versions/bbbb2222.py", SECOND),
        ):
            self.write(name, text)
        self.wsgi.write_text(WSGI.format(project=str(self.folder), url=self.url))
        self.processes = []

    def write(self, name, text):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def while_it_loads(self, code):
        """Puts `code` into the factory; returns its line in app/__init__.py."""
        self.write("app/__init__.py", APP.replace("# here", code))
        return APP[: APP.index("# here")].count("\n") + 1

    def fill(self):
        with sqlite3.connect(self.database) as connection:
            connection.executescript(
                "CREATE TABLE asset (id INTEGER PRIMARY KEY, name VARCHAR(20)); INSERT INTO asset VALUES (1, 'one');"
                "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);"
                "INSERT INTO alembic_version VALUES ('aaaa1111');"
            )
        connection.close()

    def site(self, **more):
        words = {"name": "prod", "domain": "d", "url": "u", "health": "/", "branch": "main", "remote": "origin"}
        words.update(app="app", home=str(self.home), project=str(self.folder), wsgi=str(self.wsgi))
        words.update(virtualenv=self.virtualenv, backups=str(self.home / "backups"), env={"DATABASE_URL": self.url})
        return Site(dict(words, **more))

    def start(self, folder=None, python=None, **more):
        python = python or os.path.join(self.virtualenv, "bin", "python")
        self.processes.append(server_app.App(python, str(folder or self.folder), self.site(**more)))
        return self.processes[-1]

    def loaded(self):
        app = self.start()
        app.load_code()
        return app
