"""What is read of git here is the same whatever a person and the repository have configured, and runs nothing of it."""

from __future__ import annotations

import pytest

from flask_slipway.project import push, secret_scan, source, tracked, working_copy
from flask_slipway.project.look import look, since
from flask_slipway.revisions import edited
from flask_slipway.sandbox.host import origin
from support import hostile_git
from support.world import git

LINE = "PASS" + 'WORD = "k8dj3ksl"\n'
ODD = 'é "quoted"\t.py'


@pytest.fixture
def root(tmp_path, monkeypatch, ann):
    """A project in a folder of its repository, with a remote, commits to push, changes and new files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "init", "-q", "-b", "main", "top")
    found = tmp_path / "top/shop"
    found.mkdir()
    git(found, "remote", "add", "origin", str(tmp_path / "origin.git"))
    for name in ("app.py", "old.py", ODD, "rev.py"):
        (found / name).write_text(f"NAME = {name!r}\n" * 9)
    _commit(found, "Begin é")
    git(found, "push", "-q", "-u", "origin", "main")
    (found / ".pypirc").write_text("[pypi]\n")
    (found / ODD).write_text(f"X = 1\n{LINE}")
    _commit(found, "A secret")
    (found / ".pypirc").unlink()
    (found / ODD).write_text("X = 1\n<<<<<<< ours\n>>>>>>> theirs\n")
    (found / "rev.py").write_text("X = 2\n")
    _commit(found, "Removed é")
    git(found, "mv", "old.py", "new.py")
    (found / "app.py").write_text(LINE)
    (found / "added.py").write_text(LINE)
    (found / "added é.db").write_bytes(tracked.SQLITE[0])
    return found


def _commit(root, message):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def facts(root):
    """All that the laptop's half asks of git."""
    pushed = working_copy.pushed(root, "origin", "main")
    head = working_copy.commit(root)
    with look(root) as seen:
        looked = (seen.tree, seen.paths, since(seen), secret_scan.in_tree(root, seen.tree))
    return {
        "working copy": working_copy.working_copy(root),
        "subject": working_copy.subject(root),
        "under way": working_copy.under_way(root),
        "relation": working_copy.relation(root, pushed, head),
        "packages": working_copy.asks_for_other_packages(root, {"app.py": "0"}, head),
        "tracked": working_copy.tracked(root),
        "ignored": working_copy.ignored(root, ["app.py", "x.pyc"]),
        "unpushed": working_copy.unpushed(root, "origin"),
        "remote": push.remote_for(root, ""),
        "in commits": secret_scan.in_commits(root, "origin"),
        "in files": secret_scan.in_files(root),
        "refusals": [(found.what, found.lines, found.next) for found in tracked.refusals(root)],
        "overlooked": tracked.overlooked(root),
        "sources": source.files(root, ".py"),
        "edited": edited.since(root, pushed, [{"id": "rev", "text": "", "path": str(root / "rev.py")}]),
        "look": looked,
    }


def test_every_reading_is_the_same_and_runs_nothing(root, tmp_path):
    told = facts(root)
    assert [(one.path, one.line) for one in told["in commits"]] == [(".pypirc", 0), (ODD, 2)]
    assert [(one.path, one.line) for one in told["in files"]] == [("added.py", 1), ("app.py", 1)]
    assert told["working copy"].renamed == (("new.py", "old.py"),)
    assert [what for what, _, _ in told["refusals"]] == [
        f"{ODD} has lines of a conflict, <<<<<<<",
        "added é.db is a database, and not ignored by git",
    ]
    assert [row["was"] for row in told["edited"]] == ["rev.py"]
    hostile = hostile_git.made(tmp_path / "hostile")
    with hostile_git.configured(hostile, tmp_path, repositories=(root.parent,)):
        again = facts(root)
        assert hostile.ran() == []
        with pytest.raises(push.Refusal, match="holds what looks like a secret"):
            push.push(root, "origin", "main")
        assert hostile.ran() == []
    assert again == told


def test_a_sandboxs_repository_is_made_and_cloned_the_same(root, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    hostile = hostile_git.made(tmp_path / "hostile")
    with hostile_git.configured(hostile, home, repositories=(root.parent,)):
        origin.make(tmp_path / "sandbox.git", root.parent)
        origin.clone(tmp_path / "sandbox.git", tmp_path / "site")
        assert hostile.ran() == []
    assert git(tmp_path / "site", "remote") == "origin"
    assert git(tmp_path / "site", "rev-parse", "HEAD") == git(root, "rev-parse", "HEAD")
