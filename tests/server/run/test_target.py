"""What a run brings the site to is settled once: of what was asked, what was found and what was agreed to."""

import ast
from pathlib import Path

import pytest

from flask_slipway.server import protocol
from flask_slipway.server.run.findings import Down, Findings, PutBack, Seeds, Up
from flask_slipway.server.run.target import Target, target

SERVER = Path(protocol.__file__).parent
REVISIONS = [{"id": "b2", "down": ["a1"], "text": "rename"}, {"id": "a1", "down": [], "text": None}]
GO = {"go": "fingerprint"}
BACKUP = {"id": "one", "commit": "c1", "revisions": ["a1"], "rows": 3, "tables": {"t": 3}, "at": 1.0, "task": "backup"}


def test_a_release_brings_what_the_go_names():
    go = {**GO, "commit": "c2", "pending": ["b2"], "revisions": REVISIONS}
    found = target("release", {"commit": "c1"}, Findings(), go)
    assert (found.commit, found.pending, found.texts) == ("c2", ["b2"], {"b2": "rename", "a1": ""})


def test_a_pull_brings_what_was_asked_and_no_revision():
    found = target("pull", {"commit": "c1", "pending": []}, Findings(), {**GO, "commit": "c2", "pending": ["b2"]})
    assert (found.commit, found.pending) == ("c1", [])


def test_an_upgrade_brings_what_the_server_found_whatever_was_asked():
    found = target("upgrade", {"commit": "c1", "pending": ["x"]}, Findings(way=Up(["b2"], REVISIONS)), GO)
    assert (found.commit, found.pending, found.texts["b2"]) == (None, ["b2"], "rename")


@pytest.mark.parametrize("task", ["downgrade", "rollback"])
@pytest.mark.parametrize("commit", ["c1", None])
def test_a_way_down_brings_its_commit_or_leaves_the_code(task, commit):
    found = target(task, {"to": "a1"}, Findings(way=Down(REVISIONS[:1], "a1", commit, [], [])), GO)
    assert found == Target(commit, undone=["b2"], revision="a1")


def test_a_restore_brings_the_backup_and_its_commit():
    found = target("restore", {"backup": None}, Findings(way=PutBack(BACKUP, 5)), GO)
    assert (found.commit, found.backup, found.pending) == ("c1", BACKUP, None)


@pytest.mark.parametrize("task", ["seed", "install", "reload", "backup", "close", "open"])
def test_the_others_bring_neither_code_nor_revisions(task):
    assert target(task, {}, Findings(way=Seeds([["init"]]) if task == "seed" else None), GO) == Target()


def test_the_laptop_is_told_what_was_found():
    assert Findings(answered=200, expected_status=200).shown() == {}
    assert Findings(way=Up(["b2"], REVISIONS)).shown() == {"pending": ["b2"], "texts": [("b2", "rename")]}
    assert Findings(way=Down(REVISIONS[:1], None, "c1", ["table t: 3 rows"], ["drops t"])).shown() == {
        "undone": [("b2", "rename")],
        "target": None,
        "target_commit": "c1",
        "losses": ["table t: 3 rows"],
        "operations": ["drops t"],
    }
    shown = Findings(way=PutBack(BACKUP, 5)).shown()
    assert (shown["rows_now"], shown["backup"]["rows"], shown["backup"]["restore_blockers"]) == (5, 3, None)
    assert Findings(way=Seeds([["init"]])).shown() == {"commands": [["init"]]}


def test_a_journals_events_are_named_in_one_place():
    """protocol.py: an event that one writer and one reader spell differently would be missed by a return."""
    spelled = []
    for path in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                of_journal = ast.unparse(node.func.value).endswith("journal")
                if node.func.attr in ("about_to", "note") or (
                    of_journal and node.func.attr in ("write", "has", "last")
                ):
                    spelled += [f"{path.name}: {node.args[0].value}"] if isinstance(node.args[0], ast.Constant) else []
    assert not spelled
