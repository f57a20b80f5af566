"""Each value comes back as it was, also those that mysqldump rounds, on SQLite, MariaDB and MySQL."""

import sqlite3

import pytest

from flask_slipway.server.backup import make, store
from flask_slipway.server.backup.restore import Restorer
from flask_slipway.server.database import mysql_dump

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}
FLOATS = ("1234567", "0.12345679", "16777217", "3.4028234e38", "1.17549435e-38", "-0.1", "0", "NULL")
KINDS = """CREATE TABLE kinds (
  a TINYINT UNSIGNED, b SMALLINT, c MEDIUMINT, d INT(8) ZEROFILL, e BIGINT UNSIGNED, f DECIMAL(20, 5), g DOUBLE, h YEAR,
  i BIT(13), j DATE, k DATETIME(6), l TIMESTAMP(3) NULL, m TIME(2), n CHAR(5), o VARCHAR(300) CHARACTER SET latin1,
  p MEDIUMTEXT, q BINARY(4), r VARBINARY(300), s LONGBLOB, t ENUM('x', 'it''s'), u SET('a', 'b'), v JSON, w POINT,
  x FLOAT(8, 3), `y``)` FLOAT UNSIGNED, z BOOLEAN, `no` INT GENERATED ALWAYS AS (a + 1) STORED, INDEX (n))"""
MOST = r"""255, -1, 8388607, 42, 18446744073709551615, -12345678901234.56789, 0.1, 2026, b'1000000000001', '2026-11-25',
  '2026-11-25 01:02:03.456789', '2026-11-25 01:02:03.456', '-838:59:58.99', 'it''s', 'é\\ \'\n\t\r\0\Z\"x',
  '漢😀\n\n\\n\\\\\n\t\tNULL', 'a\0', 0x00FF0A09275C, 0x275C0A00, 'it''s', 'a,b', '{"k": "a\\\"b\\n"}',
  ST_GeomFromText('POINT(1 2)'), 0.333, 0.123456789, TRUE, DEFAULT"""
LEAST = """0, 0, 0, 0, 0, 0, 1e300, 1999, b'0', '1000-01-01', '1000-01-01', NULL, '00:00:00', '', '', '', '', '', '',
  'x', '', '[]', NULL, 12345.678, 16777216, FALSE, DEFAULT"""
ROWS = (MOST, LEAST, "NULL, " * 26 + "DEFAULT")


def there_and_back(site, folder):
    """A backup, then other values in its tables, then the backup put back. Returns the contents before and after."""
    before = site.base.contents()
    manifest = make.make(site.base, str(folder), ABOUT, fenced=True)
    assert (manifest["compared"], manifest["contents"]) == ("equal", before)
    site.execute("DELETE FROM children")
    Restorer(site.base, str(folder), "ab12r", lambda what, **words: None).put_back(manifest)
    return before, site.base.contents()


def test_a_float_comes_back_with_all_its_digits(site, tmp_path):
    site.fill()
    site.execute("CREATE TABLE odds (odd FLOAT)")
    site.execute(f"INSERT INTO odds VALUES {', '.join(f'({value})' for value in FLOATS)}")
    before, after = there_and_back(site, tmp_path / "backups")
    assert after == before


def test_every_kind_of_value_comes_back_beside_a_float(served, tmp_path):
    served.fill()
    served.execute("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; " + KINDS)
    for row in ROWS:
        served.execute(f"SET sql_mode = ''; INSERT INTO kinds VALUES ({row})")
    served.execute("INSERT INTO kinds (p) VALUES (REPEAT('x', 700000)), (REPEAT('\\n', 700000)), ('last')")
    before, after = there_and_back(served, tmp_path / "backups")
    assert after == before


@pytest.mark.parametrize("other", ["INT", "FLOAT"])
def test_a_date_that_is_none_and_a_zero_below_zero_come_back_as_they_were(served, tmp_path, other):
    served.fill()
    served.execute(
        "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';"
        f"CREATE TABLE odd (id INT AUTO_INCREMENT PRIMARY KEY, d DATE, t DATETIME, zero DOUBLE, other {other});"
        "INSERT INTO odd VALUES (0, '2024-02-30', '0000-00-00', -0e0, 1), (7, '2024-00-10', '2023-02-29', 0, NULL)"
    )
    before, after = there_and_back(served, tmp_path / "backups")
    assert after == before


def test_rows_are_of_one_moment_although_a_float_is_read_by_itself(served, tmp_path, monkeypatch):
    served.fill()
    served.execute("CREATE TABLE odds (odd FLOAT); INSERT INTO odds VALUES (0.1)")
    output = mysql_dump._output

    def written_meanwhile(*words):
        served.execute("INSERT INTO odds VALUES (0.2); INSERT INTO children VALUES (90, 1, 'late')")
        return output(*words)

    monkeypatch.setattr(mysql_dump, "_output", written_meanwhile)
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT)
    assert (manifest["tables"]["odds"], manifest["tables"]["children"]) == (1, 11)


def test_a_backup_whose_values_are_others_when_it_is_loaded_replaces_nothing(served, tmp_path, monkeypatch):
    served.fill()
    served.execute("CREATE TABLE odds (odd FLOAT); INSERT INTO odds VALUES (1234567)")
    monkeypatch.setattr(served.base, "_exact", lambda: None)  # as mysqldump alone would have it
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    served.execute("DELETE FROM children")
    contents = served.base.contents()
    with pytest.raises(store.NotVerified, match="other values than were backed up: odds"):
        Restorer(served.base, str(tmp_path / "backups"), "ab12r", lambda what, **words: None).put_back(manifest)
    assert served.base.contents() == contents


@pytest.mark.parametrize("served", ["mariadb"], indirect=True)
@pytest.mark.parametrize("with_float", [False, True])
def test_a_row_that_the_server_would_not_take_back_is_known_with_the_backup(served, tmp_path, with_float):
    served.fill()
    served.execute("CREATE TABLE pictures (picture LONGBLOB); INSERT INTO pictures VALUES (REPEAT('x', 9000000))")
    if with_float:
        served.execute("ALTER TABLE pictures ADD COLUMN size FLOAT")
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    (told,) = manifest["restore_blockers"]
    assert told.startswith("a row takes 18000")
    assert told.endswith("the server takes 16777216 at once (max_allowed_packet)")


def test_a_database_of_very_many_tables_is_backed_up_and_put_back(site, tmp_path):
    site.fill()
    tables = [f"CREATE TABLE many_{number} (id INTEGER)" for number in range(501)]
    if site.base.dialect == "sqlite":
        with sqlite3.connect(site.base.path) as connection:
            connection.executescript(f"BEGIN; {'; '.join(tables)}; COMMIT")
    else:
        del tables[200:]
        site.execute(";".join(tables))
    before, after = there_and_back(site, tmp_path / "backups")
    assert len(after) == len(tables) + 3
    assert after == before
