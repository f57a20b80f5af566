"""What goes wrong, at each step in turn: the site ends where it was, with every row."""

import json
import shutil
import time
from pathlib import Path

import pytest

from support import changes, snapshot
from support.kill import kill_at
from support.people import Visitor, Writer
from support.world import git, on_each, on_sqlite


def fetch_fails(world):
    """The server's clone fetches from where there is nothing."""
    changes.additive(world)
    config = Path(world.site.project) / ".git" / "config"
    kept = config.read_bytes()
    git(config.parents[1], "remote", "set-url", "origin", f"{world.site.origin}.away")
    return lambda: config.write_bytes(kept)


def stage_fails(world):
    """The code breaks on the server alone."""
    told = 'if __import__("os").environ.get("FLASK_ENV") == "production":\n    raise RuntimeError("not here")'
    world.edit("app/__init__.py", "def create_app", f"{told}\n\n\ndef create_app")
    world.commit("Break the app there")


def packages_fail(world):
    changes.additive(world)
    changes.require(world, "a-package-that-flask-slipway-never-made==1.0")
    world.commit("Require what is not there")


def close_fails(world):
    """A job keeps a transaction open, so nobody can say that all writing has ended."""
    changes.additive(world)
    connection = world.engine().connect()
    connection.exec_driver_sql("INSERT INTO currencies (code, name, symbol) VALUES ('XXX', 'open', 'x')")
    return connection.close


def backup_fails(world):
    changes.additive(world)
    folder = world.state / "backups" / world.site.domain
    for path in folder.glob("*"):
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way")


def upgrade_fails(world):
    changes.failing_revision(world)


def seed_fails(world):
    changes.additive(world)
    world.seed = ["init-currency", "no-such-command"]
    world.configure()


def swap_fails(world):
    """Something locks the live clone's index in the middle of the release."""
    lock = Path(world.site.project) / ".git" / "index.lock"
    world.add_revision(
        "ee000001", changes.HEAD, "lock git", f'if ON_THE_SERVER:\n    open("{lock}", "w").close()', "pass"
    )
    world.edit("app/templates/base.html", "</body>", "<!-- changed --></body>")
    world.commit("Lock git")


def reload_fails(world):
    """The app loads in the stage, and not where it is served."""
    changes.additive(world)
    world.edit(
        "app/__init__.py",
        "def create_app",
        'import os\n\nif "SLIPWAY" not in os.environ:\n    raise RuntimeError("only in the stage")\n\n\ndef create_app',
    )
    world.commit("Load in the stage alone")


def reload_fails_with_new_packages(world):
    """The packages are in the live place already when the site turns out not to be healthy."""
    changes.require(world, "six==1.17.0")
    reload_fails(world)


def open_fails(world):
    """Healthy behind the gate, and not once the site's own WSGI file is back."""
    changes.additive(world)
    gone = f'"SLIPWAY" not in os.environ and not open("{world.site.wsgi}").read().startswith("# Flask-Slipway")'
    guard = f'import os\n\nif {gone}:\n    raise RuntimeError("gate gone")\n\n\ndef create_app'
    world.edit("app/__init__.py", "def create_app", guard)
    world.commit("Fail in public alone")


def open_fails_with_new_packages(world):
    """The way down needs a package that only the new code's virtualenv has."""
    changes.require(world, "six==1.17.0")
    open_fails(world)
    path = next((world.laptop / "migrations/versions").glob("aa000001*"))
    needs = "if ON_THE_SERVER:\n    import six  # noqa: F401\n\n\ndef upgrade"
    path.write_text(path.read_text().replace("\n\ndef upgrade", needs))
    world.commit("Go down with six")


BEFORE = (fetch_fails, stage_fails, packages_fail)
UNHEALTHY = (reload_fails, reload_fails_with_new_packages, open_fails, open_fails_with_new_packages)
# What is closed, backed up, half upgraded and put back is the database's own affair: looked at on each. After a failed
# seed, swap or installation the same backup comes back, by the same words.
RETURNED = [
    *on_each(close_fails, backup_fails, upgrade_fails, reload_fails, open_fails),
    *on_sqlite(seed_fails, swap_fails, reload_fails_with_new_packages, open_fails_with_new_packages),
]


@pytest.mark.parametrize("breaking", BEFORE)
def test_what_fails_before_the_site_is_touched_is_a_refusal(sqlite_released, breaking):
    world = sqlite_released
    mend = breaking(world)
    with snapshot.unchanged(world):
        done = world.release()
    if mend:
        mend()
    assert done.code == 3, done.out
    assert "  lock " in done, f"it did not come as far as the server: {done.out}"
    assert "Nothing was changed" in done or "nothing was changed" in done
    assert "Next:" in done
    assert world.health()["commit"] == world.live_commit


def test_a_site_that_answered_500_before_a_failed_release_is_returned_to_that(world):
    """Its database is empty, and its health page says so: the first release fails."""
    status = world.get("/health")[0]
    assert status >= 500
    seed_fails(world)
    done = world.release()
    assert done.code == 6, done.out
    assert "not healthy; nothing was lost" in done
    assert world.health()["http"] == status
    assert not world.health()["gate"]
    assert world.revision is None
    assert world.fab("status").code == 0


@pytest.mark.parametrize(("released", "breaking"), RETURNED, indirect=["released"])
def test_what_fails_later_is_taken_back_with_every_row(released, breaking):
    world = released
    packages = snapshot.live(world)["packages"]
    with Writer(world) as writer, Visitor(world) as visitor:
        writer.wait_for(10)
        mend = breaking(world)
        done = world.release()
        if mend:
            mend()
        assert done.code == 6, done.out
        writer.wait_for(10)
    assert writer.lost() == []
    assert world.live_commit == world.base
    assert world.revision == changes.HEAD
    assert "mood" not in json.dumps(str(world.sql("SELECT * FROM comments WHERE 1 = 0")))
    standing = snapshot.live(world)
    assert standing["packages"] == packages
    assert standing["status"] == ""
    assert len(standing["worktrees"].splitlines()) == 1
    assert not [name for name in standing["virtualenvs"] if "stage" in name]
    assert world.health() == {
        "http": 200,
        "gate": False,
        "status": "ok",
        "commit": world.base,
        "revision": changes.HEAD,
    }
    assert "(6)" in done
    assert "Next:" in done
    assert ("fab site.logs  shows why" in done) == (breaking in UNHEALTHY)
    if breaking in (upgrade_fails, seed_fails, reload_fails):
        assert "nothing was lost; what was replaced is kept in backup 2" in " ".join(done.out.split())
    bad = {kind for kind in visitor.seen if kind[0] == "bad"}
    assert not bad or breaking in (open_fails, open_fails_with_new_packages), bad
    if breaking is upgrade_fails:
        the_next_release_works(world)


def the_next_release_works(world):
    """After one whose revision failed, which is thrown away."""
    assert world.run("inv", "downgrade").code == 0
    (world.laptop / "migrations/versions/cc000001_fail_half_way.py").unlink()
    commit = changes.additive(world)
    done = world.release()
    assert done.code == 0, done.out
    assert world.health()["commit"] == commit


def test_a_killed_supervisor_is_recovered_at_once_from_a_slow_alter(released):
    world = released
    with Writer(world) as writer:
        writer.wait_for(10)
    changes.fill(world)
    before = snapshot.live(world)
    changes.slow_revision(world)
    first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests")
    world.wait_for_journal("revision")
    time.sleep(0.5)
    world.kill_supervisor()
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 4, out
    assert "fab site.recover" in out
    refused = world.release()
    assert refused.code == 3, refused.out
    assert "fab site.recover" in refused
    done = world.fab("recover", "--yes")
    assert done.code == 0, done.out
    assert writer.lost() == []
    assert snapshot.live(world) == before
    assert world.health()["commit"] == world.base
    again = world.fab("recover", "--yes")
    assert again.code == 0, again.out
    assert world.release().code == 0
    assert world.revision == "dd000001"


# Where the database is fenced, dumped, changed, put back, or open again, each kind of it is looked at.
PLACES = [
    *on_each("fence", "backing up", "backup", "changing database", "reloading", "opened"),
    *on_sqlite("before", "staging", "gate", "swapping", "complete", "end"),
]


@pytest.mark.parametrize(("released", "place"), PLACES, indirect=["released"])
def test_a_supervisor_killed_anywhere_is_recovered(released, place):
    """Killed right after it wrote a journal line; `recover` ends at the old state or, once proved, at the new."""
    world = released
    commit = changes.renaming(world)
    with Writer(world) as writer:
        writer.wait_for(10)
        runs = set((world.site_folder / "runs").iterdir())
        first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests")
        kill_at(world, runs, place)
        first.communicate(timeout=60)
        done = world.fab("recover", "--yes")
        assert done.code == 0, done.out
        writer.wait_for(10)
    assert writer.lost() == []
    health = world.health()
    assert health["http"] == 200
    expected = (
        {(world.base, changes.HEAD), (commit, "bb000001")}
        if place in ("opened", "complete", "end")
        else {(world.base, changes.HEAD)}
    )
    assert (health["commit"], health["revision"]) in expected
    assert (world.live_commit, world.revision) in expected
    assert not world.processes_naming(str(world.site_folder / "stages"))


def test_of_an_interrupted_run_everything_says_so_and_what_to_type_until_it_is_recovered(sqlite_released):
    world = sqlite_released
    changes.code_only(world)
    runs = set((world.site_folder / "runs").iterdir())
    first = world.start("inv", "release", "--to", "site", "--yes", "--skip-tests")
    kill_at(world, runs, "swapping")
    assert first.communicate(timeout=60) and first.returncode == 4
    watched = world.fab("watch")
    assert watched.code == 4, watched.out
    assert "Nothing was changed" not in watched
    status, every = world.fab("status"), world.run("inv", "status")
    assert (status.code, every.code) == (0, 0), status.out + every.out
    for told in (watched, status, every):
        assert "Next: fab site.recover" in told
    world.configure(health="/no-such-page", virtualenv="none")  # a run is taken back by its own words
    done = world.fab("recover", "--yes")
    assert done.code == 0, done.out
    again = world.fab("watch")
    assert again.code == 0, again.out
    assert "The interrupted release is taken back" in again
    world.configure()
    assert "Next:" not in world.fab("status")
    assert world.health() == {
        "http": 200,
        "gate": False,
        "status": "ok",
        "commit": world.base,
        "revision": changes.HEAD,
    }
    assert world.release().code == 0


RESTORED = [*on_sqlite("changing database", "replacing", "end"), ("mysql", "replacing")]


@pytest.mark.parametrize(("released", "place"), RESTORED, indirect=["released"])
def test_a_restore_killed_anywhere_is_recovered(released, place):
    world = released
    backed = world.fab("backup")
    assert backed.code == 0, backed.out
    with Writer(world) as writer:
        writer.wait_for(3)
    before = snapshot.database(world)
    runs = set((world.site_folder / "runs").iterdir())
    first = world.start("fab", "site.restore", "--yes")
    kill_at(world, runs, place)
    first.communicate(timeout=60)
    done = world.fab("recover", "--yes")
    assert done.code == 0, done.out
    assert world.health()["http"] == 200
    assert place == "end" or snapshot.database(world) == before
    assert world.fab("recover", "--yes").code == 0
    assert world.release().code == 0


def test_what_cannot_be_taken_back_is_left_to_a_person_who_finds_a_way(sqlite_released):
    """Unhealthy once it is public, and the way down would drop values: nobody but a person may decide that."""
    world = sqlite_released
    with Writer(world) as writer:
        writer.wait_for(3)
        open_fails(world)
        path = next((world.laptop / "migrations/versions").glob("aa000001*"))
        text = path.read_text()
        fill = "    op.execute(\"UPDATE comments SET mood = 'calm'\")\n\n\ndef downgrade"
        path.write_text(text.replace("\n\ndef downgrade", fill))
        world.commit("Fill the moods")
    done = world.release()
    assert done.code == 4, done.out
    assert "column comments.mood: " in done
    assert "recover --leave" in done
    assert world.health()["gate"]
    assert world.release().code == 3
    other = Path(world.site.home) / "other.db"  # where `env:` leads by now; its rows are none of the site's
    shutil.copy(world.site.database["path"], other)
    before = other.read_bytes()
    world.configure(env={"FLASK_ENV": "production", "DATABASE_URL": f"sqlite:///{other}"})
    again = world.fab("recover", "--yes")
    assert again.code == 4, again.out
    assert "column comments.mood: " in again  # it goes by the way there that the run had
    assert other.read_bytes() == before
    other.unlink()
    world.configure()
    left = world.fab("recover", "--leave", "--yes")
    assert left.code == 0, left.out
    assert world.health()["gate"]
    down = world.fab("downgrade", "--yes")
    assert down.code == 0, down.out
    opened = world.fab("open")
    assert opened.code == 0, opened.out
    assert writer.lost() == []
    assert world.health() == {
        "http": 200,
        "gate": False,
        "status": "ok",
        "commit": world.base,
        "revision": changes.HEAD,
    }
