"""What is taken for as it was saved is so: each value at its place, each definition whole, on MariaDB and MySQL."""

import pytest

from flask_slipway.server.backup import make, restore
from flask_slipway.server.backup.restore import Restorer

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}
PEOPLE = """CREATE TABLE people (id INT PRIMARY KEY, nick VARCHAR(50) NOT NULL, shown VARCHAR(50) NOT NULL);
INSERT INTO people VALUES (1, 'ann', ''), (2, 'bob', '')"""
EVENT = "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '%s' DO DELETE FROM parents WHERE id = 1000"


@pytest.mark.parametrize(
    ("there", "other"),
    [
        (PEOPLE, "UPDATE people SET shown = nick, nick = ''"),
        ("CREATE PROCEDURE p(IN a BIGINT) SELECT a", "DROP PROCEDURE p; CREATE PROCEDURE p(IN a TINYINT) SELECT a"),
        (EVENT % "2038-01-01", f"DROP EVENT tidy; {EVENT % '2037-01-01'}"),
    ],
)
def test_what_moved_to_the_column_beside_and_a_parameter_are_seen(served, tmp_path, there, other):
    served.fill()
    served.execute(there)
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert restore.is_as_saved(served.base, manifest)
    served.execute(other)
    assert not restore.is_as_saved(served.base, manifest)


def test_a_sequence_that_a_table_counts_by_is_in_the_backup(served, tmp_path):
    if served.base.dialect == "mysql":
        pytest.skip("MySQL has no sequences")
    served.fill()
    served.execute("CREATE SEQUENCE numbers; CREATE TABLE bills (id INT PRIMARY KEY DEFAULT NEXTVAL(numbers), n INT)")
    served.execute("INSERT INTO bills (n) VALUES (1), (2); SELECT SETVAL(numbers, 5000)")
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    served.execute("CREATE SEQUENCE by_a_failed_revision")
    assert not restore.is_as_saved(served.base, manifest)
    served.execute("DELETE FROM bills")
    Restorer(served.base, str(tmp_path / "backups"), "ab12r", lambda what, **words: None).put_back(manifest)
    assert restore.is_as_saved(served.base, manifest)
    served.execute("INSERT INTO bills (n) VALUES (3)")
    assert served.execute("SELECT MAX(id) FROM bills") == [["5001"]]


def test_what_a_job_wrote_before_the_exchange_is_kept_where_its_backup_cannot_tell(served, tmp_path, monkeypatch):
    """A backup that was made while others wrote knows how many rows there were, and not their values."""
    served.fill()
    folder, write, noted = str(tmp_path / "backups"), served.base.dump, []
    own = make.make(served.base, folder, ABOUT, fenced=True)

    def dump(target, aside):
        served.execute("UPDATE parents SET name = 'meanwhile' WHERE id = 2")
        return write(target, aside)

    monkeypatch.setattr(served.base, "dump", dump)
    replaced = make.make(served.base, folder, ABOUT)
    served.execute("UPDATE parents SET name = 'later' WHERE id = 3")
    Restorer(served.base, folder, "ab12r", lambda what, **words: noted.append(words)).put_back(own, replaced)
    assert noted[-1]["saved"] is False
