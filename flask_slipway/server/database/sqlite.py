"""An SQLite database: copied both ways by SQLite's own backup, never by copying or renaming its file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import time
from typing import Any, Callable, Iterable, Iterator, TypeVar

from ..lib import files
from .interface import Columns, Contents, Counts, Definitions, Dumped, DumpTarget
from .mysql_client import DatabaseError

PATIENCE = 15  # seconds to wait for the file's locks
BESIDE = ("", "-wal", "-shm", "-journal")  # the file, and what SQLite lays beside it
# File systems that several machines share, as /proc/mounts names them.
SHARED = ("nfs", "cifs", "smb", "9p", "ceph", "gluster", "lustre", "gpfs", "afs", "gfs2", "ocfs2", "fuse.")
Result = TypeVar("Result")


def quoted(identifier: str) -> str:
    """An identifier in double quotes."""
    return '"%s"' % identifier.replace('"', '""')


class SQLite:
    """The database file `path` (absolute)."""

    dialect = "sqlite"
    fence_kind = "sqlite"
    host = ""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.name = os.path.basename(path)
        self._fence: sqlite3.Connection | None = None

    @property
    def location(self) -> str:
        return self.path

    @property
    def version(self) -> str:
        return sqlite3.sqlite_version

    @contextlib.contextmanager
    def _open(self, path: str | None = None, writing: bool = False) -> Iterator[sqlite3.Connection]:
        path = path or self.path
        try:
            connection = sqlite3.connect(
                "file:%s?mode=%s" % (_uri(path), "rwc" if writing else "ro"),
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
            )
        except sqlite3.Error as error:
            raise DatabaseError("%s: %s" % (path, error)) from error
        try:
            yield connection
        except sqlite3.Error as error:
            raise DatabaseError("%s: %s" % (path, error)) from error
        finally:
            connection.close()

    def _read(self, look: Callable[[sqlite3.Connection], Result], nothing: Result) -> Result:
        """What `look` finds in the database, at one moment; `nothing` where there is no file."""
        if not os.path.exists(self.path):
            return nothing
        try:
            with self._open() as connection:
                connection.execute("BEGIN")
                return look(connection)
        except DatabaseError as error:
            if "readonly" not in str(error):
                raise
        with self._open(writing=True) as connection:  # a journal that a killed writer left must be rolled back first
            return look(connection)

    def _rows(self, statement: str, arguments: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        return self._read(lambda connection: connection.execute(statement, arguments).fetchall(), [])

    # reads

    def identity(self) -> list[str]:
        """What proves that two ways lead to the same database: [dialect, file, name]."""
        return [self.dialect, self.path, self.name]

    def tables(self) -> list[str]:
        where = "type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        return [row[0] for row in self._rows("SELECT name FROM sqlite_master WHERE %s ORDER BY 1" % where)]

    def revisions(self) -> list[str]:
        if "alembic_version" not in self.tables():
            return []
        return sorted(row[0] for row in self._rows("SELECT version_num FROM alembic_version"))

    def counts(self) -> Counts:
        tables, count = self.tables(), "SELECT COUNT(*) FROM %s"
        return self._read(lambda base: {t: int(base.execute(count % quoted(t)).fetchone()[0]) for t in tables}, {})

    def contents(self) -> Contents:
        tables = self.tables()

        def look(connection: sqlite3.Connection) -> Contents:
            connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            return {table: _digest(connection.execute("SELECT * FROM %s" % quoted(table))) for table in tables}

        return self._read(look, {})

    def definitions(self) -> Definitions:
        rows = self._rows("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {"%s %s" % (kind, named): sql for kind, named, sql in rows}

    def size(self) -> int:
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def columns(self) -> Columns:
        result = {}
        for table in self.tables():
            rows = self._rows('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (table,))
            result[table] = {row[0]: " ".join(str(part) for part in row[1:]) for row in rows}
        return result

    def count_values(self, table: str, column: str | None = None) -> int:
        if column is None:
            return int(self._rows("SELECT COUNT(*) FROM %s" % quoted(table))[0][0])
        default = self._rows("SELECT dflt_value FROM pragma_table_info(?) WHERE name = ?", (table, column))
        text = "CAST(%s AS TEXT)" % quoted(column)
        where = "%s IS NOT NULL AND %s <> ''" % (quoted(column), text)
        if default and default[0][0] is not None:
            where += " AND %s <> %s" % (text, _text(str(default[0][0]).strip("'")))
        return int(self._rows("SELECT COUNT(*) FROM %s WHERE %s" % (quoted(table), where))[0][0])

    def count_longer(self, table: str, column: str, length: int) -> int:
        where = "LENGTH(%s) > %d" % (quoted(column), length)
        return int(self._rows("SELECT COUNT(*) FROM %s WHERE %s" % (quoted(table), where))[0][0])

    def restore_blockers(self, definitions: Iterable[str] | None = None) -> list[str]:
        return []

    def backup_notes(self) -> list[str]:
        return []

    def can_create(self) -> bool:
        return True

    def written_files(self) -> list[str]:
        """The file, its folder, and what lies beside it."""
        beside = [self.path + suffix for suffix in BESIDE if os.path.exists(self.path + suffix)]
        return [os.path.dirname(self.path), *beside]

    def other_connections(self) -> list[int]:
        """Processes of this account on this machine that hold the file open: [pid], except this one."""
        pids = []
        for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
            if int(pid) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                folder = "/proc/%s/fd" % pid
                if any(_leads_to(os.path.join(folder, name), self.path) for name in os.listdir(folder)):
                    pids.append(int(pid))
        return pids

    def unseen(self) -> str:
        """Programs on other machines, where the file lies on a file system that machines share; all where no process
        can be looked at."""
        if not os.path.isdir("/proc"):
            return "any program: this machine has no /proc"
        with open("/proc/mounts", encoding="utf-8", errors="replace") as file:
            kind = file_system(self.path, file.read())
        shared = kind.startswith(SHARED)
        return "programs on other machines: its file lies on %s" % kind if shared else ""

    def prepare_lock(self) -> None:
        """Does nothing: there is no connection to wait for."""

    def hold_lock(self) -> bool:
        return True

    def close(self) -> None:
        self.fence_down()

    # the fence: a transaction that keeps every other writer out

    def fence_up(self) -> None:
        """From here on nobody else can write: the file's write lock is held."""
        self.wait_until_alone()
        self.refuse_writes()

    def refuse_writes(self) -> None:
        if self._fence is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                connection.close()
                raise DatabaseError(str(error)) from error
            self._fence = connection

    def fence_down(self) -> None:
        if self._fence is not None:
            with contextlib.suppress(sqlite3.Error):
                self._fence.execute("ROLLBACK")
            self._fence.close()
            self._fence = None

    def fence_is_up(self) -> bool:
        return self._fence is not None

    def wait_until_alone(self) -> None:
        """Waits until no other process on this machine has the file open. Raises DatabaseError when some stay."""
        for _ in range(PATIENCE * 5):
            if not self.other_connections():
                return
            time.sleep(0.2)
        left = self.other_connections()
        if left:
            raise DatabaseError("processes keep %s open: %s" % (self.path, ", ".join(map(str, left))))

    def kill(self, ids: Iterable[int]) -> None:
        """Nothing to end: an SQLite connection ends with its process."""

    # dump and load

    def dump(self, target: DumpTarget, aside: str) -> Dumped:
        """Copies the database to the file `aside` by SQLite's backup, and that file's bytes to `target`."""
        try:
            self._copy(aside)
            copy = SQLite(aside)
            copy.check()
            with open(aside, "rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
            return Dumped(copy.counts(), [], [])
        finally:
            remove(aside)

    def _copy(self, path: str) -> None:
        remove(path)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # before a row is in it
        with self._open(path, writing=True) as target:
            if os.path.exists(self.path):
                with self._open() as source:
                    source.backup(target, pages=1000)

    def check(self) -> None:
        """Raises DatabaseError unless the file is whole."""
        problems = [row[0] for row in self._rows("PRAGMA integrity_check")] or ["ok"]
        if problems != ["ok"]:
            raise DatabaseError("%s is damaged: %s" % (self.name, problems[0]))

    def replace_with(self, path: str) -> None:
        """Makes this database what the file `path` is, by SQLite's backup, behind the file's write lock."""
        self.fence_down()
        with self._open(path) as source, self._open(writing=True) as target:
            source.backup(target)
        self.check()

    def drop(self, database: str) -> None:
        """Nothing to drop: no scratch databases are made beside a file."""


def remove(path: str) -> None:
    """Removes the database file `path`, and what SQLite lays beside it."""
    for suffix in BESIDE:
        files.remove(path + suffix)


def file_system(path: str, mounts: str) -> str:
    """The kind of file system that `path` lies on, by the text of /proc/mounts: ext4, nfs4; "" where none has it."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), fields[1]).rstrip("/")
        if (path + "/").startswith(place + "/") and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """Of each row's values with their types, whatever the order of the rows."""
    count = total = 0
    for row in rows:
        digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogateescape"), digest_size=16).digest()
        count, total = count + 1, total + int.from_bytes(digest, "big")
    return "%d %032x" % (count, total % (1 << 128))


def _uri(path: str) -> str:
    return re.sub(r"[%?#]", lambda match: "%%%02X" % ord(match.group()), path)


def _text(value: str) -> str:
    return "'%s'" % value.replace("'", "''")


def _leads_to(link: str, path: str) -> bool:
    return os.readlink(link) == path
