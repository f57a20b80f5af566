"""The site's database, whichever it is: made from what the app told of it, reachable without the app."""

from __future__ import annotations

import os

from ..lib import files, outside, wall
from ..protocol import Access
from . import tls
from .interface import Database
from .mysql import MySQL
from .mysql_client import DatabaseError, option_file
from .sqlite import SQLite

# With these a driver takes user and password from a file: PyMySQL and mysqlclient, mysql-connector, MariaDB's.
ELSEWHERE = ("read_default_file", "read_default_group", "option_files", "default_file", "default_group")


def from_app(answer: Access, folder: str) -> Database:
    """The database that an app told of (inside/main.py, "database"). `folder`: where the 0600 file to reach it by is
    written; it stays until the folder goes. Raises DatabaseError for one that is not supported."""
    return from_access(access(answer), folder)


def access(answer: Access) -> Access:
    """What must be kept so that the database can be reached later without the app. A secret: for a 0600 file only."""
    return {"dialect": answer["dialect"], "driver": answer.get("driver", ""), "url": answer["url"]}


def from_access(access: Access, folder: str) -> Database:
    """The database of `access`. Raises DatabaseError for one that is not supported, Refused for one that a sandbox must
    not reach."""
    url, around = access["url"], wall.here()
    if around is not None:
        beyond = wall.beyond_url(around, access["dialect"], url)
        if beyond is not None:
            raise outside.refusal(around, beyond)
    if access["dialect"] == "sqlite":
        path = url.get("database") or ":memory:"
        if os.path.basename(path) == ":memory:":
            raise DatabaseError("the app's database is SQLite in memory: there is nothing to release onto")
        return SQLite(path)
    if access["dialect"] in ("mysql", "mariadb"):
        query = url.get("query") or {}
        if any(query.get(name) for name in ELSEWHERE):
            raise DatabaseError("the app's database URL leaves user and password to a file: write them into the URL")
        if not url.get("database"):
            raise DatabaseError("the app's database URL names no database")
        path = os.path.join(files.folder(folder), "client.cnf")
        files.write(path, option_file(url, *tls.options(access.get("driver", ""), query)).encode())
        return MySQL(url, path)
    raise DatabaseError("the app's database is %s; MySQL, MariaDB and SQLite are supported" % access["dialect"])


def describe(access: Access) -> str:
    """The database of `access` in a few words, without its password: mysql bob$site on HOST, as bob."""
    url = access["url"]
    text = "%s %s" % (access["dialect"], url.get("database") or "without a name")
    text += " on %s" % url["host"] if url.get("host") else ""
    return text + (", as %s" % url["username"] if url.get("username") else "")
