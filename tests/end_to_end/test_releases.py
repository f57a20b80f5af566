"""A release as people live through it: the owner, a writer who keeps posting, a visitor who keeps looking."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import changes, snapshot
from support.people import Visitor, Writer
from support.world import on_each, on_sqlite

HOST = {("host reloads",), ("cut",)}  # a 302 to the same address; a queued request dropped


def test_the_first_release_brings_schema_seed_and_code(released):
    world, done = released, released.first_release
    assert world.revision == changes.HEAD
    assert world.rows()["currencies"] > 0
    assert world.health() == {
        "http": 200,
        "gate": False,
        "status": "ok",
        "commit": world.live_commit,
        "revision": changes.HEAD,
    }
    assert f"Released {world.base[:7]} to site" in done
    assert "To go back" not in done


def test_what_is_named_as_a_way_back_from_a_first_release_and_an_upgrade_works(sqlite_world):
    """The commit before has the revision too, and the database was empty: nothing goes back to that."""
    world = sqlite_world
    made = world.fab("backup")
    assert made.code == 0, made.out
    assert "To go back" not in made, "it is of an empty database, and the code has a revision"
    assert f"last change   backup, {world.base[:7]} at no revision" in world.fab("status")
    changes.code_only(world)
    done = world.release()
    assert done.code == 0, done.out
    assert "To go back" not in done
    assert f"last release  {world.live_commit[:7]}" in world.fab("status")
    with snapshot.unchanged(world, noted=False):
        back = world.fab("rollback", "--yes")
        assert back.code == 3, back.out
        assert "the database was empty, so there is nothing to go back to" in " ".join(back.out.split())
        assert "None" not in back
        bare = world.fab("restore", "--yes")
        assert bare.code == 3, bare.out
        assert "is at no revision, the head of its code is d0641f33" in " ".join(bare.out.split())
        down = world.fab("downgrade", "--yes")
        assert down.code == 3, down.out
        assert "restore" not in down, "no backup fits"
    world.sql("UPDATE currencies SET name = 'ours'")
    rows = world.contents()
    down = world.fab("downgrade", "--to", "base", "--database-only", "--yes")
    assert down.code == 0, down.out
    way_back = next(line for line in down.out.splitlines() if line.startswith("To go back: "))
    identifier = way_back.split("--backup ")[1]
    closed = world.fab("open")
    assert closed.code == 3, closed.out
    assert f"fab site.restore --backup {identifier}" in closed
    up = world.fab("upgrade", "--yes")
    assert up.code == 0, up.out
    assert "To go back" not in up, "its own backup does not fit the code"
    opened = world.fab("open")
    assert opened.code == 0, opened.out
    assert world.contents() != rows
    bare = world.fab("restore", "--yes")
    assert bare.code == 3, bare.out
    assert f"Next: fab site.restore --backup {identifier}" in bare
    done = world.fab("restore", "--yes", "--backup", identifier)
    assert done.code == 0, done.out
    assert world.contents() == rows
    # Of a closed site too, where processes behind the gate have loaded the app and hold its database.
    assert world.fab("close").code == 0
    assert world.fab("seed").code == 0
    done = world.fab("restore", "--yes", "--backup", identifier)
    assert done.code == 0, done.out
    assert world.fab("open").code == 0
    assert world.contents() == rows


CHANGES = [*on_each(changes.renaming), *on_sqlite(changes.additive)]


@pytest.mark.parametrize(("released", "change"), CHANGES, indirect=["released"])
def test_a_release_with_a_revision_loses_no_acknowledged_row(released, change):
    world, old = released, released.base
    with Writer(world, pace=0) as writer, Visitor(world) as visitor:
        writer.wait_for(20)
        commit = change(world)
        done = world.release()
        assert done.code == 0, done.out
        writer.wait_for(20)
    assert writer.acknowledged
    assert writer.lost() == []
    assert world.live_commit == commit
    new = world.revision
    assert new != changes.HEAD
    allowed = {
        ("site", old[:7], changes.HEAD),
        ("site", commit[:7], new),
        ("gate", 503),
        *HOST,
    }
    assert visitor.seen <= allowed
    assert ("gate", 503) in visitor.seen
    assert world.health()["commit"] == commit
    assert "closed for" in done


def test_a_release_of_code_alone_never_closes_the_site(sqlite_released):
    world = sqlite_released
    with Writer(world) as writer, Visitor(world) as visitor:
        writer.wait_for(10)
        commit = changes.code_only(world)
        done = world.release()
        assert done.code == 0, done.out
        writer.wait_for(10)
    assert writer.lost() == []
    assert visitor.seen <= {
        ("site", world.base[:7], changes.HEAD),
        ("site", commit[:7], changes.HEAD),
        *HOST,
    }
    assert "close" not in done
    shutil.rmtree(world.state)
    with ThreadPoolExecutor(8) as visitors:  # who comes to any process, also one that was idle until now
        answers = list(visitors.map(lambda _: world.get(), range(32)))
    assert {(status, json.loads(body)["commit"]) for status, _, body in answers} == {(200, commit)}


def test_nothing_to_do_is_said_and_changes_nothing(sqlite_released):
    with snapshot.unchanged(sqlite_released, noted=False):
        done = sqlite_released.release()
        assert done.code == 0
        assert "nothing to do" in done.out.lower()


def test_a_dry_release_changes_nothing_on_either_side(released):
    changes.additive(released)
    with snapshot.unchanged(released, noted=False):
        done = released.run("inv", "release", "--to", "site", "--dry", "--skip-tests")
        assert done.code == 0, done.out
        assert "aa000001" in done


def test_a_release_brings_new_packages(sqlite_released):
    world = sqlite_released
    changes.require(world, "-r more.txt")
    world.write({"more.txt": "# none yet\n"})
    before = world.commit("Make room for packages")
    assert "no package changed" in world.release()
    world.write({"more.txt": "six==1.17.0\n"})
    commit = world.commit("Use a package")
    done = world.release()
    assert done.code == 0, done.out
    assert "as in requirements.txt" in done
    assert "1 package changed" in done
    assert world.health()["commit"] == commit
    assert "six.py" in snapshot.live(world)["packages"]
    assert done.out.splitlines()[-1] == "To go back: fab site.rollback"
    again = world.fab("rollback", "--yes")
    assert again.code == 0, again.out
    assert world.health()["commit"] == before


def test_backup_more_rows_restore_what_was_replaced_and_downgrade(released):
    world = released
    commit = changes.additive(world)
    assert world.release().code == 0
    with Writer(world) as writer:
        writer.wait_for(10)
    made = world.fab("backup")
    assert made.code == 0, made.out
    newest = next(line.split()[0] for line in world.fab("backups").out.splitlines() if line[:2] == "20")
    assert made.out.splitlines()[-1] == f"To go back: fab site.restore --backup {newest}"
    kept = world.contents()
    with Writer(world) as writer:
        writer.wait_for(10)
    more = world.contents()
    done = world.fab("restore", "--yes")
    assert done.code == 0, done.out
    assert world.contents() == kept
    again = world.fab("restore", "--yes")  # guarantee 5: what a restore replaces is backed up first
    assert again.code == 0, again.out
    assert world.contents() == more
    world.sql(
        "UPDATE comments SET mood = 'glad' WHERE id <= (SELECT m FROM (SELECT MIN(id) + 1 AS m FROM comments) AS x)"
    )
    done = world.fab("downgrade", "--yes")
    assert done.code == 0, done.out
    assert "column comments.mood: 2 values" in done
    assert world.revision == changes.HEAD
    assert world.live_commit == world.base != commit
    assert world.health()["commit"] == world.base
    assert world.rows()["comments"] == len(more["comments"]) > len(kept["comments"])


def test_two_releases_at_once_and_one_is_refused_by_name(released):
    world = released
    changes.fill(world)
    changes.slow_revision(world)
    first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests")
    world.wait_for_journal("revision")
    second = world.release()
    out, _ = first.communicate(timeout=240)
    assert first.returncode == 0, out
    assert second.code == 3, second.out
    assert "release" in second
    assert "fab site.watch" in second
    assert "@" in second


def test_a_cut_link_changes_nothing_and_watch_follows(sqlite_released):
    world = sqlite_released
    changes.fill(world)
    commit = changes.slow_revision(world)
    first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests")
    world.wait_for_journal("revision")
    first.kill()
    first.communicate()
    watched = world.fab("watch")
    assert watched.code == 0, watched.out
    assert "Released" in watched
    assert world.live_commit == commit
    assert world.revision == "dd000001"
    assert world.health()["commit"] == commit
