"""Which statements pass while an app loads: those that only read."""

import sqlite3

import pytest

from flask_slipway.server.inside.guard import is_read

READS = [
    "SELECT 1",
    "  -- why\n select name FROM asset;",
    "/* why */ SELECT 'INSERT INTO x; DROP' AS \"into\" FROM asset",
    "WITH a AS (SELECT 1 AS i) SELECT i FROM a",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT replace(i, '1', '2') FROM n",
    'PRAGMA main.table_info("asset")',
    "PRAGMA foreign_key_list('asset')",
    "PRAGMA user_version",
    "EXPLAIN DELETE FROM asset",
    "EXPLAIN ANALYZE FORMAT=TREE SELECT 1",
    "DESC asset",
    "SHOW TABLES",
]
WRITES = [
    "INSERT INTO asset VALUES (2, 'two')",
    "WITH a AS (SELECT 1 AS i) DELETE FROM asset WHERE id IN (SELECT i FROM a)",
    "WITH a AS (SELECT 7 AS i) INSERT INTO asset SELECT i, 'seven' FROM a",
    "PRAGMA user_version = 7",
    "PRAGMA user_version(7)",
    'PRAGMA "main".journal_mode(WAL)',
    "PRAGMA/**/user_version(7)",
    "PRAGMA optimize",
    "EXPLAIN ANALYZE DELETE FROM asset",
    "DESCRIBE ANALYZE FORMAT=TREE UPDATE asset SET name = 'x'",
    "ANALYZE DELETE FROM asset",
    "SELECT * FROM asset INTO OUTFILE '/tmp/x'",
    "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
    "SELECT 1; DELETE FROM asset",
    "CREATE TABLE x (i INTEGER)",
    "",
]


@pytest.mark.parametrize("statement", READS)
def test_what_only_reads_passes(statement):
    assert is_read(statement)


@pytest.mark.parametrize("statement", WRITES)
def test_what_may_write_does_not(statement):
    assert not is_read(statement)


def test_what_passes_changes_no_file_of_sqlites(tmp_path):
    path = tmp_path / "some.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE asset (id INTEGER PRIMARY KEY, name VARCHAR(20))")
        connection.commit()
        before = path.read_bytes()
        for statement in READS:
            if "EXPLAIN ANALYZE" not in statement and not statement.startswith(("DESC", "SHOW")):  # MySQL's
                connection.execute(statement).fetchall()
    connection.close()
    assert path.read_bytes() == before
