"""A file replaced whole or not at all: written beside, under a name that nobody can know beforehand; and no link of a
project leads out of it, for the links of a project that was fetched are another's."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from flask_slipway.errors import Refusal


def inside(root: Path, path: Path) -> Path:
    """Where `path` of the project at `root` leads. Raises Refusal where that is outside of the project, and of the
    repository that it lies in, or in what is git's own."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root).resolve()
    target = path.resolve()
    if target.is_relative_to(top) and ".git" not in target.relative_to(top).parts:
        return target
    name = path.relative_to(root)
    lines = [f"it leads to {target}", "what is written into a project stays in it"]
    raise Refusal(f"{name} is a link out of the project", lines, [f"rm {name}, then the same again"])


def replace(target: Path, data: bytes) -> None:
    """Puts `data` in the place of `target`, with its mode where it is there."""
    part = new(target, data)
    try:
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def new(target: Path, data: bytes) -> Path:
    """A file beside `target`, which was not there before, with `data`."""
    part = target.with_name(f"{target.name}.part-{secrets.token_hex(4)}")
    with part.open("xb") as file:
        try:
            file.write(data)
            file.flush()
        except BaseException:
            part.unlink()
            raise
    return part
