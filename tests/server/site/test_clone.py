"""The live folder, moved by git: forwards, and back from any half-done state; nothing of a person's is lost."""

import os
import subprocess

import pytest

from flask_slipway.server.lib import files, process
from flask_slipway.server.site import clone

AWKWARD = [
    "it's $HOME.txt",
    'a "quoted" name.txt',
    "back\\slash.txt",
    "-dash.txt",
    "tab\there.txt",
    "é漢.txt",
    "50%.txt",
]


def run_git(folder, *arguments):
    return process.run(["git", *arguments], cwd=str(folder))


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A clone with two commits; checked out is the older one. Returns (folder, older, newer)."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "bob")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "bob@example.org")
    monkeypatch.setattr(process, "environment", lambda extra=None: {**os.environ, **(extra or {})})
    folder = tmp_path / "it's bob$site"
    (folder / "app").mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main")
    write(folder, {"app/models.py": "one\n", "old.txt": "old\n", "same.txt": "same\n", ".gitignore": "/.env\n/data/\n"})
    older = commit(folder, "Begin")
    os.unlink(folder / "old.txt")
    write(
        folder, {"app/models.py": "two\n", "new/deep/file.txt": "new\n" * 5000, **dict.fromkeys(AWKWARD, "awkward\n")}
    )
    newer = commit(folder, "Go on")
    run_git(folder, "reset", "-q", "--hard", older)
    return folder, older, newer


def test_one_look_tells_commit_branch_and_what_was_changed(live):
    folder, older, newer = live
    assert clone.state(str(folder)) == (older, "main", [])
    run_git(folder, "mv", "old.txt", "renamed it.txt")
    write(folder, {"same.txt": "edited\n", "not known.txt": "x\n"})
    assert clone.state(str(folder)) == (older, "main", ["renamed it.txt", "same.txt"])
    run_git(folder, "reset", "-q", "--hard", newer)
    run_git(folder, "checkout", "-q", "--detach")
    write(folder, dict.fromkeys(AWKWARD, "changed\n"))
    assert clone.state(str(folder)) == (newer, "", sorted(AWKWARD))


def test_a_file_that_a_merge_left_open_is_changed(live):
    folder, _, newer = live
    run_git(folder, "checkout", "-q", "-b", "their/own")
    write(folder, {"app/models.py": "three\n"})
    here = commit(folder, "Go another way")
    with pytest.raises(process.Failed):
        run_git(folder, "merge", newer)
    found = clone.state(str(folder))
    assert found[:2] == (here, "their/own")
    assert "app/models.py" in found[2]


def test_a_clone_without_a_commit_has_none(tmp_path):
    run_git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, {"a.txt": "a\n"})
    run_git(tmp_path, "add", "a.txt")
    assert clone.state(str(tmp_path)) == (None, "main", ["a.txt"])


def write(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder, text):
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", text)
    return clone.commit(str(folder))


def tree(folder):
    """{path: bytes} of all that is not git's own."""
    return {
        os.path.relpath(os.path.join(top, name), folder): files.read(os.path.join(top, name))
        for top, folders, names in os.walk(folder)
        for name in names
        if ".git" not in top.split(os.sep)
    }


def test_a_move_brings_the_commit_and_its_branch(live):
    folder, _older, newer = live
    clone.move(str(folder), newer)
    assert clone.commit(str(folder)) == newer
    assert clone.branch(str(folder)) == "main"
    assert clone.changes(str(folder)) == []
    assert (folder / "new/deep/file.txt").exists() and not (folder / "old.txt").exists()
    assert all((folder / name).read_text() == "awkward\n" for name in AWKWARD)


def test_a_move_back_restores_every_byte(live):
    folder, older, newer = live
    before = tree(folder)
    clone.move(str(folder), newer)
    clone.move_back(str(folder), older, newer)
    clone.move_back(str(folder), older, newer)
    assert tree(folder) == before
    assert (clone.commit(str(folder)), clone.branch(str(folder))) == (older, "main")
    assert not (folder / "new").exists()


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/main.lock", "ORIG_HEAD.lock"])
def test_a_move_that_was_killed_half_way_is_taken_back(live, lock):
    """Some files of the new commit are there, one is cut off, one old file is gone, git's lock is left."""
    folder, older, newer = live
    before = tree(folder)
    (folder / ".git" / lock).write_bytes(b"")
    write(
        folder,
        {"app/models.py": "two\n", AWKWARD[0]: "awkward\n", AWKWARD[1]: "awk", "new/deep/file.txt": "new\n" * 99},
    )
    os.unlink(folder / "old.txt")
    clone.move_back(str(folder), older, newer)
    assert tree(folder) == before
    assert clone.changes(str(folder)) == []
    clone.move(str(folder), newer)


def test_a_move_that_really_was_killed_is_taken_back(live):
    folder, older, newer = live
    before = tree(folder)
    for seconds in (0.0, 0.001, 0.002, 0.004, 0.008):
        child = subprocess.Popen(
            ["git", "reset", "--keep", newer], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        clone.move_back(str(folder), older, newer)
        assert tree(folder) == before
        assert clone.commit(str(folder)) == older


def test_what_git_does_not_know_survives_a_move_and_a_way_back(live):
    folder, older, newer = live
    own = {".env": "SECRET_KEY=x\n", "data/rows.csv": "1,2\n", "notes.txt": "mine\n", "new/mine.txt": "mine too\n"}
    write(folder, own)
    clone.move(str(folder), newer)
    clone.move_back(str(folder), older, newer)
    assert {name: (folder / name).read_text() for name in own} == own


@pytest.mark.parametrize("name", [*AWKWARD, "new/deep/file.txt"])
def test_a_persons_file_in_the_way_stops_the_move_and_survives_the_way_back(live, name):
    """It lies where the new commit brings a file: overwritten by nobody, and not taken for the new commit's own."""
    folder, older, newer = live
    write(folder, {name: "only here\n"})
    before = tree(folder)
    with pytest.raises(process.Failed):
        clone.move(str(folder), newer)
    clone.move_back(str(folder), older, newer)
    assert tree(folder) == before


def test_an_ignored_file_that_the_new_commit_brings_is_not_overwritten(live):
    folder, _older, newer = live
    clone.move(str(folder), newer)
    write(folder, {"data/rows.csv": "from the commit\n"})
    run_git(folder, "add", "-f", "data/rows.csv")
    run_git(folder, "commit", "-q", "-m", "Bring data")
    third = clone.commit(str(folder))
    clone.move(str(folder), newer)
    write(folder, {"data/rows.csv": "only here\n"})
    with pytest.raises(process.Failed):
        clone.move(str(folder), third)
    clone.move_back(str(folder), newer, third)
    assert (folder / "data/rows.csv").read_text() == "only here\n"


def test_a_file_changed_by_hand_stops_the_move(live):
    folder, _older, newer = live
    write(folder, {"app/models.py": "by hand\n"})
    assert clone.changes(str(folder)) == ["app/models.py"]
    with pytest.raises(process.Failed):
        clone.move(str(folder), newer)
    assert (folder / "app/models.py").read_text() == "by hand\n"


def test_changed_paths_and_untracked_paths_are_told_by_their_very_names(live):
    folder, older, newer = live
    assert sorted(clone.changed_paths(str(folder), older, newer, only="A")) == sorted([*AWKWARD, "new/deep/file.txt"])
    write(folder, {f"untracked {name}": "" for name in AWKWARD})
    (folder / ".env").touch()
    assert sorted(clone.ignored_and_untracked(str(folder))) == sorted([".env", *(f"untracked {n}" for n in AWKWARD)])
    clone.move(str(folder), newer)
    write(folder, dict.fromkeys(AWKWARD, "changed"))
    assert sorted(clone.changes(str(folder))) == sorted(AWKWARD)


def test_stale_bytecode_is_gone_after_a_move(live):
    folder, _older, newer = live
    write(folder, {"app/__pycache__/models.cpython-311.pyc": "stale"})
    clone.move(str(folder), newer)
    assert not (folder / "app/__pycache__").exists()


def test_hooks_of_the_clone_are_not_run(live):
    folder, older, newer = live
    write(
        folder,
        {
            ".git/hooks/post-checkout": "#!/bin/sh\ntouch hooked\n",
            ".git/hooks/reference-transaction": "#!/bin/sh\nexit 1\n",
        },
    )
    for name in ("post-checkout", "reference-transaction"):
        (folder / ".git/hooks" / name).chmod(0o755)
    clone.move(str(folder), newer)
    clone.add_stage(str(folder), str(folder.parent / "stage"), older)
    assert not (folder / "hooked").exists() and not (folder.parent / "stage" / "hooked").exists()


def test_a_stage_comes_and_goes_beside_the_live_folder(live):
    folder, _older, newer = live
    before, refs = tree(folder), run_git(folder, "for-each-ref")
    stage = folder.parent / "stages" / "it's $stage"
    clone.add_stage(str(folder), str(stage), newer)
    assert (stage / "app/models.py").read_text() == "two\n"
    (stage / "left.txt").write_text("left by the app")
    clone.remove_stage(str(folder), str(stage))
    clone.remove_stage(str(folder), str(stage))
    assert not stage.exists()
    assert (tree(folder), run_git(folder, "for-each-ref")) == (before, refs)
    assert len(run_git(folder, "worktree", "list").splitlines()) == 1


def plain(folder):
    return folder


def packed(folder):
    run_git(folder, "pack-refs", "--all")
    return folder


def shallow(folder):
    run_git(folder.parent, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{folder}", "shallow")
    return folder.parent / "shallow"


def a_worktree(folder):
    run_git(folder, "worktree", "add", "-q", "-f", str(folder.parent / "beside"), "main")
    return folder.parent / "beside"


def elsewhere(folder):
    """Its files lie elsewhere than git would look for them."""
    run_git(folder, "config", "core.worktree", str(folder))
    return folder


def sparse(folder):
    run_git(folder, "sparse-checkout", "set", "app")
    return folder


def detached(folder):
    run_git(folder, "checkout", "-q", "--detach")
    return folder


LOOKS = (
    "symbolic-ref -q HEAD",
    "rev-parse HEAD",
    "remote -v",
    "tag",
    "log --format=%H",
    "describe --tags",
    "status -s",
)


@pytest.mark.parametrize("kind", [plain, packed, shallow, a_worktree, elsewhere, sparse, detached])
def test_a_stage_looks_to_an_app_as_the_live_folder_will(live, kind):
    made, older, newer = live
    run_git(made, "remote", "add", "hub", "git@hub.test:bob/site.git")
    run_git(made, "tag", "v1", older)
    run_git(made, "branch", "new", newer)
    folder, stage = kind(made), made.parent / "stage"
    head = (made / ".git/HEAD").read_text()
    clone.add_stage(str(folder), str(stage), newer)
    assert clone.commit(str(folder)) == older
    seen = looks(stage)
    objects = [path for path in (stage / ".git/objects").rglob("*") if path.is_file()]
    assert [path.name for path in objects] == ["alternates"]
    there = sorted(path.name for path in stage.iterdir())
    if kind is not detached:  # as an app reads it that has no git
        name = (stage / ".git/HEAD").read_text().strip().split(": ")[1]
        assert (stage / ".git" / name).read_text().strip() == newer
        assert (stage / ".git/HEAD").read_text() == head
    clone.remove_stage(str(folder), str(stage))
    clone.move(str(folder), newer)
    assert seen == looks(folder)
    assert there == sorted(path.name for path in folder.iterdir())


def looks(folder):
    """What git answers there, good or bad."""
    found = [subprocess.run(["git", *look.split()], cwd=folder, capture_output=True, text=True) for look in LOOKS]
    return [(one.args, one.returncode, one.stdout, one.stderr) for one in found]


def test_a_stage_below_another_repository_leaves_that_alone(live):
    """A home can be a repository itself."""
    folder, _older, newer = live
    above = folder.parent
    run_git(above, "init", "-q", "-b", "dotfiles")
    write(above, {".bashrc": "mine\n"})
    run_git(above, "add", ".bashrc")
    run_git(above, "commit", "-q", "-m", "Home")
    write(above, {".bashrc": "edited\n"})
    clone.add_stage(str(folder), str(above / "stages/one"), newer)
    assert (above / ".bashrc").read_text() == "edited\n"
    assert clone.commit(str(above / "stages/one")) == newer


def test_a_worktree_that_an_earlier_version_made_is_removed(live):
    folder, _older, newer = live
    stage = folder.parent / "stage"
    run_git(folder, "worktree", "add", "-q", "--detach", "--force", "--lock", str(stage), newer)
    clone.remove_stage(str(folder), str(stage))
    assert not stage.exists()
    assert len(run_git(folder, "worktree", "list").splitlines()) == 1


def test_only_a_fast_forward_is_one(live):
    folder, older, newer = live
    assert clone.is_ancestor(str(folder), older, newer)
    assert not clone.is_ancestor(str(folder), newer, older)
    with pytest.raises(process.Failed):
        clone.is_ancestor(str(folder), older, "f" * 40)


def test_what_is_overlooked_is_overlooked_in_this_clone_alone(live):
    folder, _older, newer = live
    clone.ignore(str(folder), "REVISION")
    clone.ignore(str(folder), "REVISION")
    write(folder, {"REVISION": newer})
    assert clone.ignored_and_untracked(str(folder)) == ["REVISION"]
    assert run_git(folder, "status", "--porcelain") == ""
    assert (folder / ".git/info/exclude").read_text().count("/REVISION") == 1
