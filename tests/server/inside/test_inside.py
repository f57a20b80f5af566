"""Inside the app: a tiny Flask app is loaded by its process, guarded, and asked.

A connection that an app opens without SQLAlchemy (sqlite3.connect, pymysql.connect) is not caught by the guard: it
listens to SQLAlchemy's engines. What such a connection changed is found by comparing the database before and after."""

import functools
import os
import sqlite3
import sys
import types
import venv

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_slipway.server.inside import load
from flask_slipway.server.lib import outcome
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.run import facts as server_facts
from flask_slipway.server.site import app_process as server_app
from support import versions
from support.tiny_app import APP, CREATE_ALL, SECOND, WSGI, Project, told_of

VERSIONS = [None, *(pytest.param(which, marks=pytest.mark.xdist_group(which)) for which in versions.PINS)]


@pytest.fixture(params=VERSIONS, ids=["newest", *versions.PINS])
def project(request, tmp_path, tmp_path_factory, monkeypatch):
    """In a virtualenv with the versions of the name, None for those here."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    virtualenv = request.param and versions.virtualenv(request.param, tmp_path_factory.getbasetemp() / "versions")
    made = Project(tmp_path, virtualenv)
    yield made
    for app in made.processes:
        app.close()


def test_a_process_that_was_started_ahead_loads_the_code_that_it_is_told_of_later(project):
    project.fill()
    elsewhere = project.start(folder=project.home)
    elsewhere.begin()
    app = elsewhere.at(str(project.folder))
    assert app.load_code()["code"] == str(project.folder / "app/__init__.py")
    assert app.ask("revisions") == project.loaded().ask("revisions")


def test_a_python_without_flask_that_was_started_ahead_is_told_when_the_code_is_loaded(project, tmp_path):
    venv.create(tmp_path / "bare")
    app = project.start(python=str(tmp_path / "bare/bin/python"))
    app.begin()
    with pytest.raises(server_app.AppFailed, match=r"sqlalchemy|flask"):
        app.load_code()


def test_create_all_in_the_factory_is_refused_and_its_line_named(project):
    line = project.while_it_loads(CREATE_ALL) + 1
    app = project.start()
    with pytest.raises(server_app.AppFailed) as caught:
        app.load_code()
    assert caught.value.kind == "WriteRefused"
    assert caught.value.refused.startswith("CREATE TABLE asset")
    assert caught.value.where.endswith(f"app/__init__.py:{line}")
    assert not project.database.exists()


def test_a_write_whose_error_the_app_swallows_is_refused_all_the_same(project):
    project.fill()
    before = project.database.read_bytes()
    project.while_it_loads(
        "try:\n        with app.app_context():\n            db.session.add(Asset(name='seed'))\n"
        "            db.session.commit()\n    except Exception:\n        pass"
    )
    with pytest.raises(server_app.AppFailed) as caught:
        project.start().load_code()
    assert caught.value.refused.startswith("INSERT INTO asset")
    assert project.database.read_bytes() == before


def test_the_guards_refusal_still_tells_the_database(project):
    """What writes_on_load stands on: such an app is not asked, but its database is known."""
    project.while_it_loads(CREATE_ALL)
    with pytest.raises(server_app.AppFailed) as caught:
        project.start().load_code()
    assert caught.value.database["dialect"] == "sqlite"
    assert caught.value.database["url"]["database"] == os.path.realpath(project.database)


def test_an_app_that_writes_while_it_loads_is_refused_unless_the_site_says_so(project):
    line = project.while_it_loads(CREATE_ALL) + 1
    project.fill()
    with sqlite3.connect(project.database) as connection:
        connection.execute("DROP TABLE asset")
    connection.close()
    before = project.database.read_bytes()
    refusing = server_facts.Facts(project.site(), Mask())
    with pytest.raises(outcome.Refused, match="writes to its database while it loads") as caught:
        refusing.load_live()
    refusing.close()
    assert caught.value.lines[1] == f"in app/__init__.py, line {line}"
    accepting = server_facts.Facts(project.site(writes_on_load=True), Mask())
    accepting.load_live()
    assert accepting.live is None
    assert accepting.database.revisions() == ["aaaa1111"]
    accepting.close()
    assert project.database.read_bytes() == before


def test_unguarded_the_same_app_loads_and_writes(project):
    project.while_it_loads(CREATE_ALL)
    project.start().load_writing(told_of(project.database), print)
    assert project.database.exists()


def test_loading_and_reading_do_not_make_a_missing_database_file(project):
    project.while_it_loads("with app.app_context():\n        db.session.execute(db.text('SELECT 1'))")
    app = project.loaded()
    assert app.ask("current")["revisions"] == []
    assert "add table asset" in app.ask("differences")["differences"]
    assert not project.database.exists()


def test_a_bare_load_dotenv_finds_the_env_that_it_finds_where_the_site_is_served(project):
    """From the code that asks upwards: the project's own, not that of the home, from where the host starts it."""
    project.fill()
    project.write(".env", f"DATABASE_URL={project.url}\nONE=there\n")
    (project.home / ".env").write_text("DATABASE_URL=sqlite:////nowhere.db\nONE=wrong\n")
    project.wsgi.write_text(WSGI.format(project=str(project.folder), url="").replace('os.environ["DATABASE_URL"]', "_"))
    bare = "import dotenv\ndotenv.load_dotenv()\nassert os.environ['ONE'] == 'there'\nassert not hasattr(sys, 'ps1')\n"
    project.write("app/__init__.py", APP.replace("db = SQLAlchemy()", f"{bare}db = SQLAlchemy()"))
    for app in (project.start(), project.start(env={})):
        app.load_live() if app is project.processes[0] else app.load_code()
        assert app.ask("database")["url"]["database"] == os.path.realpath(project.database)
        assert app.ask("current")["revisions"] == ["aaaa1111"]


def test_what_an_app_prints_never_reaches_the_answers(project):
    """Its settings print the whole .env, and something that looks like an answer."""
    project.fill()
    project.write(".env", "SECRET_KEY=hush-hush\n")
    project.while_it_loads(
        "print(open('.env').read())\n    print('{\"ok\": true, \"seconds\": 0}', flush=True)\n"
        "    os.write(1, b'hush-hush\\n')\n    os.system('cat .env')\n    print('hush-hush', file=sys.stderr)\n"
        "    app.before_request(lambda: print('hush-hush'))"
    )
    app = project.start()
    answers = [app.load_code(), *(app.ask(what) for what in ("database", "revisions", "current", "differences"))]
    assert "hush-hush" not in str(answers)
    assert answers[0]["code"] == str(project.folder / "app/__init__.py")
    assert [row["text"] for row in answers[2]["revisions"]] == ["add mood", "add assets"]


def test_what_the_app_prints_and_what_a_revision_says_is_masked_before_it_is_cut(project):
    secret = "Zq8-0123456789-0123456789"
    project.write(".env", f"SECRET_KEY={secret}\n")
    project.while_it_loads(
        f"app.cli.command('tell')(lambda: print('{secret} ' + 'x' * 3980 + ' {secret}' + '\\n' + 'y' * 90))"
    )
    project.write(
        "migrations/versions/bbbb2222.py",
        SECOND.replace(
            "    op.add_column", f"    op.execute(\"UPDATE asset SET name = '{'x' * 160}{secret}'\")\n    op.add_column"
        ),
    )
    app = project.loaded()
    (row, _) = app.ask("operations", revisions=["bbbb2222"], direction="up")["operations"]
    assert row["text"] == f"run SQL: UPDATE asset SET name = '{'x' * 160}••••'"
    assert app.ask("command", args=["tell"])["output"] == "y" * 90 + "\n"


def test_a_failing_apps_output_is_not_in_the_refusal(project):
    project.write(".env", "SECRET_KEY=hush-hush\n")
    line = project.while_it_loads("print(open('.env').read())\n    raise LookupError('no hush-hush here')")
    found = server_facts.Facts(project.site(), Mask())
    found.mask.add_env((project.folder / ".env").read_text())
    with pytest.raises(outcome.Refused) as caught:
        # as the host does: its working folder is the home, so the .env is looked for there
        (project.home / ".env").write_text("SECRET_KEY=hush-hush\n")
        found.load_live()
    found.close()
    told = "\n".join([caught.value.what, *caught.value.lines, *caught.value.next])
    assert "LookupError: no •••• here" in told
    assert f"in app/__init__.py, line {line + 1}" in told
    assert "hush-hush" not in told and "SECRET_KEY" not in told


def test_the_flask_app_behind_a_wrapped_wsgi_application_is_found(project):
    wrap = "from werkzeug.middleware.proxy_fix import ProxyFix\napplication = ProxyFix(application, x_for=1)\n"
    project.wsgi.write_text(project.wsgi.read_text() + wrap)
    app = project.start()
    app.load_live()
    assert app.ask("revisions")["heads"] == ["bbbb2222"]


class Slots:
    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, environ, start):
        return self.inner(environ, start)


class Calling:
    def __call__(self, environ, start):
        return GLOBAL["app"](environ, start)


GLOBAL: dict = {}


def by_global_name(app):
    """As many a WSGI file does it: a function of the file calls the app by its name."""
    module = types.ModuleType("flask_app")
    module.app = app
    names = {"flask_app": module, "imported": app}
    exec("def by_module(environ, start):\n    return flask_app.app(environ, start)\n", names)
    exec("def application(environ, start):\n    return by_module(environ, start)\n", names)
    return names["application"]


def by_class(app):
    GLOBAL["app"] = app
    return Calling()


WRAPPED = {
    "a function that knows it by name": by_global_name,
    "an object whose class knows it by name": by_class,
    "ProxyFix": lambda app: ProxyFix(app, x_for=1),
    "two wrappers": lambda app: ProxyFix(DispatcherMiddleware(lambda *_: [], {"/site": app})),
    "a closure": lambda app: lambda environ, start: app(environ, start),
    "a bound method": lambda app: app.wsgi_app,
    "functools.partial": functools.partial,
    "slots": Slots,
    "nothing": lambda app: app,
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_flask_app_is_found_in_any_wrapper(how):
    app = Flask(__name__)
    assert load.flask_app_behind(WRAPPED[how](app)) is app


def test_of_two_apps_the_one_with_migrations_is_found():
    admin, site = Flask("admin"), Flask("site")
    site.extensions["migrate"] = object()
    assert load.flask_app_behind(DispatcherMiddleware(admin, {"/site": site})) is site


def test_a_wrapper_in_the_place_of_wsgi_app_is_no_hindrance():
    app = Flask(__name__)
    app.wsgi_app = ProxyFix(app.wsgi_app)
    assert load.flask_app_behind(app) is app


def test_where_there_is_no_flask_app_none_is_found():
    assert load.flask_app_behind(lambda environ, start: []) is None


def test_a_wsgi_file_without_an_application_is_named(project):
    project.wsgi.write_text("app = 1\n")
    with pytest.raises(server_app.AppFailed, match=r"www_wsgi\.py has no name 'application'"):
        project.start().load_live()


ALTERING = """\
import sqlalchemy as sa
from alembic import op
revision, down_revision = "cccc3333", "bbbb2222"

def upgrade():
    pass

def downgrade():
    with op.batch_alter_table("asset") as batch:
        batch.alter_column("name", existing_type=sa.String(20), type_=sa.String(10))
        batch.alter_column("made", new_column_name="made_on", existing_type=sa.DateTime(), type_=sa.Date)
        batch.alter_column("mood", existing_type=sa.String(20), nullable=False)
    op.rename_table("asset", "things")
"""


def test_the_type_and_the_name_that_a_revision_would_give_are_told(project):
    project.write("migrations/versions/cccc3333.py", ALTERING)
    project.fill()
    rows = project.loaded().ask("operations", revisions=["cccc3333"], direction="down")["operations"]
    assert [(row["kind"], row["column"], row["type"], row["renamed"]) for row in rows] == [
        ("alter_column", "name", "VARCHAR(10)", None),
        ("alter_column", "made", "DATE", "made_on"),
        ("alter_column", "mood", None, None),
        ("rename_table", None, None, "things"),
    ]


def test_what_a_revision_would_do_is_recorded_without_doing_it(project):
    project.fill()
    before = project.database.read_bytes()
    app = project.loaded()
    rows = app.ask("operations", revisions=["bbbb2222", "aaaa1111"], direction="down")["operations"]
    told = [(row["revision"], row["kind"], row["table"], row["column"]) for row in rows]
    assert told[0] == ("bbbb2222", "drop_column", "asset", "mood")
    assert told[1][:3] == ("bbbb2222", "drop_index", "asset")
    assert told[2][:2] == ("bbbb2222", "execute")
    assert told[3][:2] == ("bbbb2222", "unknown"), "what it does with a connection of its own cannot be told"
    assert told[4] == ("aaaa1111", "drop_table", "asset", None)
    up = app.ask("operations", revisions=["aaaa1111", "bbbb2222"], direction="up")["operations"]
    assert [row["kind"] for row in up] == ["create_table", "add_column"]
    assert project.database.read_bytes() == before
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"], "the recorder stands in Alembic's place no longer"


def test_up_and_down_move_the_database_and_nothing_else_writes(project):
    app = project.loaded()
    app.ask("upgrade", to="bbbb2222")
    assert app.ask("current")["revisions"] == ["bbbb2222"]
    project.write("migrations/versions/bbbb2222.py", SECOND)
    with pytest.raises(server_app.AppFailed, match="ix_name") as caught:
        app.ask("downgrade", to="aaaa1111")
    assert caught.value.where.endswith("migrations/versions/bbbb2222.py:13")
    assert app.ask("current")["revisions"] == ["bbbb2222"]


def test_after_an_upgrade_only_reads_are_allowed_again(project):
    project.while_it_loads(
        "@app.cli.command('peek')\n    def peek():\n        print(db.session.query(Asset).count(), 'assets')\n\n"
        "    @app.cli.command('fail')\n    def fail():\n        sys.exit(3)\n\n"
        "    @app.cli.command('leave')\n    def leave():\n        print('all done')\n        sys.exit()"
    )
    app = project.loaded()
    app.ask("upgrade", to="aaaa1111")
    assert app.ask("command", args=["peek"])["output"].strip().startswith("0 assets")
    with pytest.raises(server_app.AppFailed):
        app.ask("command", args=["fail"])
    with pytest.raises(server_app.AppFailed):
        app.ask("command", args=["no-such"])
    assert app.ask("command", args=["leave"])["output"].strip() == "all done"
    assert app.ask("current")["revisions"] == ["aaaa1111"]


def test_a_database_file_that_is_not_there_is_made_by_the_upgrade_and_by_nothing_before(project):
    """Before SQLAlchemy 2.1 each connection of an engine is made of the same arguments."""
    app = project.loaded()
    assert app.ask("current")["revisions"] == []
    assert app.ask("differences")["differences"]
    assert not project.database.exists()
    app.ask("upgrade", to="aaaa1111")
    assert sqlite3.connect(project.database).execute("SELECT * FROM alembic_version").fetchall() == [("aaaa1111",)]


def test_every_connection_goes_to_the_scratch_database_and_one_elsewhere_to_none(project, tmp_path):
    project.fill()
    scratch = str(tmp_path / "scratch.db")
    app = project.start()
    app.ask("load", app="app", cwd=str(project.folder), scratch=[["", str(project.database), scratch]])
    for to in ("aaaa1111", "bbbb2222"):
        app.ask("upgrade", to=to)
        assert app.ask("current")["revisions"] == [to]
    tables = "SELECT name FROM sqlite_master WHERE name = 'asset'"
    assert sqlite3.connect(scratch).execute(tables).fetchall() == [("asset",)]
    assert sqlite3.connect(project.database).execute("SELECT * FROM alembic_version").fetchall() == [("aaaa1111",)]


def test_an_app_that_comes_from_elsewhere_is_refused(project, tmp_path):
    """An editable install in the virtualenv names the live folder, so the stage would load the live code."""
    stage = tmp_path / "stage"
    for top in (project.folder, stage):
        (top / "src" / "theapp").mkdir(parents=True)
        (top / "src" / "theapp" / "__init__.py").write_text(APP)
    venv.create(tmp_path / "venv", with_pip=False)
    packages = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (packages / "editable.pth").write_text(
        "".join(f"{line}\n" for line in (project.folder / "src", *(p for p in sys.path if p.endswith("-packages"))))
    )
    app = project.start(stage, str(tmp_path / "venv/bin/python"), app="theapp")
    with pytest.raises(server_app.AppFailed, match=r"is loaded from .*project/src/theapp.* not from .*stage"):
        app.load_code()
    named = project.start(stage, str(tmp_path / "venv/bin/python"), app="src/theapp")
    assert named.load_code()["code"] == str(stage / "src/theapp/__init__.py")


def test_a_syntax_error_is_told_with_its_line(project):
    project.write("app/__init__.py", "import os\n\ndef broken(:\n")
    with pytest.raises(server_app.AppFailed) as caught:
        project.start().load_code()
    assert caught.value.kind == "SyntaxError"
    assert caught.value.where.endswith("app/__init__.py:3")


def test_an_app_that_ends_its_process_is_told_and_not_waited_for(project):
    project.while_it_loads("print('last words', file=sys.stderr)\n    os._exit(7)")
    with pytest.raises(server_app.AppFailed) as caught:
        project.start().load_code()
    assert caught.value.kind == "Ended"


def test_an_app_that_hangs_is_ended_in_time(project):
    project.while_it_loads("import time\n    time.sleep(600)")
    app = project.start()
    with pytest.raises(server_app.AppFailed) as caught:
        app.ask("load", timeout=1, app="app", cwd=str(project.folder))
    assert caught.value.kind == "Timeout"


def test_several_databases_are_refused_with_a_clear_word(project):
    project.while_it_loads("app.config['SQLALCHEMY_BINDS'] = {'two': 'sqlite://'}")
    with pytest.raises(server_app.AppFailed, match="several databases"):
        project.start().load_code()


def test_no_bytecode_is_left_in_the_project(project):
    project.loaded()
    assert list(project.folder.rglob("__pycache__")) == []


def test_each_connection_of_an_upgrade_is_announced_before_it_is_used(project, mariadb):
    """So that it can be ended later, on the server, if this process dies."""
    account = mariadb.restricted("announced")
    name = "announced$site"
    mariadb.execute(f"CREATE OR REPLACE DATABASE `{name}`", account)
    project.url = account.url(name)
    app = project.loaded()
    seen = []

    def connected(number):
        listed = mariadb.execute("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'", account)
        seen.append([str(number)] in listed)
        assert mariadb.execute("SHOW TABLES", account, name) == []

    app.ask("upgrade", to="aaaa1111", connected=connected)
    assert seen and all(seen)
    assert app.ask("current")["revisions"] == ["aaaa1111"]


def test_a_write_while_loading_is_refused_on_a_real_server_too(project, mariadb):
    account = mariadb.restricted("guarded")
    mariadb.execute("CREATE OR REPLACE DATABASE `guarded$site`", account)
    project.url = account.url("guarded$site")
    project.while_it_loads(
        "with app.app_context():\n        db.session.execute(db.text('SELECT 1 /* so far so good */'))\n"
        "        db.session.connection().connection.cursor().execute('CREATE TABLE past_sqlalchemy (id INT)')"
    )
    with pytest.raises(server_app.AppFailed, match="READ ONLY"):
        project.start().load_code()
    assert mariadb.execute("SHOW TABLES", account, "guarded$site") == []
