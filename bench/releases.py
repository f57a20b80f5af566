"""Releases against a hand-written script that reaches the same end state."""

from __future__ import annotations

from dataclasses import dataclass

from rig import Rig, Spent
from table import Table, median, seconds

MARGIN = 0.5  # seconds that a release may take beyond script and loads, beside three round trips
# Loads of the app, one after the other, beyond the script's two (flask db upgrade, the reload). The live code's, which
# tells the database; behind a gate also the site's own WSGI file, which comes back with one more reload. The load on
# the developer's machine runs beside the live code's; the stage's stands where the script's flask db upgrade does.
EXTRA = {False: 1, True: 2}


@dataclass(frozen=True)
class Round:
    """One release of each kind, one after the other, and what a load of the app and a reload took then."""

    ours: Spent
    by_hand: Spent
    load: float

    def over(self, revision: bool, round_trip: float) -> float:
        """Seconds over what is wanted; below 0 it was quicker."""
        wanted = self.by_hand.seconds + EXTRA[revision] * self.load + MARGIN + 3 * round_trip
        return self.ours.seconds - wanted


def releases(rig: Rig, round_trips: list[float], loads: list[float], times: int) -> Table:
    rows = []
    for revision in (False, True):
        for load in loads:
            for round_trip in round_trips:
                rig.load_takes(load)
                rig.link.round_trip = round_trip
                rounds = [_round(rig, revision) for _ in range(times)]
                rows.append(_row(rounds, revision, round_trip))
    columns = (
        *("release", "round trip", "a load", "by hand", "Slipway", "ratio", "over"),
        *("app loads", "logins, channels", "on the wire"),
    )
    notes = [
        "*over*: seconds beyond the script's time, the loads of the app that the design names beyond the script's own "
        f"({EXTRA[False]} without a revision, {EXTRA[True]} with one, each as long as *a load* says), {MARGIN} s and "
        "three round trips; less than 0 is what is wanted.",
        "*app loads*: by hand, then Slipway's, that on the developer's machine among them.",
        f"Medians of {times} rounds, each a release by Slipway, one by hand, and a load, in turns.",
    ]
    return Table("A release", columns, rows, notes)


def _round(rig: Rig, revision: bool) -> Round:
    rig.change(revision)
    ours = rig.slipway()
    rig.change(revision)
    return Round(ours, rig.by_hand(), rig.one_load())


def _row(rounds: list[Round], revision: bool, round_trip: float) -> list[str]:
    ours, by_hand = rounds[-1].ours, rounds[-1].by_hand
    return [
        "one revision" if revision else "nothing to migrate",
        f"{round_trip * 1000:.0f} ms",
        seconds(median([found.load for found in rounds])),
        seconds(median([found.by_hand.seconds for found in rounds])),
        seconds(median([found.ours.seconds for found in rounds])),
        f"{median([found.ours.seconds / found.by_hand.seconds for found in rounds]):.2f}",
        f"{median([found.over(revision, round_trip) for found in rounds]):+.2f} s",
        f"{by_hand.loads}, {ours.loads}",
        f"{ours.logins}, {ours.channels}",
        f"{ours.bytes / 1000:.1f} kB",
    ]


def reloads(rig: Rig, loads: list[float], times: int) -> Table:
    """How much of a release is the app's own: a load of it, and the wait for a reload of the site."""
    rows = []
    for load in loads:
        rig.load_takes(load)
        found = [(rig.one_load(), rig.one_reload()) for _ in range(times)]
        rows.append([f"{load:.1f} s", *(seconds(median([row[i] for row in found])) for i in (0, 1))])
    columns = ("the app's own slowness", "a load", "the wait for a reload")
    return Table("What the app costs", columns, rows, [f"Medians of {times}. Every release waits for these."])


def link(round_trips: list[float]) -> Table:
    """The link that stands for a far server, measured itself."""
    from distance import measured

    rows = []
    for wanted in round_trips:
        echo, speed = measured(wanted)
        rows.append([f"{wanted * 1000:.0f} ms", f"{echo * 1000:.1f} ms", f"{speed / 1e6:.0f} MB/s"])
    return Table("The link", ("round trip wanted", "an echo", "an echo of 50 MB"), rows)
