"""The commands that messages name, as they are called where a person's own task file takes the suite in by a name.

The task that runs says how, once; it is put in wherever a command is shown. So is where the sandbox is configured that
`inv sandbox.up` made: by the site that it is made after, as invoke.yaml does not name it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

_PREFIXES: ContextVar[Mapping[str, str]] = ContextVar("prefixes", default=MappingProxyType({}))
_MODEL: ContextVar[Callable[[], str]] = ContextVar("model", default=str)

# A line with a key of the sandbox; what tells to set it; the keys that it has of the site it is made after.
OF_SANDBOX = re.compile(r"(?m)^( *(?:or )?)(.*\b(?:of|for) )sandbox( (?:in|out of) invoke\.yaml.*)$")
TOLD = re.compile(r"\b(?:set|correct|name|take|check)\b")
TAKEN_OVER = re.compile(r"\b(?:health|branch|app|writes_on_load|env):")


@contextlib.contextmanager
def called(prefixes: Mapping[str, str], model: Callable[[], str] = str) -> Iterator[None]:
    """While it lasts, tasks are called so. `prefixes`: what stands before a task's name, by its program: inv, fab.
    `model`: tells the site that the sandbox is made after, "" where invoke.yaml names the sandbox itself."""
    token, other = _PREFIXES.set(prefixes), _MODEL.set(model)
    try:
        yield
    finally:
        _PREFIXES.reset(token)
        _MODEL.reset(other)


def as_called(text: str) -> str:
    """The text with its commands as this project calls them; once more changes nothing."""
    if "sandbox" in text and OF_SANDBOX.search(text) and (model := _MODEL.get()()):
        text = OF_SANDBOX.sub(lambda line: _configured(line, model), text)
    return renamed(text, _PREFIXES.get())


def _configured(line: re.Match[str], model: str) -> str:
    """Where a key of the sandbox is really set; what is none of the model's, `inv sandbox.up` writes anew."""
    if not TOLD.search(line[2]):
        return f"{line[1]}{line[2]}{model}{line[3]}"
    if TAKEN_OVER.search(line[2]):
        return f"{line[1]}{line[2]}{model}{line[3]}, then  inv sandbox.up"
    return f"{line[1]}inv sandbox.up"


def renamed(text: str, prefixes: Mapping[str, str]) -> str:
    """`text` with the prefix of its program before each task: inv release → inv slipway.release. One that is an option,
    -c slipway_tasks, stands before the program's own options too."""
    for program, prefix in prefixes.items():
        follows = "[a-z]|--list|--help" if prefix.startswith("-") else "[a-z]"
        text = re.sub(rf"\b{program} (?={follows})(?!{re.escape(prefix)})", f"{program} {prefix}", text)
    return text
