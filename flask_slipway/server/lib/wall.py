"""The wall around a sandbox: from a site on a developer's machine no database is reached but what lies in the sandbox.

The sandbox's SSH server tells every session, and its web server the site's processes, where this is written down: in
the file that VARIABLE names. On an account of a host it is not set, and there is no wall. Standard library only, Python
3.8 or newer, by itself: the sandbox's web processes load it by its path."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import unquote

VARIABLE = "SLIPWAY_SANDBOX"
# By these a driver reaches another server than host and port say.
ASIDE = ("unix_socket", "named_pipe", "read_default_file", "read_default_group", "option_files")


class Outside(Exception):
    """A connection that would leave the sandbox; says where to."""


class Wall(NamedTuple):
    """`folder`: the sandbox's, in which its files lie; `home`: its account's; `host`, `port`: of its database server,
    which holds nothing of anybody else, 0 where it has none; `own`: its database in words."""

    folder: str
    home: str
    host: str
    port: int
    own: str


def here() -> Optional[Wall]:
    """The wall that this process is behind, None where there is none."""
    path = os.environ.get(VARIABLE)
    return read(path) if path else None


def read(path: str) -> Wall:
    """The wall that is written down at `path`. Raises OSError where it cannot be read: then nothing is reached."""
    try:
        with open(path, encoding="utf-8") as file:
            words = json.load(file)
        return Wall(*(words[name] for name in Wall._fields))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OSError("what lies in the sandbox cannot be read: %s, which inv sandbox.up writes" % path) from error


def beyond(wall: Wall, dialect: str, address: Mapping[str, Any]) -> Optional[str]:
    """Where a database lies, in words, if it is outside of the sandbox, else None. `address`: its database, and for a
    server also host, port and what else its driver is given."""
    name = address.get("database")
    if dialect == "sqlite":
        path = _file(str(name or ""))
        return None if path is None or _is_below(path, wall.folder) else "sqlite %s" % path
    host, port = address.get("host") or "localhost", int(address.get("port") or 3306)
    aside = [str(address[word]) for word in ASIDE if address.get(word)]
    if dialect in ("mysql", "mariadb") and not aside and (host, port) == (wall.host, wall.port):
        return None
    where = "by %s" % ", ".join(aside) if aside else "on %s:%d" % (host, port)
    return "%s %s %s" % (dialect, name or "without a name", where)


def beyond_url(wall: Wall, dialect: str, url: Mapping[str, Any]) -> Optional[str]:
    """The same for the parts of a URL."""
    query = url.get("query") or {}
    return beyond(wall, dialect, {**query, **{word: url.get(word) for word in ("host", "port", "database")}})


def refuse(wall: Wall, dialect: Any, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> None:
    """Raises Outside where a connection with these arguments of its driver would leave the sandbox. As a listener of
    SQLAlchemy's event do_connect."""
    name = cargs[0] if dialect.name == "sqlite" and cargs else None
    name = name or next((cparams[word] for word in ("db", "database", "dbname") if cparams.get(word)), None)
    found = beyond(wall, dialect.name, {**cparams, "database": name})
    if found is not None:
        raise Outside(found)


def stand(path: str) -> None:
    """From here on SQLAlchemy makes no connection in this process that leaves the sandbox of the file `path`."""
    wall = read(path)
    try:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
    except ImportError:
        return

    def see(dialect: Any, record: Any, cargs: Any, cparams: Any) -> None:
        try:
            refuse(wall, dialect, cargs, cparams)
        except Outside as outside:
            raise Outside("the app leads to %s; the sandbox's own is %s" % (outside, wall.own)) from None

    event.listen(Engine, "do_connect", see)


def _file(name: str) -> Optional[str]:
    """The file that SQLite opens by a name or by file:…, None for a database in memory."""
    if name.startswith("file:"):
        name = unquote(name[5:].partition("?")[0])
        name = "/" + name.lstrip("/") if name.startswith("//") else name
    return None if name in ("", ":memory:") else os.path.realpath(name)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.realpath(folder) + os.sep)
