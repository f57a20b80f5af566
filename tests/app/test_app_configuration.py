"""What the app is told by its environment, and what it refuses to start without."""

import re
import shlex
import socket
import subprocess
import sys

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

from app import create_app
from support import ROOT

NAMES = ["FLASK_ENV", "SECRET_KEY", "DATABASE_URL", "FLASK_SESSION_COOKIE_SECURE"]


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    """An empty project folder and none of the app's variables; what `.env` adds is taken away again."""
    monkeypatch.setattr("app.ROOT", tmp_path)
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def test_development_needs_nothing(root):
    app = create_app()
    assert app.config["SQLALCHEMY_DATABASE_URI"] == "sqlite:///development.db"
    assert not app.config["SESSION_COOKIE_SECURE"]


def test_production_says_all_that_it_lacks():
    with pytest.raises(RuntimeError, match=r"^SECRET_KEY and DATABASE_URL not set: add to"):
        create_app("production")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_production_does_not_start_with_an_empty_value(root, name):
    values = {"SECRET_KEY": "s", "DATABASE_URL": "sqlite://", name: ""}
    (root / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    with pytest.raises(RuntimeError, match=f"^{name} not set"):
        create_app("production")


def test_an_unknown_environment_is_refused(monkeypatch):
    monkeypatch.setenv("FLASK_ENV", "prod")
    with pytest.raises(RuntimeError, match="FLASK_ENV is 'prod'; it can be development, testing, production"):
        create_app()


def test_the_quoting_that_env_example_shows_keeps_an_odd_password_in_dotenv_and_in_a_shell(root):
    password = "a b+c@:/%#$'\"\\\\é"
    command = re.search(r"^#   python (-c '.*quote.*')$", (ROOT / ".env.example").read_text(), re.M)
    line = [sys.executable, *shlex.split(command[1])]
    quoted = subprocess.run(line, input=password, capture_output=True, text=True, check=True).stdout.strip()
    url = f"mysql+pymysql://bob:{quoted}@bob.mysql.example/bob$bankroll"
    (root / ".env").write_text(f"DATABASE_URL='{url}'\n")
    shell = ["bash", "-c", f'. "{root / ".env"}"; printf %s "$DATABASE_URL"']
    for seen in (
        create_app().config["SQLALCHEMY_DATABASE_URI"],
        subprocess.run(shell, capture_output=True, text=True, check=True).stdout,
    ):
        assert make_url(seen).password == password


def test_env_file_says_everything_that_production_needs(root):
    url = "mysql+pymysql://bob:p%40ss@bob.mysql.example/bob$bankroll"
    (root / ".env").write_text(f"FLASK_ENV=production\nSECRET_KEY=s\nDATABASE_URL='{url}'\n")
    config = create_app().config
    assert config["SQLALCHEMY_DATABASE_URI"] == url
    assert config["SQLALCHEMY_ENGINE_OPTIONS"] == {"pool_recycle": 280, "pool_pre_ping": True}
    assert config["SESSION_COOKIE_SECURE"]


def test_the_example_env_file_is_enough_for_development(root):
    (root / ".env").write_text((ROOT / ".env.example").read_text())
    config = create_app().config
    assert config["SECRET_KEY"] == "for development only"
    assert config["SQLALCHEMY_DATABASE_URI"] == "sqlite:///development.db"


def test_the_example_wsgi_file_serves_the_production_app(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("SECRET_KEY", "s")
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    code = (ROOT / "docs/wsgi.py.example").read_text().replace("/home/yourusername/bankroll", str(ROOT))
    names = {}
    exec(compile(code, "wsgi.py", "exec"), names)
    assert names["application"].config["SESSION_COOKIE_SECURE"]
    assert names["application"].test_client().get("/").status_code == 200


def test_a_variable_of_the_process_outweighs_the_env_file(root, monkeypatch):
    (root / ".env").write_text("DATABASE_URL=sqlite:///file.db\n")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///process.db")
    assert create_app().config["SQLALCHEMY_DATABASE_URI"] == "sqlite:///process.db"


def test_any_flask_setting_can_be_given_by_a_variable(monkeypatch):
    for name, value in {"SECRET_KEY": "s", "DATABASE_URL": "sqlite://", "FLASK_SESSION_COOKIE_SECURE": "false"}.items():
        monkeypatch.setenv(name, value)
    assert create_app("production").config["SESSION_COOKIE_SECURE"] is False


def test_testing_never_uses_the_database_of_the_environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://bob@bob.mysql.example/bob$bankroll")
    assert create_app("testing").config["SQLALCHEMY_DATABASE_URI"] == "sqlite://"


def test_the_factory_connects_to_no_database(monkeypatch):
    connections = []

    def note(*args):
        connections.append(args)

    event.listen(Engine, "do_connect", note)
    try:
        create_app()
    finally:
        event.remove(Engine, "do_connect", note)
    assert connections == []


def test_health_tells_the_commit_of_the_release_that_was_loaded(root):
    (root / "REVISION").write_text("9bc1f02\n")
    app = create_app("testing")
    (root / "REVISION").write_text("of the next release\n")
    assert app.test_client().get("/health").json["commit"] == "9bc1f02"


def test_health_without_tables_is_not_ok():
    answer = create_app("testing").test_client().get("/health")
    assert answer.status_code == 503
    assert answer.json["status"] == "the database has no revision: flask db upgrade"
    assert answer.json["commit"] == "unknown"


def test_health_with_no_database_server_is_not_ok():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"mysql+pymysql://bob:secret@127.0.0.1:{nobody.getsockname()[1]}/bob$bankroll"
        answer = create_app("testing", {"SQLALCHEMY_DATABASE_URI": url}).test_client().get("/health")
    assert answer.status_code == 503
    assert answer.json["status"] == "the database does not answer"
    assert "secret" not in answer.text
