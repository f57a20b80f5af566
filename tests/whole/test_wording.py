"""The wording that all messages share, and that no other module speaks its words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_slipway
from flask_slipway import wording
from flask_slipway.errors import Incident, Interrupted, Refusal, Returned, Unreachable, WrongUse

PACKAGE = Path(flask_slipway.__file__).parent


def test_a_refusal_says_what_that_nothing_was_changed_why_and_what_to_type():
    stop = Refusal("The code has 2 heads", ["1a2b (web)", "3c4d"], ["flask db merge heads -m merge", "inv upgrade"])
    assert stop.message.splitlines() == [
        "The code has 2 heads. Nothing was changed.",
        "  1a2b (web)",
        "  3c4d",
        "Next: flask db merge heads -m merge",
        "      inv upgrade",
    ]


@pytest.mark.parametrize(
    ("stop", "first"),
    [
        (WrongUse("inv has no task 'x'; did you mean y?"), "inv has no task 'x'; did you mean y? Nothing was changed."),
        (WrongUse("flask db init failed", changed=True), "flask db init failed."),
        (Refusal("Stopped", at="prod"), "Stopped. Nothing was changed on prod."),
        (
            Refusal("Not released", at="prod", but="commit 50134ed is pushed to origin/main"),
            "Not released. Nothing was changed on prod; commit 50134ed is pushed to origin/main.",
        ),
        (Unreachable("The link is lost"), "The link is lost."),
        (Unreachable("It does not answer", changed=False), "It does not answer. Nothing was changed."),
        (Interrupted("Interrupted", changed=False), "\nInterrupted. Nothing was changed."),
        (Incident("The gate stays up"), "The gate stays up."),
        (Returned("Not released (6)"), "Not released (6)."),
    ],
)
def test_what_was_changed_is_said_where_it_is_known(stop, first):
    assert stop.message == first


def test_a_line_with_lines_of_its_own_stays_indented():
    assert Refusal("It failed", ["one\ntwo"]).message.splitlines()[1:] == ["  one", "  two"]


def test_what_comes_from_afar_gives_no_orders_to_a_terminal():
    shown = Refusal("It said \x1b[31mred", ["\x1b]0;title\x07"], ["inv \x08run"]).message
    assert not wording.CONTROL.search(shown.replace("\n", "")), shown


def literals() -> Iterator[tuple[str, str]]:
    """(module, text) of every text of the laptop's half that is no docstring."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                yield name, node.value


@pytest.mark.parametrize("words", ["Nothing was changed", "Next:"])
def test_the_words_that_all_messages_share_stand_in_one_place(words):
    assert {name for name, text in literals() if words in text} == {"wording.py"}
