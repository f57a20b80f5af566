"""`flask-slipway init` as a user types it with git, without, and below the top of a repository."""

from __future__ import annotations

import sys

import pytest

from flask_slipway.setup import discover
from support.adopting import ANSWERS, ONE_FILE, init, put, site


def test_without_git_it_says_what_to_type_and_goes_on(empty):
    put(empty, app=ONE_FILE)
    out = init(empty, *ANSWERS, "--yes")
    assert "git init -b main" in out
    lines = [".env", "__pycache__/", "/.venv/", "/instance/", "*.db", "*.db-*", "*.sqlite*", ".coverage"]
    assert (empty.folder / ".gitignore").read_text().splitlines() == lines
    assert "Nothing to write" in init(empty)


def test_without_a_remote_it_says_what_to_type_and_takes_the_folders_name(blog):
    blog.git("remote", "remove", "origin")
    out = init(blog, "--user", "ann", code=3)
    assert "git remote add origin" in out
    assert "--project project --virtualenv project_venv" in out


@pytest.mark.parametrize(
    "url, folder",
    [
        ("git@github.com:ann/comments.git", "comments"),
        ("https://github.com/ann/comments", "comments"),
        ("https://github.com/ann/comments.git/", "comments"),
        ("ssh://git@host:2222/srv/comments.git", "comments"),
        ("/srv/git/comments.git", "comments"),
        ("../comments/.git", "comments"),
        ("host:comments.git", "comments"),
        ("C:\\git\\comments.git", "comments"),
    ],
)
def test_the_folder_is_what_a_clone_of_the_remote_is_called(url, folder):
    assert discover.folder_of(url) == folder


def test_a_password_in_the_remote_is_not_shown(blog):
    blog.git("remote", "set-url", "origin", "https://ann:hunter2@host.test/ann/comments.git")
    out = init(blog, *ANSWERS, "--yes")
    assert "https://host.test/ann/comments.git" in out
    assert "hunter2" not in out


def test_another_main_branch_is_kept_and_a_side_branch_is_no_main_branch(blog):
    blog.git("add", ".")
    blog.git("commit", "-qm", "First")
    blog.git("branch", "-m", "master")
    blog.git("update-ref", "refs/remotes/origin/master", "HEAD")
    blog.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master")
    blog.git("switch", "-qc", "feature")
    init(blog, *ANSWERS, "--yes")
    assert site(blog).branch == "master"


def test_below_the_top_of_a_repository_it_refuses_and_names_the_top(blog):
    (blog.folder / "inner").mkdir()
    ran = blog.run("sh", "-c", f"cd inner && {sys.executable} -m flask_slipway init")
    assert (ran.code, f"cd {blog.folder}" in ran.out) == (3, True)


def test_a_database_that_comes_later_is_ignored_and_what_is_tracked_on_purpose_stays_so(blog):
    blog.write("data/cities.sqlite", "SQLite format 3\0")
    blog.git("add", ".")
    blog.git("commit", "-qm", "First")
    init(blog, *ANSWERS, "--yes")
    for path in ("instance/blog.db", "blog.db", "blog.db-wal", ".venv/pyvenv.cfg", ".coverage", "data/cities.sqlite"):
        blog.write(path, "later")
    told = blog.git("status", "--porcelain", "--untracked-files=all").split("\n")
    assert sorted(told) == ["?? .gitignore", "?? fabfile.py", "?? invoke.yaml", "?? tasks.py", "M data/cities.sqlite"]


def test_a_cache_and_an_env_that_git_tracks_are_ignored_from_now_on(blog):
    for path in (".env", "app/__pycache__/x.pyc", "data/cities.db"):
        blog.write(path, "A=b\n")
    blog.git("add", "--force", ".")
    blog.git("commit", "-qm", "A mistake")
    init(blog, *ANSWERS, "--yes")
    lines = (blog.folder / ".gitignore").read_text().splitlines()
    assert {".env", "__pycache__/"} <= set(lines)
    assert "*.db" not in lines
