"""A server with lower_case_table_names = 1, and a database whose URL has capitals."""

from flask_slipway.server.backup import make
from flask_slipway.server.backup.restore import Restorer

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}


def put_back(site, folder, manifest, begun=None):
    made = Restorer(site.base, str(folder), "ab12r", lambda what, **words: None, begun)
    return made.put_back(manifest)


def test_backups_and_both_ways_back_work_whatever_letters_a_name_is_written_in(shouted, tmp_path):
    folder = tmp_path / "backups"
    shouted.fill()
    shouted.execute("CREATE TABLE `Odds` (odd FLOAT, parent INT, FOREIGN KEY (parent) REFERENCES `Parents` (id))")
    shouted.execute("INSERT INTO odds VALUES (1234567, 1); CREATE VIEW `Names` AS SELECT name FROM `PARENTS`")
    assert shouted.base.can_create()
    definitions, contents = shouted.base.definitions(), shouted.base.contents()
    assert sorted(contents) == ["alembic_version", "children", "odds", "parents"]
    manifest = make.make(shouted.base, str(folder), ABOUT, fenced=True)
    assert manifest["compared"] == "equal"
    shouted.execute("DELETE FROM Odds; DROP VIEW Names")
    kept = shouted.base.scratch_name("old_ab12r")
    for begun in (None, {"kept": kept}):  # the second finds what the first kept
        assert put_back(shouted, folder, manifest, begun) == "beside"
        assert (shouted.base.definitions(), shouted.base.contents()) == (definitions, contents)
    assert shouted.base.exists(kept)
    assert shouted.base.at(kept).contents()["odds"].startswith("0 ")
    shouted.confine()
    shouted.execute("DELETE FROM Odds; DROP VIEW Names")
    assert put_back(shouted, folder, manifest) == "in place"
    assert (shouted.base.definitions(), shouted.base.contents()) == (definitions, contents)


def test_who_else_uses_it_is_seen_and_one_lock_is_held(shouted):
    other = shouted.base.at("bob$site")
    try:
        assert other.schema == shouted.base.schema
        assert len(shouted.base.other_connections()) == 1
        assert other.hold_lock()
        assert not shouted.base.hold_lock()
    finally:
        other.close()
