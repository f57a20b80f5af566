"""A MySQL or MariaDB database, reached by the host's own client programs. The password lies in a 0600 file, never in an
argument list; statements go over stdin."""

from __future__ import annotations

import re
import time
from typing import Container, Dict, Iterable, Iterator, List, Sequence

from ..lib import files
from ..protocol import UrlParts
from . import dump_lines, mysql_dump, mysql_rights
from .exact_rows import NUMBERS, Column
from .interface import Columns, Contents, Counts, Definitions, Dumped, DumpTarget
from .mysql_client import DatabaseError, Session, literal, name

PATIENCE = 15  # seconds to wait for other connections and locks: the site is closed meanwhile
AT_ONCE = 200  # tables that one statement names
LOCK_PATIENCE = 5  # seconds to wait for the server's own lock: it may not have seen yet that a process is gone
KILL_PATIENCE = 600  # seconds to wait until the server has forgotten a killed connection
NOT_ALLOWED = (1142, 1143, 1044, 1345, 1370)  # rights that lack: on a table, column, database, for EXPLAIN, a routine
NOT_YOURS = 1227  # whose definer has SYSTEM_USER. Source: MySQL manual, "SYSTEM_USER"
OF_ONE_LENGTH = (*NUMBERS, "float", "double", "date", "time", "datetime", "timestamp")
UNKNOWN_CHARSET = (1115, 1273)  # a character set or collation that another server has
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
        "sql_mode, is_deterministic, sql_data_access",
        "routines",
    ),
    (
        "event",
        "event_name, event_type, COALESCE(execute_at, ''), COALESCE(interval_value, ''), COALESCE(interval_field, ''), "
        "event_definition, status, sql_mode, COALESCE(starts, ''), COALESCE(ends, ''), on_completion, time_zone",
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
        self._version = self._schema = ""

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
    def schema(self) -> str:
        """Its name as the server has it: in small letters where lower_case_table_names = 1."""
        if not self._schema:
            self._schema = self.scalar("SELECT DATABASE()")
        return self._schema

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
        return [self.dialect, server, self.schema]

    def tables(self) -> list[str]:
        return self._named("BASE TABLE", "SYSTEM VERSIONED")

    def _named(self, *kinds: str) -> list[str]:
        """The names of what has one of these TABLE_TYPEs, sorted."""
        where = "table_schema = DATABASE() AND table_type IN (%s)" % ", ".join(map(literal, kinds))
        rows = self.rows("SELECT table_name FROM information_schema.tables WHERE %s ORDER BY 1" % where)
        return [row[0] for row in rows]

    def revisions(self) -> list[str]:
        if "alembic_version" not in self.tables():
            return []
        return sorted(row[0] for row in self.rows("SELECT version_num FROM alembic_version"))

    def counts(self) -> Counts:
        return self._counts(self.tables())

    def _counts(self, tables: Sequence[str]) -> Counts:
        found: Counts = {}
        if len(tables) > AT_ONCE:
            self.rows("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        for some in _groups(tables):
            parts = ["SELECT %s, COUNT(*) FROM %s" % (literal(table), name(table)) for table in some]
            found.update((row[0], int(row[1])) for row in self.rows(" UNION ALL ".join(parts)))
        if len(tables) > AT_ONCE:
            self.rows("COMMIT")
        return found

    def contents(self, tables: Sequence[str] | None = None) -> Contents:
        """By CHECKSUM TABLE, which takes values as they are stored, a FLOAT with all its bits; and by a sum of each
        column of texts or bytes: CHECKSUM TABLE takes those of a row one behind the other, without an end, so that it
        does not see a text that moved to the column beside. `tables`: those alone. Source: MySQL manual."""
        tables = self.tables() if tables is None else tables
        sums = []
        for some in _groups(tables):
            sums += [row[1] for row in self.rows("CHECKSUM TABLE %s EXTENDED" % ", ".join(map(name, some)))]
        counts, columns = self._counts(tables), self._column_sums(tables)
        return {t: " ".join([str(counts[t]), found, *columns.get(t, [])]) for t, found in zip(tables, sums)}

    def _column_sums(self, tables: Sequence[str]) -> Dict[str, List[str]]:
        """Of each column whose values are not all of one length a sum over its values, where a table has several."""
        found: Dict[str, List[str]] = {table: [] for table in tables}
        for table, column, kind in self.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"
        ):
            if table in found and kind.lower() not in OF_ONE_LENGTH:
                found[table].append("COALESCE(SUM(CRC32(%s)), 0)" % name(column))
        several = {table: columns for table, columns in found.items() if len(columns) > 1}
        sums: Dict[str, List[str]] = {}
        for some in _groups(list(several)):
            parts = [
                "SELECT %s, CONCAT_WS(' ', %s) FROM %s" % (literal(table), ", ".join(several[table]), name(table))
                for table in some
            ]
            sums.update((row[0], row[1].split(" ")) for row in self.rows(" UNION ALL ".join(parts)))
        return sums

    def definitions(self) -> Definitions:
        result = {"database": " ".join(self._charset())}
        for table in self.tables():
            text = self.rows("SHOW CREATE TABLE %s" % name(table))[0][1]
            result["table %s" % table] = re.sub(r" AUTO_INCREMENT=\d+", "", text)
        return {**result, **self.defined()}

    def defined(self) -> Definitions:
        """The definitions of what the schema has beside tables."""
        result = {}
        for kind, columns, source in DEFINED:
            schema = "%s_schema" % ("table" if kind == "view" else kind)
            for named, *words in self.rows(
                "SELECT %s FROM information_schema.%s WHERE %s = DATABASE()" % (columns, source, schema)
            ):
                result["%s %s" % (kind, named)] = " ".join(words)
        for kind, named, *words in self.rows(
            "SELECT routine_type, specific_name, COALESCE(parameter_mode, ''), COALESCE(parameter_name, ''), "
            "dtd_identifier FROM information_schema.parameters WHERE specific_schema = DATABASE() "
            "ORDER BY routine_type, specific_name, ordinal_position"
        ):
            what = "routine %s %s" % (kind, named)
            if what in result:
                result[what] += ", " + " ".join(words)
        for sequence in self._named("SEQUENCE"):
            result["sequence %s" % sequence] = self.rows("SHOW CREATE SEQUENCE %s" % name(sequence))[0][1]
        return result

    def _charset(self) -> list[str]:
        """The character set and collation that new tables get."""
        return self.rows("SELECT @@character_set_database, @@collation_database")[0]

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

    def restore_blockers(self, definitions: Iterable[str] | None = None) -> list[str]:
        wanted = self.defined() if definitions is None else [what for what in definitions if what != "database"]
        left_out = self.left_out()
        texts = mysql_rights.blockers(self.rows, self.schema, [what for what in wanted if what not in left_out])
        return texts + mysql_rights.references(self.rows)

    def left_out(self) -> list[str]:
        """What is in no dump, as mysqldump stops at it, or this user could not load it: broken views ("view v"), those
        that show what only their owner may read, and all routines where the body of one is for its owner's eyes only
        ("routine FUNCTION f")."""
        routines = self.rows(
            "SELECT routine_type, routine_name, routine_body = 'SQL' AND routine_definition IS NULL "
            "FROM information_schema.routines WHERE routine_schema = DATABASE()"
        )
        hidden = any(row[2] == "1" for row in routines)
        views = ["view %s" % view for view in (*self._broken_views(), *self._foreign_views())]
        return views + ["routine %s %s" % (kind, named) for kind, named, _ in routines if hidden]

    def backup_notes(self) -> list[str]:
        texts = []
        where = "table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
        for table, engine in self.rows("SELECT table_name, engine FROM information_schema.tables WHERE %s" % where):
            texts.append("table %s is %s, not InnoDB: its rows may change while it is dumped" % (table, engine))
        for table in self._named("SYSTEM VERSIONED"):
            texts.append("table %s is versioned: a dump has its rows of today alone" % table)
        foreign = self._foreign_views()
        left_out = self.left_out()
        for what in left_out:
            kind, named = what.split(" ", 1)
            if kind == "view" and named in foreign:
                texts.append("view %s is in no backup, for it shows what your database user may not read" % named)
            elif kind == "view":
                texts.append("view %s is broken and in no backup: DROP VIEW %s, or make it anew" % (named, name(named)))
            else:
                texts.append("%s is in no backup, for your database user may not read all routines" % named.lower())
        return texts + mysql_rights.of_others(self.rows, left_out)

    def _broken_views(self) -> list[str]:
        """Views that cannot be read, as what they show is gone."""
        broken = []
        for view in self._named("VIEW"):
            try:
                self.rows("SHOW FIELDS FROM %s" % name(view))
            except DatabaseError as error:
                if error.code is None:
                    raise
                broken.append(view)
        return broken

    def _foreign_views(self) -> list[str]:
        """Views that can be read, and that this user could not make: their owner may read what this one may not."""
        foreign, broken = [], self._broken_views()
        for view, definition in self.rows(
            "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE() "
            "AND definer <> CURRENT_USER() AND view_definition <> '' ORDER BY 1"
        ):
            if view in broken:
                continue
            try:
                self.rows("EXPLAIN %s" % definition)
            except DatabaseError as error:
                if error.code not in NOT_ALLOWED:
                    raise
                foreign.append(view)
        return foreign

    def other_connections(self) -> list[int]:
        """Connections to this database that are not this process's own: [id], as far as the user may see them."""
        own = {self.scalar("SELECT CONNECTION_ID()")}
        if self._guard is not None and self._guard.alive():
            own.add(self._guard.rows("SELECT CONNECTION_ID()")[0][0])
        return [int(row[0]) for row in self.rows("SHOW PROCESSLIST") if row[3] == self.schema and row[0] not in own]

    # the lock that the server itself holds

    def prepare_lock(self) -> None:
        self._guard = Session(self.options, self.name)

    def hold_lock(self) -> bool:
        """Takes the server's own lock for this database (GET_LOCK) on its own connection; False where it is held."""
        if self._guard is None:
            self._guard = Session(self.options, self.name)
        key = "slipway " + files.sha256(self.schema.encode())[:32]
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

    def dump(self, target: DumpTarget, aside: str) -> Dumped:
        """Writes a portable dump to `target`; no file aside is needed."""
        without = self.left_out()
        wanted = mysql_dump.Wanted(
            without=tuple(what.split(" ", 1)[1] for what in without if what.startswith("view ")),
            routines=not any(what.startswith("routine ") for what in without),
            events=any(what.startswith("event ") for what in self.defined()),
            exact=self._exact(),
        )
        rows, longest = mysql_dump.write(self.options, self.name, target, wanted)
        limit = int(self.scalar("SELECT @@max_allowed_packet"))
        text = "a row takes %d bytes as SQL, and the server takes %d at once (max_allowed_packet)" % (longest, limit)
        return Dumped(rows, without, [text] if longest > limit else [])

    def _exact(self) -> Dict[str, List[Column]] | None:
        """The columns of each table, but for generated ones, where one is FLOAT, or a DOUBLE holds the zero below zero,
        which Python makes of round(-0.4); else None."""
        found: Dict[str, List[Column]] = {table: [] for table in self.tables()}
        for table, column, kind in self.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE() "
            "AND COALESCE(generation_expression, '') = '' ORDER BY table_name, ordinal_position"
        ):
            found.get(table, []).append((column, kind.lower()))
        if any(kind == "float" for columns in found.values() for _, kind in columns):
            return found
        return found if any(self._has_negative_zero(table, columns) for table, columns in found.items()) else None

    def _has_negative_zero(self, table: str, columns: Iterable[Column]) -> bool:
        doubles = [name(column) for column, kind in columns if kind == "double"]
        if not doubles:
            return False
        where = " OR ".join("(%s = 0 AND CAST(%s AS CHAR) LIKE '-%%')" % (column, column) for column in doubles)
        return self.scalar("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)" % (name(table), where)) == "1"

    def load(
        self, dump: Iterable[bytes], database: str, without: Iterable[str] = (), leave: Container[str] = ()
    ) -> None:
        """Loads the lines of a dump into `database`, but for the parts `without`, and what is named in `leave`
        ("view v"). Raises DatabaseError."""
        unwanted = {dump_lines.LEFT, *without}
        self.load_lines((line for part, line in self.parts(dump, leave) if part not in unwanted), database)

    def parts(self, dump: Iterable[bytes], leave: Container[str] = ()) -> Iterator[dump_lines.Line]:
        """The lines of a dump with their parts, as this user may load them."""
        account, _, host = self.scalar("SELECT CURRENT_USER()").rpartition("@")
        return dump_lines.parts(dump, ("%s@%s" % (name(account), name(host))).encode(), leave)

    def load_lines(self, lines: Iterable[bytes], database: str) -> None:
        """Loads the lines as they are into `database`. Raises DatabaseError."""
        mysql_dump.load(self.options, lines, database)

    # scratch databases

    def scratch_name(self, tag: str) -> str:
        """The name of a scratch database beside this one; `tag` tells what for."""
        return "%s_slipway_%s" % (self.schema[: 64 - 9 - len(tag)], tag)

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
        self.rows("CREATE DATABASE %s CHARACTER SET %s COLLATE %s" % (name(database), *self._charset()))

    def drop(self, database: str) -> None:
        self.rows("DROP DATABASE IF EXISTS %s" % name(database))

    def written_files(self) -> list[str]:
        return []

    def can_create(self) -> bool:
        """Whether the user may make databases beside this one, as its grants say."""
        grants = [row[0] for row in self.rows("SHOW GRANTS")]
        rights = mysql_rights.granted(grants, self.scratch_name("x"))
        return bool(rights and rights & {"ALL PRIVILEGES", "CREATE"})

    def swap(self, scratch: str, kept: str) -> None:
        """In one statement: this database's tables go to `kept`, those of `scratch` take their place."""
        live = self.schema
        moves = ["%s.%s TO %s.%s" % (name(live), name(t), name(kept), name(t)) for t in self.tables()]
        moves += ["%s.%s TO %s.%s" % (name(scratch), name(t), name(live), name(t)) for t in self.tables_of(scratch)]
        self.rename(moves)

    def rename(self, moves: Sequence[str]) -> None:
        """All in one statement. `moves`: "OLD TO NEW", as SQL."""
        if moves:
            self.rows("RENAME TABLE " + ", ".join(moves))

    def tables_of(self, database: str) -> list[str]:
        """The names of the tables in another database of the server."""
        other = self.at(database)
        try:
            return other.tables()
        finally:
            other.close()

    def undefine(self, kinds: Container[str], spare: Iterable[str] = ()) -> list[str]:
        """Drops views, triggers, routines, events: those of `kinds`, and none of `spare` ("view v"). Returns what
        stays: those, and what a mightier user made, which this one may not drop and cannot have changed either."""
        stays = list(spare)
        for what in self.defined():
            kind, named = what.split(" ", 1)
            if kind in kinds and what not in stays:
                kind, named = named.split(" ", 1) if kind == "routine" else (kind, named)
                try:
                    self.rows("DROP %s %s" % (kind.upper(), name(named)))
                except DatabaseError as error:
                    if error.code != NOT_YOURS:
                        raise
                    stays.append(what)
        return stays

    def take_charset(self, told: str) -> None:
        """Makes `told` ("utf8mb4 utf8mb4_bin") what new tables get, where this server knows it."""
        if told == " ".join(self._charset()):
            return
        try:
            self.rows("ALTER DATABASE %s CHARACTER SET %s COLLATE %s" % (name(self.schema), *told.split(" ")))
        except DatabaseError as error:
            if error.code not in UNKNOWN_CHARSET:
                raise

    def run_unchecked(self, statements: Iterable[str]) -> None:
        """Runs statements without a look at foreign keys, in a session of their own."""
        session = Session(self.options, self.name)
        try:
            for statement in ["SET SESSION foreign_key_checks = 0", *statements]:
                session.rows(statement)
        finally:
            session.close()


def _groups(tables: Sequence[str]) -> Iterator[Sequence[str]]:
    """The tables in groups that one statement may name."""
    return (tables[first : first + AT_ONCE] for first in range(0, len(tables), AT_ONCE))
