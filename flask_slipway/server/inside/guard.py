"""What stands between an app and its database: a guard that lets only reads pass, a redirection to a scratch database,
and the announcement of each new connection. All by SQLAlchemy's public engine events."""

from __future__ import annotations

import os
import re
import threading
import traceback
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Sequence, Tuple

from ..lib import wall

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# (host, database) of the app's own database, to the scratch database that stands for it.
Redirect = Mapping[Tuple[str, str], str]

# Comments, texts and quoted names of a statement: what they hold decides nothing. MySQL runs what is in /*! … */.
ASIDE = re.compile(r"/\*(?!M?!).*?\*/|--[^\n]*|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^]]*\]", re.S)
INNERMOST = re.compile(r"\([^()]*\)")
VERB = re.compile(r"\b(SELECT|VALUES|TABLE|INSERT|REPLACE|UPDATE|DELETE|MERGE)\b", re.I)
EXECUTED = re.compile(r"(?:EXPLAIN|DESCRIBE|DESC)\s+ANALYZE\b(?:\s+(?:FORMAT|VERBOSE)\s*(?:=\s*\w+)?)*", re.I)
PRAGMA = re.compile(r"\s*PRAGMA\s+(?:[^.=(]+\.\s*)?(\w+)\s*(\S?)", re.I)
# What tells of the schema where SQLite's PRAGMA is given a value, and what does something without one.
# Source: https://www.sqlite.org/pragma.html
TELLING = (
    *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"),
    *("foreign_key_check", "integrity_check", "quick_check"),
)
ACTING = ("optimize", "incremental_vacuum", "wal_checkpoint", "shrink_memory")

LONGEST_STATEMENT = 60  # of a refused statement, in messages


class WriteRefused(Exception):
    """The app tried to write while only reads were allowed; says which statement, from which line."""


class KeptAway(Exception):
    """A thread of the app wanted the database while only the thread that Slipway asks may have it."""


def is_read(statement: str) -> bool:
    """True for a statement that only reads: SELECT, also after WITH, SHOW, DESCRIBE, EXPLAIN, and those of SQLite's
    PRAGMA that only tell."""
    plain = ASIDE.sub(lambda found: " " if found.group()[0] in "/-" else found.group(), statement)
    text = ASIDE.sub(" x ", plain).strip().rstrip(";").strip()
    while INNERMOST.search(text):
        text = INNERMOST.sub(" ", text)
    if not text or ";" in text or "/*" in text:
        return False
    first = text.split()[0].upper()
    if first == "PRAGMA":
        return _only_tells(plain)
    executed = EXECUTED.match(text)
    if executed:
        return is_read(text[executed.end() :])
    if first == "WITH":
        verb = VERB.search(text)
        first = verb.group().upper() if verb else ""
    if first in ("SELECT", "VALUES", "TABLE"):
        return not re.search(r"\bINTO\b", text, re.I)
    return first in ("SHOW", "DESCRIBE", "DESC", "EXPLAIN")


def _only_tells(pragma: str) -> bool:
    found = PRAGMA.match(pragma)
    if found is None:
        return False
    name, value = found.group(1).lower(), found.group(2) in ("=", "(")
    return name in TELLING if value else name not in ACTING


def calling_line(folder: str) -> str:
    """`file:line` of the deepest frame below `folder` that is not in a virtualenv, or an empty text."""
    for frame in reversed(traceback.extract_stack()):
        if frame.filename.startswith(folder) and "site-packages" not in frame.filename:
            return "%s:%d" % (frame.filename, frame.lineno or 0)
    return ""


class Guard:
    """Listens to every engine of this process. `reads_only` decides whether writes are refused;
    `redirect` is a map {(host, database): scratch} or None; `announce` is called with each new connection's id;
    `only` is the one place (where_to) that may be connected to, or None for any."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.reads_only = True
        self.redirect: Optional[Redirect] = None
        self.announce: Optional[Callable[[int], None]] = None
        self.session: Sequence[str] = ()
        self.refused: Optional[str] = None
        self.line: Optional[str] = None  # file:line that tried the refused write
        self.url: Optional[URL] = None
        self.only: Any = None
        self.thread: Optional[int] = None
        self.wall = wall.here()
        self.outside: Optional[str] = None  # where a connection would have left the sandbox
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from sqlalchemy.pool import Pool

        event.listen(Engine, "do_connect", self._on_connect_to)
        event.listen(Engine, "before_cursor_execute", self._on_statement)
        event.listen(Pool, "connect", self._on_connected)
        event.listen(Pool, "checkout", self._on_checkout)

    def alone(self) -> None:
        """From here on only this thread reaches the database. An app's scheduler, started while it was loaded, would
        run its jobs a second time here, keep connections that the fence waits for, and write in an upgrade."""
        self.thread = threading.get_ident()

    def _keep_away(self) -> None:
        if self.thread is not None and threading.get_ident() != self.thread:
            raise KeptAway("this process of the app was loaded by Slipway, which keeps its other threads away")

    def _on_checkout(self, connection: Any, record: Any, proxy: Any) -> None:
        self._keep_away()

    def _on_connect_to(self, dialect: Any, record: Any, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Any:
        """The connection to where this one is sent; None where it leads there by itself. The arguments stay as they
        are: before SQLAlchemy 2.1 each connection of an engine is handed the same ones."""
        self._keep_away()
        if record is not None:
            record.info["slipway_dialect"] = dialect.name
        self._keep_inside(dialect, cargs, cparams)
        if self.only is not None and where_to(dialect, cargs, cparams) != self.only:
            raise WriteRefused("the app connects to another database than the one it was proved to use")
        if dialect.name == "sqlite":
            path = self._target("", os.path.realpath(cargs[0])) if self.redirect else cargs[0]
            if self.reads_only and not os.path.exists(path):
                path = ":memory:"  # to connect would make the file
            return None if path == cargs[0] else dialect.connect(path, *cargs[1:], **cparams)
        if not self.redirect:
            return None
        key = "db" if "db" in cparams else "database"
        target = self._target(cparams.get("host") or "", cparams[key])
        return dialect.connect(*cargs, **{**cparams, key: target})

    def _keep_inside(self, dialect: Any, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> None:
        if self.wall is None:
            return
        try:
            wall.refuse(self.wall, dialect, cargs, cparams)
        except wall.Outside as outside:
            self.outside = str(outside)
            raise

    def _target(self, host: str, database: str) -> str:
        for (known_host, known), scratch in (self.redirect or {}).items():
            if known_host == host and database in (known, os.path.realpath(known)):
                return scratch
        raise WriteRefused("the app connects to another database than its own: %s" % database)

    def _on_statement(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if self.reads_only and not is_read(statement):
            words = " ".join(statement.split())
            shown = words if len(words) <= LONGEST_STATEMENT else words[: LONGEST_STATEMENT - 1] + "…"
            if threading.current_thread() is threading.main_thread():
                self.refused = shown
                self.line = calling_line(self.folder) or None
                self.url = connection.engine.url
            raise WriteRefused("the app writes to its database while it loads: %s" % shown)

    def _on_connected(self, connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        try:
            if record.info.get("slipway_dialect", "sqlite") == "sqlite":
                if self.reads_only:
                    cursor.execute("PRAGMA query_only = ON")
                return
            for statement in self.session:
                cursor.execute(statement)
            if self.reads_only:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
            elif self.announce is not None and threading.current_thread() is threading.main_thread():
                cursor.execute("SELECT CONNECTION_ID()")
                self.announce(int(cursor.fetchone()[0]))
        finally:
            cursor.close()

    def lift(self, dispose: Callable[[], None]) -> None:
        """Writes are allowed from here on: drops, by `dispose`, the connections that were opened for reading."""
        self.reads_only = False
        dispose()

    def restore(self, dispose: Callable[[], None]) -> None:
        """Only reads are allowed again."""
        self.reads_only = True
        dispose()


def where_to(dialect: Any, cargs: Sequence[Any], cparams: Mapping[str, Any]) -> Any:
    """Where a connection leads, by the arguments of its driver: comparable for one dialect."""
    if dialect.name == "sqlite":
        return os.path.realpath(cargs[0])
    name = cparams.get("db" if "db" in cparams else "database")
    return (cparams.get("host") or "localhost", cparams.get("port") or 3306, cparams.get("unix_socket"), name)


def last_line_below(error: BaseException, folder: str) -> Optional[str]:
    """`file:line` of the deepest frame of `error` that lies below `folder`, outside any virtualenv, or None."""
    result = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(folder) and "site-packages" not in frame.filename:
            result = "%s:%d" % (frame.filename, frame.lineno or 0)
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(folder):
        result = "%s:%d" % (error.filename, error.lineno or 0)
    return result


def one_line(error: BaseException) -> str:
    """The error as the last line of its traceback would show it."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("(Background on this error at")]
    if lines and lines[0].startswith("While importing"):  # flask shows the app's whole traceback: its end tells
        lines = lines[-1:]
    return lines[0].strip() if lines else type(error).__name__
