"""What a schema has beside tables comes back with them, whoever made it: on MariaDB and MySQL."""

import json
import os
from functools import partial

import pytest

from flask_slipway.server.backup import make, store
from flask_slipway.server.backup.restore import Restorer
from flask_slipway.server.database.mysql_client import DatabaseError
from flask_slipway.server.run import decide

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}
TRUST = "SET GLOBAL log_bin_trust_function_creators = %d"
OWN = """
CREATE TABLE `bets)` (id INT PRIMARY KEY, parent_id INT, `odds)` FLOAT, twice INT GENERATED ALWAYS AS (parent_id * 2),
  CONSTRAINT fk_bets_parents FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE,
  CONSTRAINT positive CHECK (parent_id >= 0));
INSERT INTO `bets)` (id, parent_id, `odds)`) VALUES (1, 1, 1234567), (2, 2, 0.12345679);
CREATE VIEW names AS SELECT id, name FROM parents;
DELIMITER ;;
CREATE PROCEDURE fill_up() BEGIN
INSERT INTO `parents` VALUES (99, 'x');
CREATE TABLE `parents` (id INT);
END;;
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2038-01-01' DO DELETE FROM parents WHERE id = 1000;;
DELIMITER ;
"""
OTHERS = """
CREATE VIEW theirs AS SELECT name FROM names;
ALTER DATABASE CHARACTER SET latin1;
DELIMITER ;;
CREATE TRIGGER by_root BEFORE INSERT ON children FOR EACH ROW BEGIN
SET NEW.note = CONCAT(NEW.note, '!');
END;;
DELIMITER ;
ALTER DATABASE CHARACTER SET utf8mb4;
"""
FAILED = """
DROP VIEW names;
DROP PROCEDURE fill_up;
DROP EVENT tidy;
CREATE PROCEDURE by_a_failed_revision() SELECT 1;
CREATE VIEW by_a_failed_revision AS SELECT 1;
CREATE TABLE by_it (id INT);
ALTER TABLE `bets)` DROP FOREIGN KEY fk_bets_parents;
ALTER TABLE parents ADD COLUMN more INT;
DELETE FROM children;
ALTER DATABASE CHARACTER SET latin1;
"""


@pytest.fixture(params=["beside", "in place"])
def full(request, served):
    """A site with views, triggers, routines and events, some of another DEFINER; `.how`: how a backup comes back."""
    served.fill()
    served.execute(OWN)
    served.admin(OTHERS)
    if request.param == "in place":
        served.confine()
    served.server.execute(TRUST % 1)
    served.how = request.param
    yield served
    served.server.execute(TRUST % 0)


def put_back(base, folder, manifest, tag="ab12r"):
    """By a run of its own, or by another attempt of the run that has this `tag`."""
    journal = folder / f"{tag}.journal"
    lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def note(what, **words):
        with journal.open("a") as file:
            file.write(json.dumps({"what": what, **words}) + "\n")

    begun = decide.putting_back(lines, manifest["id"])
    return Restorer(base, str(folder), tag, note, begun).put_back(manifest)


def test_all_that_the_schema_has_comes_back_and_what_a_failed_revision_made_is_gone(full, tmp_path):
    folder = tmp_path / "backups"
    definitions, contents = full.base.definitions(), full.base.contents()
    manifest = make.make(full.base, str(folder), ABOUT, fenced=True)
    assert (manifest["definitions"], manifest["contents"]) == (definitions, contents)
    assert (manifest["compared"], manifest["restore_blockers"], manifest["left_out"]) == ("equal", [], [])
    full.execute(FAILED)
    full.base.fence_up()  # as a return has it: whatever is loaded beside must not touch this database
    assert put_back(full.base, folder, manifest) == full.how
    assert (full.base.definitions(), full.base.contents()) == (definitions, contents)
    assert full.execute("SELECT name FROM theirs WHERE name = 'plain'") == [["plain"]]
    full.execute("INSERT INTO children VALUES (50, 1, 'loud')")
    assert full.execute("SELECT note FROM children WHERE id = 50") == [["loud!"]]
    owner = full.execute("SELECT DISTINCT definer FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
    assert owner == full.execute("SELECT CURRENT_USER()")


def test_a_dump_that_cannot_be_loaded_leaves_all_as_it_was(full, tmp_path, monkeypatch):
    folder = tmp_path / "backups"
    write = full.base.dump

    def dump(target, aside):
        found = write(target, aside)
        target.write(b"-- Table structure for table `more`\nCREATE TABLE `more` (\n  `id` nonsense\n);\n")
        return found

    monkeypatch.setattr(full.base, "dump", dump)
    manifest = make.make(full.base, str(folder), ABOUT, fenced=True)
    definitions, contents = full.base.definitions(), full.base.contents()
    with pytest.raises(DatabaseError, match=r"1064|4161"):
        put_back(full.base, folder, manifest)
    assert (full.base.definitions(), full.base.contents()) == (definitions, contents)


def test_rows_are_compared_before_they_replace_anything(full, tmp_path):
    folder = tmp_path / "backups"
    manifest = make.make(full.base, str(folder), ABOUT, fenced=True)
    full.execute("DELETE FROM children")
    definitions, contents = full.base.definitions(), full.base.contents()
    told = {**manifest, "tables": {**manifest["tables"], "parents": 12}}
    with pytest.raises(store.NotVerified, match="loaded beside, has other rows: parents: 11, not 12"):
        put_back(full.base, folder, told)
    assert (full.base.definitions(), full.base.contents()) == (definitions, contents)


CUT = ("load_lines", "swap", "rename", "run_unchecked", "undefine", "take_charset", "drop", "create")


def put_back_and_die(base, folder, manifest, number, tag):
    """In a process of its own, which is killed before its `number`th act; False where it had fewer."""
    child = os.fork()
    if not child:
        left = [number]

        def cut(really, *words, **more):
            left[0] -= 1
            return really(*words, **more) if left[0] else os._exit(9)

        try:
            for act in CUT:
                setattr(base, act, partial(cut, getattr(base, act)))
            put_back(base, folder, manifest, tag)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_restore_that_is_killed_anywhere_ends_well_when_it_is_run_again(full, tmp_path):
    folder = tmp_path / "backups"
    definitions, contents = full.base.definitions(), full.base.contents()
    manifest = make.make(full.base, str(folder), ABOUT, fenced=True)
    number = 1
    while put_back_and_die(full.base.at(full.base.name), folder, manifest, number, f"run{number}"):
        put_back(full.base, folder, manifest, f"run{number}")
        assert (full.base.definitions(), full.base.contents()) == (definitions, contents), number
        number += 1
    assert number > 5
    assert (full.base.definitions(), full.base.contents()) == (definitions, contents)


def test_a_broken_view_and_a_body_that_nobody_may_read_are_named_and_left_alone(served, tmp_path):
    folder = tmp_path / "backups"
    served.fill()
    served.execute("CREATE VIEW sound AS SELECT id FROM parents")
    served.execute("CREATE TABLE gone (id INT); CREATE VIEW broken AS SELECT id FROM gone; DROP TABLE gone")
    served.admin("CREATE PROCEDURE hidden() SELECT 1")
    definitions, contents = served.base.definitions(), served.base.contents()
    manifest = make.make(served.base, str(folder), ABOUT, fenced=True)
    assert manifest["left_out"] == ["view broken", "routine PROCEDURE hidden"]
    assert manifest["notes"] == [
        "view broken is broken and in no backup: DROP VIEW `broken`, or make it anew",
        "procedure hidden is in no backup, for your database user may not read all routines",
    ]
    served.execute("DELETE FROM children; DROP VIEW sound")
    put_back(served.base, folder, manifest)
    assert (served.base.definitions(), served.base.contents()) == (definitions, contents)


def test_what_the_user_could_not_make_again_is_known_beforehand(served):
    served.fill()
    served.execute("CREATE VIEW names AS SELECT id FROM parents")
    served.admin("CREATE TRIGGER by_root BEFORE INSERT ON children FOR EACH ROW SET NEW.note = 'x'")
    served.admin("CREATE PROCEDURE plain() SELECT 1")
    logged = "trigger by_root: the server logs binary and lets no user of yours make it (1419)"
    assert served.base.restore_blockers() == ([logged] if served.base.dialect == "mysql" else [])
    user = served.base.url["username"]
    served.server.execute(
        f"REVOKE ALL PRIVILEGES ON `{user}$%`.* FROM '{user}'@'%';"
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, SHOW VIEW ON `{served.base.name}`.* "
        f"TO '{user}'@'%'"
    )
    found = served.base.restore_blockers()
    assert "view names: your database user has no right CREATE VIEW" in found
    assert not any("table" in text for text in found)
    assert "your database user has no right TRIGGER, so that triggers could be lost unseen" in found


def test_rows_that_change_behind_the_fence_make_no_backup_and_others_are_said_to_change(site, tmp_path, monkeypatch):
    site.fill()
    write = site.base.dump

    def dump(target, aside):
        found = write(target, aside)
        site.execute("UPDATE children SET note = 'later' WHERE id = 3")
        return found

    monkeypatch.setattr(site.base, "dump", dump)
    with pytest.raises(store.NotVerified, match="behind the fence: children"):
        make.make(site.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    site.execute("UPDATE children SET note = 'other' WHERE id = 3")
    manifest = make.make(site.base, str(tmp_path / "backups"), ABOUT)
    assert (manifest["compared"], "contents" in manifest) == ("changing, not compared", False)


def test_a_view_that_shows_what_only_its_owner_may_read_is_named_and_stays(served, tmp_path):
    served.fill()
    owner, other = f"{served.base.url['username']}_owner", f"{served.base.url['username']}_elsewhere"
    served.server.execute(
        f"CREATE DATABASE {other}; CREATE TABLE {other}.rates (name VARCHAR(200)); CREATE USER {owner};"
        f"GRANT SELECT, CREATE VIEW, SHOW VIEW ON *.* TO {owner};"
    )
    served.admin(
        f"CREATE DEFINER = {owner} VIEW rated AS SELECT p.name FROM parents p LEFT JOIN {other}.rates r USING (name)"
    )
    served.execute("CREATE VIEW best AS SELECT name FROM rated WHERE name = 'plain'")
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert (manifest["left_out"], manifest["restore_blockers"]) == (["view rated"], [])
    assert "view rated is in no backup, for it shows what your database user may not read" in manifest["notes"]
    served.execute("DELETE FROM children")
    put_back(served.base, tmp_path / "backups", manifest)
    assert served.base.contents() == manifest["contents"]
    assert served.execute("SELECT name FROM best") == [["plain"]]


def test_what_a_restore_would_do_to_another_database_or_with_other_rights_is_said(served):
    served.fill()
    user = served.base.url["username"]
    assert (served.base.restore_blockers(), served.base.backup_notes()) == ([], [])
    served.server.execute(
        f"CREATE DATABASE `{user}$orders`; CREATE TABLE `{user}$orders`.orders (id INT PRIMARY KEY, parent_id INT, "
        f"FOREIGN KEY (parent_id) REFERENCES `{served.base.name}`.parents (id)); CREATE USER {user}_dba;"
        f"GRANT ALL PRIVILEGES ON *.* TO {user}_dba;"
    )
    served.admin(
        f"CREATE DEFINER = {user}_dba TRIGGER marked BEFORE INSERT ON children FOR EACH ROW SET NEW.note = 'x'"
    )
    words = f"table {user}$orders.orders has a foreign key into this database: it would stay on the old rows"
    assert served.base.restore_blockers()[-1:] == [words]
    words = f"trigger marked is {user}_dba@%'s: put back, it would run with your database user's rights"
    assert served.base.backup_notes() == [words]
