"""The stage's links to what is the site's own in the live folder."""

import contextlib
import os
import sqlite3

import pytest

from flask_slipway.server.run import stage


def write(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_folder_that_both_have_gets_links_to_what_it_lacks(tmp_path):
    """The new commit brings instance/schema.sql; the database lies in the same folder, which git ignores there."""
    live, beside = tmp_path / "live", tmp_path / "stage"
    write(live, {"instance/site.db": "rows", "instance/deep/a.txt": "a", "instance/schema.sql": "old", ".env": "A=1"})
    write(live, {"instance/__pycache__/x.pyc": "compiled"})
    write(beside, {"instance/schema.sql": "new", "instance/deep/b.txt": "b"})
    stage.link(str(live), str(beside), ["instance", ".env", "gone"])
    assert os.path.realpath(beside / "instance/site.db") == str(live / "instance/site.db")
    assert os.path.realpath(beside / "instance/deep/a.txt") == str(live / "instance/deep/a.txt")
    assert os.path.realpath(beside / ".env") == str(live / ".env")
    assert (beside / "instance/schema.sql").read_text() == "new"
    assert sorted(os.listdir(beside / "instance")) == ["deep", "schema.sql", "site.db"]
    assert not os.path.lexists(beside / "gone")


def test_what_is_the_sites_own_takes_the_place_of_what_the_commit_holds(tmp_path):
    live, beside = tmp_path / "live", tmp_path / "stage"
    write(live, {"site.db": "rows of visitors"})
    write(beside, {"site.db": "rows of the developer"})
    stage.link(str(live), str(beside), ["site.db"], instead=True)
    assert os.path.realpath(beside / "site.db") == str(live / "site.db")


@pytest.mark.parametrize("name", ["site.db", "instance/site.db"])
def test_a_database_that_is_still_to_come_is_made_in_the_live_folder(tmp_path, name):
    live, beside = tmp_path / "live", tmp_path / "beside"
    (live / name).parent.mkdir(parents=True)
    beside.mkdir()
    stage.link_to_come(str(live), str(beside), str(live / name))
    with contextlib.closing(sqlite3.connect(beside / name)) as made:
        made.execute("CREATE TABLE guest (id)")
    assert (live / name).stat().st_size
    assert (beside / name).resolve() == live / name


def test_no_link_is_made_to_itself_nor_outside_of_the_project(tmp_path):
    live, beside = tmp_path / "live", tmp_path / "beside"
    (live / "instance").mkdir(parents=True)
    beside.mkdir()
    (beside / "instance").symlink_to(live / "instance")
    for path in (live / "instance/site.db", tmp_path / "elsewhere.db"):
        stage.link_to_come(str(live), str(beside), str(path))
    assert not list((live / "instance").iterdir())
    assert [path.name for path in beside.iterdir()] == ["instance"]
