"""What is read of a clone, and done to it, is the same whatever the account and the clone have configured, and runs
nothing of it."""

import pytest

from flask_slipway.server.lib import process
from flask_slipway.server.site import checkout, clone
from support import hostile_git
from support.clones import AWKWARD, commit, run_git, tree, write


@pytest.fixture
def fetching(live, tmp_path):
    """A clone whose origin has one commit and a tag more; another remote's branch is known that is there no more."""
    folder, older, newer = live
    run_git(folder, "checkout", "-q", "--detach", newer)
    run_git(folder, "mv", "app/models.py", "app/tables.py")
    newest = commit(folder, "Rename them, é")
    run_git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    run_git(folder, "remote", "add", "origin", str(tmp_path / "origin.git"))
    run_git(folder, "push", "-q", "origin", f"{newest}:refs/heads/main")
    run_git(folder, "checkout", "-q", "main")
    run_git(folder, "update-ref", "refs/remotes/origin/gone", older)
    run_git(folder, "update-ref", "refs/remotes/origin/main", older)
    return folder, older, newer, newest


def story(folder, older, newer, newest, stage):
    """All that the server's half asks of git and lets it do, once."""
    here = str(folder)
    clone.fetch(here, "origin", "main")
    yield clone.git(here, "for-each-ref")
    yield clone.state(here)
    yield clone.top(here), clone.remotes(here), clone.url(here, "origin"), clone.branch(here), clone.is_shallow(here)
    yield clone.changed_paths(here, older, newest), clone.changed_paths(here, older, newer, only="A")
    yield clone.entries(here, newest), clone.subject(here, newest), clone.parent(here, newest)
    yield clone.commit_that_added(here, "app/models.py"), clone.is_ancestor(here, older, newest)
    write(folder, {".env": "A=b\n", "not known.txt": "", "same.txt": "edited\n"})
    yield clone.ignored_and_untracked(here), clone.changes(here), clone.overlooked(here)
    yield checkout.save_edits(here, older, newest, "edits"), clone.content(here, "refs/slipway/edits:same.txt")
    write(folder, {"same.txt": "same\n"})
    clone.add_stage(here, str(stage), newest)
    yield tree(stage), clone.state(str(stage))
    kept = checkout.kept(here, str(stage), older, newest, {})
    yield kept, checkout.in_the_way(here, older, newest, kept)
    checkout.see_movable(here, older, newest, kept)
    checkout.move(here, newest, kept)
    yield tree(folder), clone.state(here), clone.commit_that_added(here, "app/tables.py")
    checkout.move_back(here, older, newest, kept)
    yield tree(folder), clone.state(here)
    clone.remove_stage(here, str(stage))
    clone.git(here, "update-ref", "refs/remotes/origin/main", older)
    clone.git(here, "update-ref", "-d", "refs/slipway/edits")
    (folder / "not known.txt").unlink()
    (folder / ".env").unlink()


def test_every_reading_and_every_move_is_the_same_and_runs_nothing(fetching, tmp_path, monkeypatch):
    folder, older, *_ = fetching
    home = tmp_path / "home"
    home.mkdir()
    plain = process.environment
    monkeypatch.setattr(process, "environment", lambda extra=None: {**plain(extra), "HOME": str(home)})
    told = list(story(*fetching, tmp_path / "stage"))
    assert told[1] == (older, "main", [])
    assert sorted(told[3][1]) == sorted([*AWKWARD, "new/deep/file.txt"])
    assert told[4][1] == "Rename them, é" and told[5][0] == older
    assert "refs/remotes/origin/gone" in told[0]
    hostile = hostile_git.made(tmp_path / "hostile")
    with hostile_git.configured(hostile, home, repositories=(folder,)):
        again = list(story(*fetching, tmp_path / "stage"))
    assert hostile.ran() == []
    assert again == told
