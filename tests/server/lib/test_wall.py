"""The wall around a sandbox: what lies in it is reached, and nothing else."""

import json
import sqlite3

import pytest

from flask_slipway.server.database import access
from flask_slipway.server.lib import outside, wall
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run.facts import Facts
from support.tiny_app import WSGI, Project

OWN_SERVER = {"host": "127.0.0.1", "port": 3307}


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    for process in made.processes:
        process.close()


def around(folder, **server):
    base = {"host": "", "port": 0, **server}
    return wall.Wall(str(folder), str(folder / "home"), own="sqlite the sandbox's", **base)


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """The folder of a sandbox with a database server, which this process is in."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    path = folder / "wall.json"
    path.write_text(json.dumps(around(folder, **OWN_SERVER)._asdict()))
    monkeypatch.setenv(wall.VARIABLE, str(path))
    return folder


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        ("mysql", {"host": "127.0.0.1"}),  # the developer's own, at the usual port
        ("mysql", {"port": 3307, "host": "db.example.org"}),
        ("mysql", {}),
        ("mysql", {**OWN_SERVER, "unix_socket": "/run/mysqld/mysqld.sock"}),
        ("mariadb", {**OWN_SERVER, "read_default_file": "/home/ann/.my.cnf"}),
        ("mysql", {**OWN_SERVER, "option_files": ["/home/ann/.my.cnf"]}),
        ("postgresql", OWN_SERVER),
    ],
)
def test_another_server_than_the_sandboxs_is_outside(tmp_path, dialect, more):
    found = wall.beyond(around(tmp_path, **OWN_SERVER), dialect, {"database": "ann$shop", **more})
    assert found is not None and found.startswith(f"{dialect} ann$shop ")


def test_what_lies_in_the_sandbox_is_its_own(tmp_path):
    inside = around(tmp_path, **OWN_SERVER)
    assert wall.beyond(inside, "mysql", {"database": "ann$other", **OWN_SERVER}) is None
    for name in (f"{tmp_path}/home/shop/site.db", "", ":memory:", f"file:{tmp_path}/site.db?mode=rw"):
        assert wall.beyond(inside, "sqlite", {"database": name}) is None


def test_a_file_outside_is_outside_however_it_is_called(tmp_path):
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "link.db").symlink_to(tmp_path / "dev.db")
    (tmp_path / "sandbox2").mkdir()
    for name in (
        f"{tmp_path}/dev.db",
        f"{folder}/link.db",
        f"{folder}/../dev.db",
        f"{tmp_path}/sandbox2/dev.db",
        f"file:{tmp_path}/dev.db?mode=rw",
        f"file://{tmp_path}/dev%2Edb",
    ):
        assert str(wall.beyond(around(folder), "sqlite", {"database": name})).endswith("dev.db"), name


def test_a_database_outside_is_refused_before_anything_connects_to_it_and_both_are_named(sandbox):
    nobody = {"dialect": "mysql", "url": {"host": "127.0.0.1", "port": 1, "database": "shop", "username": "ann"}}
    with pytest.raises(Refused) as stop:
        access.from_access(nobody, str(sandbox))
    assert stop.value.lines == ["led to: mysql shop on 127.0.0.1:1", "its own: sqlite the sandbox's"]
    own = access.from_access({"dialect": "sqlite", "url": {"database": str(sandbox / "site.db")}}, "")
    assert own.dialect == "sqlite"


@pytest.mark.parametrize("connects", [True, False], ids=["while it loads", "later"])
def test_an_app_that_leads_outside_is_refused_and_the_developers_rows_are_not_read(sandbox, project, connects):
    project.fill()
    if connects:
        project.while_it_loads("with app.app_context():\n        db.session.query(Asset).count()")
    facts = Facts(project.site(), Mask())
    try:
        with pytest.raises(Refused) as stop:
            facts.load_live()
    finally:
        facts.close()
    assert stop.value.lines == [f"led to: sqlite {project.database}", "its own: sqlite the sandbox's"]


def test_a_seed_or_a_migration_reaches_nothing_outside(sandbox, project):
    """A second way of an app that itself is led to the sandbox's own database."""
    project.fill()
    own = f"sqlite:///{sandbox / 'site.db'}"
    with sqlite3.connect(project.database) as there, sqlite3.connect(sandbox / "site.db") as here:
        there.backup(here)
    before = project.database.read_bytes()
    project.while_it_loads(
        "import click, sqlalchemy\n    @app.cli.command('count')\n    def count():\n"
        f"        engine = sqlalchemy.create_engine('{project.url}')\n"
        "        with engine.begin() as connection:\n"
        "            connection.exec_driver_sql('DELETE FROM asset')\n"
    )
    project.wsgi.write_text(WSGI.format(project=str(project.folder), url=own))
    app = project.start(env={"DATABASE_URL": own})
    app.load_code()
    with pytest.raises(Refused, match="not its own"):
        app.ask("command", args=["count"])
    assert project.database.read_bytes() == before


@pytest.mark.parametrize("text", [None, "{", "{}", "[]"])
def test_where_it_is_not_told_what_lies_in_the_sandbox_nothing_is_reached(sandbox, text):
    (sandbox / "wall.json").unlink()
    if text is not None:
        (sandbox / "wall.json").write_text(text)
    with pytest.raises(OSError, match=r"cannot be read: .*wall\.json, which inv sandbox\.up writes"):
        access.from_access({"dialect": "sqlite", "url": {"database": str(sandbox / "site.db")}}, "")


def test_the_sandbox_of_another_folder_is_refused(sandbox, project):
    with pytest.raises(Refused) as stop:
        outside.refuse_another(wall.here(), project.site())
    assert str(sandbox) in stop.value.lines[0] and str(project.home) in stop.value.lines[1]
    outside.refuse_another(wall.here(), project.site(home=str(sandbox / "home")))
    outside.refuse_another(None, project.site())
