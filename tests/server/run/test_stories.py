"""The order of a story's steps, and what ends one in the middle: code and schema never part."""

import sqlite3
from types import SimpleNamespace

import pytest

from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import stage, stories
from flask_slipway.server.run.target import Target
from support.folders import Folders

CHANGING = ("upgrade", "seed", "downgrade", "restore", "load")  # steps that change a database


@pytest.fixture
def folders(tmp_path):
    path = tmp_path / "live.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('aaaa1111')")
    return Folders(tmp_path / "home", {"dialect": "sqlite", "url": {"database": str(path)}})


@pytest.mark.parametrize("writes_on_load", [False, True])
@pytest.mark.parametrize("task", [task for task in stories.BY_TASK if task not in ("pull", "close", "open")])
def test_a_database_is_changed_only_where_the_site_is_closed_and_backed_up(task, writes_on_load):
    target = Target("new", ["bbbb2222"], undone=["bbbb2222"])
    run = SimpleNamespace(task=task, target=target, pending=["bbbb2222"], was_closed=False, commit=None)
    run.before = {"commit": "new"}
    run.site = SimpleNamespace(writes_on_load=writes_on_load, seed=[["init"]])
    names = [name for name, _ in stories.BY_TASK[task](run)]
    for name in set(CHANGING) & set(names):
        assert names.index("close") < names.index("back up") < names.index(name), names
    assert ("swap" in names) <= ("reload" in names)
    assert ("close" in names) == ("open" in names), "what a run closes it opens"


def test_a_site_is_opened_only_where_code_and_database_match(folders):
    run = folders.run("open")
    run.facts.use(folders.access)
    run.was_closed = True
    for heads, matches in ((["aaaa1111"], True), (["bbbb2222"], False), ([], False)):
        run.facts.code = {"heads": heads, "folder": "migrations"}
        if matches:
            assert next(stories.open_site(run))[0] == "reload"
            continue
        with pytest.raises(Refused, match="code and database do not match") as refused:
            next(stories.open_site(run))
        assert refused.value.next[0].endswith("then  fab prod.open")
    run.end()


def test_a_pull_brings_no_packages(folders):
    run = folders.run("pull")
    run.before, run.target = {"commit": folders.commits[0]}, Target(folders.commits[1], [])
    story = stories.pull(run)
    assert [next(story)[0], next(story)[0]] == ["fetch", "stage"]
    run.python = "beside/bin/python"
    with pytest.raises(Refused, match=r"the commit changes requirements\.txt"):
        next(story)


def test_an_older_commit_ends_at_the_revision_that_the_way_down_leads_to(folders, monkeypatch):
    monkeypatch.setattr(stage, "stage", lambda run, commit: "staged")
    run = folders.run("downgrade")
    run.commit, run.target, run.stage = folders.commits[0], Target(revision="aaaa1111"), SimpleNamespace(close=int)
    run.head = "aaaa1111"
    assert stories._stage_older(run) == "staged"
    run.head = "0000ffff"
    with pytest.raises(Refused, match="the way back ends at aaaa1111"):
        stories._stage_older(run)
