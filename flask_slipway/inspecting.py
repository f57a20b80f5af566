"""`inv check`: every finding on a line, then whether a release would go."""

from __future__ import annotations

from pathlib import Path

from flask_slipway import checking, console, settings, words
from flask_slipway.errors import Refusal


def check(root: Path, to: str = "") -> None:
    """Prints what was looked at. Raises Refusal where something would stop a release."""
    known = settings.load(root)
    site = settings.site(root, to) if to else next(iter(known.edited), None)
    screen = console.Screen()
    found = checking.look(known, site)
    for finding in found:
        screen.step(finding.subject, f"stops a release: {finding.text}" if finding.stops else finding.text)
        console.tell([f"{'':18}{line}" for line in finding.lines])
        if finding.stops and finding.next:
            console.tell([f"{'':18}Next: {finding.next[0]}", *(f"{'':24}{line}" for line in finding.next[1:])])
    for other in known.sites.values():
        if other.unedited:
            screen.step(other.name, "still the example in invoke.yaml")
    stops = sum(finding.stops for finding in found)
    if stops:
        verb = "stops" if stops == 1 else "stop"
        raise Refusal(f"{words.count(stops, 'thing')} {verb} a release. Nothing was changed.")
    print("A release would go.")
