"""The host's own client programs as a way to a MySQL or MariaDB server. The password lies in a 0600 file, never in an
argument list; statements go over stdin."""

from __future__ import annotations

import os
import re
import secrets
import threading
from subprocess import PIPE
from typing import Any, Iterable, Iterator, Sequence

from ..lib import process
from ..protocol import UrlParts

CLIENT, DUMPER = ("mysql", "mariadb"), ("mysqldump", "mariadb-dump")
# All that comes in is SQL: no command of the client's own (but for DELIMITER and \C), and no file of this machine.
ONLY_SQL = ("--binary-mode", "--local-infile=0")


class DatabaseError(Exception):
    """What the database server or its client said. `code`: the server's error number, or None."""

    def __init__(self, text: str) -> None:
        match = re.search(r"ERROR (\d+) \(\w+\)(?: at line \d+)?: (.*)", text, re.S)
        self.code = int(match.group(1)) if match else None
        lines = [line for line in (match.group(2) if match else text).strip().splitlines() if line]
        super().__init__("(%s) %s" % (self.code, lines[0]) if match else (lines[-1] if lines else "no answer"))


def start(names: Sequence[str], options: str, arguments: Sequence[str], **streams: Any) -> process.Child:
    """Starts one of the database's programs, the first of `names` that is there, which takes from `options` whom it
    reaches, and from nowhere else. `streams`: as process.start has them. Raises DatabaseError, OSError."""
    program = process.find(*names)
    if program is None:
        raise DatabaseError("the program %s is not installed on the server" % names[0])
    return process.start([program, "--defaults-file=" + options, *arguments], env=environment(), **streams)


def environment() -> dict[str, str]:
    """The environment of the database's programs. Beside the option file MySQL's read ~/.mylogin.cnf, which counts
    more, and all of them variables such as MYSQL_PWD. Source: MySQL manual, "Command-Line Options that Affect
    Option-File Handling", "Environment Variables"."""
    kept = {key: value for key, value in process.environment().items() if not key.startswith(("MYSQL_", "MARIADB_"))}
    return {**kept, "MYSQL_TEST_LOGIN_FILE": os.devnull}


def option_file(url: UrlParts, tls: Iterable[tuple[str, str]] = (), mariadb: Iterable[tuple[str, str]] = ()) -> str:
    """The text of an option file for the clients, from an URL's parts; `tls`: more options, `mariadb`: for MariaDB's.
    Source: MySQL manual, "Using Option Files"."""
    query = url.get("query") or {}
    rows = {"user": url.get("username"), "password": url.get("password"), "host": url.get("host") or "localhost"}
    if query.get("unix_socket"):
        rows["socket"] = query["unix_socket"]
    else:
        rows["port"] = str(url.get("port") or 3306)
        rows["protocol"] = "TCP"
    lines = ["%s=%s" % (name, quoted(value)) for name, value in (*rows.items(), *tls) if value is not None]
    own = ["%s=%s" % (name, quoted(value)) for name, value in mariadb]
    return "\n".join(["[client]", *lines, *(["[client-mariadb]", *own] if own else [])]) + "\n"


def quoted(value: str) -> str:
    """A value as an option file reads it back: quoted, with escapes."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(plain, escaped)
    return '"%s"' % value


def name(identifier: str) -> str:
    """An identifier in back-ticks."""
    return "`%s`" % identifier.replace("`", "``")


def literal(value: str) -> str:
    """A text as an SQL literal."""
    return "'%s'" % value.replace("\\", "\\\\").replace("'", "''")


def unescaped(field: str) -> str:
    """One field of the client's batch output."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "0": "\0"}.get(m.group(1), m.group(1)), field)


class Session:
    """One connection: a running client that answers statement by statement. `streaming`: it keeps no result in memory,
    however long."""

    def __init__(self, options: str, database: str | None = None, streaming: bool = False) -> None:
        arguments = [*ONLY_SQL, "--batch", "--skip-column-names", "--unbuffered"]
        arguments += ["--default-character-set=utf8mb4", "--connect-timeout=10"]
        arguments += ["--quick", "--max-allowed-packet=1G"] if streaming else []
        if database is not None:
            arguments.append("--database=" + database)
        self.child = start(CLIENT, options, arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        self.nonce = secrets.token_hex(12)
        self._lock = threading.Lock()

    def rows(self, statement: str) -> list[list[str]]:
        """Runs one statement and returns its rows: [[text]]. Raises DatabaseError; the session is over then."""
        texts = (line.decode("utf-8", "replace")[:-1] for line in self.lines(statement))
        return [[unescaped(field) for field in text.split("\t")] for text in texts]

    def lines(self, statement: str) -> Iterator[bytes]:
        """Runs one statement and gives its rows as the client writes them, each a line. Raises DatabaseError; the
        session is over then."""
        end = self.nonce.encode() + b"\n"
        with self._lock:
            try:
                self.child.stdin.write(("%s;\nSELECT '%s';\n" % (statement, self.nonce)).encode())
                self.child.stdin.flush()
            except BrokenPipeError:
                raise self._failure() from None
            for line in self.child.stdout:
                if line == end:
                    return
                yield line
            raise self._failure()

    def _failure(self) -> DatabaseError:
        text = self.child.stderr.read().decode("utf-8", "replace")
        self.child.wait()
        return DatabaseError(text)

    def alive(self) -> bool:
        return self.child.poll() is None

    def close(self) -> None:
        process.stop(self.child)
