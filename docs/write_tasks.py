"""Writes docs/tasks.md from the tasks themselves:  python docs/write_tasks.py"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from invoke.collection import Collection  # noqa: E402
from invoke.tasks import Task  # noqa: E402

from flask_slipway.tasks import local, remote  # noqa: E402

HEAD = """# Tasks

Written from the tasks by `python docs/write_tasks.py`; a test holds it to them. ENV is an environment of invoke.yaml,
such as `prod`. A flag that takes a text is shown with its default in brackets.
"""


def text() -> str:
    """The whole of docs/tasks.md."""
    parts = [HEAD, "## inv, on your machine\n", *described("inv", local.collection(ROOT))]
    parts += ["## fab, for a site\n", *described("fab", Collection("", ENV=remote.collection("ENV", ROOT)))]
    return "\n".join(parts)


def described(program: str, tasks: Collection) -> Iterator[str]:
    """A section for each task, by name."""
    for name in sorted(tasks.task_names):
        task = tasks[name]
        words, example = said(task)
        yield f"### {program} {name}\n"
        yield f"{words}\n"
        flags = list(flagged(task))
        if flags:
            yield "\n".join(flags) + "\n"
        if example:
            yield f"Example: `{example}`\n"


def said(task: Task) -> tuple[str, str]:
    """What the task's help says, and its example."""
    words, _, example = inspect.cleandoc(task.__doc__ or "").partition("Example:")
    return " ".join(words.split()), example.strip()


def flagged(task: Task) -> Iterator[str]:
    """A line for each flag: its names, default and help."""
    for argument in task.get_arguments():
        names = sorted(argument.names, key=len, reverse=True)
        shown = ", ".join(f"`{'--' if len(name) > 1 else '-'}{name.replace('_', '-')}`" for name in names)
        default = f" [{argument.default}]" if argument.default not in (None, "", False) else ""
        yield re.sub(r"\s+", " ", f"- {shown}{default}: {argument.help or ''}").rstrip(": ")


if __name__ == "__main__":
    (ROOT / "docs" / "tasks.md").write_text(text(), encoding="utf-8")
