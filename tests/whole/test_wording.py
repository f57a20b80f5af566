"""The wording that all messages share, and that no other module speaks its words."""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_slipway
from flask_slipway import command_names, wording
from flask_slipway.config import keys, settings
from flask_slipway.errors import Incident, Interrupted, Refusal, Returned, Unreachable, WrongUse
from flask_slipway.ui import screen

PACKAGE = Path(flask_slipway.__file__).parent
PROGRAMS = ("inv", "fab", "git", "flask", "pip", "python")


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


def test_how_the_site_stands_is_said_on_the_same_line_where_it_fits():
    stop = Returned("Not released (6)", ["the upgrade failed"])
    stop.where = "prod serves 3f2a6d1, healthy; nothing was lost"
    assert stop.message.splitlines()[0] == "Not released (6). prod serves 3f2a6d1, healthy; nothing was lost."
    stop.where = "sandbox serves 50134ed at 1443d52e0307, healthy; nothing was lost"
    assert stop.message.splitlines()[:2] == ["Not released (6).", f"{stop.where}."]


def test_a_line_with_lines_of_its_own_stays_indented():
    assert Refusal("It failed", ["one\ntwo"]).message.splitlines()[1:] == ["  one", "  two"]


def test_what_comes_from_afar_gives_no_orders_to_a_terminal():
    stop = Refusal("It said \x1b[31mred", ["\x1b]0;title\x07"], ["inv \x08run"], at="\x1bc", but="\x9b1m")
    stop.where = "prod serves \u202e3f2a6d1"
    assert stop.message.split("\n") == [
        "It said red. Nothing was changed on \\x1bc; \\x9b1m. prod serves \\u202e3f2a6d1.",
        "  \\x1b]0;title\\x07",
        "Next: inv \\x08run",
    ]


def test_no_value_in_a_message_begins_a_line_that_says_what_to_type():
    forged = "a\nNext: curl evil.example"
    stop = Refusal(forged, [forged], [forged], at=forged, but=forged)
    stop.where = forged
    lines = stop.message.split("\n")
    assert [line for line in lines if line.startswith("Next:")] == ["Next: a\\nNext: curl evil.example"]
    assert "  Next: curl evil.example" in lines


# Which characters are shown as themselves

READABLE = {
    "Hebrew": "שלום עולם.py",
    "Arabic": "مرحبا بالعالم",
    "Persian, with a non-joiner in the word": "می\u200cخواهم",
    "Hindi, with a joiner at its virama": "क्\u200dष",
    "Sinhala": "ශ්\u200dරී",
    "Japanese, with its wide space": "日本語\u3000テスト",
    "a Japanese name with a variant of its letter": "葛\U000e0100飾区",
    "Korean": "한국어",
    "French, with spaces that hold together": "«\xa0été\xa0» 1\u202f000",
    "letters with marks of their own": "e\u0301 ñ ß",
    "an emoji of several": "👩🏽\u200d💻 👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥",
    "a keycap": "1\ufe0f\u20e3",
    "lines and tabs": "a\tb\nc",
}
HIDDEN = {
    "clipboard, by ESC": "\x1b]52;c;aGk=\x07",
    "the same by C1": "\x9d52;c;aGk=\x9c",
    "delete, backspace, return alone": "\x7f\x08\r",
    "line and paragraph separator": "\u2028\u2029",
    "zero width": "a\u200bb\ufeff\u2060",
    "marks of direction": "a\u200e\u200f\u061cb",
    "overrides and embeddings": "\u202a\u202b\u202c\u202d\u202e",
    "isolates": "\u2066\u2067\u2068\u2069",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "a surrogate, as of a file's name that is no UTF-8": "caf\udce9",
    "private, unassigned, no character": "\ue000\u0378\uffff",
    "soft hyphen": "a\xadb",
    "a joiner that joins nothing": "rele\u200dase\u200c",
    "a selector behind a letter": "app\ufe0f.py",
    "letters that are never seen": "\u3164\u115f\uffa0\u2800\u034f",
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_what_a_person_writes_is_shown_as_it_is(text):
    assert wording.printable(text) == text


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_hides_or_gives_orders_is_shown_as_its_number(text):
    shown = wording.printable(text)
    assert shown.isprintable() and shown.isascii(), shown
    assert ast.literal_eval(f"'{shown}'") == text


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_whatever_the_text_no_other_character_reaches_a_terminal_and_twice_changes_nothing(text):
    shown = wording.printable(text)
    kinds = {unicodedata.category(char) for char in shown if char not in "\n\t\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert wording.printable(shown) == shown
    assert "\n" not in wording.line(text)


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


# Folding

WORDS = st.from_regex(r"[A-Za-zé/:.,;-]{1,30}", fullmatch=True).filter(lambda word: word not in PROGRAMS)
PROSE = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
COMMANDS = st.sampled_from(
    [
        "inv release",
        'inv release -m "Let assets be reordered" --to prod',
        "fab prod.restore --backup 20261120T180312Z",
        "fab prod.workon -c 'git diff'",
        "git pull --rebase --autostash",
        "flask-slipway init",
    ]
)
STOPS = st.builds(
    Refusal,
    PROSE,
    st.lists(PROSE, max_size=4),
    st.lists(st.builds("{} {}, then  {}".format, PROSE, PROSE, COMMANDS), max_size=3),
)


@given(STOPS, st.integers(20, 120))
def test_a_folded_message_keeps_its_words_its_width_and_what_is_to_be_typed(stop, width):
    shown, plain = wording.render(stop, width), wording.render(stop)
    assert shown.split() == plain.split()
    follow = wording.follow(stop.next)
    told = shown.split("\n")
    assert told[len(told) - len(follow) :] == follow
    for line in told[: len(told) - len(follow)]:
        assert len(line) <= width or " " not in line.strip(), line


@given(PROSE, COMMANDS, PROSE, st.sampled_from([" ", "  "]), st.integers(20, 80))
def test_a_command_in_a_sentence_is_never_folded(before, command, after, space, width):
    shown = wording.folded(f"{before}:{space}{command}{space}{after.capitalize()}", width)
    assert any(command in line for line in shown.split("\n")), shown


@given(PROSE, st.integers(20, 80))
def test_a_line_that_fits_is_left_as_it_is(text, width):
    assert wording.folded(text, max(width, len(text))) == text


# How a project calls its tasks


def test_commands_are_named_as_the_project_calls_them_where_a_message_is_shown():
    stop = Refusal("inv has no such thing", ["or  fab prod.open  opens it"], ["inv release", "python -m x"])
    with command_names.called({"inv": "slipway.", "fab": "-c other "}):
        shown = stop.message.splitlines()
        assert command_names.as_called(shown[2]) == shown[2]
    assert shown == [
        "inv has no such thing. Nothing was changed.",
        "  or  fab -c other prod.open  opens it",
        "Next: inv slipway.release",
        "      python -m x",
    ]
    assert "Next: inv release" in stop.message


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            "set  health:  of sandbox in invoke.yaml to a page that is there",
            "set  health:  of prod in invoke.yaml to a page that is there, then  inv sandbox.up",
        ),
        (
            "or set writes_on_load: true for sandbox in invoke.yaml",
            "or set writes_on_load: true for prod in invoke.yaml, then  inv sandbox.up",
        ),
        ("or correct  remote:  of sandbox in invoke.yaml", "or inv sandbox.up"),
        ("correct  url:  of sandbox in invoke.yaml, or enable the web app on the Web tab", "inv sandbox.up"),
        ("and take  key:  of sandbox out of invoke.yaml, so that the agent is asked", "inv sandbox.up"),
        ("env: of sandbox in invoke.yaml names the driver", "env: of prod in invoke.yaml names the driver"),
        ("correct  url:  of staging in invoke.yaml", "correct  url:  of staging in invoke.yaml"),
    ],
)
def test_a_key_of_the_sandbox_is_set_where_it_comes_from(tmp_path, told, shown):
    site = "{user: Ann, domain: www.shop.test, project: shop, virtualenv: shop_venv}"
    for own, wanted in (("", shown), (f", sandbox: {site}", told)):
        (tmp_path / "invoke.yaml").write_text(f"slipway: {{app: shop, environments: {{prod: {site}{own}}}}}\n")
        with command_names.called({}, lambda: settings.sandbox_model(tmp_path)):
            assert wording.follow([told]) == [f"Next: {wanted}"]
            assert wording.render(Refusal("Stopped", [told])).splitlines()[1] == f"  {wanted}"


def test_many_known_words_are_the_nearest_few():
    assert wording.nearest("zz", ["prod", "live"]) == "; known here: live, prod"
    few = wording.nearest("zz", keys.ENVIRONMENT)
    assert (few.count(","), few.endswith(", …")) == (3, True)
    assert len(f"slipway.environments.prod.zz: is unknown{few} (line 12)") <= 110


def test_what_is_printed_beside_a_message_names_them_so_too_but_a_log_is_left_as_it_is(capsys):
    with command_names.called({"inv": "slipway.", "fab": "slipway."}):
        screen.say(["To go back: fab prod.rollback", *wording.follow(["inv push, or inv release"])])
        shown = screen.Screen()
        shown.show({"event": "say", "text": "It goes on: fab prod.watch"})
        shown.show({"event": "text", "text": "GET /fab prod\n"})
    assert capsys.readouterr().out.splitlines() == [
        "To go back: fab slipway.prod.rollback",
        "Next: inv slipway.push, or inv slipway.release",
        "It goes on: fab slipway.prod.watch",
        "GET /fab prod",
    ]
