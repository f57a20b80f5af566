"""What a person sees of a conversation with a site: the steps as they run, small tables, the ending.

80 columns; on a terminal the running step is live; piped, each finished step is one plain line. Colour only helps:
it never carries the meaning, and NO_COLOR is respected."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TextIO

from flask_slipway import wording
from flask_slipway.command_names import as_called
from flask_slipway.config.settings import Site
from flask_slipway.errors import Incident, Refusal, Returned, SlipwayError, WrongUse
from flask_slipway.server.protocol import End, Event, Where
from flask_slipway.ui import output, views
from flask_slipway.ui.table import WIDTH, table

MARGIN = 16  # columns before a step's words
LONGEST_NOTE = 16  # of a headline, before its time
TIME = 10  # columns of a step's time, at the right
COLOURS = {"bold": "1", "red": "31", "green": "32", "dim": "2"}
MOST_LINES = 10


class Screen:
    """Shows events in order. `out`: where to, None for this terminal; `live`: whether the running step may be
    rewritten."""

    def __init__(self, out: TextIO | None = None, live: bool | None = None) -> None:
        self.out = out
        self.live = output.is_terminal(self.out) if live is None else live
        self.colour = self.live and "NO_COLOR" not in os.environ
        self._running: str | None = None

    def show(self, event: Event) -> None:
        """Shows one event; what it does not know is left out."""
        known = {
            "step": self._step,
            "returning": self._returning,
            "say": self._say,
            "text": self._text,
            "rows": self._rows,
        }
        if event.get("event") in known:
            known[event["event"]](event)

    def line(self, text: str = "", colour: str | None = None) -> None:
        """One plain line, above the running step."""
        self._erase()
        self._write(as_called(text), colour)
        self._go_on()

    def step(self, name: str, text: str, seconds: float | None = None, failed: bool = False) -> None:
        """One finished step."""
        self._erase()
        self._running = None
        for line in step_lines(name, as_called(text), seconds):
            self._write(line, "red" if failed else None)

    def begin(self, name: str) -> None:
        """A step that begins: its line stands until it is done."""
        if self.live:
            self._erase()
            self._running = wording.line(f"  {name:<{MARGIN - 4}}  …")
            self._go_on()

    def close(self) -> None:
        """Leaves no unfinished line."""
        self._erase()
        self._running = None

    def _write(self, text: str, colour: str | None = None) -> None:
        """One line in its colour, where there are colours."""
        painted = bool(colour and self.colour and text)
        start = f"\x1b[{COLOURS[colour]}m" if colour and painted else ""
        output.line(text, self.out, start, "\x1b[0m\n" if painted else "\n")

    def _go_on(self) -> None:
        """The running step stands at the end again."""
        if self._running:
            output.line(self._running, self.out, end="")

    def _erase(self) -> None:
        if self._running:
            output.line("", self.out, start="\r" + " " * len(self._running) + "\r", end="")

    def _step(self, event: Event) -> None:
        state, name, text = event.get("state"), event["step"], event.get("text") or ""
        if state == "begin":
            self.begin(name)
        elif state == "done" and not text:
            self.close()
        else:
            words = f"failed: {text}" if state == "failed" and "fail" not in text else text
            self.step(name, words, event.get("seconds"), failed=state == "failed")

    def _returning(self, event: Event) -> None:
        site = f"{event['site']} " if event.get("site") else ""
        self.line(f"Returning {site}to {event.get('to') or 'the state before'}", "bold")

    def _say(self, event: Event) -> None:
        self.line(event.get("text") or "")

    def _text(self, event: Event) -> None:
        """What a program printed, such as a log: its own words."""
        self._erase()
        output.text((event.get("text") or "").rstrip("\r\n"), self.out)
        self._go_on()

    def _rows(self, event: Event) -> None:
        rows = [[as_called(str("" if cell is None else cell)) for cell in row] for row in event.get("rows") or []]
        if event.get("title"):
            self.line(event["title"], "bold")
        if not rows:
            self.line("  none")
            return
        header, *lines = table([[str(name) for name in event["columns"]], *rows])
        self.line(header, "dim")
        for line in lines:
            self.line(line)


def headline(name: str, text: str, note: str = "", seconds: float | None = None) -> None:
    """A line of what was done here: its name, words, a note and the time at the right."""
    if len(note) > LONGEST_NOTE:
        text, note = f"{text}; {note}", ""
    time = "" if seconds is None else f"{seconds:.1f} s"
    right = f"{note:>12}{time:>{TIME}}" if note else f"{time:>{TIME}}"
    room = WIDTH - MARGIN - len(right)
    first, *rest = textwrap.wrap(wording.line(as_called(text)), room - 1) or [""]
    say([f"{name:<{MARGIN}}{first:<{room}}{right}".rstrip(), *(" " * MARGIN + line for line in rest)])


def note(text: str, lines: Sequence[str] = ()) -> None:
    """Something to know that stops nothing."""
    words = wording.folded(wording.line(f"  {as_called(text)}"), WIDTH - 2)
    say([*words.split("\n"), *(f"    {line}" for line in lines)])


def wrapped(text: str, indent: int = 0) -> list[str]:
    """The text in lines of 80 columns, indented; what is long stays whole."""
    return wording.folded(wording.printable(" " * indent + as_called(text)), WIDTH, hanging=2).split("\n")


def say(lines: Iterable[str]) -> None:
    """Plain lines, their commands as this project calls them."""
    for line in lines:
        output.line(as_called(line))


def tell(lines: Iterable[str]) -> None:
    """Lines of words, folded where a person reads them in a terminal."""
    shown = [wording.line(as_called(line)) for line in lines]
    say([part for line in shown for part in wording.folded(line).split("\n")] if output.is_terminal() else shown)


def step_lines(name: str, text: str, seconds: float | None, width: int = WIDTH) -> list[str]:
    """A step's line, its time right-aligned at `width`; longer words go on below, under the first."""
    room = width - MARGIN - TIME
    first, *rest = textwrap.wrap(wording.line(text), room) or [""]
    time = "" if seconds is None else f"{seconds:.1f} s"
    head = f"  {name:<{MARGIN - 4}}  {first:<{room}}{time:>{TIME}}".rstrip()
    return [head, *(" " * MARGIN + line for line in rest)]


def finish(end: End, site: Site, done: str = "", failed: str = "It failed", again: Sequence[str] = ()) -> None:
    """The ending in words. `done`: what was done, such as Backed up prod; `failed`, `again`: the first word and what to
    type next where it was returned. Raises the error of the ending's code, unless that is 0."""
    outcome = end.get("outcome")
    if outcome == "released":
        say(["", f"Released {wording.short(end.get('commit'))} to {site.name}{_in(end)}.   {site.url}"])
        _way_back(end, site)
        _gate_left_up(end, site)
    elif outcome == "done":
        what = end.get("what") or done or "Done"
        say([f"{what.rstrip('.')}{_in(end)}."])
        for line in end.get("cause") or []:
            say([f"  {line}"])
        say(f"  {text[:1].upper()}{text[1:]}." for text in _kept(end))
        _way_back(end, site)
        _gate_left_up(end, site)
    elif outcome == "nothing":
        what = _sentence(end.get("what") or f"Nothing to do on {site.name}", site)
        say([what if what.endswith(".") else f"{what}."])
    else:
        _raise(end, site, failed, again)


def _in(end: End) -> str:
    return f" in {end['seconds']:.1f} s" if end.get("seconds") else ""


def _kept(end: End) -> list[str]:
    """Where it is kept what was replaced: visitors and jobs may have written it."""
    places = (end.get("data") or {}).get("kept") or []
    return [f"what was replaced is kept in {' and '.join(places)}"] if places else []


def _way_back(end: End, site: Site) -> None:
    """What goes back, where the server knows of a way that would not be refused."""
    back = (end.get("data") or {}).get("back")
    if back:
        say([f"To go back: fab {site.name}.{back}"])


def _gate_left_up(end: End, site: Site) -> None:
    data = end.get("data") or {}
    if data.get("apart"):
        down = ["The site is closed, for code and database do not match."]
        say(
            [*down, *wording.follow([f"inv release --to {site.name}  with code that fits, then  fab {site.name}.open"])]
        )
    elif data.get("gate_left_up"):
        say([" ".join(["The site is closed.", *wording.follow([f"fab {site.name}.open"])])])


def _raise(end: End, site: Site, failed: str, again: Sequence[str]) -> NoReturn:
    """Raises the error that fits the ending: ten lines at most."""
    code = end.get("code")
    kind: type[SlipwayError] = {3: Refusal, 4: Incident, 6: Returned}.get(code or 1, WrongUse)
    what, cause = str(end.get("what") or "It stopped"), [str(line) for line in end.get("cause") or []]
    where = ""
    if kind is Returned:
        what, cause = f"{failed} (6)", [what, *cause]
        where = "; ".join([f"{standing(end.get('where'), site)}; nothing was lost", *_kept(end)])
    elif kind is Incident:
        where = standing(end.get("where"), site)
    else:
        what = _sentence(what.rstrip("."), site)
    next_lines = [str(line) for line in end.get("next") or []]
    if not next_lines and kind is not WrongUse:
        next_lines = list(again) if again and kind is Returned else [f"fab {site.name}.status"]
    if kind in (Returned, Incident):
        output.line()
    room = MOST_LINES - 1 - len(next_lines)
    stop = kind(what, cause[: max(1, room)], next_lines)
    stop.where = where
    raise stop


def _sentence(what: str, site: Site) -> str:
    """With a capital, unless the site's name or a commit begins it."""
    first = what.split(" ", 1)[0]
    return what if first == site.name or any(letter.isdigit() for letter in first) else what[:1].upper() + what[1:]


def standing(where: Where | None, site: Site) -> str:
    """Where the site stands: prod serves 3f2a6d1 at 8a1c5e20, healthy."""
    if not where:
        return f"How {site.name} stands is not known"
    gate_up = where.get("gate") == "up"
    words = f"{site.name} {'is closed, with' if gate_up else 'serves'} {wording.short(where.get('commit'))}"
    words += f" at {where['revision']}" if where.get("revision") else ""
    words += ", gate up" if gate_up else ""
    words += ", fence up" if where.get("fence") == "up" else ""
    words += f", lock held by {where['lock']}" if where.get("lock") else ""
    healthy = where.get("healthy")
    return words if healthy is None else f"{words}, {'healthy' if healthy else 'not healthy'}"


def status(data: Mapping[str, Any]) -> None:
    """A site as `fab ENV.status` shows it."""
    say(views.status(data))


def current(data: Mapping[str, Any]) -> None:
    """The database's revision and the code's head."""
    say(views.current(data))


def health(data: Mapping[str, Any]) -> None:
    """What the site answers."""
    say(views.health(data))
