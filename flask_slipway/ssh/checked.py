"""What a server says, held on arrival to the shapes and forms of protocol.py: what the laptop uses of it, as an
argument of git, a path, a number, an exit code, a command to type, is what it must be, or ends the conversation.

What is only shown may be any text: it is made printable where it is shown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from flask_slipway.config import keys
from flask_slipway.server import protocol
from flask_slipway.server.protocol import CODES, Event

LATEST = 253_402_300_799  # the last second of the year 9999
LONGEST = 10**9  # seconds
LARGEST = 1 << 63  # of an amount
MOST_DIGITS = 20  # of a whole number
WRONG_USE = 1  # the exit code of a request that does not say what it must, or of an internal error


class Wrong(Exception):
    """A server said what cannot be true; the text names it."""


@dataclass(frozen=True)
class Form:
    """What a value must be: `holds` tells, `words` says it."""

    words: str
    holds: Callable[[Any], bool]


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _number(value: Any, most: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value < most


def _is_path(value: Any) -> bool:
    if not (isinstance(value, str) and value and _is_text(value)):
        return False
    return not (value.startswith("/") or {"..", "\0"} & {*value.split("/")})


# Outside of quotes these would make more than one command of a line, or send it elsewhere.
QUOTED = re.compile(r"""'[^']*'|"(?:[^"`$\\]|\$(?!\())*\"""")
OPERATOR = re.compile(r"[;|&<>`\r\n]|\$\(")


def is_to_type(value: Any) -> bool:
    """Whether a person can type the line, or paste it, without more happening than it shows."""
    return isinstance(value, str) and not OPERATOR.search(QUOTED.sub("", value))


# By the names that protocol.py has for them.
FORMS: Mapping[str, Form] = {
    "Commit": Form("40 hexadecimal digits", _text("[0-9a-f]{40}")),
    "Digest": Form("64 hexadecimal digits", _text("[0-9a-f]{64}")),
    "ProjectPath": Form("a path in the project", _is_path),
    "SiteName": Form("the name of a site", _text(keys.NAME.pattern)),
    "UpDown": Form("up or down", _text("up|down")),
    "Amount": Form("an amount", lambda value: type(value) is int and 0 <= value < LARGEST),
    "Moment": Form("a moment", lambda value: _number(value, LATEST)),
    "Seconds": Form("a duration", lambda value: _number(value, LONGEST)),
    "Label": Form(
        "a revision and its message",
        lambda value: isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value),
    ),
    "ToType": Form("one command, or words", is_to_type),
    "WayBack": Form("a task that goes back", _text(r"[a-z]+( --[a-z-]+)?( \w[\w.-]*)?")),
}

EVENTS: Mapping[str, type] = {
    "step": protocol.Step,
    "say": protocol.Said,
    "text": protocol.Said,
    "rows": protocol.Rows,
    "returning": protocol.Returning,
    "no home": protocol.NoHome,
    "not kept": protocol.NotKept,
}
FACTS: Mapping[str, type] = {
    "upgrade": protocol.UpFacts,
    "downgrade": protocol.DownFacts,
    "rollback": protocol.DownFacts,
    "restore": protocol.RestoreFacts,
    "recover": protocol.RecoverFacts,
}
FOUND: Mapping[str, type] = {
    "status": protocol.StatusData,
    "current": protocol.CurrentData,
    "health": protocol.HealthData,
}


def event(data: bytes, task: str) -> Event:
    """The event that the bytes hold, of a conversation about `task`. Raises Wrong."""
    try:
        said = json.loads(data.decode(), parse_int=_whole)
    except (ValueError, RecursionError):
        raise Wrong("a line that is no JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("event"), str):
        raise Wrong("a line that is no event")
    name = said["event"]
    if name == "facts":
        _see(said, FACTS.get(task, protocol.TaskFacts), name)
    elif name == "end":
        _see_end(said, task)
    elif name in EVENTS:
        _see(said, EVENTS[name], name)
    if name == "rows" and not (said["columns"] and all(len(row) == len(said["columns"]) for row in said["rows"])):
        raise Wrong("a table whose rows are not as long as its head")
    return said


def _whole(digits: str) -> int:
    """A whole number; of very many digits one is made in ever more time."""
    if len(digits) > MOST_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _see_end(end: Event, task: str) -> None:
    """The last event. It may have been kept by an older version, so what lacks in it lacks; and a run's end is not lost
    for a line that nobody should type: that is told with the cause instead. Raises Wrong."""
    offered = end.get("next")
    if isinstance(offered, list):
        end["next"] = [line for line in offered if is_to_type(line)]
        refused = [str(line) for line in offered if not is_to_type(line)]
        if refused and isinstance(end.get("cause"), list):
            end["cause"] = [*end["cause"], *refused]
    _see(end, protocol.End, "end", partial=True)
    codes: Mapping[Any, int] = CODES
    code, outcome = end.get("code"), end.get("outcome")
    if code != codes.get(outcome, code) and not (outcome == "refused" and code == WRONG_USE):
        raise Wrong(f"the exit code {_shown(code)} for {_shown(outcome)}")
    data: Any = end.get("data") or {}
    if code == 0 and task in FOUND:
        _see(data, FOUND[task], "data")
    _see(data, protocol.EndData, "data", partial=True)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    """The keys of a shape with their types, in which the named values stand as their forms."""
    forms: dict[str, Any] = {name: Annotated[object, form] for name, form in FORMS.items()}
    return get_type_hints(kind, localns=forms, include_extras=True)


@cache
def _needed(kind: type) -> frozenset[str]:
    """The keys that a shape must have."""
    whole = [base for base in kind.__mro__ if vars(base).get("total")]
    return frozenset(name for base in whole for name in vars(base).get("__annotations__", ()))


def _see(value: Any, hint: Any, path: str, partial: bool = False) -> None:
    """Raises Wrong unless the value is of the type. `path`: where it stands; `partial`: keys may lack."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        _refuse_unless(parts[1].holds(value), value, path, parts[1].words)
    elif origin is Union:  # Optional
        if value is not None:
            _see(value, parts[0], path, partial)
    elif origin is Literal:
        _refuse_unless(isinstance(value, str) and value in parts, value, path, " or ".join(map(str, parts)))
    elif origin is list:
        _refuse_unless(isinstance(value, list), value, path, "a list")
        for each in value:
            _see(each, parts[0], path, partial)
    elif origin is dict:
        _refuse_unless(isinstance(value, dict), value, path, "a table")
        for key, each in value.items():
            _see(key, parts[0], path)
            _see(each, parts[1], f"{path}.{key}", partial)
    elif isinstance(hint, type) and issubclass(hint, dict):
        _see_shape(value, hint, path, partial)
    elif hint is not Any:
        fits = type(value) is hint and (hint is not str or _is_text(value))
        _refuse_unless(fits, value, path, NAMES.get(hint, hint.__name__))


def _see_shape(value: Any, kind: type, path: str, partial: bool) -> None:
    _refuse_unless(isinstance(value, dict), value, path, "a table")
    lacking = sorted(_needed(kind) - value.keys()) if not partial else []
    if lacking:
        raise Wrong(f"{path} without {lacking[0]}")
    for key, hint in _hints(kind).items():
        if key in value:
            _see(value[key], hint, f"{path}.{key}", partial)


def _is_text(value: str) -> bool:
    """Whether it can be written: bytes that are no text are, as surrogateescape has them; half a character is not."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _refuse_unless(fits: bool, value: Any, path: str, words: str) -> None:
    if not fits:
        raise Wrong(f"{path} is {_shown(value)}, not {words}")


def _shown(value: Any) -> str:
    """The beginning of a value, as Python writes it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
