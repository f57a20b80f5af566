"""Virtualenvs with other versions of Python and of the libraries that an app is made of, down to the oldest served."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DRIVERS = ("python-dotenv", "pymysql<1.1")
PINS = {
    "oldest": (
        *("Flask==1.1.4", "SQLAlchemy==1.4.0", "Flask-SQLAlchemy==2.5.1", "Flask-Migrate==2.7.0", "alembic==1.7.0"),
        *("Werkzeug<2", "Jinja2<3", "MarkupSafe<2.1", "itsdangerous<2", "click<8"),
    ),
    "SQLAlchemy 2.0": (
        *("Flask==2.3.3", "SQLAlchemy==2.0.36", "Flask-SQLAlchemy==3.0.5", "Flask-Migrate==4.0.5", "alembic==1.13.1"),
    ),
}


def interpreters() -> dict[tuple[int, int], str]:
    """The Pythons on PATH and under pyenv, by version."""
    found = {}
    candidates = [shutil.which(f"python3.{minor}") for minor in range(8, 20)]
    candidates += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    for path in filter(None, candidates):
        done = subprocess.run([path, "--version"], capture_output=True, text=True)
        version = re.match(r"Python (\d+)\.(\d+)", done.stdout)
        if version:
            found[int(version[1]), int(version[2])] = path
    return found


PYTHONS = interpreters()


def virtualenv(which: str, folder: Path) -> Path:
    """A virtualenv with those versions below `folder`, made once: "oldest" for Python 3.8, others for the one here.
    Skips where there is no Python 3.8."""
    made = folder / which.replace(" ", "-")
    if not (made / "whole").exists():
        python = PYTHONS.get((3, 8)) if which == "oldest" else sys.executable
        if python is None:
            pytest.skip("there is no Python 3.8 here: pyenv install 3.8")
        subprocess.run([python, "-m", "venv", "--clear", made], check=True)
        line = [made / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*line, *PINS[which], *DRIVERS], check=True, stdin=subprocess.DEVNULL)
        (made / "whole").touch()
    return made
