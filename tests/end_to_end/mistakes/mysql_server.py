"""The database server, by the clients of MySQL."""

from __future__ import annotations

import contextlib
import json
import socket
from urllib.parse import quote

from flask_slipway.sandbox.host import databases, programs

from .table import CHECK, RELEASE, STATUS, holding, mysql, project


def env_with(world, old, new):
    """Other words in the server's .env."""
    path = project(world) / ".env"
    assert old in path.read_text(), path.read_text()
    return holding(path, path.read_text().replace(old, new))


@contextlib.contextmanager
def elsewhere(world, **where):
    """The site's database is said to be there, `host` or `port`, by its .env as by the sandbox's wall."""
    base, path = world.site.database, world.site.folder / "wall.json"
    there = {**base, **where}
    wall = holding(path, json.dumps({**json.loads(path.read_text()), **where}))
    with wall, env_with(world, f"@{base['host']}:{base['port']}/", f"@{there['host']}:{there['port']}/"):
        yield


def administrator(world, *statements):
    """Runs statements as the administrator of the site's database server."""
    server = databases.attach(programs.find("mysql"), world.site.folder / "data", world.site.processes["database"])
    for statement in statements:
        server.execute(statement)


@mysql(STATUS, 3, "access denied", "Next: compare name and password in .env", "fab site.workon")
def password_is_wrong(world):
    password = quote(world.site.database["password"], safe="")
    return env_with(world, password, password + "x")


@mysql(CHECK, 3, "no-such-host.invalid", "Next: correct its host in .env")
def database_host_is_unknown(world):
    with elsewhere(world, host="no-such-host.invalid"):
        yield


@mysql(STATUS, 3, "can't connect", "Next: correct its host in .env, or start it")
def database_server_is_down(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with elsewhere(world, port=port):
        yield


@mysql(STATUS, 3, "unknown database", "Databases tab", "fab site.restore")
@mysql(RELEASE, 3, "unknown database", "Databases tab", "fab site.restore")
def database_was_dropped(world):
    name = quote(world.site.database["name"], safe="")
    path = project(world) / ".env"
    return env_with(world, name if name in path.read_text() else world.site.database["name"], f"{world.site.user}$gone")


@mysql(STATUS, 3, "max_user_connections", "Next: end consoles and tasks")
def too_many_connections_are_open(world):
    user = world.site.database["user"]
    administrator(world, f"ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 1")
    with world.engine().connect() as held:
        held.exec_driver_sql("SELECT 1")
        yield
    administrator(world, f"ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 0")


@mysql(RELEASE, 3, "refuses all writes", "Next: fab site.open")
def database_is_read_only(world):
    name = world.site.database["name"]
    world.sql(f"ALTER DATABASE `{name}` READ ONLY = 1")
    yield
    world.sql(f"ALTER DATABASE `{name}` READ ONLY = 0")
