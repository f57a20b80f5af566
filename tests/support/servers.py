"""Database servers for the tests: `mariadb` and `mysql`, started once a session, on ports and folders of their own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flask_slipway.sandbox.host import databases, programs
from flask_slipway.sandbox.host.databases import Account, Server


@dataclass(frozen=True)
class TestServer:
    """A running server. `dialect`: mariadb or mysql; `host`, `port`, `user`, `password`: its administrator."""

    __test__ = False
    server: Server
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def dialect(self) -> str:
        return self.server.dialect

    @property
    def programs(self) -> Path | None:
        """The folder of its mysql and mysqldump, None when they are on PATH."""
        return self.server.programs.folder

    @property
    def host(self) -> str:
        return self.server.admin.host

    @property
    def port(self) -> int:
        return self.server.admin.port

    @property
    def user(self) -> str:
        return self.server.admin.user

    @property
    def password(self) -> str:
        return self.server.admin.password

    def database(self) -> str:
        """The name of a fresh empty database."""
        name = f"slipway_{next(self._numbers)}"
        self.server.create(name)
        return name

    def url(self, name: str | None = None, account: Account | None = None) -> str:
        """The SQLAlchemy URL of a fresh empty database, called `name` if given, for the administrator or `account`."""
        if name is None:
            name = self.database()
        else:
            self.server.create(name)
        return (account or self.server.admin).url(name)

    def restricted(self, user: str) -> Account:
        """A new user, who may only touch databases `USER$…`: .host .port .user .password, .url(database)."""
        return self.server.restricted(user)

    def execute(self, sql: str, account: Account | None = None, database: str | None = None) -> list[list[str]]:
        """Runs statements as the administrator, or as `account`; the rows as text."""
        return self.server.execute(sql, account, database)

    def drop(self, name: str) -> None:
        self.server.execute(f"DROP DATABASE IF EXISTS {databases.identifier(name)}")


def missing(what: str, how: str) -> None:
    """Skips the test, or fails it where CI says that everything must be there."""
    lacking(f"{what} is not installed: {how}")


def lacking(reason: str) -> None:
    """The same for what is not a matter of installing."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _serve(dialect: str, factory: pytest.TempPathFactory, *options: str) -> Iterator[TestServer]:
    found = programs.find(dialect)
    if found is None:
        missing({"mariadb": "MariaDB", "mysql": "Oracle's MySQL"}[dialect], programs.INSTALL[dialect])
        return
    server = databases.start(found, factory.mktemp(dialect), lasting=False, options=options)
    try:
        yield TestServer(server)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A MariaDB server."""
    yield from _serve("mariadb", tmp_path_factory)


@pytest.fixture(scope="session")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """An Oracle MySQL server."""
    yield from _serve("mysql", tmp_path_factory)


@pytest.fixture
def small_letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """A MariaDB server with lower_case_table_names = 1: it knows all databases and tables in small letters only."""
    yield from _serve("mariadb", tmp_path_factory, "--lower-case-table-names=1")
