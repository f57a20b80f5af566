"""`inv freeze`: requirements.txt written anew, and what was left out said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flask_slipway import console, requirements, words


def freeze(root: Path, app: str) -> Iterator[str]:
    """Writes requirements.txt; says what it lists and left out. Raises Refusal."""
    found = requirements.freeze(root, app)
    listed = words.count(len(found.text.splitlines()), "package")
    if found.changed:
        requirements.write(root, found)
        yield f"Wrote requirements.txt: {listed}."
    else:
        yield f"Nothing to do: requirements.txt lists these {listed} already."
    for line in found.left_out:
        yield from console.wrapped(f"left out, {line}", 2)
    if found.changed:
        yield "Next: git diff requirements.txt"
