"""Files put into a project all together or not at all: written beside, then named. Nothing is overwritten unseen."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway.errors import Refusal
from flask_slipway.project import beside


@dataclass(frozen=True)
class File:
    """A file to place: its path below the root, its new text, and the text it has now (None: it must not be there)."""

    path: str
    text: str
    before: str | None = None


def place(root: Path, files: Sequence[File]) -> None:
    """Places every file, or takes back those that were placed and raises Refusal."""
    parts: list[tuple[Path, File]] = []
    done: list[File] = []
    try:
        for file in files:
            parts.append((beside.new(root / file.path, _bytes(file.text)), file))
        for part, file in parts:
            _name(root, part, file)
            done.append(file)
    except BaseException as error:
        for file in done:
            _take_back(root, file)
        if not isinstance(error, OSError):
            raise
        why = error.strerror or str(error)
        raise Refusal(f"{file.path} could not be written: {why}", next=["fix it, then again"]) from error
    finally:
        for part, _ in parts:
            part.unlink(missing_ok=True)


def text(path: Path) -> str | None:
    """A file's text, such that writing it again gives the same bytes; None where there is none."""
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _name(root: Path, part: Path, file: File) -> None:
    """Gives the part its name. Raises OSError where another file took it meanwhile, Refusal where a link leads out of
    the project."""
    target = root / file.path
    if file.before is None:
        try:
            os.link(part, target)  # unlike a rename, this never replaces a file
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            with target.open("xb") as new:
                new.write(_bytes(file.text))
        return
    target = beside.inside(root, target)
    if target.read_bytes() != _bytes(file.before):
        raise OSError(f"{file.path} was changed meanwhile")
    shutil.copymode(target, part)
    part.replace(target)


def _take_back(root: Path, file: File) -> None:
    target = root / file.path
    with contextlib.suppress(OSError):
        if file.before is None:
            target.unlink()
        else:
            beside.replace(beside.inside(root, target), _bytes(file.before))
