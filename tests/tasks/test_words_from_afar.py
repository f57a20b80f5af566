"""What files, git, hooks, tests and revisions are called and say, as `inv` shows it: no orders to the terminal."""

from __future__ import annotations

import sys

ORDERS = "\x1b]52;c;eA==\x07\u202e\u2028"
SAFE = "\\x1b]52;c;eA==\\x07\\u202e\\u2028"
HEBREW = "שלום.txt"


def told(ran, *words):
    """The output, in which no character but a line's end does more than show itself, and no line is forged."""
    assert ran.out.replace("\n", "").isprintable(), ran.out
    assert all(word in ran.out for word in words), ran.out
    assert "\nNext: rm" not in ran.out
    return ran


def test_nothing_that_a_project_holds_gives_orders_to_the_terminal(here):
    head = here.git("branch", "--show-current")
    here.git("switch", "-q", "-c", "ma\u202ein")
    for name in (f"{ORDERS}.txt", "a\nNext: rm -rf x", HEBREW):
        here.write(name, "x\n")
    here.write("migrations/versions/ffff_words.py", REVISION)
    hook = here.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nprintf '%s' '{ORDERS}' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    told(here.inv("commit", "-m", "Words"), f"{SAFE}.txt", "a\\nNext: rm -rf x", HEBREW, "The hook pre-commit", SAFE)
    hook.unlink()
    assert told(here.inv("commit", "-m", ORDERS)).code == 0
    assert told(here.inv("push"), "origin/ma\\u202ein").code == 0
    told(here.inv("current"), "ffff \\x1b]52;c;eA==\\x07\\u202e")
    here.git("switch", "-q", head)
    fails = f"import sys; print('{SAFE}'); sys.exit(1)".replace("\\", "\\\\")  # as YAML wants it
    here.replace("invoke.yaml", "print('3 passed')", fails)
    here.git("commit", "-qam", "Fail")
    told(here.inv("release", "--yes"), "The tests failed", "  \\x1b]52;c;eA==\\x07\\u202e\n")


def test_help_and_a_word_that_is_no_task_give_none_either(here):
    ran = here.run(sys.executable, "-m", "flask_slipway", ORDERS)
    told(ran, "There is no command")
    told(here.inv(f"statu{ORDERS}"), "inv has no task")


REVISION = f'''"""{SAFE}"""

revision = "ffff"
down_revision = "d0641f33"
'''
