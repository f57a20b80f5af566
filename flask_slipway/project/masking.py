"""What is secret in this project, covered in what programs say here: its tests, git, the app."""

from __future__ import annotations

import os
from pathlib import Path

from flask_slipway.server.lib.masking import Mask, is_address, is_plain


def mask(root: Path) -> Mask:
    """Knows the secrets of the project's .env and .flaskenv, of this process's environment and of git's remotes."""
    found = Mask()
    found.add_settings(os.environ)
    for name in (".env", ".flaskenv"):
        found.add_env(_text(root / name))
    found.add_remotes(next(filter(None, (_text(path / ".git" / "config") for path in (root, *root.parents))), ""))
    return found


def values(root: Path) -> frozenset[str]:
    """What the project's .env and .flaskenv keep secret: nothing made of words, and of an address its login alone."""
    found = Mask()
    for name in (".env", ".flaskenv"):
        found.add_env(_text(root / name))
    return frozenset(value.strip() for value in found.values if not (is_plain(value.strip()) or is_address(value)))


def masked(text: str, root: Path) -> str:
    """A program's words without the project's secrets. Cut them afterwards."""
    return mask(root).text(text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
