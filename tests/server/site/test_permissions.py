"""What belongs to another user, as root's own git or pip leaves it: found by name, before anything is changed."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.database.sqlite import SQLite
from flask_slipway.server.lib import own_files, process
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import stage, steps
from flask_slipway.server.site import checkout, clone, permissions, virtualenv
from flask_slipway.server.site.site import Site
from support.servers import lacking

ACCOUNT = 61001
GROUP = 61003


class Account:
    """The folders of an account that is not root's, and this process played as it."""

    def __init__(self, folder):
        self.folder = folder
        self.project, self.virtualenv = folder / "app", folder / "venv"
        words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
        words.update(home=str(folder), project=str(self.project), virtualenv=str(self.virtualenv))
        self.site = Site(dict(words, name="prod", domain="d", wsgi=str(folder / "w.py"), backups=str(folder / "b")))

    @contextlib.contextmanager
    def root(self):
        os.setresuid(0, 0, 0)
        try:
            yield
        finally:
            os.setresuid(ACCOUNT, ACCOUNT, 0)

    def take(self, path, mode):
        """Somebody else's from now on."""
        with self.root():
            os.chown(path, 0, 0)
            path.chmod(mode)


@pytest.fixture
def account(monkeypatch):
    if os.geteuid() != 0:
        lacking("only root can play other users")
    monkeypatch.setattr(process, "die_with_parent", lambda: None)  # a child of who was root is not told
    with tempfile.TemporaryDirectory(prefix="slipway-account-") as name:
        made = Account(Path(name))
        os.chown(name, ACCOUNT, ACCOUNT)
        groups = os.getgroups()
        os.setgroups([GROUP])
        os.setresuid(ACCOUNT, ACCOUNT, 0)
        monkeypatch.setenv("HOME", name)
        try:
            yield made
        finally:
            os.setresuid(0, 0, 0)
            os.setgroups(groups)


@pytest.fixture
def cloned(account):
    """The account's clone, with a commit to fetch; returns (account, live commit, newer commit)."""
    folder = account.project
    (folder / "static/uploads").mkdir(parents=True)
    for name in ("one.txt", "static/style.css", "static/uploads/.keep"):
        (folder / name).write_text("one\n")
    line = ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*line, *words], cwd=folder, check=True)
    live = clone.commit(str(folder))
    (folder / "static/style.css").write_text("two\n")
    subprocess.run([*line, "commit", "-q", "-a", "-m", "two"], cwd=folder, check=True)
    newer = clone.commit(str(folder))
    subprocess.run([*line, "reset", "-q", "--hard", live], cwd=folder, check=True)
    (folder / ".git/FETCH_HEAD").touch()
    (account.folder / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")  # as git itself advises
    return account, live, newer


PLACES = [".git", ".git/objects", ".git/refs/heads", ".git/logs/refs", ".git/logs/HEAD", ".git/FETCH_HEAD"]


@pytest.mark.parametrize("place", PLACES)
def test_what_git_could_not_write_in_the_repository_is_refused_by_name(cloned, place):
    account, _live, _newer = cloned
    permissions.refuse_foreign_repository(account.site)
    path = account.project / place
    account.take(path, 0o755 if path.is_dir() else 0o644)
    with pytest.raises(Refused, match="git on the server cannot write") as refused:
        permissions.refuse_foreign_repository(account.site)
    assert refused.value.what.endswith(f" {path}")
    assert refused.value.lines == [f"it belongs to root, the site's account is {ACCOUNT}"]
    assert f"chown -R {ACCOUNT} {path}" in refused.value.next[0]
    assert permissions.foreign(account.site)[0] == str(path)


def test_a_folder_that_the_commit_changes_is_refused_and_one_that_it_leaves_alone_is_not(cloned):
    account, live, newer = cloned
    paths = clone.changed_paths(str(account.project), live, newer)
    account.take(account.project / "static/uploads", 0o755)
    permissions.refuse_foreign_folders(account.site, paths)
    account.take(account.project / "static", 0o755)
    with pytest.raises(Refused) as refused:
        permissions.refuse_foreign_folders(account.site, paths)
    assert refused.value.what.endswith(f" {account.project / 'static'}")
    with pytest.raises(process.Failed):
        checkout.move(str(account.project), newer)


def test_a_new_folder_is_made_where_the_account_may(cloned):
    account, _live, _newer = cloned
    permissions.refuse_foreign_folders(account.site, ["new/deep/file.txt", "one.txt"])
    account.take(account.project, 0o755)
    with pytest.raises(Refused):
        permissions.refuse_foreign_folders(account.site, ["new/deep/file.txt"])


@pytest.mark.parametrize("place", [".", "lib/site-packages"])
def test_what_pip_could_not_write_is_refused_by_name(account, place):
    (account.virtualenv / "lib/site-packages").mkdir(parents=True)
    permissions.refuse_foreign_packages(account.site)
    account.take(account.virtualenv / place, 0o755)
    with pytest.raises(Refused, match="pip on the server cannot write") as refused:
        permissions.refuse_foreign_packages(account.site)
    assert refused.value.what.endswith(os.path.normpath(f" {account.virtualenv}/{place}"))


@pytest.fixture
def run(cloned):
    """A release of the newer commit, that has what its steps ask of it before they change anything; `began`: what they
    were about to do."""
    account, live, newer = cloned
    made = SimpleNamespace(site=account.site, task="release", began=[], target=SimpleNamespace(commit=newer))
    made.before = {"commit": live, "changes": [], "requirements": {}}
    made.facts = SimpleNamespace(own=lambda: {".env": own_files.ENV}, database_file=lambda: None)
    made.stage_folder, made.packages_folder = str(account.folder / "stage/app"), str(account.folder / "venv.stage")
    made.about_to = lambda what, **words: made.began.append(what)
    return made


@pytest.mark.parametrize(
    ("step", "place", "who"),
    [
        ("fetch", "app/.git/objects", "git on the server"),
        ("stage", "app/.git/objects", "git on the server"),
        ("stage", "app/static", "git on the server"),
        ("packages", "venv", "pip on the server"),
        ("close", "data", "the site's account"),
    ],
)
def test_a_step_is_refused_before_it_begins_where_the_account_may_not_write(run, cloned, step, place, who):
    account, _live, newer = cloned
    for folder in ("venv", "data", "stage/app"):
        (account.folder / folder).mkdir(parents=True)
    (account.folder / "stage/app/requirements.txt").touch()
    run.database = SQLite(str(account.folder / "data/site.sqlite"))
    account.take(account.folder / place, 0o755)
    steps_of = {
        "fetch": lambda: steps.fetch(run),
        "stage": lambda: shutil.rmtree(run.stage_folder) or stage.stage_code(run, newer),
        "packages": lambda: stage.stage_packages(run, always=True),
        "close": lambda: steps.close(run),
    }
    with pytest.raises(Refused, match=f"{who} cannot write {account.folder / place}"):
        steps_of[step]()
    assert not set(run.began) - {protocol.STAGING}


@pytest.mark.parametrize("place", ["data", "data/site.sqlite", "data/site.sqlite-wal"])
def test_what_sqlite_could_not_write_is_found(account, place):
    data = account.folder / "data"
    data.mkdir()
    for name in ("site.sqlite", "site.sqlite-wal"):
        (data / name).touch()
    database = SQLite(str(data / "site.sqlite"))
    assert permissions.unwritable(database.written_files()) is None
    account.take(account.folder / place, 0o755)
    assert permissions.unwritable(database.written_files()) == str(account.folder / place)


def test_a_copy_of_the_virtualenv_has_the_groups_and_modes_of_its_folders(account):
    """A group that the web server's user is in: by the folders, and what is made in them."""
    live, beside = account.virtualenv, account.folder / "venv.stage-one"
    (live / "lib/site-packages/six").mkdir(parents=True)
    for path in [live, *live.rglob("*")]:
        os.chown(path, -1, GROUP)
        path.chmod(0o2750)
    (live / "lib/site-packages/six/__init__.py").touch(0o640)
    virtualenv.copy(str(live), str(beside))
    for path in [live, *live.rglob("*")]:
        there = (beside / path.relative_to(live)).stat()
        assert (there.st_mode, there.st_gid) == (path.stat().st_mode, GROUP), path
