"""The wording that all messages share: what happened, the lines that explain it, what to type next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from flask_slipway.command_names import as_called
from flask_slipway.server.lib.amounts import count as count  # both halves count in the same words
from flask_slipway.server.lib.amounts import size as size
from flask_slipway.server.lib.stop import Stop

WIDTH = 80  # of a terminal, at least
FEW = 4  # known words that are named where none is near
COLOUR = re.compile("\x1b\\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # of ASCII, Latin 1, and of direction

# What is to be typed: between two spaces and two spaces, as in  inv run,  or a program with its words and options.
SET_OFF = re.compile(r"  (?! )(.+?)(?:  |$)")
VALUE = r"""(?:"[^"]*"|'[^']*'|[^ ]+)"""
COMMAND = re.compile(
    rf"\b((?:inv|fab|git|flask|pip|python)(?: -[\w-]+)* [\w./-]+(?: \w+)?(?: --?\w[\w-]*(?: {VALUE})?)*)"
)


def render(stop: Stop, width: int | None = None) -> str:
    """A stop as a person reads it: a sentence, whether anything was changed, indented lines, then what to type next.
    Commands are named as this project calls them; what comes from afar, such as git's own words, is printable in it.
    `width`: of a terminal, where words are folded; what is to be typed stays whole."""
    what = printable(stop.what)
    head = what if what.endswith((".", "?", "!", ":")) else f"{what}."
    if stop.changed is False:
        place, but = f" on {stop.at}" if stop.at else "", f"; {stop.but}" if stop.but else ""
        head += f" Nothing was changed{place}{but}."
    if stop.where:
        head += f" {stop.where}." if len(head) + len(stop.where) < WIDTH - 1 else f"\n{stop.where}."
    lines = [f"  {part}" for line in stop.lines for part in as_called(printable(line)).split("\n")]
    words = "\n".join([head, *lines])
    return "\n".join([words if width is None else folded(words, width), *follow(stop.next)])


def follow(next: Iterable[str]) -> list[str]:
    """What to type next, a line each: the first behind Next:, the others below it."""
    return [f"{'      ' if number else 'Next: '}{as_called(printable(line))}" for number, line in enumerate(next)]


def folded(text: str, width: int = WIDTH, hanging: int = 0) -> str:
    """The text in lines of `width`, folded between words alone and never inside a command, each as far in as its
    beginning and `hanging` columns more. A word or command that is longer stays whole."""
    return "\n".join(part for line in text.split("\n") for part in _folded(line, width, hanging))


def _folded(line: str, width: int, hanging: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines, now = [], indent
    for piece in _pieces(line.strip(" ")):
        if now.strip(" ") and len(now) + len(piece.rstrip(" ")) > width:
            lines.append(now.rstrip(" "))
            now = indent + " " * hanging
        now += piece
    return [*lines, now.rstrip(" ")]


def _pieces(text: str) -> list[str]:
    """The words and the whole commands of a text, each with the spaces behind it."""
    for whole in (SET_OFF, COMMAND):
        text = whole.sub(lambda match: match[0].replace(match[1], match[1].replace(" ", "\0")), text)
    return [piece.replace("\0", " ") for piece in re.findall(r"[^ ]+ *", text)]


def printable(value: Any) -> Any:
    """The value, also of lists and dicts, without the colours of its texts, each control character as \\x1b or so: what
    comes from afar, such as a row's value in a database's complaint, gives no orders to a terminal. New lines and
    tabs stay."""
    if isinstance(value, str):
        plain = COLOUR.sub("", value.replace("\r\n", "\n"))
        return CONTROL.sub(lambda found: ascii(found[0])[1:-1], plain)
    if isinstance(value, dict):
        return {printable(key): printable(each) for key, each in value.items()}
    return [printable(each) for each in value] if isinstance(value, list) else value


def short(commit: str | None) -> str:
    """The first seven digits of a commit, "none" where there is none."""
    return (commit or "none")[:7]


def listed(things: Iterable[str], most: int = 5) -> list[str]:
    """The first `most` things, and a line that says how many more there are."""
    every = list(things)
    return every if len(every) <= most else [*every[:most], f"and {len(every) - most} more"]


def near(word: str, known: Iterable[str]) -> str:
    """The known word nearest to `word`, "" where none is near."""
    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?` for the known word nearest to `word`, else the known words, the nearest few of many."""
    every = sorted(known)
    found = near(word, every)
    if found:
        return f"; did you mean {found}?"
    few = every if len(every) <= FEW else [*difflib.get_close_matches(word, every, n=FEW - 1, cutoff=0), "…"]
    return f"; known here: {', '.join(few)}"
