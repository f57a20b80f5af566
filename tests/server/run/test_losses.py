"""What a way down would take away, counted on SQLite, MariaDB and MySQL."""

import pytest

from flask_slipway.server.run import losses

# (now, afterwards), as a database describes the one and Alembic's SQL says the other.
KEPT = [
    ("int(11) NO NULL ", "BIGINT"),
    ("int NO NULL auto_increment", "INTEGER"),
    ("tinyint(1) NO 0 ", "BOOL"),
    ("tinyint(1) YES NULL ", "INTEGER"),
    ("int YES NULL ", "DOUBLE"),
    ("int YES NULL ", "NUMERIC(12, 2)"),
    ("int YES NULL ", "VARCHAR(20)"),
    ("float YES NULL ", "DOUBLE"),
    ("date YES NULL ", "DATETIME"),
    ("timestamp YES NULL ", "DATETIME"),
    ("datetime YES NULL ", "DATETIME(6)"),
    ("varchar(20) YES NULL ", "VARCHAR(20)"),
    ("varchar(20) YES NULL ", "TEXT"),
    ("char(20) YES NULL ", "VARCHAR(20)"),
    ("text YES NULL ", "LONGTEXT"),
    ("decimal(10,2) YES NULL ", "NUMERIC(12, 4)"),
    ("enum('a','b') YES NULL ", "ENUM('b','a','c')"),
    ("DATETIME 1 None 0", "DATETIME"),
    ("VARCHAR(20) 0 None 0", "VARCHAR(30)"),
]
CHANGED = [
    ("datetime YES NULL ", "DATE"),
    ("datetime(6) YES NULL ", "DATETIME"),
    ("datetime YES NULL ", "TIMESTAMP"),
    ("float YES NULL ", "INTEGER"),
    ("double YES NULL ", "FLOAT"),
    ("decimal(10,2) YES NULL ", "NUMERIC(10, 1)"),
    ("decimal(10,2) YES NULL ", "NUMERIC(10, 4)"),
    ("bigint YES NULL ", "INTEGER"),
    ("bigint YES NULL ", "DOUBLE"),
    ("int YES NULL ", "INTEGER UNSIGNED"),
    ("int YES NULL ", "BOOL"),
    ("varchar(20) YES NULL ", "VARCHAR(10)"),
    ("varchar(20) YES NULL ", "INTEGER"),
    ("longtext YES NULL ", "TEXT"),
    ("text YES NULL ", "VARCHAR(255)"),
    ("VARCHAR 0 None 0", "VARCHAR(20)"),
    ("enum('a','b') YES NULL ", "ENUM('a')"),
    ("DATETIME 1 None 0", "DATE"),
    ("json YES NULL ", "TEXT"),
]


@pytest.mark.parametrize(
    ("now", "afterwards", "kept"), [*((*pair, True) for pair in KEPT), *((*pair, False) for pair in CHANGED)]
)
def test_a_type_keeps_every_value_or_may_change_one(now, afterwards, kept):
    assert losses.keeps(losses.kind(now), losses.kind(afterwards)) is kept


def altered(column, **more):
    return {"kind": "alter_column", "table": "things", "column": column, "text": "alter column", **more}


@pytest.fixture
def things(site):
    site.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, at DATETIME, size FLOAT, name VARCHAR(200))")
    site.execute("INSERT INTO things VALUES (1, '2026-11-20 18:03:12', 1.5, 'short')")
    site.execute("INSERT INTO things VALUES (2, NULL, NULL, 'a name that is longer than that')")
    return site


def test_a_narrower_type_is_a_loss_where_there_are_values(things):
    down = [altered("at", type="DATE"), altered("size", type="INTEGER"), altered("name", type="VARCHAR(20)")]
    assert losses.losses(things.base, down) == [
        "column things.at: 1 value, as it becomes DATE",
        "column things.size: 1 value, as it becomes INTEGER",
        "column things.name: 1 value longer than 20, as it becomes VARCHAR(20)",
    ]
    things.execute("DELETE FROM things WHERE id = 2")
    things.execute("UPDATE things SET at = NULL, size = NULL")
    assert losses.losses(things.base, down) == []


def test_a_wider_type_and_another_name_are_none(things):
    assert losses.losses(things.base, [altered("name", type="TEXT"), altered("at", renamed="posted")]) == []


def test_what_was_renamed_on_the_way_is_counted_by_the_name_that_it_has_now(things):
    dropped = {"kind": "drop_column", "table": "items", "column": "posted", "text": "drop column"}
    renamed = {"kind": "rename_table", "table": "things", "column": None, "renamed": "items", "text": "rename table"}
    down = [altered("at", renamed="posted"), renamed, dropped]
    assert losses.losses(things.base, down) == ["column things.at: 1 value"]
    gone = {"kind": "drop_table", "table": "items", "column": None, "text": "drop table"}
    assert losses.losses(things.base, [renamed, gone]) == ["table things: 2 rows"]
