"""What git says of a working tree, by its own words and by its own programs."""

import os
import subprocess

import pytest

from flask_slipway.server.lib import git_status

ODD = [
    "it's $HOME.txt",
    'a "quoted" name.txt',
    "tab\there.txt",
    "é漢.txt",
    "# branch.oid.txt",
    "? x.txt",
    " leading.txt",
]
OID = "9bc1f02" + "a" * 33
NOTHING = git_status.GitStatus("", "", "", 0, 0, (), (), (), (), ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", {}),
        (f"# branch.oid {OID}\0# branch.head main\0", {"commit": OID, "branch": "main"}),
        ("# branch.oid (initial)\0# branch.head main\0", {"branch": "main"}),
        (f"# branch.oid {OID}\0# branch.head (detached)\0", {"commit": OID}),
        ("# branch.head it's (new)\0", {"branch": "it's (new)"}),
        (
            "# branch.upstream origin/main\0# branch.ab +2 -13\0",
            {"upstream": "origin/main", "ahead": 2, "behind": 13},
        ),
        ("# branch.upstream origin/gone\0", {}),  # git does not count against what is not there
        ("# stash 3\0# future thing\0", {}),
        ("X something new\0? a.txt\0", {"untracked": ("a.txt",)}),
        ("? a b.txt\0! data/\0! .env\0", {"untracked": ("a b.txt",), "ignored": ("data/", ".env")}),
        (f"1 .M N... 100644 100644 100644 {OID} {OID} a b.txt\0", {"changed": ("a b.txt",)}),
        (
            f"1 D. N... 100644 000000 000000 {OID} {OID} a\0001 .D N... 100644 100644 000000 {OID} {OID} b\0",
            {"changed": ("a", "b"), "removed": ("a", "b")},
        ),
        (
            f"1 A. N... 000000 100644 100644 {OID} {OID} a\0001 AM N... 000000 100644 100644 {OID} {OID} b\0",
            {"changed": ("a", "b"), "added": ("a", "b")},
        ),
        (
            f"2 R. N... 100644 100644 100644 {OID} {OID} R100 new it.txt\0? old it.txt\0? x\0",
            {"changed": ("new it.txt",), "untracked": ("x",), "renamed": (("new it.txt", "? old it.txt"),)},
        ),
        (
            f"u UU N... 100644 100644 100644 100644 {OID} {OID} {OID} both.txt\0",
            {"changed": ("both.txt",), "conflicted": ("both.txt",)},
        ),
        (
            f"1 .M SC.. 160000 160000 160000 {OID} {OID} vendor/lib\0",
            {"changed": ("vendor/lib",), "submodules": ("vendor/lib",)},
        ),
    ],
)
def test_gits_words_are_read(text, told):
    assert git_status.parse(text) == NOTHING._replace(**told)


@pytest.fixture
def git(tmp_path, ann):
    folder = tmp_path / "shop"
    folder.mkdir()

    def run(*arguments, fails=False):
        line = ["git", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
        assert bool(done.returncode) == fails, done.stderr
        return done.stdout

    run("init", "-q", "-b", "main")
    run.folder = folder
    return run


def status(git):
    return git_status.parse(git("status", "--porcelain=v2", "-z", "--branch", "--ignored", "--untracked-files=all"))


def test_a_file_of_any_name_is_told_by_its_name(git):
    for name in ODD:
        (git.folder / name).write_text("old\n")
    assert sorted(status(git).untracked) == sorted(ODD)
    git("add", "-A")
    git("commit", "-q", "-m", "Begin")
    for name in ODD:
        (git.folder / name).write_text("new\n")
    found = status(git)
    assert sorted(found.changed) == sorted(ODD)
    assert (found.commit, found.branch) == (git("rev-parse", "HEAD").strip(), "main")


def test_a_merge_and_a_submodule_are_told_apart_from_plain_changes(git, tmp_path):
    (git.folder / "a.txt").write_text("a\n")
    (git.folder / ".gitignore").write_text("*.log\n")
    git("add", "-A")
    git("commit", "-q", "-m", "Begin")
    git("clone", "-q", ".", str(tmp_path / "other"))
    git("submodule", "--quiet", "add", str(tmp_path / "other"), "vendor")
    git("commit", "-q", "-m", "Add a submodule")
    (git.folder / "vendor/a.txt").write_text("edited\n")
    os.mkdir(git.folder / "logs")
    (git.folder / "logs/x.log").write_text("x\n")
    found = status(git)
    assert (found.changed, found.submodules, found.ignored) == (("vendor",), ("vendor",), ("logs/x.log",))

    git("checkout", "-q", "-b", "left", "HEAD^")
    (git.folder / "a.txt").write_text("left\n")
    git("commit", "-q", "-am", "Left")
    git("checkout", "-q", "-b", "right", "HEAD^")
    (git.folder / "a.txt").write_text("right\n")
    git("commit", "-q", "-am", "Right")
    git("merge", "-q", "left", fails=True)
    found = status(git)
    assert (found.branch, found.changed, found.conflicted) == ("right", ("a.txt",), ("a.txt",))
