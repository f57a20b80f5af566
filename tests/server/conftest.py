"""The server's half run directly: in temporary folders, on real SQLite, MariaDB and MySQL."""

import itertools
import os
import sqlite3
from urllib.parse import unquote, urlsplit

import pytest

from flask_slipway.server.database import access as server_database

TABLES = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(200))",
    "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, note VARCHAR(200), "
    "FOREIGN KEY (parent_id) REFERENCES parents (id))",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
)
fresh = itertools.count(1)
AWKWARD = ("plain", "it's", 'double "', "),(", "back\\slash", "new\nline", "tab\t;", "', ('x'),(", "-- no", "é漢😀", "")


class Site:
    """A database as a site's owner sees it, and the server's half's view of it."""

    def __init__(self, base, execute):
        self.base, self.execute = base, execute

    def fill(self):
        for statement in TABLES:
            self.execute(statement)
        for number, text in enumerate(AWKWARD, 1):
            self.execute(f"INSERT INTO parents VALUES ({number}, {quoted(text, self.base.dialect)})")
            self.execute(f"INSERT INTO children VALUES ({number}, {number}, 'note')")
        self.execute("INSERT INTO alembic_version VALUES ('8a1c5e20')")


def quoted(text, dialect):
    if dialect != "sqlite":
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def parts(url):
    found = urlsplit(url)
    return {
        "username": unquote(found.username),
        "password": unquote(found.password),
        "host": found.hostname,
        "port": found.port,
        "database": found.path.lstrip("/"),
        "query": {},
    }


def sqlite_site(tmp_path):
    path = tmp_path / "live.db"

    def execute(sql):
        with sqlite3.connect(path, timeout=0.2) as connection:
            connection.execute(sql)

    told = {"dialect": "sqlite", "url": {"database": str(path)}}
    return Site(server_database.from_app(told, str(tmp_path / "private")), execute)


def mysql_site(server, tmp_path, monkeypatch, user="", database="site"):
    if server.programs:
        monkeypatch.setenv("PATH", f"{server.programs}{os.pathsep}{os.environ['PATH']}")
    user = user or f"u{next(fresh)}"
    account = server.restricted(user)
    name = f"{user}${database}"
    server.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4", account)
    told = {"dialect": "mysql", "url": parts(account.url(name))}
    base = server_database.from_app(told, str(tmp_path / "private"))
    return Site(base, lambda sql: server.execute(f"SET NAMES utf8mb4;\n{sql}", account, name))


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def site(request, tmp_path, monkeypatch):
    """A site's database on each of the three, reached by a user who may only touch `USER$…`."""
    if request.param == "sqlite":
        made = sqlite_site(tmp_path)
    else:
        made = mysql_site(request.getfixturevalue(request.param), tmp_path, monkeypatch)
    yield made
    made.base.close()


class Served(Site):
    """The same on a server, with its administrator: `admin(sql)` in that database."""

    def __init__(self, base, execute, server):
        super().__init__(base, execute)
        self.server = server

    def admin(self, sql):
        return self.server.execute(f"SET NAMES utf8mb4;\n{sql}", None, self.base.name)

    def confine(self):
        """From here on the user may touch this one database and make no other."""
        user = self.base.url["username"]
        self.server.execute(
            f"REVOKE ALL PRIVILEGES ON `{user}$%`.* FROM '{user}'@'%';"
            f"GRANT ALL PRIVILEGES ON `{self.base.name}`.* TO '{user}'@'%';"
        )


@pytest.fixture(params=["mariadb", "mysql"])
def served(request, tmp_path, monkeypatch):
    """The same on MariaDB and MySQL, with the administrator's view of it."""
    server = request.getfixturevalue(request.param)
    plain = mysql_site(server, tmp_path, monkeypatch)
    yield Served(plain.base, plain.execute, server)
    plain.base.close()


@pytest.fixture
def shouted(small_letters, tmp_path, monkeypatch):
    """A site whose database's URL has capitals, on a server that knows small letters only."""
    plain = mysql_site(small_letters, tmp_path, monkeypatch, "Bob", "Site")
    yield Served(plain.base, plain.execute, small_letters)
    plain.base.close()
