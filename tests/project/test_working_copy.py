"""The git facts of a project, by one look at it."""

import subprocess

import pytest

from flask_slipway.project import working_copy

ODD = ["it's $HOME.txt", 'a "quoted" name.txt', "tab\there.txt", "é漢.txt", "# branch.oid.txt"]


@pytest.fixture
def git(tmp_path, ann):
    """Git in a repository whose project lies in its folder `shop`."""

    def run(*arguments):
        return subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/app.py").write_text("app\n")
    (tmp_path / "shop/models.py").write_text("models\n" * 9)
    (tmp_path / "other.txt").write_text("other\n")
    run("init", "-q", "-b", "main")
    return run


def committed(git, message="More"):
    git("add", "-A")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD").strip()


def test_before_the_first_commit(git, tmp_path):
    here = working_copy.working_copy(tmp_path / "shop")
    assert (here.commit, here.branch, here.upstream, here.changed) == ("", "main", "", ())
    assert here.untracked == ("app.py", "models.py")


def test_what_was_changed_and_what_is_new_in_the_project_alone(git, tmp_path):
    commit = committed(git, "Begin\n\nand more")
    git("mv", "shop/models.py", "shop/all models.py")
    (tmp_path / "shop/app.py").write_text("changed\n")
    (tmp_path / "other.txt").write_text("changed\n")
    for name in ODD:
        (tmp_path / "shop" / name).write_text("new\n")
    here = working_copy.working_copy(tmp_path / "shop")
    assert (here.commit, here.branch, here.clean) == (commit, "main", False)
    assert here.changed == ("all models.py", "app.py")
    assert here.renamed == (("all models.py", "models.py"),)
    assert sorted(here.untracked) == sorted(ODD)
    assert working_copy.subject(tmp_path) == "Begin"


def test_the_upstream_counts_as_it_was_last_fetched_and_only_while_it_is_there(git, tmp_path):
    committed(git)
    git("init", "-q", "--bare", "origin.git")
    git("remote", "add", "origin", str(tmp_path / "origin.git"))
    git("push", "-q", "-u", "origin", "main")
    git("config", "status.aheadBehind", "false")
    (tmp_path / "shop/app.py").write_text("changed\n")
    git("commit", "-q", "-a", "-m", "Ahead")
    here = working_copy.working_copy(tmp_path)
    assert (here.upstream, here.ahead, here.behind) == ("origin/main", 1, 0)
    git("reset", "-q", "--hard", "HEAD^")
    git("update-ref", "refs/remotes/origin/main", "ORIG_HEAD")
    assert working_copy.working_copy(tmp_path).behind == 1
    git("update-ref", "-d", "refs/remotes/origin/main")
    assert working_copy.working_copy(tmp_path).upstream == ""


def test_a_detached_head_is_on_no_branch_and_a_merge_is_under_way(git, tmp_path):
    first = committed(git)
    git("checkout", "-q", "--detach")
    assert working_copy.working_copy(tmp_path).branch == ""
    assert working_copy.under_way(tmp_path / "shop") == ""
    (tmp_path / "shop/app.py").write_text("one\n")
    one = committed(git)
    git("checkout", "-q", first)
    (tmp_path / "shop/app.py").write_text("two\n")
    committed(git)
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", one)
    assert working_copy.under_way(tmp_path / "shop") == "merge"
    assert working_copy.working_copy(tmp_path).changed == ("shop/app.py",)
