"""Writes docs/tasks.md from the tasks themselves:  python docs/write_tasks.py"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from invoke.collection import Collection  # noqa: E402
from invoke.tasks import Task  # noqa: E402

from flask_slipway import errors  # noqa: E402
from flask_slipway.server.run import stories  # noqa: E402
from flask_slipway.tasks import local, remote  # noqa: E402

CHANGES = (*stories.BY_TASK, "recover")  # the tasks that change the site

HEAD = """# Tasks

Written from the tasks by `python docs/write_tasks.py`; a test holds it to them. ENV is an environment of invoke.yaml,
such as `prod`. In brackets: what a flag is when it is left out. `inv --help release` and `fab --help prod.restore` show
the same in a terminal; `inv --list` and `fab --list` show all tasks.

Every task can end with 0, 1, 3 or 130; a task of `fab`, and `inv push`, also with 5; one that changes the site,
`inv release` and `fab ENV.watch`, also with 4, 5 or 6. `inv run`, `inv test` and `fab ENV.workon` hand on the code of
what they ran.

## Exit codes

"""


def text() -> str:
    """The whole of docs/tasks.md."""
    codes = "\n".join(["| code | |", "|---|---|", *coded()]) + "\n"
    parts = [HEAD + codes, "## inv, on your machine\n", *described("inv", local.collection(ROOT))]
    parts += ["## fab, for a site\n", *described("fab", Collection("", ENV=remote.collection("ENV", ROOT)))]
    return "\n".join(parts)


def coded() -> Iterator[str]:
    """A row for each exit code, from the errors that end a task."""
    yield "| 0 | Done, or nothing to do. |"
    kinds = sorted(errors.SlipwayError.__subclasses__(), key=lambda kind: kind.code)
    for code, alike in itertools.groupby(kinds, key=lambda kind: kind.code):
        texts = [re.sub(r" \(\d+\)\.$", ".", inspect.cleandoc(kind.__doc__ or "")) for kind in alike]
        yield f"| {code} | {' '.join(texts)} |"


def described(program: str, tasks: Collection) -> Iterator[str]:
    """A section for each task, by name."""
    for name in sorted(tasks.task_names):
        task = tasks[name]
        words, example = said(task)
        yield f"### {program} {name}\n"
        changes = " It changes the site." if program == "fab" and name.split(".")[-1] in CHANGES else ""
        yield f"{words}{changes}\n"
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
        yield re.sub(r"\s+", " ", f"- {shown}: {argument.help or ''}").rstrip(": ")


if __name__ == "__main__":
    (ROOT / "docs" / "tasks.md").write_text(text(), encoding="utf-8")
