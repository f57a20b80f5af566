"""The question before a change of a site, in a terminal: each answer but a yes leaves everything as it was."""

from __future__ import annotations

import os
import sys

from support import ROOT, changes, snapshot
from support.terminal import CTRL_C, CTRL_D, Terminal
from support.world import BIN

ANSWERS = {
    "Return": (b"\n", 3),
    "n": (b"n\n", 3),
    "garbage": (b"release it!\n", 3),
    "Ctrl-D": (CTRL_D, 3),
    "Ctrl-C": (CTRL_C, 130),
}
LINES = {
    "release": ("inv", "release", "--to", "site", "--skip-tests"),
    "downgrade": ("fab", "site.downgrade", "--database-only"),
    "restore": ("fab", "site.restore"),
}
CASES = [
    *(("release", answer) for answer in ANSWERS),
    *((task, key) for task in ("downgrade", "restore") for key in ("Ctrl-D", "Ctrl-C")),
]


def environment(world):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("INVOKE_", "FABRIC_", "FLASK_"))}
    home = str(world.folder / "laptop-home")
    return {**kept, "PYTHONPATH": str(ROOT), "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}


def asked(world, task, keys):
    """The exit code and what was shown after the question."""
    program, *rest = LINES[task]
    with Terminal([sys.executable, str(BIN / program), *rest], world.laptop, environment(world)) as terminal:
        terminal.wait_for("? [y/N] ")
        before = len(terminal.text)
        terminal.press(keys)
        code = terminal.end()
    assert "Traceback" not in terminal.text
    return code, terminal.text[before:]


def test_whatever_is_answered_but_yes_nothing_is_changed(sqlite_released):
    world = sqlite_released
    assert world.fab("backup").code == 0
    changes.code_only(world)
    for task, answer in CASES:
        keys, code = ANSWERS[answer]
        with snapshot.unchanged(world):
            ended, shown = asked(world, task, keys)
        assert ended == code, (task, answer, shown)
        assert "Nothing was changed" in shown, (task, answer, shown)
    assert world.release().code == 0  # nothing is left that holds the site


def test_a_revision_that_was_edited_after_its_release_is_refused(sqlite_released):
    world = sqlite_released
    path = next(path for path in (world.laptop / "migrations/versions").glob("*.py") if changes.HEAD in path.name)
    text = path.read_text()
    path.write_text(text.replace("def upgrade():", "def upgrade():  # the newest"))
    world.commit("Say more")
    done = world.release()
    assert done.code == 0, done.out
    path.write_text(text.replace("def upgrade():\n", "def upgrade():\n    print('more')\n"))
    world.commit("Do more")
    with snapshot.unchanged(world):
        done = world.release()
    assert done.code == 3, done.out
    assert f"{changes.HEAD} add display_order was edited after site applied it" in done
    assert "Next: git checkout" in done
