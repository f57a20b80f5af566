"""Small commands: the list of tasks, a site's status, and what they send."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rig import ROOT, Rig
from table import Table, median, seconds

TASKS = """from invoke import task


@task
def one(c):
    pass


@task
def two(c):
    pass
"""


def listing(folder: Path, times: int) -> Table:
    """`inv --list` of this project against invoke's own, of two empty tasks."""
    folder.mkdir()
    (folder / "tasks.py").write_text(TASKS)
    spent: dict[Path, list[float]] = {ROOT: [], folder: []}
    for _ in range(times):
        for place, found in spent.items():
            found.append(_list(place))
    ours, theirs = median(spent[ROOT]), median(spent[folder])
    ratio = median([a / b for a, b in zip(spent[ROOT], spent[folder], strict=True)])
    row = [f"{theirs * 1000:.0f} ms", f"{ours * 1000:.0f} ms", f"{ratio:.2f}", "1.20"]
    columns = ("two empty tasks", "this project", "ratio", "wanted")
    return Table("inv --list", columns, [row], [f"Medians of {times} runs each, in turns."])


def _list(place: Path) -> float:
    began = time.monotonic()
    subprocess.run([Path(sys.executable).parent / "inv", "--list"], cwd=place, capture_output=True, check=True)
    return time.monotonic() - began


def status(rig: Rig, round_trips: list[float], times: int) -> Table:
    """`fab ENV.status` against one login that asks git and flask."""
    rig.load_takes(0)
    rows = []
    for round_trip in round_trips:
        rig.link.round_trip = round_trip
        ours, theirs = [], []
        for _ in range(times):
            ours.append(rig.measure("fab", "site.status"))
            theirs.append(rig.status_by_hand())
        ratio = median([a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)])
        rows.append(
            [
                f"{round_trip * 1000:.0f} ms",
                seconds(median([spent.seconds for spent in theirs])),
                seconds(median([spent.seconds for spent in ours])),
                f"{ratio:.2f}",
                f"{ours[-1].loads}",
                f"{ours[-1].logins}, {ours[-1].channels}",
                f"{ours[-1].bytes / 1000:.1f} kB",
            ]
        )
    columns = ("round trip", "by hand", "fab ENV.status", "ratio", "app loads", "logins, channels", "on the wire")
    notes = [
        "By hand: `git log -1`, `git status`, `flask db current` in one login. Status also reads the database, "
        f"the gate, the lock, the history, health. Medians of {times} runs each, in turns."
    ]
    return Table("fab ENV.status", columns, rows, notes)


def wire(rig: Rig) -> Table:
    """Bytes on the wire, both ways together, with the server's half held there and not."""
    rig.load_takes(0)
    rig.link.round_trip = 0
    rows = []
    for held in (False, True):
        for name, command in (("status", rig.status), ("release", rig.release_of_a_line)):
            if not held:
                rig.forget_engine()
            rows.append([name, "held" if held else "sent along", f"{command().bytes / 1000:.1f} kB"])
    rig.change(False)
    rows.append(["a release by hand", "", f"{rig.by_hand().bytes / 1000:.1f} kB"])
    notes = ["SSH's own greeting and keys, about 5 kB, are in it. What git pushes is not: it goes another way."]
    return Table("Bytes on the wire", ("command", "the server's half", "both ways"), rows, notes)
