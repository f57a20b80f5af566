"""Backups and restores on SQLite, MariaDB and MySQL."""

import json
import os
import subprocess
import sys

import pytest

from flask_slipway.server.backup import compress, make, store
from flask_slipway.server.backup.restore import Restorer, is_as_saved
from flask_slipway.server.database import sqlite
from support import ROOT

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}


def restorer(site, folder, tag="ab12r", begun=None):
    notes = []
    made = Restorer(site.base, str(folder), tag, lambda what, **words: notes.append((what, words)), begun)
    return made, notes


def test_a_backup_counts_its_rows_whatever_they_hold(site, tmp_path):
    site.fill()
    manifest = make.make(site.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert manifest["tables"] == {"alembic_version": 1, "children": 11, "parents": 11}
    assert manifest["compared"] == "equal"
    assert manifest["revisions"] == ["8a1c5e20"]
    assert store.usable(str(tmp_path / "backups")) == [manifest]


def test_a_backup_put_back_brings_every_row_and_drops_what_it_does_not_have(site, tmp_path):
    site.fill()
    folder = tmp_path / "backups"
    manifest = make.make(site.base, str(folder), ABOUT, fenced=True)
    names = site.base.columns()
    site.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")
    site.execute("DELETE FROM children")
    site.execute("UPDATE alembic_version SET version_num = 'd0641f33'")
    how = restorer(site, folder)[0].put_back(manifest)
    assert how == "beside"
    assert site.base.counts() == manifest["tables"]
    assert site.base.revisions() == ["8a1c5e20"]
    assert site.base.columns() == names
    again = make.make(site.base, str(folder), ABOUT, fenced=True)
    assert plain(folder, again) == plain(folder, manifest)


def plain(folder, manifest):
    path = store.path_of(str(folder), manifest)
    if manifest["dialect"] == "sqlite":
        return manifest["tables"]
    with compress.for_file(path).reader(path) as file:
        return [line for line in file.read().splitlines() if not line.startswith(b"--")]


def test_a_return_that_was_cut_off_after_its_swap_finds_the_rows_in_place(site, tmp_path):
    site.fill()
    folder = tmp_path / "backups"
    manifest = make.make(site.base, str(folder), ABOUT, fenced=True)
    site.execute("DELETE FROM children")
    first, notes = restorer(site, folder)
    first.put_back(manifest)
    begun = dict(notes)["replacing"]
    again, more = restorer(site, folder, begun=begun)
    again.put_back(manifest)
    assert site.base.counts() == manifest["tables"]
    assert [what for what, _ in more] == ["replacing"] * (site.base.dialect == "sqlite") + ["replaced"]


def test_a_damaged_backup_is_never_put_back(site, tmp_path):
    site.fill()
    folder = tmp_path / "backups"
    manifest = make.make(site.base, str(folder), ABOUT)
    with open(store.path_of(str(folder), manifest), "r+b") as file:
        file.seek(40)
        byte = file.read(1)
        file.seek(40)
        file.write(bytes([byte[0] ^ 1]))
    made, notes = restorer(site, folder)
    with pytest.raises(store.NotVerified, match="damaged"):
        made.put_back(manifest)
    assert notes == []


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_rows_are_compared_before_they_replace_anything(site, tmp_path):
    site.fill()
    manifest = make.make(site.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    site.execute("DELETE FROM children")
    contents = site.base.contents()
    told = {**manifest, "tables": {**manifest["tables"], "parents": 12}}
    with pytest.raises(store.NotVerified, match="loaded beside, has other rows: parents: 11, not 12"):
        restorer(site, tmp_path / "backups")[0].put_back(told)
    assert site.base.contents() == contents


def test_a_dump_with_fewer_rows_than_the_database_is_no_backup(site, tmp_path, monkeypatch):
    site.fill()
    write = site.base.dump

    def dump(target, aside):
        found = write(target, aside)
        return found._replace(rows={**found.rows, "parents": 10})

    monkeypatch.setattr(site.base, "dump", dump)
    with pytest.raises(store.NotVerified, match="do not agree: parents: 11, 10"):
        make.make(site.base, str(tmp_path / "backups"), ABOUT)
    assert store.usable(str(tmp_path / "backups")) == []


@pytest.mark.parametrize("suffix", ["zst", "gz"])
@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_backup_is_its_owners_alone_from_its_first_byte_on(site, tmp_path, monkeypatch, suffix):
    site.fill()
    folder, check, seen = tmp_path / "backups", sqlite.SQLite.check, {}

    def looked_at(base):
        seen.update((path.name, path.stat().st_mode & 0o777) for path in [folder, *folder.iterdir()])
        check(base)

    monkeypatch.setattr(sqlite.SQLite, "check", looked_at)
    monkeypatch.setattr(compress, "best", lambda: compress.Compressor(suffix))
    umask = os.umask(0)
    try:
        manifest = make.make(site.base, str(folder), ABOUT)
        restorer(site, folder)[0].put_back(manifest)
    finally:
        os.umask(umask)
    seen |= {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert seen.pop("backups") == 0o700
    assert len(seen) >= 5, "the dump, its file aside, its manifest, what a restore writes"
    assert set(seen.values()) == {0o600}, seen


def flipped(file, size):
    """One bit is another in the middle."""
    file.seek(size // 2)
    byte = file.read(1)
    file.seek(size // 2)
    file.write(bytes([byte[0] ^ 16]))


def cut(file, size):
    """The end is missing."""
    file.truncate(size - 3)


@pytest.mark.parametrize("suffix", ["zst", "gz"])
@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_dump_that_does_not_read_back_is_no_backup(site, tmp_path, monkeypatch, suffix, damage):
    site.fill()
    way = compress.Compressor(suffix)
    check = way.check
    monkeypatch.setattr(compress, "best", lambda: way)
    kept = make.make(site.base, str(tmp_path / "backups"), ABOUT)
    assert kept["file"].endswith(suffix)

    def damaged(path):
        with open(path, "r+b") as file:
            damage(file, os.path.getsize(path))
        return check(path)

    monkeypatch.setattr(way, "check", damaged)
    with pytest.raises(store.NotVerified, match="does not read back as it was written"):
        make.make(site.base, str(tmp_path / "backups"), ABOUT)
    assert sorted(os.listdir(tmp_path / "backups")) == sorted([kept["file"], kept["id"] + store.MANIFEST])


def test_behind_the_fence_nobody_writes(site, tmp_path):
    site.fill()
    if site.base.fence_kind == "watched":
        pytest.skip("this database cannot refuse writes")
    site.base.fence_up()
    assert site.base.fence_is_up()
    with pytest.raises(Exception, match=r"3989|read only|locked"):
        site.execute("INSERT INTO parents VALUES (99, 'x')")
    manifest = make.make(site.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert manifest["rows"] == 23
    site.base.fence_down()
    site.execute("INSERT INTO parents VALUES (99, 'x')")
    assert not site.base.fence_is_up()


def test_only_the_newest_are_kept_and_one_in_use_is_spared(site, tmp_path):
    site.fill()
    folder = str(tmp_path / "backups")
    made = [make.make(site.base, folder, ABOUT)["id"] for _ in range(4)]
    store.prune(folder, 2, spare=[made[0]])
    assert [manifest["id"] for manifest in store.usable(folder)] == [made[3], made[2], made[0]]


def test_values_that_would_be_dropped_are_counted(site):
    site.fill()
    site.execute("ALTER TABLE children ADD COLUMN mood VARCHAR(20) DEFAULT 'calm'")
    site.execute("UPDATE children SET mood = 'glad' WHERE id < 4")
    site.execute("UPDATE children SET mood = '' WHERE id = 5")
    assert site.base.count_values("children", "mood") == 3
    assert site.base.count_values("parents") == 11


def test_an_empty_database_is_backed_up_and_put_back(site, tmp_path):
    folder = tmp_path / "backups"
    manifest = make.make(site.base, str(folder), ABOUT, fenced=True)
    assert manifest["tables"] == {}
    site.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")
    restorer(site, folder)[0].put_back(manifest)
    assert site.base.tables() == []


def test_a_database_is_as_it_was_saved_until_a_value_or_a_definition_is_another(site, tmp_path):
    site.fill()
    manifest = make.make(site.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert is_as_saved(site.base, manifest)
    site.execute("CREATE VIEW later AS SELECT id FROM parents")
    assert not is_as_saved(site.base, manifest)
    site.execute("DROP VIEW later")
    assert is_as_saved(site.base, manifest)
    site.execute("UPDATE children SET note = 'another' WHERE id = 1")
    assert not is_as_saved(site.base, manifest)
    older = {key: value for key, value in manifest.items() if key not in ("contents", "definitions")}
    assert not is_as_saved(site.base, older), "an older manifest proves nothing"


def written(folder, identifier, task="release", commit="c" * 40):
    """A backup that is no more than its files."""
    manifest = {"id": identifier, "file": f"{identifier}.sql.gz", "dialect": "mysql", "revisions": [], "tables": {}}
    manifest |= {"rows": 0, "bytes": 4, "sha256": "", "at": float(identifier[9:15]), "task": task, "commit": commit}
    (folder / manifest["file"]).write_bytes(b"dump")
    (folder / f"{identifier}.json").write_text(json.dumps(manifest))


def test_the_newest_backup_is_never_that_of_a_failed_state(tmp_path):
    written(tmp_path, "20261120T180001Z")
    written(tmp_path, "20261120T180002Z", task="return", commit=None)
    assert store.find(str(tmp_path))["id"] == "20261120T180001Z"
    assert store.find(str(tmp_path), "20261120T180002Z")["task"] == "return", "by its name it is had all the same"


def test_a_dump_that_never_got_a_manifest_is_in_nobodys_way_and_goes_with_its_time(tmp_path):
    written(tmp_path, "20261120T180001Z")
    left = tmp_path / "20261120T180002Z.sql.gz"
    left.write_bytes(b"dump")
    assert store.find(str(tmp_path))["id"] == "20261120T180001Z"
    assert "20261120T180002Z" in store.unusable(str(tmp_path))
    written(tmp_path, "20261120T180003Z")
    store.prune(str(tmp_path), 2)
    assert left.exists(), "there are no two newer ones"
    written(tmp_path, "20261120T180004Z")
    store.prune(str(tmp_path), 2)
    assert not left.exists()
    assert store.unusable(str(tmp_path)) == {}


def test_what_returns_made_of_failed_states_is_pruned_and_pushes_out_no_other(tmp_path):
    for second in range(8):
        written(tmp_path, f"20261120T18000{second}Z", task="release" if second in (0, 3) else "return")
    store.prune(str(tmp_path), 2, spare=["20261120T180001Z"])
    left = [manifest["id"][14] for manifest in store.usable(str(tmp_path))]
    assert left == ["7", "6", "3", "1", "0"]


HALF = """
import sys, time
sys.path.insert(0, sys.argv[1])
from flask_slipway.server.backup import store
with store.in_the_making(sys.argv[2]):
    print("there", flush=True)
    time.sleep(600)
"""


def test_what_a_killed_backup_left_goes_with_the_next_one_and_what_is_being_written_stays(tmp_path):
    part = tmp_path / "20261120T180002Z.sqlite.zst.part"
    line = [sys.executable, "-c", HALF, str(ROOT), str(part)]
    aside = [part.with_name(part.name + ".plain"), part.with_name(part.name + ".plain-journal")]
    foreign = tmp_path / "notes.part"
    with subprocess.Popen(line, stdout=subprocess.PIPE) as making:
        try:
            assert making.stdout.readline() == b"there\n"
            for path in (*aside, foreign):
                path.write_bytes(b"half")
            store.sweep(str(tmp_path))
            assert all(path.exists() for path in (part, *aside))
        finally:
            making.kill()
    store.sweep(str(tmp_path))
    assert list(tmp_path.iterdir()) == [foreign]


@pytest.fixture
def planted(site, tmp_path, monkeypatch):
    """In the folder of backups, where others write too: the endings of the next one's names that are links to a file of
    the account's by the time that they are written."""
    site.fill()
    victim, names = tmp_path / ".bashrc", []
    victim.write_text("own")
    moment = "20261120T180001Z"

    def chosen(folder):
        for name in names:
            os.symlink(victim, os.path.join(folder, moment + name))
        return moment

    monkeypatch.setattr(store, "new_identifier", chosen)
    return names


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_no_backup_is_written_through_a_link_that_was_planted_where_it_comes(
    site, planted, tmp_path, monkeypatch, suffix
):
    folder = tmp_path / "backups"
    monkeypatch.setattr(compress, "best", lambda: compress.Compressor(suffix))
    planted += [f".sqlite.{suffix}.part.plain", f".sqlite.{suffix}.part.plain-journal", f".sqlite.{suffix}", ".json"]
    manifest, victim = make.make(site.base, str(folder), ABOUT), tmp_path / ".bashrc"
    assert victim.read_bytes() == b"own"
    assert sorted(path.name for path in folder.iterdir()) == [manifest["id"] + ".json", manifest["file"]]
    assert not any(path.is_symlink() for path in folder.iterdir())
    plain = folder / f"{manifest['id']}.t.part"
    plain.symlink_to(victim)
    restorer(site, folder, "t")[0].put_back(manifest)
    planted[:] = [f".sqlite.{suffix}.part"]
    with pytest.raises(FileExistsError):
        make.make(site.base, str(folder), ABOUT)
    assert victim.read_bytes() == b"own"
