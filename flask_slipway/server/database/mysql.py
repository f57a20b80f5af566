"""A MySQL or MariaDB database, reached by the host's own client programs. The password lies in a 0600 file, never in an
argument list; statements go over stdin."""

import re
import time
from typing import Any

from ..lib import files
from . import mysql_dump
from .mysql_client import DatabaseError, Session, literal, name

PATIENCE = 15  # seconds to wait for other connections and locks: the site is closed meanwhile


class MySQL:
    """The database `url` names; `options` is the path of a 0600 option file to reach it by."""

    def __init__(self, url, options):
        self.url, self.options = url, options
        self.name = url["database"]
        self.host = url.get("host") or "localhost"
        self._session = None
        self._guard: Any = None
        self._version = None

    # reads

    def rows(self, statement):
        """Rows of one statement, over a session that is opened when needed."""
        if self._session is None or not self._session.alive():
            self._session = Session(self.options, self.name)
            self._session.rows("SET SESSION lock_wait_timeout = %d, wait_timeout = 86400" % PATIENCE)
        try:
            return self._session.rows(statement)
        except DatabaseError:
            self._session.close()
            self._session = None
            raise

    def one(self, statement):
        rows = self.rows(statement)
        return rows[0][0] if rows else None

    @property
    def version(self):
        if self._version is None:
            self._version = self.one("SELECT VERSION()")
        return self._version

    @property
    def dialect(self):
        return "mariadb" if "mariadb" in self.version.lower() else "mysql"

    def identity(self):
        """What proves that two ways lead to the same database: [dialect, server, name]."""
        unique = "@@server_uid" if self.dialect == "mariadb" else "@@server_uuid"
        try:
            server = self.one("SELECT %s" % unique)
        except DatabaseError:
            server = self.one("SELECT CONCAT(@@hostname, ':', @@port)")
        return [self.dialect, server, self.one("SELECT DATABASE()")]

    def tables(self, kind="BASE TABLE"):
        """Names of the tables (or of another TABLE_TYPE), sorted."""
        where = "table_schema = DATABASE() AND table_type = %s" % literal(kind)
        found = self.rows("SELECT table_name FROM information_schema.tables WHERE %s ORDER BY 1" % where)
        return [row[0] for row in found]

    def revisions(self):
        """The rows of alembic_version, [] where there is no such table."""
        if "alembic_version" not in self.tables():
            return []
        return sorted(row[0] for row in self.rows("SELECT version_num FROM alembic_version"))

    def counts(self):
        """{table: rows}, seen at one moment."""
        tables = self.tables()
        if not tables:
            return {}
        parts = ["SELECT %s, COUNT(*) FROM %s" % (literal(table), name(table)) for table in tables]
        return {row[0]: int(row[1]) for row in self.rows(" UNION ALL ".join(parts))}

    def size(self):
        """Bytes that the tables and indexes take."""
        total = self.one(
            "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
            "WHERE table_schema = DATABASE()"
        )
        return int(float(total))

    def columns(self):
        """{table: {column: type}} as the server describes them: what two schemas are compared by."""
        found = self.rows(
            "SELECT table_name, column_name, column_type, is_nullable, COALESCE(column_default, 'NULL'), extra "
            "FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position"
        )
        result: Any = {}
        for table, column, *kind in found:
            result.setdefault(table, {})[column] = " ".join(kind)
        return result

    def values_in(self, table, column=None):
        """How many rows of `table`, or how many of its rows whose `column` is neither NULL, empty nor the default."""
        if column is None:
            return int(self.one("SELECT COUNT(*) FROM %s" % name(table)))
        text = "CAST(%s AS CHAR)" % name(column)
        default = self.rows(
            "SELECT column_default FROM information_schema.columns WHERE table_schema = DATABASE() AND "
            "table_name = %s AND column_name = %s AND column_default IS NOT NULL" % (literal(table), literal(column))
        )
        other = " AND %s <> %s" % (text, literal(default[0][0].strip("'"))) if default else ""
        where = "%s IS NOT NULL AND %s <> ''%s" % (name(column), text, other)
        return int(self.one("SELECT COUNT(*) FROM %s WHERE %s" % (name(table), where)))

    def hindrances(self):
        """What a backup holds that this user may not put back, as texts."""
        texts = []
        where = "table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
        for table, engine in self.rows("SELECT table_name, engine FROM information_schema.tables WHERE %s" % where):
            texts.append("table %s is %s, not InnoDB: its rows may change while it is dumped" % (table, engine))
        user = self.one("SELECT CURRENT_USER()")
        binary_log = self.one("SELECT @@log_bin") == "1" and self.one("SELECT @@log_bin_trust_function_creators") != "1"
        for kind, schema, named in (
            ("trigger", "trigger_schema", "trigger_name"),
            ("routine", "routine_schema", "routine_name"),
        ):
            found = self.rows(
                "SELECT %s, definer FROM information_schema.%ss WHERE %s = DATABASE()" % (named, kind, schema)
            )
            for thing, definer in found:
                if definer != user:
                    texts.append("%s %s belongs to %s: only they can put it back (1227)" % (kind, thing, definer))
                elif binary_log:
                    texts.append("%s %s cannot be put back while the server logs binary (1419)" % (kind, thing))
        for view in self.tables("VIEW"):
            texts.append("view %s is put back in place, not beside" % view)
        return texts

    def movable(self):
        """True where every table can be moved to another database by RENAME TABLE: no views, triggers, routines."""
        things = (
            ("tables", "table_schema", " AND table_type = 'VIEW'"),
            ("triggers", "trigger_schema", ""),
            ("routines", "routine_schema", ""),
        )
        return all(
            self.one("SELECT COUNT(*) FROM information_schema.%s WHERE %s = DATABASE()%s" % (table, schema, more))
            == "0"
            for table, schema, more in things
        )

    def others(self):
        """Connections to this database that are not this process's own: [id], as far as the user may see them."""
        own = {self.one("SELECT CONNECTION_ID()")}
        if self._guard is not None and self._guard.alive():
            own.add(self._guard.rows("SELECT CONNECTION_ID()")[0][0])
        return [int(row[0]) for row in self.rows("SHOW PROCESSLIST") if row[3] == self.name and row[0] not in own]

    # the lock that the server itself holds

    def approach(self):
        """Begins the connection that `hold` needs: it comes up while something else is looked at."""
        self._guard = Session(self.options, self.name)

    def hold(self, patience=0):
        """Takes the server's own lock for this database (GET_LOCK) on its own connection; False where it is held."""
        if self._guard is None:
            self.approach()
        key = "slipway " + files.sha256(self.name.encode())[:32]
        self._guard.rows("SET SESSION wait_timeout = 86400")
        return self._guard.rows("SELECT GET_LOCK(%s, %d)" % (literal(key), patience))[0][0] == "1"

    def close(self):
        """Ends this process's connections."""
        for session in (self._session, self._guard):
            if session is not None:
                session.close()
        self._session = self._guard = None

    # the fence

    @property
    def fence_kind(self):
        """ "database" where the server can refuse all writes (MySQL 8.0.22), else "watched"."""
        digits = [int(part) for part in re.findall(r"\d+", self.version)[:3]]
        return "database" if self.dialect == "mysql" and digits >= [8, 0, 22] else "watched"

    def fence_up(self):
        """From here on the database refuses writes; waits for open transactions.
        Source: MySQL manual, ALTER DATABASE."""
        if self.fence_kind == "database":
            self.rows("ALTER DATABASE %s READ ONLY = 1" % name(self.name))
        self.wait_alone()

    def fence_down(self):
        if self.fence_is_up():  # to lift what is not there would wait for open transactions all the same
            self.rows("ALTER DATABASE %s READ ONLY = 0" % name(self.name))

    def fence_is_up(self):
        if self.fence_kind != "database":
            return False
        options = self.one("SELECT options FROM information_schema.schemata_extensions WHERE schema_name = DATABASE()")
        return "READ ONLY=1" in (options or "")

    def wait_alone(self, seconds=PATIENCE):
        """Waits until no other connection to the database is left. Raises DatabaseError when some stay."""
        for _ in range(seconds * 5):
            if not self.others():
                return
            time.sleep(0.2)
        left = ", ".join(str(number) for number in self.others())
        if left:
            raise DatabaseError(
                "connections to %s stay open: %s; another program is using the database" % (self.name, left)
            )

    def kill(self, ids, seconds=600):
        """Ends connections and waits until the server has forgotten them: a killed ALTER goes on for a while."""
        for number in set(ids) & set(self.others()):  # a number of before a restart of the server may be another's
            try:
                self.rows("KILL %d" % number)
            except DatabaseError as error:
                if error.code not in (1094, 1095):  # no such connection, or not ours any more
                    raise
        for _ in range(seconds * 5):
            if not set(ids) & set(self.others()):
                return
            time.sleep(0.2)
        raise DatabaseError("the connections %s do not end" % ", ".join(map(str, ids)))

    # dump and load

    def dump(self, target):
        """Writes a portable dump to the file object `target`. Returns {table: rows} as dumped. Raises DatabaseError."""
        return mysql_dump.write(self.options, self.name, target)

    def load(self, stream, database):
        """Loads a dump (binary file object) into `database`. Raises DatabaseError."""
        mysql_dump.load(self.options, stream, database)

    # scratch databases

    def scratch_name(self, tag):
        """The name of a scratch database beside this one; `tag` tells what for."""
        return "%s_slipway_%s" % (self.name[: 64 - 9 - len(tag)], tag)

    def at(self, database):
        """The same server and user, another database."""
        return MySQL(dict(self.url, database=database), self.options)

    def exists(self, database):
        found = self.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s" % literal(database))
        return bool(found)

    def create(self, database):
        """Makes an empty database with this one's character set. Raises DatabaseError where the user may not."""
        charset, collation = self.rows("SELECT @@character_set_database, @@collation_database")[0]
        self.rows("CREATE DATABASE %s CHARACTER SET %s COLLATE %s" % (name(database), charset, collation))

    def drop(self, database):
        self.rows("DROP DATABASE IF EXISTS %s" % name(database))

    def can_create(self):
        """Whether the user may make databases beside this one, as its grants say."""
        grants = [row[0] for row in self.rows("SHOW GRANTS")]
        for grant in grants:
            match = re.match(r"GRANT (.*?) ON (.+?)\.\* TO ", grant)
            if match and re.search(r"ALL PRIVILEGES|\bCREATE\b(?! )", match.group(1)) and self._covers(match.group(2)):
                return True
        return False

    def _covers(self, pattern):
        if pattern == "*":
            return True
        plain = pattern.strip("`").replace("``", "`")
        parts = re.split(r"(\\.|%|_)", plain)
        expression = "".join(
            {"%": ".*", "_": "."}.get(part, re.escape(part.lstrip("\\") if len(part) == 2 else part)) for part in parts
        )
        return re.fullmatch(expression, self.scratch_name("x"), re.S) is not None

    def swap(self, scratch, kept):
        """In one statement: this database's tables go to `kept`, those of `scratch` take their place."""
        moves = ["%s.%s TO %s.%s" % (name(self.name), name(t), name(kept), name(t)) for t in self.tables()]
        moves += [
            "%s.%s TO %s.%s" % (name(scratch), name(t), name(self.name), name(t)) for t in self.at_tables(scratch)
        ]
        if moves:
            self.rows("RENAME TABLE " + ", ".join(moves))

    def at_tables(self, database):
        other = self.at(database)
        try:
            return other.tables()
        finally:
            other.close()

    def empty(self):
        """Drops every table and view, so that a dump loaded in place leaves nothing that it does not have."""
        views = ["DROP VIEW %s" % name(view) for view in self.tables("VIEW")]
        tables = ["DROP TABLE %s" % name(table) for table in self.tables()]
        session = Session(self.options, self.name)
        try:
            for statement in ["SET SESSION foreign_key_checks = 0", *views, *tables]:
                session.rows(statement)
        finally:
            session.close()
