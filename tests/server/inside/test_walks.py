"""The walks over revisions that the app's process answers, by Alembic's own graph: branches, merges, dependencies."""

import itertools
import sqlite3

import pytest

from flask_slipway.project import app as project_app

APP = """\
from flask import Flask
from sqlalchemy import create_engine

app = Flask(__name__)
engine = create_engine("sqlite:///walked.db")
"""
INI = "[alembic]\nscript_location = %(here)s/db\n"
ENV = """\
from alembic import context
from app import engine

with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
# id: (down, depends on, branch label)
LINE = {"aaaa1111": (None, None, None), "aaab2222": ("aaaa1111", None, None), "cccc3333": ("aaab2222", None, None)}
BRANCHES = {
    "aaaa1111": (None, None, None),
    "bbbb1111": ("aaaa1111", None, None),
    "cccc1111": ("aaaa1111", None, None),
    "dddd1111": (("bbbb1111", "cccc1111"), None, None),
    "eeee1111": ("dddd1111", None, None),
}
DEPENDING = {
    "aaaa1111": (None, None, None),
    "aaaa2222": ("aaaa1111", None, None),
    "bbbb1111": (None, None, "web"),
    "bbbb2222": ("bbbb1111", "aaaa1111", None),
}


class Walked:
    def __init__(self, folder, graph):
        self.folder = folder
        (folder / "db/versions").mkdir(parents=True)
        for name, text in (("app.py", APP), ("alembic.ini", INI), ("db/env.py", ENV)):
            (folder / name).write_text(text)
        for identifier, (down, depends, label) in graph.items():
            (folder / f"db/versions/{identifier}.py").write_text(
                f"revision = {identifier!r}\ndown_revision = {down!r}\ndepends_on = {depends!r}\n"
                f"branch_labels = {label!r}\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"
            )

    def versions(self):
        with sqlite3.connect(self.folder / "walked.db") as connection:
            found = [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")]
        connection.close()
        return found


@pytest.fixture
def walked(tmp_path, request):
    made = Walked(tmp_path / "project", request.param)
    with project_app.loaded(made.folder, "app") as app:
        made.app = app
        yield made


def of(graph):
    return pytest.mark.parametrize("walked", [graph], indirect=True)


def pending(walked, *current):
    answer = walked.app.ask("pending", current=list(current))
    return answer["pending"], answer["unknown"]


def down(walked, current, target=None):
    answer = walked.app.ask("way_down", current=list(current), target=target)
    return [answer[name] for name in ("undone", "target", "merge", "why", "choices")]


@of(LINE)
def test_what_is_pending_comes_in_order_of_application(walked):
    assert pending(walked) == (["aaaa1111", "aaab2222", "cccc3333"], [])
    assert pending(walked, "aaaa1111") == (["aaab2222", "cccc3333"], [])
    assert pending(walked, "cccc3333") == ([], [])


@of(LINE)
def test_a_database_at_what_the_code_does_not_have_is_named_and_a_shortened_id_is_none(walked):
    for strange in ("ffff0000", "aaaa", "head", "base"):
        assert pending(walked, "aaaa1111", strange) == ([], [strange])


@of(BRANCHES)
def test_of_two_branches_only_the_missing_one_is_pending_and_a_merge_comes_after_both(walked):
    assert pending(walked, "bbbb1111") == (["cccc1111", "dddd1111", "eeee1111"], [])
    every, _ = pending(walked)
    assert every[0] == "aaaa1111" and every[3:] == ["dddd1111", "eeee1111"]


@of(DEPENDING)
def test_a_revision_that_another_one_depended_on_is_not_pending_again(walked):
    """Alembic drops the row of a revision that another applied one depends on."""
    walked.app.move("upgrade", "bbbb2222")
    assert walked.versions() == ["bbbb2222"]
    assert pending(walked, "bbbb2222") == (["aaaa2222"], [])


@of(DEPENDING)
def test_whatever_alembic_leaves_in_the_database_is_nowhere_related(walked):
    for step in ("aaaa1111", "bbbb1111", "bbbb2222", "aaaa2222"):
        walked.app.move("upgrade", step)
        assert walked.app.ask("related", current=walked.versions())["related"] == {}


@pytest.mark.parametrize("walked", [LINE, BRANCHES, DEPENDING], indirect=True)
def test_each_pending_revision_can_be_applied_by_itself(walked):
    """A release goes up one by one, in the order that was told."""
    every, _ = pending(walked)
    for identifier in every:
        assert (
            pending(walked, *(walked.versions() if (walked.folder / "walked.db").exists() else []))[0][0] == identifier
        )
        walked.app.move("upgrade", identifier)
    assert pending(walked, *walked.versions()) == ([], [])


@of(BRANCHES)
def test_rows_of_one_line_are_related_and_those_of_two_branches_are_not(walked):
    related = {
        pair: walked.app.ask("related", current=list(pair))["related"] for pair in itertools.combinations(BRANCHES, 2)
    }
    assert related.pop(("bbbb1111", "cccc1111")) == {}
    assert all(found == {later: [earlier]} for (earlier, later), found in related.items())
    assert walked.app.ask("related", current=["aaaa1111", "ffff0000"])["related"] == {}


@of(LINE)
def test_a_way_down_is_a_step_or_to_a_revision_or_to_the_empty_schema(walked):
    top = ["cccc3333"]
    assert down(walked, top) == [["cccc3333"], "aaab2222", None, "", []]
    assert down(walked, ["aaaa1111"]) == [["aaaa1111"], None, None, "", []]
    assert down(walked, top, "aaaa1111") == [["cccc3333", "aaab2222"], "aaaa1111", None, "", []]
    assert down(walked, top, "aaaa") == [["cccc3333", "aaab2222"], "aaaa1111", None, "", []]
    assert down(walked, top, "base") == [["cccc3333", "aaab2222", "aaaa1111"], None, None, "", []]
    assert down(walked, top, "cccc3333") == [[], "cccc3333", None, "", ["aaab2222", "aaaa1111"]]


@of(LINE)
def test_what_is_no_target_is_told_with_what_could_be_one(walked):
    assert down(walked, ["cccc3333"], "aaa") == [[], None, None, "several", ["aaab2222", "aaaa1111"]]
    assert down(walked, ["cccc3333"], "ffff") == [[], None, None, "unknown", ["aaab2222", "aaaa1111"]]
    assert down(walked, ["aaab2222"], "cccc") == [[], "cccc3333", None, "not below", ["aaaa1111"]]
    for symbol in ("head", "heads", "current", "@", "@head", "-1", "cccc3333-1", "aaaa1111:cccc3333", "one two"):
        assert down(walked, ["cccc3333"], symbol)[3] == "unknown", symbol


@of(BRANCHES)
def test_a_merge_on_the_way_down_is_named(walked):
    assert down(walked, ["eeee1111"])[2] is None
    assert down(walked, ["dddd1111"])[2] == "dddd1111"
    undone, target, merge, why, _ = down(walked, ["eeee1111"], "aaaa1111")
    assert (undone[:2], target, merge, why) == (["eeee1111", "dddd1111"], "aaaa1111", "dddd1111", "")
    assert down(walked, ["bbbb1111"], "cccc1111") == [[], "cccc1111", None, "not below", ["aaaa1111"]]


@of(DEPENDING)
def test_a_branch_that_is_only_depended_on_is_not_below(walked):
    assert down(walked, ["bbbb2222"], "aaaa1111") == [[], "aaaa1111", None, "not below", ["bbbb1111"]]


@of({})
def test_a_project_without_a_revision_lacks_none(walked):
    assert pending(walked) == ([], [])
    assert pending(walked, "aaaa1111") == ([], ["aaaa1111"])
    assert down(walked, [])[3] == "unknown"
