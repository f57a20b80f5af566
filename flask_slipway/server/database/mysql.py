"""A MySQL or MariaDB database, reached by the host's own client programs. The password lies in a 0600 file, never in an
argument list; statements go over stdin."""

from __future__ import annotations

import re
import time
from typing import Iterable

from ..lib import files
from ..protocol import UrlParts
from . import mysql_dump
from .interface import Columns, Contents, Counts, Definitions, DumpTarget
from .mysql_client import DatabaseError, Session, literal, name

PATIENCE = 15  # seconds to wait for other connections and locks: the site is closed meanwhile
LOCK_PATIENCE = 5  # seconds to wait for the server's own lock: it may not have seen yet that a process is gone
KILL_PATIENCE = 600  # seconds to wait until the server has forgotten a killed connection
# What a schema has beside tables: its kind, its name and all that makes it, and where the server tells of it.
DEFINED = (
    ("view", "table_name, view_definition, check_option, security_type", "views"),
    (
        "trigger",
        "trigger_name, event_object_table, action_timing, event_manipulation, action_order, action_statement, sql_mode",
        "triggers",
    ),
    (
        "routine",
        "CONCAT(routine_type, ' ', routine_name), COALESCE(dtd_identifier, ''), routine_definition, security_type, "
        "sql_mode",
        "routines",
    ),
    (
        "event",
        "event_name, event_type, COALESCE(execute_at, ''), COALESCE(interval_value, ''), COALESCE(interval_field, ''), "
        "event_definition, status, sql_mode",
        "events",
    ),
)


class MySQL:
    """The database `url` names; `options` is the path of a 0600 option file to reach it by."""

    def __init__(self, url: UrlParts, options: str) -> None:
        self.url, self.options = url, options
        self.name = url["database"] or ""
        self.host = url.get("host") or "localhost"
        self._session: Session | None = None
        self._guard: Session | None = None
        self._version = ""

    # reads

    def rows(self, statement: str) -> list[list[str]]:
        """Rows of one statement, all of texts, over a session that is opened when needed."""
        if self._session is None or not self._session.alive():
            self._session = Session(self.options, self.name)
            self._session.rows("SET SESSION lock_wait_timeout = %d, wait_timeout = 86400" % PATIENCE)
        try:
            return self._session.rows(statement)
        except DatabaseError:
            self._session.close()
            self._session = None
            raise

    def scalar(self, statement: str) -> str:
        """The first field of the first row, "" where there is no row."""
        rows = self.rows(statement)
        return rows[0][0] if rows else ""

    @property
    def location(self) -> str:
        return self.name

    @property
    def version(self) -> str:
        if not self._version:
            self._version = self.scalar("SELECT VERSION()")
        return self._version

    @property
    def dialect(self) -> str:
        return "mariadb" if "mariadb" in self.version.lower() else "mysql"

    def identity(self) -> list[str]:
        """What proves that two ways lead to the same database: [dialect, server, name]."""
        unique = "@@server_uid" if self.dialect == "mariadb" else "@@server_uuid"
        try:
            server = self.scalar("SELECT %s" % unique)
        except DatabaseError:
            server = self.scalar("SELECT CONCAT(@@hostname, ':', @@port)")
        return [self.dialect, server, self.scalar("SELECT DATABASE()")]

    def tables(self) -> list[str]:
        return self._named("BASE TABLE")

    def _named(self, kind: str) -> list[str]:
        """The names of what has this TABLE_TYPE, sorted."""
        where = "table_schema = DATABASE() AND table_type = %s" % literal(kind)
        rows = self.rows("SELECT table_name FROM information_schema.tables WHERE %s ORDER BY 1" % where)
        return [row[0] for row in rows]

    def revisions(self) -> list[str]:
        if "alembic_version" not in self.tables():
            return []
        return sorted(row[0] for row in self.rows("SELECT version_num FROM alembic_version"))

    def counts(self) -> Counts:
        tables = self.tables()
        if not tables:
            return {}
        parts = ["SELECT %s, COUNT(*) FROM %s" % (literal(table), name(table)) for table in tables]
        return {row[0]: int(row[1]) for row in self.rows(" UNION ALL ".join(parts))}

    def contents(self) -> Contents:
        """By CHECKSUM TABLE, which takes values as they are stored, a FLOAT with all its bits. Source: MySQL manual."""
        tables = self.tables()
        if not tables:
            return {}
        rows = self.rows("CHECKSUM TABLE %s EXTENDED" % ", ".join(map(name, tables)))
        found = {row[0].split(".", 1)[1]: row[1] for row in rows}
        return {table: "%d %s" % (rows, found[table]) for table, rows in self.counts().items()}

    def definitions(self) -> Definitions:
        result = {"database": " ".join(self.rows("SELECT @@character_set_database, @@collation_database")[0])}
        for table in self.tables():
            text = self.rows("SHOW CREATE TABLE %s" % name(table))[0][1]
            result["table %s" % table] = re.sub(r" AUTO_INCREMENT=\d+", "", text)
        for kind, columns, source in DEFINED:
            schema = "%s_schema" % ("table" if kind == "view" else kind)
            for named, *words in self.rows(
                "SELECT %s FROM information_schema.%s WHERE %s = DATABASE()" % (columns, source, schema)
            ):
                result["%s %s" % (kind, named)] = " ".join(words)
        return result

    def size(self) -> int:
        total = self.scalar(
            "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
            "WHERE table_schema = DATABASE()"
        )
        return int(float(total))

    def columns(self) -> Columns:
        rows = self.rows(
            "SELECT table_name, column_name, column_type, is_nullable, COALESCE(column_default, 'NULL'), extra "
            "FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position"
        )
        result: Columns = {}
        for table, column, *kind in rows:
            result.setdefault(table, {})[column] = " ".join(kind)
        return result

    def count_values(self, table: str, column: str | None = None) -> int:
        if column is None:
            return int(self.scalar("SELECT COUNT(*) FROM %s" % name(table)))
        text = "CAST(%s AS CHAR)" % name(column)
        default = self.rows(
            "SELECT column_default FROM information_schema.columns WHERE table_schema = DATABASE() AND "
            "table_name = %s AND column_name = %s AND column_default IS NOT NULL" % (literal(table), literal(column))
        )
        other = " AND %s <> %s" % (text, literal(default[0][0].strip("'"))) if default else ""
        where = "%s IS NOT NULL AND %s <> ''%s" % (name(column), text, other)
        return int(self.scalar("SELECT COUNT(*) FROM %s WHERE %s" % (name(table), where)))

    def count_longer(self, table: str, column: str, length: int) -> int:
        where = "CHAR_LENGTH(%s) > %d" % (name(column), length)
        return int(self.scalar("SELECT COUNT(*) FROM %s WHERE %s" % (name(table), where)))

    def restore_blockers(self) -> list[str]:
        texts = []
        where = "table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
        for table, engine in self.rows("SELECT table_name, engine FROM information_schema.tables WHERE %s" % where):
            texts.append("table %s is %s, not InnoDB: its rows may change while it is dumped" % (table, engine))
        user = self.scalar("SELECT CURRENT_USER()")
        binary_log = (
            self.scalar("SELECT @@log_bin") == "1" and self.scalar("SELECT @@log_bin_trust_function_creators") != "1"
        )
        for kind, schema, named in (
            ("trigger", "trigger_schema", "trigger_name"),
            ("routine", "routine_schema", "routine_name"),
        ):
            rows = self.rows(
                "SELECT %s, definer FROM information_schema.%ss WHERE %s = DATABASE()" % (named, kind, schema)
            )
            for routine, definer in rows:
                if definer != user:
                    texts.append("%s %s belongs to %s: only they can put it back (1227)" % (kind, routine, definer))
                elif binary_log:
                    texts.append("%s %s cannot be put back while the server logs binary (1419)" % (kind, routine))
        for view in self._named("VIEW"):
            texts.append("view %s is put back in place, not beside" % view)
        return texts

    def movable(self) -> bool:
        """Whether every table can be moved to another database by RENAME TABLE: no views, triggers, routines."""
        immovable = (
            ("tables", "table_schema", " AND table_type = 'VIEW'"),
            ("triggers", "trigger_schema", ""),
            ("routines", "routine_schema", ""),
        )
        return all(
            self.scalar("SELECT COUNT(*) FROM information_schema.%s WHERE %s = DATABASE()%s" % (table, schema, more))
            == "0"
            for table, schema, more in immovable
        )

    def other_connections(self) -> list[int]:
        """Connections to this database that are not this process's own: [id], as far as the user may see them."""
        own = {self.scalar("SELECT CONNECTION_ID()")}
        if self._guard is not None and self._guard.alive():
            own.add(self._guard.rows("SELECT CONNECTION_ID()")[0][0])
        return [int(row[0]) for row in self.rows("SHOW PROCESSLIST") if row[3] == self.name and row[0] not in own]

    # the lock that the server itself holds

    def prepare_lock(self) -> None:
        self._guard = Session(self.options, self.name)

    def hold_lock(self) -> bool:
        """Takes the server's own lock for this database (GET_LOCK) on its own connection; False where it is held."""
        if self._guard is None:
            self._guard = Session(self.options, self.name)
        key = "slipway " + files.sha256(self.name.encode())[:32]
        self._guard.rows("SET SESSION wait_timeout = 86400")
        return self._guard.rows("SELECT GET_LOCK(%s, %d)" % (literal(key), LOCK_PATIENCE))[0][0] == "1"

    def close(self) -> None:
        for session in (self._session, self._guard):
            if session is not None:
                session.close()
        self._session = self._guard = None

    # the fence

    @property
    def fence_kind(self) -> str:
        """ "database" where the server can refuse all writes (MySQL 8.0.22), else "watched"."""
        digits = [int(part) for part in re.findall(r"\d+", self.version)[:3]]
        return "database" if self.dialect == "mysql" and digits >= [8, 0, 22] else "watched"

    def fence_up(self) -> None:
        """From here on the database refuses writes; waits for open transactions.
        Source: MySQL manual, ALTER DATABASE."""
        self.refuse_writes()
        self.wait_until_alone()

    def refuse_writes(self) -> None:
        if self.fence_kind == "database":
            self.rows("ALTER DATABASE %s READ ONLY = 1" % name(self.name))

    def fence_down(self) -> None:
        if self.fence_is_up():  # to lift what is not there would wait for open transactions all the same
            self.rows("ALTER DATABASE %s READ ONLY = 0" % name(self.name))

    def fence_is_up(self) -> bool:
        if self.fence_kind != "database":
            return False
        options = self.scalar(
            "SELECT options FROM information_schema.schemata_extensions WHERE schema_name = DATABASE()"
        )
        return "READ ONLY=1" in options

    def wait_until_alone(self) -> None:
        """Waits until no other connection to the database is left. Raises DatabaseError when some stay."""
        for _ in range(PATIENCE * 5):
            if not self.other_connections():
                return
            time.sleep(0.2)
        left = ", ".join(str(number) for number in self.other_connections())
        if left:
            raise DatabaseError(
                "connections to %s stay open: %s; another program is using the database" % (self.name, left)
            )

    def unseen(self) -> str:
        return ""

    def kill(self, ids: Iterable[int]) -> None:
        """Ends connections and waits until the server has forgotten them: a killed ALTER goes on for a while."""
        wanted = set(ids)
        there = set(self.other_connections())  # a number of before a restart of the server may be another's
        for number in wanted & there:
            try:
                self.rows("KILL %d" % number)
            except DatabaseError as error:
                if error.code not in (1094, 1095):  # no such connection, or not ours any more
                    raise
        for _ in range(KILL_PATIENCE * 5):
            if not wanted & set(self.other_connections()):
                return
            time.sleep(0.2)
        raise DatabaseError("the connections %s do not end" % ", ".join(map(str, sorted(wanted))))

    # dump and load

    def dump(self, target: DumpTarget, aside: str) -> Counts:
        """Writes a portable dump to `target`; no file aside is needed."""
        return mysql_dump.write(self.options, self.name, target)

    def load(self, stream: mysql_dump.Readable, database: str) -> None:
        """Loads a dump into `database`. Raises DatabaseError."""
        mysql_dump.load(self.options, stream, database)

    # scratch databases

    def scratch_name(self, tag: str) -> str:
        """The name of a scratch database beside this one; `tag` tells what for."""
        return "%s_slipway_%s" % (self.name[: 64 - 9 - len(tag)], tag)

    def at(self, database: str) -> MySQL:
        """The same server and user, another database."""
        url = self.url.copy()
        url["database"] = database
        return MySQL(url, self.options)

    def exists(self, database: str) -> bool:
        """Whether there is a database of that name, as far as the user may see it."""
        rows = self.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s" % literal(database))
        return bool(rows)

    def create(self, database: str) -> None:
        """Makes an empty database with this one's character set. Raises DatabaseError where the user may not."""
        charset, collation = self.rows("SELECT @@character_set_database, @@collation_database")[0]
        self.rows("CREATE DATABASE %s CHARACTER SET %s COLLATE %s" % (name(database), charset, collation))

    def drop(self, database: str) -> None:
        self.rows("DROP DATABASE IF EXISTS %s" % name(database))

    def written_files(self) -> list[str]:
        return []

    def can_create(self) -> bool:
        """Whether the user may make databases beside this one, as its grants say."""
        grants = [row[0] for row in self.rows("SHOW GRANTS")]
        for grant in grants:
            match = re.match(r"GRANT (.*?) ON (.+?)\.\* TO ", grant)
            if match and re.search(r"ALL PRIVILEGES|\bCREATE\b(?! )", match.group(1)) and self._covers(match.group(2)):
                return True
        return False

    def _covers(self, pattern: str) -> bool:
        """Whether a grant ON `pattern` is one on our scratch databases."""
        if pattern == "*":
            return True
        plain = pattern.strip("`").replace("``", "`")
        parts = re.split(r"(\\.|%|_)", plain)
        expression = "".join(
            {"%": ".*", "_": "."}.get(part, re.escape(part.lstrip("\\") if len(part) == 2 else part)) for part in parts
        )
        return re.fullmatch(expression, self.scratch_name("x"), re.S) is not None

    def swap(self, scratch: str, kept: str) -> None:
        """In one statement: this database's tables go to `kept`, those of `scratch` take their place."""
        moves = ["%s.%s TO %s.%s" % (name(self.name), name(t), name(kept), name(t)) for t in self.tables()]
        moves += [
            "%s.%s TO %s.%s" % (name(scratch), name(t), name(self.name), name(t)) for t in self.tables_of(scratch)
        ]
        if moves:
            self.rows("RENAME TABLE " + ", ".join(moves))

    def tables_of(self, database: str) -> list[str]:
        """The names of the tables in another database of the server."""
        other = self.at(database)
        try:
            return other.tables()
        finally:
            other.close()

    def empty(self) -> None:
        """Drops every table and view, so that a dump loaded in place leaves nothing that it does not have."""
        views = ["DROP VIEW %s" % name(view) for view in self._named("VIEW")]
        tables = ["DROP TABLE %s" % name(table) for table in self.tables()]
        session = Session(self.options, self.name)
        try:
            for statement in ["SET SESSION foreign_key_checks = 0", *views, *tables]:
                session.rows(statement)
        finally:
            session.close()
