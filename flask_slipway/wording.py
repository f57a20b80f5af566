"""The wording that all messages share: what happened, the lines that explain it, what to type next."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from flask_slipway.command_names import as_called
from flask_slipway.server.lib.amounts import count as count  # both halves count in the same words
from flask_slipway.server.lib.amounts import size as size
from flask_slipway.server.lib.stop import Stop

WIDTH = 80  # of a terminal, at least
FEW = 4  # known words that are named where none is near
COLOUR = re.compile("\x1b\\[[0-9;]*m")
# What has a use in some scripts and in emoji, and is never seen: the joiners, the variation selectors. And letters and
# marks that are never seen. Source: Unicode's Default_Ignorable_Code_Point.
JOINERS = "\u200c\u200d"
SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
KEYCAP = "\u20e3"
VIRAMA = 9  # its combining class: joins two letters of an Indian script

# What is to be typed: between two spaces and two spaces, as in  inv run,  or a program with its words and options.
SET_OFF = re.compile(r"  (?! )(.+?)(?:  |$)")
VALUE = r"""(?:"[^"]*"|'[^']*'|[^ ]+)"""
COMMAND = re.compile(
    rf"\b((?:inv|fab|git|flask|flask-slipway|pip|python)(?: -[\w-]+)* [\w./-]+(?: \w+)?(?: --?\w[\w-]*(?: {VALUE})?)*)"
)


def render(stop: Stop, width: int | None = None) -> str:
    """A stop as a person reads it: a sentence, whether anything was changed, indented lines, then what to type next.
    Commands are named as this project calls them; all of it is printable, and only its lines may have lines of their
    own, which are indented too: so no value in it begins a line that says what to type.
    `width`: of a terminal, where words are folded; what is to be typed stays whole."""
    what = line(stop.what)
    head = what if what.endswith((".", "?", "!", ":")) else f"{what}."
    if stop.changed is False:
        place, but = f" on {line(stop.at)}" if stop.at else "", f"; {line(stop.but)}" if stop.but else ""
        head += f" Nothing was changed{place}{but}."
    if stop.where:
        where = line(stop.where)
        head += f" {where}." if len(head) + len(where) < WIDTH - 1 else f"\n{where}."
    lines = [f"  {part}" for text in stop.lines for part in as_called(printable(text)).split("\n")]
    words = "\n".join([head, *lines])
    return "\n".join([words if width is None else folded(words, width), *follow(stop.next)])


def follow(next: Iterable[str]) -> list[str]:
    """What to type next, a line each: the first behind Next:, the others below it."""
    return [f"{'      ' if number else 'Next: '}{as_called(line(text))}" for number, text in enumerate(next)]


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


def printable(text: str) -> str:
    """The text without its colours, each character that is not shown as itself as \\x1b or so: what comes from afar,
    such as a row's value in a database's complaint, or a file's name, gives no orders to a terminal, and hides nothing.
    New lines and tabs stay. What counts is the character's category in Unicode: DESIGN.md, "Choices"."""
    plain = COLOUR.sub("", text.replace("\r\n", "\n"))
    if plain.isascii() and plain.replace("\n", "").replace("\t", "").isprintable():
        return plain
    return "".join(char if _is_shown(plain, place) else ascii(char)[1:-1] for place, char in enumerate(plain))


def line(text: str) -> str:
    """The same as one line: what should have none gets no second one."""
    return printable(text).replace("\n", "\\n")


def _is_shown(text: str, place: int) -> bool:
    """Whether a character shows as itself, with no effect on what stands around it. Python's own isprintable() is by
    category: no control, format, line or paragraph separator, surrogate, private or unassigned character."""
    char, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if char in "\n\t":
        return True
    if char in JOINERS:
        return _joins(before, after)
    if SELECTORS.match(char):
        return _category(before) in ("So", "Sm", "Lo") or after == KEYCAP
    return (char.isprintable() and not UNSEEN.match(char)) or _category(char) == "Zs"


def _joins(before: str, after: str) -> bool:
    """Whether a joiner has its use between these two: in an emoji, between Arabic letters, at a virama. Between others
    it would only make two names look alike. Source: RFC 5892, appendix A.1 and A.2."""
    if not before or not after:
        return False
    if _category(after) in ("So", "Sm"):
        return _category(before) in ("So", "Sk", "Mn")
    if VIRAMA in (unicodedata.combining(before), unicodedata.combining(after)):
        return True
    return unicodedata.bidirectional(after) == "AL" and unicodedata.bidirectional(before) in ("AL", "NSM")


def _category(char: str) -> str:
    return unicodedata.category(char) if char else ""


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
