"""Rows of a dump, counted as it streams by, whatever they hold."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from flask_slipway.server.database.rowcounter import RowCounter

ESCAPES = {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\\": "\\\\", "'": "\\'", '"': '\\"', "\x1a": "\\Z"}


def text(value, doubled=False):
    """A text as mysqldump writes it; `doubled`: a quote as two."""
    escapes = {**ESCAPES, "'": "''"} if doubled else ESCAPES
    return f"'{''.join(escapes.get(letter, letter) for letter in value)}'"


TEXTS = st.builds(text, st.text(st.sampled_from("'\"\\(),;\n\0ab` é"), max_size=12), st.booleans())
VALUES = st.one_of(TEXTS, st.sampled_from(["NULL", "-1.5", "0x27292C28", "_binary 'x'", "'),('", "'\\\\'", "''"]))
ROWS = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=5)


def counted(lines):
    counter = RowCounter()
    for line in lines:
        counter.feed(line.encode())
    return counter.rows


@given(ROWS)
@example([["'\\\\'"], ["'),('"]])
@example([["'a\\\\\\'),('"]])
def test_all_rows_of_a_line_are_counted(rows):
    told = ",".join(f"({','.join(row)})" for row in rows)
    assert counted(["CREATE TABLE `t` (\n", f"INSERT INTO `t` VALUES {told};\n"]) == {"t": len(rows)}
    assert counted([f"INSERT INTO `t` (`a`, `b`) VALUES {told};\n"] * 2) == {"t": 2 * len(rows)}


@given(ROWS)
def test_a_row_on_each_line_is_counted_as_mariadb_writes_it(rows):
    told = [f"({','.join(row)})".replace("\n", " ") for row in rows]
    lines = ["INSERT INTO `t``s` VALUES\n", *(f"{row},\n" for row in told[:-1]), f"{told[-1]};\n", "(no row)\n"]
    assert counted([*lines[:-1], "UNLOCK TABLES;\n", lines[-1]]) == {"t`s": len(rows)}


def test_a_table_without_rows_is_told():
    assert counted(["CREATE TABLE `empty` (\n", "  `id` int\n", ");\n"]) == {"empty": 0}


def test_a_body_that_looks_like_rows_and_a_column_with_a_bracket_are_no_hindrance():
    body = [
        "DELIMITER ;;\n",
        "CREATE PROCEDURE p() BEGIN\n",
        "INSERT INTO `t` VALUES (1),(2);\n",
        "CREATE TABLE `u` (\n",
    ]
    lines = ["CREATE TABLE `t` (\n", "INSERT INTO `t` (`a`, `b)`, `c``)`) VALUES (1,2,3),(4,5,6);\n", *body, "END ;;\n"]
    assert counted([*lines, "DELIMITER ;\n", "INSERT INTO `t` (`a`) VALUES (7);\n"]) == {"t": 3}
