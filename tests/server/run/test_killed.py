"""A restore, and the return of one, killed at their lines: the rows that stood there before come back, each time."""

import gc
import itertools
import os

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.backup import make, restore
from flask_slipway.server.run import steps, take_back
from support.folders import Folders
from support.kill import ends

# Of SQLite every line, or every other; of the servers some: there each loads a dump.
RESTORES = [("sqlite", 1), ("mysql", 13)]
RETURNS = [("sqlite", 2), ("mariadb", 17)]


@pytest.fixture
def folders(site, tmp_path):
    """A site with a backup of its rows, and other rows since."""
    site.fill()
    dialect = "sqlite" if site.base.dialect == "sqlite" else "mysql"
    url = {"database": site.base.path} if dialect == "sqlite" else site.base.url
    found = Folders(tmp_path / "home", {"dialect": dialect, "url": url}, keep=1000)
    about = found.run("backup").about_backup("backup", None)
    found.older = make.make(site.base, found.site.backups, about, fenced=False)["id"]
    site.execute("DELETE FROM children")
    site.execute("UPDATE parents SET name = 'changed since' WHERE id = 1")
    found.standing = seen(site)
    return found


def seen(site):
    """Every value of every row; without connections of the test's own, which a fence would wait for."""
    contents = site.base.contents()
    site.base.close()
    gc.collect()
    return contents


def restoring(folders, how_far):
    """A restore, as its steps are, of a site that nobody serves; `how_far` is called at its end."""
    run = folders.begun("restore", stage=False)
    run.about_to(protocol.FENCE)
    run.database.fence_up()
    steps.back_up(run)
    run.target = run.target._replace(backup={"id": folders.older})
    steps.put_back(run)
    how_far()


def gone():
    os._exit(9)


@pytest.mark.parametrize(("site", "stride"), RESTORES, indirect=["site"])
def test_a_restore_killed_at_any_line_is_taken_back_with_every_row(site, folders, stride):
    for line in itertools.count(1, stride):
        whole = ends(lambda: restoring(folders, lambda: None), line, restore)
        assert folders.recover()["code"] == 0
        assert seen(site) == folders.standing, line
        if whole:
            break
    assert line > 20


@pytest.mark.parametrize(("site", "stride"), RETURNS, indirect=["site"])
def test_a_return_killed_at_any_line_is_finished_by_the_next_recover(site, folders, stride):
    for line in itertools.count(1, stride):
        assert not ends(lambda: restoring(folders, gone), -1)
        whole = ends(folders.recover, line, restore, take_back)
        ended = folders.recover()
        assert ended is None if whole else ended["code"] == 0
        assert seen(site) == folders.standing, line
        if whole:
            break
    assert line > 20
