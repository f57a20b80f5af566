"""Ctrl-C while something runs on this machine: one calm line that says what is true, code 130, nothing half done."""

from __future__ import annotations

import sys

import pytest

from support import snapshot
from support.terminal import CTRL_C, Terminal

HEAD = "migrations/versions/d0641f33_add_display_order.py"
WAIT = 'import os, pathlib, time; pathlib.Path(os.environ["MARK"]).touch(); time.sleep(90)'
INV = [sys.executable, "-m", "invoke"]
RELEASE = [*INV, "release", "--yes", "-m", "x"]


def waiting_test(project):
    project.replace("invoke.yaml", "print('3 passed')", WAIT.replace('"', "'"))
    return RELEASE


def waiting_hook(project, name):
    path = project.folder / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('#!/bin/sh\ntouch "$MARK"\nsleep 90\n')
    path.chmod(0o755)
    project.write("app/new.py", "X = 1\n")
    return RELEASE


def waiting_commit(project):
    return waiting_hook(project, "pre-commit")


def waiting_app(project):
    project.write("app/config.py", WAIT + "\n")
    return [*INV, "current"]


def waiting_upgrade(project):
    assert project.inv("downgrade").code == 0
    project.replace(HEAD, "def upgrade():\n", f"def upgrade():\n    {WAIT}\n")
    return [*INV, "upgrade"]


CASES = {
    waiting_test: "Interrupted. Nothing was changed.",
    waiting_commit: "Interrupted. Nothing was changed.",
    waiting_app: "Interrupted. Nothing was changed.",
    waiting_upgrade: "Interrupted.\nNext: inv current  shows where the development database stands",
}


def interrupted(here, line, tmp_path):
    """Runs it in a terminal, presses Ctrl-C once it is in the middle; returns what was shown after that."""
    mark = tmp_path / "mark"
    with Terminal(line, here.folder, {**here.env, "MARK": str(mark)}) as terminal:
        terminal.wait_for(mark)
        before = len(terminal.text)
        terminal.press(CTRL_C)
        code = terminal.end()
    assert code == 130, terminal.text
    assert "Traceback" not in terminal.text
    return terminal.text[before:].replace("^C", "").strip()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_ctrl_c_leaves_everything_as_it_was(here, tmp_path, case):
    line = case(here)
    with snapshot.unchanged(here):
        assert interrupted(here, line, tmp_path) == CASES[case]


def test_ctrl_c_during_the_push_names_the_commit_that_stands_here(here, tmp_path):
    line = waiting_hook(here, "pre-push")
    remote = here.git("ls-remote", "origin")
    shown = interrupted(here, line, tmp_path)
    commit = here.git("rev-parse", "--short=7", "HEAD")
    assert " ".join(shown.split()).startswith(
        f"Interrupted. Nothing was changed on prod; commit {commit} was made here, and is not pushed."
    )
    assert "Next: inv push" in shown
    assert here.git("ls-remote", "origin") == remote
    assert here.git("status", "--porcelain") == ""


def test_in_a_terminal_a_long_message_is_folded_between_words(here):
    here.replace("invoke.yaml", "domain: www.bankroll.test", "domain: https://www.bankroll.test/")
    told = here.inv("status").out
    with Terminal([*INV, "status"], here.folder, here.env) as terminal:
        assert terminal.end() == 1
    assert max(map(len, told.splitlines())) > 80
    assert max(map(len, terminal.text.splitlines())) <= 80
    assert terminal.text.split() == told.split()
