"""What a person reads: steps, tables, endings."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_slipway.errors import Incident, Refusal, Returned, WrongUse
from flask_slipway.ui import output, prompt
from flask_slipway.ui import screen as ui_screen
from support.terminal import CTRL_D, Terminal

# A Ctrl-C that comes in the moment before a read starts does not break it off. The same is had here without luck: the
# signal is taken by another thread.
INTERRUPTED_UNHEARD = """
import signal, threading, time
from flask_slipway.ui import prompt

def strike():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=strike).start()
try:
    prompt.confirm("Go on? [y/N] ")
except KeyboardInterrupt:
    print("Traceback")
except prompt.Interrupted as interrupted:
    print(interrupted)
"""

WHERE = {"commit": "3f2a6d1" + "0" * 33, "revision": "8a1c5e20", "gate": "down", "fence": "down", "healthy": True}


def shown(*events, live=False):
    out = io.StringIO()
    screen = ui_screen.Screen(out, live=live)
    for event in events:
        screen.show(event)
    return out.getvalue()


def step(state, text="", seconds=0.1):
    return {"event": "step", "step": "fetch", "state": state, "text": text, "seconds": seconds}


def test_piped_each_finished_step_is_one_plain_line_of_80_columns():
    assert shown(step("begin"), step("done", "9bc1f02", 0.44)) == f"  fetch         9bc1f02{'':52}0.4 s\n"


def test_ctrl_c_at_a_question_is_heard_even_where_the_read_is_not_broken_off(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(ui_screen.__file__).parents[2])}
    with Terminal([sys.executable, "-c", INTERRUPTED_UNHEARD], tmp_path, env) as terminal:
        terminal.wait_for("[y/N] ")
        assert terminal.end(30) == 0
        assert terminal.text == "Go on? [y/N] \nInterrupted. Nothing was changed.\n"


@pytest.mark.parametrize(
    ("keys", "line"), [(b"yes\n", "yes"), (b"nay\x7f\x7f\x7fy\n", "y"), (b"\n", ""), (CTRL_D, "end")]
)
def test_a_line_is_read_as_typed_with_what_was_rubbed_out_gone(tmp_path, keys, line):
    env = {**os.environ, "PYTHONPATH": str(Path(ui_screen.__file__).parents[2])}
    ask = "from flask_slipway.ui import prompt\ntry: print([prompt.read_line('? ')])\nexcept EOFError: print(['end'])"
    with Terminal([sys.executable, "-c", ask], tmp_path, env) as terminal:
        terminal.wait_for("? ")
        terminal.press(keys)
        assert terminal.end(30) == 0
        assert terminal.text.endswith(f"{[line]}\n")


@pytest.mark.parametrize("note", ["61 tests", "tests SKIPPED", "no tests: pytest is not installed"])
def test_a_headline_of_any_note_has_80_columns_and_its_words_whole(capsys, note):
    ui_screen.headline("Checking", "3 files, on main, one head, models match", note, 2.6)
    told = capsys.readouterr().out
    first = told.splitlines()[0]
    assert first.startswith("Checking        3 files, on main, one head, models match")
    assert (len(first), first[-6:]) == (80, " 2.6 s")
    assert note in " ".join(told.replace(" 2.6 s", "").split())


def test_on_a_terminal_the_running_step_is_rewritten_when_it_is_done(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    written = shown(step("begin"), step("done", "9bc1f02"), live=True)
    assert written.startswith("  fetch         …\r")
    assert written.endswith("0.1 s\n")


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(step("failed", "d0641f33 failed"), live=True)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[31m" in shown(step("failed", "d0641f33 failed"), live=True)
    assert "\x1b" not in shown(step("failed", "d0641f33 failed"))


ORDERS = "\x1b]52;c;eA==\x07\u2028\u202e"
SAFE = "\\x1b]52;c;eA==\\x07\\u2028\\u202e"


def test_no_event_gives_orders_to_the_terminal_and_none_makes_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = f"{ORDERS}\nNext: rm"
    events = [
        {"event": "step", "step": ORDERS, "state": "begin"},
        {"event": "step", "step": ORDERS, "state": "failed", "text": text, "seconds": 1.0},
        {"event": "returning", "site": text, "to": text},
        {"event": "say", "text": text},
        {"event": "rows", "title": text, "columns": [text, text], "rows": [[text, text]]},
    ]
    for event in events:
        told = shown(event, live=True)
        assert SAFE in told, event
        assert told.replace("\n", "").replace("\r", "").isprintable(), event
        assert not any(line.startswith("Next:") for line in told.splitlines()), event


def test_a_log_keeps_its_lines_and_loses_its_orders():
    assert shown({"event": "text", "text": f"one\n\ttwo {ORDERS}\r\n"}) == f"one\n\ttwo {SAFE}\n"


def test_colours_of_ours_surround_what_is_shown_and_nothing_of_it(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    told = shown(step("failed", f"it failed {ORDERS}"), live=True)
    assert told.count("\x1b") == 2 and told.startswith("\x1b[31m") and SAFE in told


@pytest.mark.parametrize("outcome", ["released", "done", "nothing"])
def test_an_ending_gives_no_orders(site, capsys, outcome):
    data = {"kept": [ORDERS], "back": ORDERS, "gate_left_up": True}
    end = {"outcome": outcome, "code": 0, "what": ORDERS, "cause": [ORDERS], "commit": ORDERS, "data": data}
    ui_screen.finish(end, site)
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_a_step_without_words_leaves_no_line():
    assert shown(step("begin"), step("done", "")) == ""


def test_rows_become_a_small_table_and_none_is_said():
    table = {"event": "rows", "title": None, "columns": ["backup", "rows"], "rows": [["20261120", 18204]]}
    assert shown(table) == "backup    rows\n20261120  18204\n"
    assert shown({**table, "rows": []}) == "  none\n"


def test_an_unknown_event_is_left_out():
    assert shown({"event": "tomorrow"}) == ""


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300), seconds=st.floats(0, 9999))
def test_a_steps_lines_fit_80_columns_and_lose_no_word(text, seconds):
    lines = ui_screen.step_lines("back up", text, seconds)
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].endswith(" s")
    joined = "".join("".join(lines).split())
    assert all(character in joined for character in set(text) - {" "})


def test_a_release_ends_with_where_it_is_and_how_to_go_back(site, capsys):
    end = {"outcome": "released", "code": 0, "commit": "9bc1f02aaa", "seconds": 8.2, "data": {"back": "rollback"}}
    ui_screen.finish(end, site)
    told = capsys.readouterr().out
    assert "Released 9bc1f02 to prod in 8.2 s.   https://www.example.com" in told
    assert "To go back: fab prod.rollback" in told


def test_no_way_back_is_named_where_the_server_knows_of_none(site, capsys):
    for outcome in ("released", "done"):
        data = {"backup": "20261126T012438Z", "back": None}
        ui_screen.finish({"outcome": outcome, "code": 0, "commit": "9bc1f02aaa", "data": data}, site, "Upgraded prod")
        assert "To go back" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcome", "code", "kind"),
    [("refused", 3, Refusal), ("incident", 4, Incident), ("returned", 6, Returned), ("refused", 1, WrongUse)],
)
def test_every_other_ending_raises_its_error_in_ten_lines_at_most(site, outcome, code, kind):
    end = {"outcome": outcome, "code": code, "what": "d0641f33 failed", "where": WHERE, "cause": ["x"] * 30, "next": []}
    with pytest.raises(kind) as ended:
        ui_screen.finish(end, site)
    assert ended.value.code == code
    assert len(ended.value.message.splitlines()) <= 10
    assert "d0641f33 failed".lower() in ended.value.message.lower()


def test_a_return_says_where_the_site_stands_and_what_to_type(site):
    end = {
        "outcome": "returned",
        "code": 6,
        "what": "d0641f33 failed",
        "where": WHERE,
        "cause": [],
        "next": ["mend it"],
    }
    with pytest.raises(Returned) as ended:
        ui_screen.finish(end, site, failed="Not released")
    assert ended.value.message.splitlines() == [
        "Not released (6). prod serves 3f2a6d1 at 8a1c5e20, healthy; nothing was lost.",
        "  d0641f33 failed",
        "Next: mend it",
    ]


def test_where_it_is_kept_what_was_replaced_is_told_of_a_return_and_of_a_change(site, capsys):
    data = {"kept": ["backup 20261126T012438Z", "database ann$site_slipway_old_1"]}
    told = "hat was replaced is kept in backup 20261126T012438Z and database ann$site_slipway_old_1."
    end = {"outcome": "returned", "code": 6, "what": "d0641f33 failed", "where": WHERE, "data": data}
    with pytest.raises(Returned) as ended:
        ui_screen.finish(end, site, failed="Not released")
    assert f"nothing was lost; w{told}" in " ".join(ended.value.message.split())
    ui_screen.finish({"outcome": "done", "code": 0, "data": data}, site, "Restored prod")
    assert f"  W{told}" in capsys.readouterr().out.splitlines()


def test_without_a_terminal_nothing_is_asked(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Refusal, match="--yes"):
        prompt.confirm("Release to prod? [y/N] ")
    assert prompt.confirm("Release to prod? [y/N] ", yes=True)


STATUS = {
    "commit": "3f2a6d1" + "0" * 33,
    "branch": "main",
    "subject": "Let assets be reordered by dragging them to the place where they should be in future",
    "revisions": ["8a1c5e20"],
    "heads": ["d0641f33"],
    "texts": {"8a1c5e20": "add posted", "d0641f33": "add display_order to the assets of every user there is"},
    "database": {
        **{"dialect": "mysql", "version": "8.0.40-0ubuntu0.22.04.1", "name": "averylongusername$bankroll_production"},
        **{"bytes": 4_100_000, "tables": 12, "rows": 18_204},
    },
    "gate": "down",
    "health": "301 to https://www.example.org/",
}


def test_a_status_keeps_to_80_columns_whatever_the_names(capsys):
    ui_screen.status(STATUS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("  code          3f2a6d1 Let assets be reordered")
    assert lines[0].endswith("…, branch main")
    assert "d0641f33" in "".join(lines)


def test_a_path_that_is_too_long_for_its_table_loses_its_middle():
    long = "/home/averylongusername/some/folders/in/between/that/nobody/needs/to/see/bankroll/site.sqlite"
    table = {"event": "rows", "title": None, "columns": ["what", "found", ""], "rows": [["database", long, "ok"]]}
    line = shown(table).splitlines()[1]
    assert len(line) <= 80
    assert "/home/a" in line
    assert line.endswith("bankroll/site.sqlite  ok")


def test_a_way_down_of_the_database_alone_does_not_send_to_a_command_that_refuses(site, capsys):
    data = {"gate_left_up": True, "apart": True, "back": "restore --backup 20261126T012438Z"}
    ui_screen.finish({"outcome": "done", "code": 0, "data": data}, site, "Downgraded prod")
    assert capsys.readouterr().out.splitlines() == [
        "Downgraded prod.",
        "To go back: fab prod.restore --backup 20261126T012438Z",
        "The site is closed, for code and database do not match.",
        "Next: inv release --to prod  with code that fits, then  fab prod.open",
    ]
    ui_screen.finish(
        {"outcome": "done", "code": 0, "data": {"gate_left_up": True, "apart": False}}, site, "Closed prod"
    )
    assert capsys.readouterr().out.splitlines()[1] == "The site is closed. Next: fab prod.open"


def test_a_refusal_of_the_server_begins_with_a_capital_but_a_site_and_a_commit_keep_their_name(site):
    for what, first in (
        ("another git command is running", "Another git"),
        ("prod is held by ann", "prod is held"),
        ("d18a32c is not a descendant of the live commit", "d18a32c is not"),
    ):
        with pytest.raises(Refusal) as refused:
            ui_screen.finish({"outcome": "refused", "code": 3, "what": what}, site)
        assert refused.value.message.startswith(f"{first}"), what
        assert refused.value.message.splitlines()[1:] == ["Next: fab prod.status"]


def test_the_login_of_an_address_leaves_no_place_that_writes_to_the_terminal():
    out = io.StringIO()
    output.line("Looking in indexes: https://t0ken-9@pypi.example.org/simple", out)
    output.text("mysql://ann:hush-9@host/db\nssh://git@example.org/x", out)
    assert out.getvalue() == (
        "Looking in indexes: https://••••@pypi.example.org/simple\nmysql://ann:••••@host/db\nssh://git@example.org/x\n"
    )
