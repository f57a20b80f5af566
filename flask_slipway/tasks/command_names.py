"""The commands that messages name, as they are called where a person's own task file takes the suite in by a name."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from invoke.exceptions import Exit

from flask_slipway.project import taskfiles


@contextlib.contextmanager
def told(root: Path) -> Iterator[None]:
    """While it lasts, what is printed names `inv slipway.release` where that is how the project at `root` calls it."""
    prefixes = taskfiles.prefixes(root)
    if not prefixes:
        yield
        return
    out, err = Renaming(sys.stdout, prefixes), Renaming(sys.stderr, prefixes)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    except Exit as error:
        if error.message:
            error.message = renamed(error.message, prefixes)
        raise


def renamed(text: str, prefixes: Mapping[str, str]) -> str:
    """`text` with the prefix of its program before each task: inv release → inv slipway.release. One that is an option,
    -c slipway_tasks, stands before the program's own options too."""
    for program, prefix in prefixes.items():
        follows = "[a-z]|--list|--help" if prefix.startswith("-") else "[a-z]"
        text = re.sub(rf"\b{program} (?={follows})(?!{re.escape(prefix)})", f"{program} {prefix}", text)
    return text


class Renaming:
    """A stream that renames the commands in what is written to it; all else is the stream's own."""

    def __init__(self, stream: TextIO, prefixes: Mapping[str, str]) -> None:
        self._stream, self._prefixes = stream, prefixes

    def write(self, text: str) -> int:
        self._stream.write(renamed(text, self._prefixes))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
