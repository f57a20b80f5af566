"""A name and a password in a remote's web address: git gets in by them, and no argument list has them."""

from __future__ import annotations

import pytest

from flask_slipway.errors import Unreachable
from flask_slipway.project import push, remote_head
from flask_slipway.server.site import clone
from support import git_http
from support.world import git

SECRET = "ghp_f00d"
TOKEN = "ghp_f00d%2B'b4r!"  # as it stands in an address
LOGIN = "me:ghp_f00d+'b4r!"


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A hosting service with one repository, and nothing of the person's own git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "it.git")
    with git_http.serving(tmp_path, LOGIN, SECRET) as found:
        yield found


@pytest.fixture
def root(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "project")
    found = tmp_path / "project"
    (found / "app.py").write_text("X = 1\n")
    git(found, "add", "-A")
    git(found, "commit", "-q", "-m", "First")
    return found


def as_it_stands(root, service):
    git(root, "remote", "add", "origin", service.url("it.git", f"me:{TOKEN}"))


def by_a_short_name(root, service):
    git(root, "remote", "add", "origin", "it:it.git")
    git(root, "config", f"url.{service.url('', f'me:{TOKEN}')}.insteadOf", "it:")


def for_pushes_alone(root, service):
    git(root, "remote", "add", "origin", str(root.parent / "it.git"))
    git(root, "remote", "set-url", "--push", "origin", service.url("it.git", f"me:{TOKEN}"))


def rewritten_for_pushes(root, service):
    git(root, "remote", "add", "origin", "it:it.git")
    git(root, "config", f"url.{service.url('', f'me:{TOKEN}')}.pushInsteadOf", "it:")
    git(root, "config", f"url.{root.parent}/.insteadOf", "it:")


def with_another_helper(root, service):
    as_it_stands(root, service)
    git(root, "config", "credential.helper", "!echo username=me; echo password=of-another; :")


@pytest.mark.parametrize(
    "told", [as_it_stands, by_a_short_name, for_pushes_alone, rewritten_for_pushes, with_another_helper]
)
def test_the_password_of_a_remotes_address_is_in_no_argument_list(root, service, tmp_path, told, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'push.followtags=true'")
    told(root, service)
    assert push.push(root, "origin", "main")
    remote_head.refuse_unpushable(root, "origin", "main", terminal=False)
    commit = git(root, "commit", "-q", "--allow-empty", "-m", "Second") or git(root, "rev-parse", "HEAD")
    git(tmp_path, "clone", "-q", str(tmp_path / "it.git"), "there")
    assert push.push(root, "origin", "main")
    if told not in (for_pushes_alone, rewritten_for_pushes):
        git(tmp_path / "there", "remote", "set-url", "origin", service.url("it.git", f"me:{TOKEN}"))
        clone.fetch(str(tmp_path / "there"), "origin", "main")
        assert git(tmp_path / "there", "rev-parse", "origin/main") == commit
    assert LOGIN in service.asked
    assert service.seen == []


def test_of_two_logins_at_one_place_each_is_given_for_its_own_repository(root, service):
    as_it_stands(root, service)
    git(root, "remote", "set-url", "--add", "origin", service.url("gone.git", "you:other"))
    with pytest.raises(Unreachable, match="does not let you in"):
        push.push(root, "origin", "main")
    assert git(root.parent / "it.git", "rev-parse", "main") == git(root, "rev-parse", "HEAD")
    assert set(service.asked) == {"", LOGIN, "you:other"}


def test_a_name_alone_is_in_no_argument_list_and_its_password_comes_from_where_it_did(root, service):
    git(root, "remote", "add", "origin", service.url("it.git", SECRET))
    git(root, "config", "credential.helper", "!echo password=of-the-helper; :")
    with pytest.raises(Unreachable, match="does not let you in"):
        push.push(root, "origin", "main")
    assert f"{SECRET}:of-the-helper" in service.asked
    assert service.seen == []
