"""The live folder, moved by git: forwards, and back from any half-done state; nothing of a person's is lost, and what
is the site's own stays as it is."""

import os
import shutil
import subprocess

import pytest

from flask_slipway.server.lib import own_files, process
from flask_slipway.server.site import checkout, clone
from support.clones import AWKWARD, commit, run_git, tree, write


def test_a_move_brings_the_commit_and_its_branch(live):
    folder, _older, newer = live
    checkout.move(str(folder), newer)
    assert clone.commit(str(folder)) == newer
    assert clone.branch(str(folder)) == "main"
    assert clone.changes(str(folder)) == []
    assert (folder / "new/deep/file.txt").exists() and not (folder / "old.txt").exists()
    assert all((folder / name).read_text() == "awkward\n" for name in AWKWARD)


def test_a_move_back_restores_every_byte(live):
    folder, older, newer = live
    before = tree(folder)
    checkout.move(str(folder), newer)
    checkout.move_back(str(folder), older, newer)
    checkout.move_back(str(folder), older, newer)
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
    checkout.move_back(str(folder), older, newer)
    assert tree(folder) == before
    assert clone.changes(str(folder)) == []
    checkout.move(str(folder), newer)


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
        checkout.move_back(str(folder), older, newer)
        assert tree(folder) == before
        assert clone.commit(str(folder)) == older


def test_what_git_does_not_know_survives_a_move_and_a_way_back(live):
    folder, older, newer = live
    own = {".env": "SECRET_KEY=x\n", "data/rows.csv": "1,2\n", "notes.txt": "mine\n", "new/mine.txt": "mine too\n"}
    write(folder, own)
    checkout.move(str(folder), newer)
    checkout.move_back(str(folder), older, newer)
    assert {name: (folder / name).read_text() for name in own} == own


@pytest.mark.parametrize("name", [*AWKWARD, "new/deep/file.txt"])
def test_a_persons_file_in_the_way_stops_the_move_and_survives_the_way_back(live, name):
    """It lies where the new commit brings a file: overwritten by nobody, and not taken for the new commit's own."""
    folder, older, newer = live
    write(folder, {name: "only here\n"})
    before = tree(folder)
    with pytest.raises(process.Failed):
        checkout.move(str(folder), newer)
    checkout.move_back(str(folder), older, newer)
    assert tree(folder) == before


def test_an_ignored_file_that_the_new_commit_brings_is_not_overwritten(live):
    folder, _older, newer = live
    checkout.move(str(folder), newer)
    write(folder, {"data/rows.csv": "from the commit\n"})
    run_git(folder, "add", "-f", "data/rows.csv")
    run_git(folder, "commit", "-q", "-m", "Bring data")
    third = clone.commit(str(folder))
    checkout.move(str(folder), newer)
    write(folder, {"data/rows.csv": "only here\n"})
    with pytest.raises(process.Failed):
        checkout.move(str(folder), third)
    checkout.move_back(str(folder), newer, third)
    assert (folder / "data/rows.csv").read_text() == "only here\n"


def test_a_file_changed_by_hand_stops_the_move(live):
    folder, _older, newer = live
    write(folder, {"app/models.py": "by hand\n"})
    assert clone.changes(str(folder)) == ["app/models.py"]
    with pytest.raises(process.Failed):
        checkout.move(str(folder), newer)
    assert (folder / "app/models.py").read_text() == "by hand\n"


def test_stale_bytecode_is_gone_after_a_move(live):
    folder, _older, newer = live
    write(folder, {"app/__pycache__/models.cpython-311.pyc": "stale"})
    checkout.move(str(folder), newer)
    assert not (folder / "app/__pycache__").exists()


# what is the site's own, though git tracked it

DATABASE = own_files.own("/home/bob/site", "/home/bob/site/data.db")


@pytest.fixture
def untracking(live):
    """The live commit tracks what is the site's own; the next one does not, and ignores it. All of it was changed by
    the site since. Returns (folder, the live commit, the next one, what is on disk)."""
    folder, _older, _newer = live
    committed = {
        ".env": "SECRET_KEY=ours\n",
        "data.db": "rows of the developer",
        "uploads/cat.jpg": "a cat",
        "uploads/dog.jpg": "a dog",
        "app/__pycache__/models.cpython-311.pyc": "compiled",
        "code.py": "one\n",
    }
    write(folder, {**committed, ".gitignore": "/REVISION\n"})
    before = commit(folder, "Track too much")
    run_git(folder, "rm", "-q", "-r", "--cached", ".env", "data.db", "uploads", "app/__pycache__")
    write(folder, {".gitignore": "/.env\n/data.db*\n/uploads/\n__pycache__/\n", "code.py": "two\n"})
    after = commit(folder, "Track it no more")
    run_git(folder, "checkout", "-q", "-f", before)
    run_git(folder, "checkout", "-q", "-B", "main")
    own = {
        ".env": "SECRET_KEY=theirs\n",
        "data.db": "rows of visitors",
        "data.db-wal": "newer rows",
        "uploads/cat.jpg": "another cat",
        "uploads/dog.jpg": "a dog",
        "uploads/new.jpg": "a visitor's",
    }
    write(folder, {**own, "app/__pycache__/models.cpython-311.pyc": "compiled anew"})
    return folder, before, after, own


def staged(folder, before, after, own=DATABASE):
    """What a move from `before` to `after` keeps."""
    stage = folder.parent / "stage"
    clone.add_stage(str(folder), str(stage), after)
    try:
        return checkout.kept(str(folder), str(stage), before, after, own)
    finally:
        clone.remove_stage(str(folder), str(stage))


def on_disk(folder, names):
    return {name: (folder / name).read_text() for name in names if (folder / name).exists()}


def edited(folder, own=DATABASE):
    return [path for path in clone.changes(str(folder)) if not own_files.is_own(path, own)]


def test_what_the_new_commit_tracks_no_more_and_ignores_stays_with_its_live_contents(untracking):
    folder, before, after, own = untracking
    kept = staged(folder, before, after)
    assert set(kept) == {".env", "data.db", "uploads/cat.jpg", "uploads/dog.jpg"} | {
        "app/__pycache__/models.cpython-311.pyc"
    }
    checkout.see_movable(str(folder), before, after, kept)
    checkout.move(str(folder), after, kept)
    assert on_disk(folder, own) == own
    assert (folder / "code.py").read_text() == "two\n"
    assert (clone.commit(str(folder)), clone.changes(str(folder))) == (after, [])


def test_it_stays_through_a_return_too_and_through_the_way_back_to_the_commit_that_tracks_it(untracking):
    folder, before, after, own = untracking
    kept = staged(folder, before, after)
    checkout.move(str(folder), after, kept)
    (folder / "uploads/dog.jpg").write_text("another dog")  # while the release was under way
    own["uploads/dog.jpg"] = "another dog"
    for _ in range(2):
        assert checkout.save_edits(str(folder), before, after, "r", kept) is None
        checkout.move_back(str(folder), before, after, kept)
        assert on_disk(folder, own) == own
        assert (folder / "code.py").read_text() == "one\n"
        assert clone.commit(str(folder)) == before
        assert edited(folder) == ["uploads/cat.jpg", "uploads/dog.jpg"]  # as before the move
    checkout.move(str(folder), after, kept)
    back = staged(folder, after, before)  # a rollback: now the other commit is the new one
    checkout.see_movable(str(folder), after, before, back)
    checkout.move(str(folder), before, back)
    assert on_disk(folder, own) == own
    assert (folder / "code.py").read_text() == "one\n"


@pytest.mark.parametrize("steps", range(4))
def test_a_move_past_it_that_was_killed_between_its_steps_is_taken_back(untracking, steps, monkeypatch):
    """Each time it is killed before another of git's acts."""
    folder, before, after, own = untracking
    kept = staged(folder, before, after)
    left = [steps]
    plain = clone._git

    def dying(folder, arguments, *more, **words):
        if arguments[0] in ("update-index", "read-tree", "update-ref") and "env" not in words:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        return plain(folder, arguments, *more, **words)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(clone, "_git", dying)
        checkout.move(str(folder), after, kept)
    checkout.move_back(str(folder), before, after, kept)
    assert on_disk(folder, own) == own
    assert (folder / "code.py").read_text() == "one\n"
    assert (clone.commit(str(folder)), edited(folder)) == (before, ["uploads/cat.jpg"])


def test_the_sites_own_stays_also_where_the_new_commit_does_not_ignore_it(live):
    folder, _older, _newer = live
    write(folder, {"data.db": "rows of the developer", ".env": "A=1\n", ".gitignore": "", "gone.txt": "gone\n"})
    run_git(folder, "add", "-f", ".env")
    before = commit(folder, "Track")
    run_git(folder, "rm", "-q", "--cached", ".env", "data.db", "gone.txt")
    run_git(folder, "commit", "-q", "-m", "Do not")
    after = clone.commit(str(folder))
    run_git(folder, "checkout", "-q", "-f", "-B", "main", before)
    write(folder, {"data.db": "rows of visitors"})
    kept = staged(folder, before, after)
    assert kept == [".env", "data.db"]
    checkout.move(str(folder), after, kept)
    assert on_disk(folder, [".env", "data.db", "gone.txt"]) == {".env": "A=1\n", "data.db": "rows of visitors"}


def test_a_name_that_is_no_text_is_kept_too(live):
    folder, older, _newer = live
    run_git(folder, "reset", "-q", "--hard", older)
    name = os.fsencode(folder) + b"/up/caf\xe9.jpg"
    os.makedirs(os.path.dirname(name))
    with open(name, "wb") as file:
        file.write(b"ours")
    before = commit(folder, "Track")
    run_git(folder, "rm", "-q", "-r", "--cached", "up")
    write(folder, {".gitignore": "/up/\n"})
    after = commit(folder, "Do not")
    run_git(folder, "checkout", "-q", "-f", "-B", "main", before)
    with open(name, "wb") as file:
        file.write(b"a visitor's")
    kept = staged(folder, before, after)
    checkout.move(str(folder), after, kept)
    checkout.move_back(str(folder), before, after, kept)
    with open(name, "rb") as file:
        assert file.read() == b"a visitor's"


def test_the_very_file_that_the_new_commit_brings_is_not_in_the_way_and_survives_the_return(live):
    folder, older, newer = live
    write(folder, {"new/deep/file.txt": "new\n" * 5000})
    assert checkout.in_the_way(str(folder), older, newer, ()) == []
    kept = staged(folder, older, newer)
    assert kept == ["new/deep/file.txt"]
    checkout.move(str(folder), newer, kept)
    assert clone.changes(str(folder)) == []
    checkout.move_back(str(folder), older, newer, kept)
    assert (folder / "new/deep/file.txt").read_text() == "new\n" * 5000


def test_a_folder_and_a_file_of_one_name_are_in_each_others_way(live):
    folder, _older, newer = live
    run_git(folder, "reset", "-q", "--hard", newer)
    write(folder, {"brought/file.txt": "brought\n", "place": "a file\n"})
    after = commit(folder, "Bring a folder and a file")
    run_git(folder, "reset", "-q", "--hard", newer)
    shutil.rmtree(folder / "brought", ignore_errors=True)
    assert checkout.in_the_way(str(folder), newer, after, ()) == []
    write(folder, {"brought": "a person's file\n", "place/own.txt": "a person's too\n"})
    assert sorted(checkout.in_the_way(str(folder), newer, after, ())) == ["brought/file.txt", "place"]


# what git does not see by itself


def test_a_file_that_was_only_touched_does_not_stop_the_move(live):
    folder, _older, newer = live
    os.utime(folder / "app/models.py", (1, 1))
    text = (folder / "old.txt").read_text()
    os.unlink(folder / "old.txt")
    write(folder, {"old.txt": text})  # saved, unchanged
    assert clone.changes(str(folder)) == []
    checkout.move(str(folder), newer)
    assert (folder / "app/models.py").read_text() == "two\n"


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_to_overlook_is_seen_and_saved(live, option):
    folder, older, newer = live
    index = (folder / ".git/index").read_bytes
    run_git(folder, "update-index", option, "same.txt", "app/models.py")
    told = index()
    assert clone.changes(str(folder)) == []
    write(folder, {"same.txt": "production's own\n"})
    assert clone.changes(str(folder)) == ["same.txt"]
    assert index() == told  # to look changes nothing
    checkout.move(str(folder), newer)
    assert (folder / "app/models.py").read_text() == "two\n"
    saved = checkout.save_edits(str(folder), older, newer, "the-run")
    assert run_git(folder, "show", f"{saved}:same.txt") == "production's own\n"
    assert run_git(folder, "diff", "--name-only", older, saved).split() == ["same.txt"]
    checkout.move_back(str(folder), older, newer)
    assert (folder / "app/models.py").read_text() == "one\n"


def test_a_file_that_a_sparse_checkout_leaves_out_is_no_change(live):
    folder, _older, _newer = live
    run_git(folder, "update-index", "--skip-worktree", "same.txt")
    os.unlink(folder / "same.txt")
    assert clone.changes(str(folder)) == []


def test_edits_of_a_person_are_saved_without_the_sites_own_rows(untracking):
    folder, before, after, _own = untracking
    kept = staged(folder, before, after)
    checkout.move(str(folder), after, kept)
    write(folder, {"same.txt": "by hand\n"})
    saved = checkout.save_edits(str(folder), before, after, "the-run", kept)
    assert run_git(folder, "diff", "--name-only", before, saved).split() == ["same.txt"]


# submodules


@pytest.fixture
def holding(live):
    """A live commit with a submodule `lib`, and the next two: one with its files, one without it."""
    folder, _older, newer = live
    other = folder.parent / "other"
    other.mkdir()
    run_git(other, "init", "-q", "-b", "main")
    write(other, {"lib.py": "lib\n"})
    commit(other, "Begin")
    run_git(folder, "reset", "-q", "--hard", newer)
    run_git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    before = commit(folder, "Add a submodule")
    return folder, before


def test_a_submodule_is_known_by_its_entry_and_is_no_edit(holding):
    folder, before = holding
    assert [p for p, entry in clone.entries(str(folder), before).items() if clone.is_submodule(entry)] == ["lib"]
    write(folder / "lib", {"lib.py": "by hand\n"})
    assert clone.changes(str(folder)) == []


@pytest.mark.parametrize("vendored", [True, False])
def test_the_commit_that_gives_a_submodule_up_comes_and_goes_and_its_files_stay(holding, vendored):
    folder, before = holding
    run_git(folder, "rm", "-q", "--cached", "lib", ".gitmodules")
    os.unlink(folder / ".gitmodules")
    hidden = (folder / "lib/.git").rename(folder.parent / "lib.git")
    if vendored:
        run_git(folder, "add", "lib")
    run_git(folder, "commit", "-q", "-a", "-m", "Give it up")
    after = clone.commit(str(folder))
    if vendored:
        run_git(folder, "rm", "-q", "--cached", "-r", "lib")
    hidden.rename(folder / "lib/.git")
    run_git(folder, "reset", "-q", before)
    run_git(folder, "checkout", "-q", ".gitmodules")
    kept = staged(folder, before, after)
    assert set(kept) == ({"lib", "lib/lib.py"} if vendored else {"lib"})
    checkout.see_movable(str(folder), before, after, kept)
    checkout.move(str(folder), after, kept)
    assert (folder / "lib/lib.py").read_text() == "lib\n"
    assert clone.changes(str(folder)) == []
    checkout.move_back(str(folder), before, after, kept)
    assert (folder / "lib/lib.py").read_text() == "lib\n"
    assert (clone.commit(str(folder)), clone.changes(str(folder))) == (before, [])
    assert "-" not in run_git(folder, "submodule", "status")[:1]
