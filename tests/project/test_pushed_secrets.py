"""No secret leaves this machine by a push: not in a commit that a later one mends, not in a form that git hides."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from flask_slipway.errors import Refusal
from flask_slipway.project import commit, push, remote_head, secret_scan, working_copy
from support.world import git

LINE = "PASS" + 'WORD = "k8dj3ksl"\n'
PYPIRC = "[pypi]\nusername = ann\n"


@pytest.fixture
def root(tmp_path, ann):
    """A project with one commit, pushed to its origin."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "init", "-q", "-b", "main", "project")
    found = tmp_path / "project"
    git(found, "remote", "add", "origin", str(tmp_path / "origin.git"))
    (found / ".gitignore").write_text(".env\n")
    (found / "app.py").write_text("X = 1\n" + LINE.replace("PASS", "PASS_"))
    committed(found, "First")
    git(found, "push", "-q", "-u", "origin", "main")
    return found


def committed(root, message="More", **files):
    for name, content in files.items():
        place = root / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def refused(root, remote="origin", branch="main"):
    """What the refusal of a push says; nothing was pushed by it."""
    before = git(root, "ls-remote", remote)
    with pytest.raises(Refusal) as stop:
        push.push(root, remote, branch)
    assert git(root, "ls-remote", remote) == before
    assert "k8dj3ksl" not in stop.value.message
    return stop.value


def typed(root, lines):
    """Types what a refusal offers, as far as it is a command."""
    for line in lines:
        command = line.split("  ")[0]
        if command.startswith(("git ", "inv commit")):
            words = shlex.split(command.replace("inv commit", "git commit -q -a"))
            assert subprocess.run(words, cwd=root, capture_output=True).returncode == 0, line


def test_a_tree_with_a_secret_is_not_committed_whoever_asks_for_it(root):
    before = working_copy.commit(root)
    (root / "app.py").write_text(LINE)
    with pytest.raises(Refusal, match="looks like a secret"):
        push.commit(root, "More")
    assert working_copy.commit(root) == before


def test_a_secret_that_a_later_commit_removed_is_not_pushed_with_the_first(root):
    bad = committed(root, "Try", **{"app.py": f"X = 1\n\n{LINE}"})
    committed(root, "Between", other="1\n")
    (root / "app.py").write_text("X = 1\n")
    committed(root, "Without")
    stop = refused(root)
    assert stop.lines == [f"app.py, line 3, in {bad[:7]}: a secret's value"]
    typed(root, stop.next)
    assert push.push(root, "origin", "main")
    assert (root / "app.py").read_text() == "X = 1\n" and (root / "other").read_text() == "1\n"
    assert subprocess.run(["git", "cat-file", "-e", bad], cwd=root.parent / "origin.git").returncode != 0


def test_an_env_that_was_committed_once_is_not_pushed_after_git_rm_cached(root):
    git(root, "rm", "-q", "--cached", ".gitignore")
    (root / ".gitignore").unlink()
    bad = committed(root, **{".env": "A=b\n"})
    (root / ".gitignore").write_text(".env\n")
    git(root, "rm", "-q", "--cached", ".env")
    committed(root, "Let .env be ignored", other="1\n")
    stop = refused(root)
    assert stop.lines[0].startswith(f".env, in {bad[:7]}: ")
    assert len(stop.next) == 2  # it is ignored already
    typed(root, stop.next)
    assert push.push(root, "origin", "main") and (root / ".env").read_text() == "A=b\n"
    assert git(root, "log", "--all", "--format=%h", "--", ".env") == ""


def test_the_first_commit_of_all_can_be_taken_back_too(root):
    git(root, "checkout", "-q", "--orphan", "new")
    committed(root, **{"app.py": LINE})
    stop = refused(root, branch="new")
    assert stop.next[0].startswith("git update-ref -d HEAD  undoes 1 commit")
    (root / "app.py").write_text("X = 1\n")
    typed(root, stop.next)
    assert push.push(root, "origin", "new")


def test_what_git_would_push_elsewhere_is_not_pushed_to_a_remote_that_is_only_read(root):
    git(root.parent, "init", "-q", "--bare", "-b", "main", "mine.git")
    git(root, "remote", "add", "mine", str(root.parent / "mine.git"))
    public = git(root, "ls-remote", "origin")
    git(root, "config", "remote.pushDefault", "mine")
    committed(root, **{"app.py": "X = 2\n"})
    assert "mine/main" in next(commit.push(root))
    assert (git(root, "ls-remote", "origin"), push.default_remote(root)) == (public, "mine")
    git(root, "config", "branch.main.pushRemote", "origin")
    assert push.default_remote(root) == "origin"


def test_for_an_old_line_no_history_is_lost(root):
    """A project that moves to another remote, with a secret of long ago that its first one has."""
    committed(root, **{"old.py": LINE})
    for number in range(push.MANY):
        committed(root, **{"old.py": f"X = {number}\n"})
    was = working_copy.commit(root)
    git(root.parent, "init", "-q", "--bare", "-b", "main", "other.git")
    git(root, "remote", "add", "other", str(root.parent / "other.git"))
    stop = refused(root, "other")
    assert stop.next[0].endswith("  git push other HEAD:main")
    assert stop.next[1].startswith(f"else  git branch before-{was[:7]}  keeps")
    assert stop.next[2].startswith("git reset --soft ")
    git(root, *shlex.split(stop.next[1].split("  ")[1])[1:])
    (root / "app.py").write_text("X = 1\n")
    typed(root, stop.next)
    assert push.push(root, "other", "main")
    assert git(root, "rev-list", "--count", f"before-{was[:7]}") == str(push.MANY + 2)
    git(root, "push", "-q", "origin", f"{was}:main")
    git(root, "reset", "-q", "--hard", was)
    git(root, "push", "-q", "--force", "other", "HEAD:main")
    git(root, "fetch", "-q", "other")
    assert secret_scan.in_commits(root, "other") == []


def test_on_a_new_branch_only_what_the_remote_does_not_have_is_the_change(root):
    committed(root, **{"old.py": LINE})
    git(root, "push", "-q", "origin", "HEAD:main")
    git(root, "switch", "-q", "-c", "feature")
    committed(root, **{"new.py": "X = 2\n"})
    assert secret_scan.in_commits(root, "origin") == []
    assert push.push(root, "origin", "feature")
    git(root.parent, "init", "-q", "--bare", "-b", "main", "other.git")
    git(root, "remote", "add", "other", str(root.parent / "other.git"))
    assert [one.path for one in secret_scan.in_commits(root, "other")] == ["old.py"]
    assert secret_scan.in_commits(root, "sandbox") == []
    for name in ("origin", "other"):
        git(root, "remote", "remove", name)
    git(root, "remote", "add", "sandbox", str(root.parent / "origin.git"))
    assert secret_scan.in_commits(root, "sandbox") == []  # nothing was fetched from it, but it has all


def test_a_push_asks_nothing_of_what_is_not_committed(root):
    committed(root, **{"app.py": "X = 2\n"})
    (root / "notes.txt").write_text(LINE)
    (root / ".pypirc").write_text(PYPIRC)
    assert [one.path for one in secret_scan.in_files(root)] == [".pypirc", "notes.txt"]
    assert any("Pushed" in line for line in commit.push(root))


def test_of_a_merge_only_what_neither_side_had_is_new(root):
    git(root, "switch", "-q", "-c", "side")
    committed(root, **{"side.py": LINE})
    git(root, "push", "-q", "origin", "side")
    git(root, "switch", "-q", "main")
    committed(root, **{"app.py": "X = 3\n"})
    git(root, "merge", "-q", "--no-commit", "side")
    committed(root, "Merge")
    assert secret_scan.in_commits(root, "origin") == []
    git(root, "reset", "-q", "--hard", "HEAD~1")
    git(root, "merge", "-q", "--no-commit", "side")
    bad = committed(root, "Merge, and more", **{"app.py": f"X = 3\n{LINE}"})
    committed(root, "After it")
    stop = refused(root)
    assert stop.lines == [f"app.py, line 2, in {bad[:7]}: a secret's value"]
    assert (
        stop.next[0]
        == f"git reset --soft {git(root, 'rev-parse', '--short=7', 'HEAD~2')}  undoes 2 commits; the files stay"
    )


def test_what_came_by_a_merge_is_taken_back_with_the_merge(root):
    """To go back to the middle of the side branch would leave what was pushed, and no push would go any more."""
    git(root, "switch", "-q", "-c", "side")
    committed(root, **{"side.py": "X = 1\n"})
    committed(root, **{"side.py": LINE})
    git(root, "switch", "-q", "main")
    committed(root, **{"app.py": "X = 3\n"})
    git(root, "push", "-q", "origin", "main")
    git(root, "merge", "-q", "side")
    stop = refused(root)
    (root / "side.py").write_text("X = 2\n")
    typed(root, stop.next)
    assert push.push(root, "origin", "main")


def test_a_line_that_a_person_has_looked_at_since_stops_no_push(root):
    committed(root, **{"app.py": LINE})
    committed(root, **{"app.py": LINE.strip() + "  # not a secret\n"})
    assert push.push(root, "origin", "main")


HIDDEN = {
    "UTF-16 with a mark": {"keys.txt": LINE.encode("utf-16")},
    "UTF-16 without": {"keys.txt": LINE.encode("utf-16-be")},
    "UTF-32": {"keys.txt": LINE.encode("utf-32-le")},
    "a mark of UTF-8": {"keys.txt": b"\xef\xbb\xbf" + LINE.encode()},
    "old Macs' lines": {"keys.txt": b"X = 1\r" + LINE.encode()},
    "-diff": {"keys.txt": LINE, ".gitattributes": "* -diff\n"},
    "binary": {"keys.txt": b"\0\1\2\n" + LINE.encode(), ".gitattributes": "* binary\n"},
    "a filter for diffs": {"keys.txt": LINE, ".gitattributes": "* diff=nothing\n"},
    "a name with signs": {"a\tb \u00e9.txt": LINE},
}


@pytest.mark.parametrize("files", HIDDEN.values(), ids=HIDDEN)
def test_a_secret_is_seen_in_every_form_in_a_file_and_in_a_commit(root, files):
    git(root, "config", "diff.nothing.textconv", "true")
    for name, content in files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    names = [next(iter(files))]
    assert [one.path for one in secret_scan.in_files(root)] == names
    with pytest.raises(Refusal) as stop:
        list(commit.commit(root, "More"))
    assert re.search("a secret's value", stop.value.message)
    committed(root)
    assert [one.path for one in secret_scan.in_commits(root, "origin")] == names


def test_in_a_folder_of_the_repository_new_files_are_looked_at_and_what_others_staged(root):
    shop = root / "shop"
    shop.mkdir()
    for name, text in {"new.py": LINE, ".pypirc": PYPIRC}.items():
        (shop / name).write_text(text)
    assert [one.path for one in secret_scan.in_files(shop)] == [".pypirc", "new.py"]
    here = working_copy.working_copy(shop)
    assert here.untracked == (".pypirc", "new.py")
    with (shop / "film.bin").open("wb") as file:
        file.truncate(61_000_000)
    with pytest.raises(Refusal, match=r"film\.bin has 61"):
        push.refuse_large(working_copy.working_copy(shop))
    for path in shop.iterdir():
        path.unlink()
    (shop / "new.py").write_text("X = 1\n")
    (root / "beside.py").write_text(LINE)
    git(root, "add", "beside.py")
    with pytest.raises(Refusal) as stop:
        list(commit.commit(shop, "More"))
    assert stop.value.lines == ["../beside.py, line 1: a secret's value"]
    bad = committed(root)
    assert refused(shop).lines == [f"../beside.py, line 1, in {bad[:7]}: a secret's value"]


def test_what_git_replace_puts_in_the_place_of_a_commit_hides_nothing(root):
    bad = committed(root, **{"app.py": LINE})
    git(root, "replace", bad, "HEAD~1")
    assert refused(root).lines == [f"app.py, line 1, in {bad[:7]}: a secret's value"]


def test_commits_taken_back_here_do_not_come_back_from_the_sandbox(root, tmp_path):
    """A release to the sandbox took a secret along, the push to origin did not: what mends the one is no circle."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "sandbox.git")
    git(root, "remote", "add", "sandbox", str(tmp_path / "sandbox.git"))
    committed(root, settings__py=LINE)
    git(root, "push", "-q", "sandbox", "main")
    committed(root, settings__py="")
    typed(root, refused(root).next)
    with pytest.raises(Refusal) as stop:
        remote_head.refuse_unpushable(root, "sandbox", "main", terminal=False)
    assert stop.value.next[0] == "inv sandbox.down --remove  (its rows go), then  inv sandbox.up"
    assert stop.value.next[1:] == ["or, to have its commits:  git pull --rebase --autostash sandbox main"]


def test_a_value_of_env_is_a_secret_whatever_it_is_called_elsewhere(root):
    """But for what stands in a secret's place, what is made of words, and an address that a .env was copied with."""
    url = "DATABASE_URL=mysql+pymysql://shop:shop@localhost/shop\n"
    (root / ".env").write_text(
        f"MAIL_API_KEY=mk-77aa88bb99\nSECRET_KEY=dev-secret\nCACHE_KEY=redis\nDEBUG_KEY=short7\n{url}"
    )
    (root / ".env.example").write_text(url)
    (root / "mail.py").write_text('SENT_BY = ["mk-77aa88bb99"]\nOTHERS = ["dev-secret", "redis", "short7"]\n')
    told = "mail.py, line 1: a value that .env keeps secret"
    assert [str(one) for one in secret_scan.in_files(root)] == [told]
    committed(root, "With it")
    assert told.split(":")[1] in refused(root).message
    committed(root, "Looked at", **{"mail.py": 'SENT_BY = ["mk-77aa88bb99"]  # not a secret\n'})
    push.push(root, "origin", "main")
