"""What the version before kept on the account is read by the present one, and a run that it left half done is ended."""

import json
import tarfile
from pathlib import Path

import pytest

import support
from support import changes, snapshot
from support.kill import kill_at
from support.people import Writer

FORMAT_1 = Path(support.__file__).parent / "format_1" / "engine.tar.xz"
PLACES = ("changing database", "swapping", "opened")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The environment in which `inv` and `fab` are those of the version before."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(FORMAT_1) as archive:
        archive.extractall(folder, filter="data")
    return {"PYTHONPATH": str(folder)}


def release(world, before):
    done = world.release(env=before)
    assert done.code == 0, done.out


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_a_release_that_the_version_before_left_half_done_is_recovered_by_this_one(worlds, dialect, before):
    world = worlds(dialect)
    world.reset()
    release(world, before)
    assert "format" not in json.loads((world.site_folder / "history.jsonl").read_text().splitlines()[0])
    commit = changes.renaming(world)
    old, new = (world.base, changes.HEAD), (commit, "bb000001")
    with Writer(world) as writer:
        for place in PLACES:
            writer.wait_for(5)
            runs = set((world.site_folder / "runs").iterdir())
            first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests", env=before)
            kill_at(world, runs, place)
            first.communicate(timeout=120)
            refused = world.release()
            assert refused.code == 3, refused.out
            assert "fab site.recover" in refused
            done = world.fab("recover", "--yes")
            assert done.code == 0, done.out
            writer.wait_for(5)
            health = world.health()
            reached = (health["commit"], health["revision"])
            assert health["http"] == 200
            assert reached in ({old, new} if place == "opened" else {old})
            assert (world.live_commit, world.revision) == reached
            if reached == new:
                break
    assert writer.lost() == []
    assert not world.processes_naming(str(world.site_folder / "stages"))
    assert len(snapshot.live(world)["worktrees"].splitlines()) == 1, "what the version before staged is still there"
    assert not any((world.site_folder / "stages").iterdir())


def test_backups_and_history_of_the_version_before_are_read_and_go_on(worlds, before):
    world = worlds("sqlite")
    world.reset()
    release(world, before)
    backed = world.fab("backup", env=before)
    assert backed.code == 0, backed.out
    changes.code_only(world)
    release(world, before)
    rows = world.rows()
    listed, told = world.fab("backups"), world.fab("history")
    assert (listed.code, told.code) == (0, 0), listed.out + told.out
    assert "release" in told
    restored = world.fab("restore", "--yes")
    assert restored.code == 0, restored.out
    assert world.rows() == rows
    assert world.live_commit == world.base, "the code goes back with its rows"
    back = world.release()
    assert back.code == 0, back.out
    rolled = world.fab("rollback", "--yes")
    assert rolled.code == 0, rolled.out
    assert world.live_commit == world.base
    line = json.loads((world.site_folder / "history.jsonl").read_text().splitlines()[-1])
    assert line["format"] == 2
    assert line["version"]


def test_a_run_that_a_newer_version_left_open_is_refused_with_the_version_that_can_end_it(sqlite_released):
    world = sqlite_released
    standing = snapshot.live(world)
    record = {"format": 3, "version": "0.9.3", "run": "one", "task": "release", "who": "bob", "holder": {}}
    (world.site_folder / "open_run").write_text(json.dumps(record))
    changes.code_only(world)
    for done in (world.release(), world.fab("recover", "--yes"), world.fab("watch"), world.fab("status")):
        assert done.code == 3, done.out
        assert "written by Flask-Slipway 0.9.3" in done
        assert "on your machine, install 0.9.3 or newer" in done
    assert snapshot.live(world) == standing
