"""The commands that messages name, as they are called where a person's own task file takes the suite in by a name.

The task that runs says how, once; it is put in wherever a command is shown."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

_PREFIXES: ContextVar[Mapping[str, str]] = ContextVar("prefixes", default=MappingProxyType({}))


@contextlib.contextmanager
def called(prefixes: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, tasks are called so. `prefixes`: what stands before a task's name, by its program: inv, fab."""
    token = _PREFIXES.set(prefixes)
    try:
        yield
    finally:
        _PREFIXES.reset(token)


def as_called(text: str) -> str:
    """The text with its commands as this project calls them; once more changes nothing."""
    return renamed(text, _PREFIXES.get())


def renamed(text: str, prefixes: Mapping[str, str]) -> str:
    """`text` with the prefix of its program before each task: inv release → inv slipway.release. One that is an option,
    -c slipway_tasks, stands before the program's own options too."""
    for program, prefix in prefixes.items():
        follows = "[a-z]|--list|--help" if prefix.startswith("-") else "[a-z]"
        text = re.sub(rf"\b{program} (?={follows})(?!{re.escape(prefix)})", f"{program} {prefix}", text)
    return text
