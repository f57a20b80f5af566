"""Which remote is pushed to, and followed: the sandbox's stands for no place outside this machine."""

from __future__ import annotations

import pytest

from flask_slipway.errors import Refusal
from flask_slipway.project import push, working_copy
from support.world import git


@pytest.fixture
def root(tmp_path):
    """A project with one commit, and two bare repositories that no remote names yet."""
    for name in ("origin.git", "sandbox.git"):
        git(tmp_path, "init", "-q", "--bare", "-b", "main", name)
    git(tmp_path, "init", "-q", "-b", "main", "project")
    found = tmp_path / "project"
    (found / "app.py").write_text("X = 1\n")
    git(found, "add", "-A")
    git(found, "commit", "-q", "-m", "First")
    return found


def remote(root, name):
    git(root, "remote", "add", name, str(root.parent / f"{name}.git"))


def test_after_the_sandbox_the_first_real_remote_is_the_branchs(root):
    remote(root, "sandbox")
    assert push.remote_for(root, "sandbox") == "sandbox"
    assert push.push(root, "sandbox", "main")
    for environment in ("prod", ""):
        with pytest.raises(Refusal, match="no remote to push to"):
            push.remote_for(root, environment)
    remote(root, "origin")
    assert push.remote_for(root, "prod") == "origin" == push.default_remote(root)
    assert push.push(root, "origin", "main")
    assert working_copy.working_copy(root).upstream == "origin/main"
    assert git(root.parent / "origin.git", "rev-parse", "main") == git(root, "rev-parse", "HEAD")


def test_a_push_to_the_sandbox_leaves_the_branch_with_the_remote_that_it_follows(root):
    remote(root, "origin")
    remote(root, "sandbox")
    assert push.push(root, push.remote_for(root, "sandbox"), "main")
    assert working_copy.working_copy(root).upstream == ""
    assert push.push(root, push.remote_for(root, "prod"), "main")
    assert working_copy.working_copy(root).upstream == "origin/main"
    assert not push.push(root, "sandbox", "main")
    assert working_copy.working_copy(root).upstream == "origin/main"


def test_what_is_not_pushed_to_the_sandbox_is_pushed_by_what_is_said_next(root):
    remote(root, "origin")
    remote(root, "sandbox")
    with pytest.raises(Refusal) as refused:
        push.refuse_unpushed(root, push.remote_for(root, "prod"), "main")
    assert refused.value.next == ["inv push, then the same again"]
    with pytest.raises(Refusal) as refused:
        push.refuse_unpushed(root, push.remote_for(root, "sandbox"), "main")
    assert refused.value.next == ["git push sandbox HEAD:main, then the same again"]
    git(root, "push", "-q", "sandbox", "HEAD:main")
    push.refuse_unpushed(root, "sandbox", "main")
