"""The database servers that the sandbox and the tests start."""

from __future__ import annotations

import pytest

from flask_slipway.errors import WrongUse


@pytest.fixture(params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest):
    return request.getfixturevalue(request.param)


def test_a_fresh_database_is_empty(server):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(server.url())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW TABLES").all() == []
        version = connection.exec_driver_sql("SELECT VERSION()").scalar_one()
    engine.dispose()
    assert ("MariaDB" in version) == (server.dialect == "mariadb")


def test_a_servers_temporary_files_are_its_own(server):
    """One that starts removes what it finds in that folder: other servers may have it open."""
    assert server.execute("SELECT @@tmpdir") == [[str(server.server.folder / "tmp")]]


def test_a_restricted_user_makes_databases_of_their_prefix_and_no_other(server):
    bob = server.restricted("bo_b")
    server.execute("CREATE DATABASE `bo_b$x`; CREATE TABLE `bo_b$x`.t (a int); DROP DATABASE `bo_b$x`", bob)
    for name in ("x", "boxb$x", "bo_bx", "mysql"):
        with pytest.raises(WrongUse, match="1044"):
            server.execute(f"CREATE DATABASE `{name}`", bob)


def test_a_user_may_be_called_root_and_is_then_no_administrator(server):
    root = server.restricted("root")
    with pytest.raises(WrongUse, match="1044"):
        server.execute("CREATE DATABASE elsewhere", root)


def test_nobody_gets_in_without_a_password(server):
    from flask_slipway.sandbox.host.databases import Account

    for user in ("root", "", "slipway_admin"):
        with pytest.raises(WrongUse, match="1045"):
            server.execute("SELECT 1", Account(server.host, server.port, user, ""))
