"""What is true of the live folder as a clone, and the stage beside it."""

import subprocess
import sys

import pytest

from flask_slipway.server.lib import process
from flask_slipway.server.site import checkout, clone
from support.clones import AWKWARD, commit, run_git, tree, write


def test_one_look_tells_commit_branch_and_what_was_changed(live):
    folder, older, newer = live
    assert clone.state(str(folder)) == (older, "main", [])
    run_git(folder, "mv", "old.txt", "renamed it.txt")
    write(folder, {"same.txt": "edited\n", "not known.txt": "x\n"})
    assert clone.state(str(folder)) == (older, "main", ["old.txt", "renamed it.txt", "same.txt"])
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


def test_changed_paths_and_untracked_paths_are_told_by_their_very_names(live):
    folder, older, newer = live
    assert sorted(clone.changed_paths(str(folder), older, newer, only="A")) == sorted([*AWKWARD, "new/deep/file.txt"])
    write(folder, {f"untracked {name}": "" for name in AWKWARD})
    (folder / ".env").touch()
    assert sorted(clone.ignored_and_untracked(str(folder))) == sorted([".env", *(f"untracked {n}" for n in AWKWARD)])
    checkout.move(str(folder), newer)
    write(folder, dict.fromkeys(AWKWARD, "changed"))
    assert sorted(clone.changes(str(folder))) == sorted(AWKWARD)


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
    checkout.move(str(folder), newer)
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
    checkout.move(str(folder), newer)
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


FULL = """
import ctypes, os, sys
from flask_slipway.server.lib import disk_full
from flask_slipway.server.lib.process import Failed
from flask_slipway.server.site import clone
folder, small = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x44000, None) or libc.mount(
    b"tmpfs", os.fsencode(small), b"tmpfs", 0, b"size=200k"
):
    sys.exit(77)
try:
    clone.add_stage(folder, os.path.join(small, "stage"), "HEAD")
except Failed as error:
    assert disk_full.is_full(error), error.output
    print(disk_full.message(error))
"""


def test_a_disk_that_fills_up_while_a_stage_is_checked_out_is_told(live, tmp_path):
    """Of a file that git could make and not fill it does not say why."""
    folder = live[0]
    write(folder, {"data.txt": "word " * 200_000})
    commit(folder, "Grow")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run([sys.executable, "-c", FULL, str(folder), str(small)], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("this user may not mount")
    assert done.returncode == 0, done.stderr
    assert "data.txt" in done.stdout
