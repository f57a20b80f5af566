"""What the sandbox takes from a project: app, drivers, .env, and its entry beside invoke.yaml."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from flask_slipway.config import settings
from flask_slipway.errors import Refusal
from flask_slipway.project import working_copy
from flask_slipway.sandbox import commands, own_app
from flask_slipway.sandbox import host as sites
from flask_slipway.sandbox.host import wsgi
from flask_slipway.sandbox.host.site import _furnish as furnish
from flask_slipway.sandbox.host.state import Sandbox
from flask_slipway.server.lib import dotenv as reader

INVOKE = """\
slipway:
  app: shop
  environments:
    prod: {user: Ann, domain: www.shop.test, project: shop, virtualenv: shop_venv, health: /up, branch: master}
"""


def sandbox(folder: Path, dialect: str) -> Sandbox:
    login = {"host": "127.0.0.1", "port": 3306, "user": "ann", "password": "p@ss"}
    database = {"dialect": dialect, "name": "ann$shop", "path": "/data/site.sqlite", **login}
    names = ("host_key", "key", "home", "project", "virtualenv", "wsgi", "origin")
    paths = {name: folder / ".sandbox" / name for name in names}
    return Sandbox(
        folder=folder / ".sandbox", user="ann", host="127.0.0.1", ssh="embedded", ssh_port=2222, url="http://127.0.0.1:1",
        web_port=1, domain="x.localhost", logs={}, database=database, env={}, app="shop", programs=None, processes={},
        **paths,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "code", "app", "named"),
    [
        ("flask_app.py", "app = Flask(__name__)", "flask_app", "flask_app:app"),
        ("site.py", "application = Flask(__name__)", "site", "site:application"),
        ("src/shop/__init__.py", "def create_app(name='live'): return Flask(name)", "src/shop", "src/shop:create_app"),
        ("shop.py", "def build(): return Flask(__name__)", "shop:build()", "shop:build()"),
        ("shop.py", "from elsewhere import *", "shop", "shop"),
    ],
)
def test_the_app_is_named_with_what_flask_would_find(tmp_path, path, code, app, named):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(f"from flask import Flask\n{code}\n")
    assert own_app.application(tmp_path, app) == named


@pytest.mark.parametrize(
    ("app", "line"),
    [
        ("flask_app:app", "from flask_app import app as application"),
        ("src/shop:create_app", "application = create_app()"),
        ("shop:build('live')", "application = build('live')"),
    ],
)
def test_the_wsgi_file_calls_a_factory_and_imports_an_app(app, line):
    assert line in wsgi.content("/home/ann/shop", app, {}).splitlines()
    assert "dotenv" not in wsgi.content("/home/ann/shop", app, {}, dotenv=False)


def test_the_env_is_ones_own_but_for_the_database_and_the_secret_key(tmp_path):
    (tmp_path / "requirements.txt").write_text("mysqlclient==2.2.7\n")
    before = "# mine\nexport SHOP_DB=sqlite:///dev.db\nSECRET_KEY='mine'\nAWS_SECRET_KEY=kept\nMAIL=\"a\nb\"\n"
    (tmp_path / ".env").write_text(before)
    text = own_app.dotenv(tmp_path, sandbox(tmp_path, "mysql"))
    assert "export SHOP_DB='mysql+mysqldb://ann:p%40ss@127.0.0.1:3306/ann$shop?charset=utf8mb4'\n" in text
    assert "'mine'" not in text
    assert 'AWS_SECRET_KEY=kept\nMAIL="a\nb"\n' in text
    assert "DATABASE_URL" not in text
    assert own_app.names(tmp_path) == ["SHOP_DB"]


def test_a_tracked_env_does_not_lead_the_sandbox_to_the_development_database(tmp_path):
    made = replace(sandbox(tmp_path, "sqlite"), url="")  # it was not up yet
    of_a_commit = "SHOP_DB=sqlite:////home/ann/dev.db\nSECRET_KEY=mine\n"
    made.project.mkdir(parents=True)
    for folder in (tmp_path, made.project):
        (folder / ".env").write_text(of_a_commit)
    furnish(made, tmp_path, None, lambda site: own_app.dotenv(tmp_path, site))
    text = (made.project / ".env").read_text()
    assert "SHOP_DB='sqlite:////data/site.sqlite'\n" in text
    assert "mine" not in text

    (made.project / ".env").write_text("edited=there\n")
    furnish(made, tmp_path, None, lambda site: own_app.dotenv(tmp_path, site))
    assert (made.project / ".env").read_text() == "edited=there\n"


PARTS = (
    "DB_HOST=db.ann.example\nDB_NAME='ann$live'\nexport MYSQL_ROOT_PASSWORD=hunter22\nDBUSER=ann\nPGPORT=5432\n"
    "OTHER_URL=postgresql+psycopg://ann:secret@there/shop\nSHOP_FILE=/home/ann/dev.db\nDB=shop\n"
)
PLAIN = "DB_ECHO=1\nREDIS_DB=0\nMAIL_SERVER=mail.example\nMAIL_PASSWORD=kept\n"


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_no_part_of_an_address_of_another_database_is_taken_over(tmp_path, dialect):
    (tmp_path / ".env").write_text(PARTS + PLAIN)
    made = sandbox(tmp_path, dialect)
    text = own_app.dotenv(tmp_path, made)
    for word in ("ann.example", "ann$live", "hunter22", "5432", "there", "dev.db", "=shop\n"):
        assert word not in text, word
    assert PLAIN in text
    told = " ".join(own_app.about_dotenv(tmp_path, made))
    found = reader.values(text, {})
    if dialect == "sqlite":
        assert found["OTHER_URL"] == "sqlite:////data/site.sqlite"
        assert found["SHOP_FILE"] == "/data/site.sqlite"
        assert "DB_HOST" not in found and "MYSQL_ROOT_PASSWORD" not in found
        left = "DB_HOST, DB_NAME, MYSQL_ROOT_PASSWORD, DBUSER, PGPORT, DB"
        assert f"Not taken over, for its own is sqlite: {left}." in told
        assert "its WSGI file sets OTHER_URL, SHOP_FILE:" in told
        return
    own = {"DB_HOST": "127.0.0.1", "DB_NAME": "ann$shop", "MYSQL_ROOT_PASSWORD": "p@ss", "DBUSER": "ann"}
    assert {name: found[name] for name in own} == own
    assert (found["PGPORT"], found["DB"]) == ("3306", "ann$shop")
    assert "SHOP_FILE" not in found and "SHOP_FILE" in told


def test_a_host_without_a_port_of_its_own_names_the_port(tmp_path):
    (tmp_path / ".env").write_text("DB_HOST=localhost\n")
    assert "DB_HOST='127.0.0.1:3306'\n" in own_app.dotenv(tmp_path, sandbox(tmp_path, "mysql"))


def test_what_env_in_invoke_yaml_says_of_a_database_is_that_of_the_sandbox_too(tmp_path):
    made = sandbox(tmp_path, "sqlite")
    (made.virtualenv / "lib/python3.11/site-packages/dotenv").mkdir(parents=True)
    given = {"FLASK_ENV": "production", "DATABASE_URL": "mysql://ann:secret@there/shop", "DB_HOST": "there"}
    own = {"FLASK_ENV": "production", "DATABASE_URL": "sqlite:////data/site.sqlite"}
    assert own_app.env(tmp_path, made, given) == own


def test_without_python_dotenv_the_wsgi_file_leads_to_its_database_and_that_is_said(tmp_path):
    (tmp_path / "config.py").write_text("import os\nURL = os.environ['SHOP_DB_URL']\n")
    made = sandbox(tmp_path, "sqlite")
    found = own_app.env(tmp_path, made, {"FLASK_ENV": "production"})
    assert (found["SHOP_DB_URL"], found["FLASK_ENV"]) == ("sqlite:////data/site.sqlite", "production")
    again = own_app.env(tmp_path, replace(made, env=found), {})
    assert again["SECRET_KEY"] == found["SECRET_KEY"]
    told = own_app.about_dotenv(tmp_path, made)
    assert told[0] == "Nothing reads a .env, without python-dotenv: its WSGI file sets SHOP_DB_URL:"
    assert told[1].strip() == str(made.wsgi)
    assert "config.py reads SHOP_DB_URL." in told


def test_without_a_dotenv_it_is_said_what_reads_the_url_and_where_the_code_writes_it_itself(tmp_path):
    made = sandbox(tmp_path, "sqlite")
    (made.virtualenv / "lib/python3.11/site-packages/dotenv").mkdir(parents=True)
    (tmp_path / "app.py").write_text("URI = f'mysql+mysqlconnector://{user}@{host}/shop'\nHERE = 'sqlite:///site.db'\n")
    assert own_app.about_dotenv(tmp_path, made) == [
        "There is no .env here; its own has its database in DATABASE_URL; to edit it:",
        "  .sandbox/project/.env",
        "note: the code seems to write the URL itself: app.py, line 1.",
        "  On the sandbox it reaches no other database: let it read DATABASE_URL.",
    ]
    (tmp_path / "app.py").write_text("import os\nURI = os.getenv('DATABASE_URL')\n")
    assert own_app.about_dotenv(tmp_path, made)[2:] == ["app.py reads DATABASE_URL."]


@pytest.mark.parametrize("line", ["SQLAlchemy[pymysql]==2.0.1", "slip-nowhere[pymysql]", "PyMySQL"])
def test_the_drivers_are_those_that_requirements_bring(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"{line}\n")
    assert own_app.drivers(tmp_path) == ["pymysql"]


def test_a_database_that_the_env_does_not_name_gets_the_usual_name(tmp_path):
    (tmp_path / ".env").write_text("MODE=live")
    text = own_app.dotenv(tmp_path, sandbox(tmp_path, "sqlite"))
    assert text.startswith("MODE=live\nDATABASE_URL='sqlite:////data/site.sqlite'\nSECRET_KEY='")
    (tmp_path / ".env").write_text("DATABASE_URL=\n")
    assert own_app.dotenv(tmp_path, sandbox(tmp_path, "sqlite")).count("DATABASE_URL") == 1


def test_the_sandbox_is_a_site_without_a_line_in_invoke_yaml_and_the_file_wins(tmp_path):
    (tmp_path / "invoke.yaml").write_text(INVOKE)
    (tmp_path / ".sandbox").mkdir()
    assert settings.names(tmp_path) == ["prod"]
    made = sandbox(tmp_path, "sqlite")
    own_app.keep(tmp_path, own_app.entry(made, settings.model(settings.load(tmp_path))))
    assert settings.names(tmp_path) == ["prod", "sandbox"]
    found = settings.site(tmp_path, "sandbox")
    assert (found.port, found.health, found.branch, found.app) == (2222, "/up", "master", "shop")
    assert settings.model(settings.load(tmp_path)).name == "prod"

    named = dict(made.environment(), port=22)
    (tmp_path / "invoke.yaml").write_text(INVOKE + f"    sandbox: {json.dumps(named)}\n")
    assert settings.site(tmp_path, "sandbox").port == 22


def test_what_the_sandbox_has_of_its_own_stands_in_invoke_yaml_and_survives_each_up(tmp_path):
    keys = {"env": {"MODE": "here"}, "virtualenv_python": "3.9", "health": "/own"}
    (tmp_path / "invoke.yaml").write_text(INVOKE + f"    sandbox: {json.dumps(keys)}\n")
    assert settings.names(tmp_path) == ["prod"]
    assert settings.sandbox_keys(tmp_path) == keys
    like = settings.model(settings.load(tmp_path))
    wanted = own_app.with_keys(like, keys)
    assert (wanted.env, wanted.virtualenv_python, wanted.branch) == ({"MODE": "here"}, "3.9", "master")
    (tmp_path / ".sandbox").mkdir()
    made = replace(sandbox(tmp_path, "sqlite"), env={"MODE": "here"})
    for _ in range(2):
        own_app.keep(tmp_path, own_app.entry(made, like))
        found = settings.site(tmp_path, "sandbox")
        assert (found.env, found.virtualenv_python, found.health) == ({"MODE": "here"}, "3.9", "/own")
    made.virtualenv.mkdir(parents=True)
    (made.virtualenv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.4\n")
    with pytest.raises(settings.WrongUse, match=r"has Python 3\.10\.4, not 3\.9(.|\n)*inv sandbox.down --remove"):
        own_app.refuse_another_python(made, "3.9")
    with pytest.raises(settings.WrongUse, match=r"wants Python 3\.99, which is not on this machine"):
        own_app.interpreter("3.99")


def test_a_python_that_is_there_by_name_alone_is_none(tmp_path, monkeypatch):
    """As a shim of pyenv's for a version that is not chosen."""
    for version, code in (("3.98", "exit 127"), ("3.97", "echo Python 3.97.1")):
        (tmp_path / f"python{version}").write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / f"python{version}").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert own_app.interpreter("3.97") == str(tmp_path / "python3.97")
    for version in ("3.98", "3.97.2"):
        with pytest.raises(settings.WrongUse, match="which is not on this machine"):
            own_app.interpreter(version)


def test_a_fault_in_what_the_sandbox_has_of_its_own_is_told_before_it_is_made(tmp_path):
    (tmp_path / "invoke.yaml").write_text(INVOKE + "    sandbox: {virtualenv_python: 3.11, enw: {}}\n")
    with pytest.raises(settings.WrongUse) as stop:
        settings.load(tmp_path)
    assert [line.split(":")[0] for line in stop.value.lines] == [
        "slipway.environments.sandbox.enw",
        "slipway.environments.sandbox.virtualenv_python",
    ]


def test_a_project_without_the_sandboxs_packages_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(own_app, "NEEDED", ("no_such_module",))
    with pytest.raises(settings.WrongUse, match=r"needs no_such_module(.|\n)*flask-slipway\[sandbox\]"):
        own_app.refuse_lacking()


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """A project whose sandbox was named in invoke.yaml by hand, and beside it the folder that holds homes."""
    root, homes = tmp_path / "project", tmp_path / "homes"
    for folder in (root, homes / "ann", homes / "demo", homes / "kept"):
        folder.mkdir(parents=True)
    homes.chmod(0o755)
    for line in (
        "init -q",
        "-c user.name=a -c user.email=b commit -q --allow-empty -m x",
        "remote add sandbox git@h:a",
    ):
        subprocess.run(["git", *line.split()], cwd=root, check=True)
    monkeypatch.setattr(own_app, "NEEDED", ())
    monkeypatch.setattr(sites, "up", lambda *folders, **words: pytest.fail("a sandbox was made"))
    yield homes
    assert sorted(path.name for path in homes.iterdir()) == ["ann", "demo", "kept"]
    assert homes.stat().st_mode & 0o777 == 0o755
    assert working_copy.remotes(root) == ["sandbox"]


def named(homes: Path, **keys: str) -> Path:
    """The project, its environment `sandbox` with these keys."""
    entry = {"user": "ann", "domain": "s.test", "project": "shop", "virtualenv": "v", "home": str(homes / "ann")}
    (homes.parent / "project/invoke.yaml").write_text(INVOKE + f"    sandbox: {json.dumps(entry | keys)}\n")
    return homes.parent / "project"


def test_a_site_elsewhere_that_is_called_sandbox_is_none(homes):
    root = named(homes, host="ssh.pythonanywhere.com")
    for story in (commands.up(root), commands.down(root), commands.down(root, remove=True)):
        with pytest.raises(Refusal, match=r"a site on ssh\.pythonanywhere\.com(.|\n)*Next: edit invoke.yaml"):
            list(story)


def test_a_folder_in_which_no_sandbox_was_made_stays_as_it_is(homes):
    root = named(homes, host="localhost")
    assert list(commands.down(root, remove=True)) == ["Nothing to do: there is no sandbox here."]
    with pytest.raises(Refusal, match="holds other things"):
        list(commands.up(root))


def test_a_git_remote_that_is_not_the_sandboxs_is_left_alone(homes):
    root = named(homes, host="localhost", home=str(homes.parent / "project/.sandbox/home"))
    with pytest.raises(Refusal, match="git remote rename sandbox"):
        list(commands.up(root))
    (root / ".sandbox").mkdir()
    assert list(commands.down(root, remove=True)) == ["The sandbox is stopped and removed."]
