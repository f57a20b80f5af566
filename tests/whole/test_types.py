"""The server's half is typed as strictly as the laptop's, and for the oldest Python that it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT

SERVER = ROOT / "flask_slipway" / "server"
# `inv test` has mypy look at both halves, as pyproject.toml says and for the newer Python. Here it is the server's; no
# package is looked at: what runs in the app's Python meets other versions than those here.
STRICT = ("--disallow-untyped-defs", "--disallow-incomplete-defs", "--check-untyped-defs", "--warn-unused-ignores")
OLDEST = ("--python-version", "3.8", "--no-site-packages", "--ignore-missing-imports")


def checked(*paths: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """mypy over `paths`, without a configuration; `cache`: a folder for its cache."""
    line = [sys.executable, "-m", "mypy", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}"]
    return subprocess.run([*line, *STRICT, *OLDEST, *paths], cwd=ROOT, capture_output=True, text=True)


def test_every_function_of_the_servers_half_has_types_that_fit_on_its_oldest_python(tmp_path):
    done = checked(SERVER, cache=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def plain(a):\n    return a\n", "no-untyped-def"),
        ('def newer(a: str) -> str:\n    return a.removeprefix("x")\n', "attr-defined"),
        ("def other(a: str) -> int:\n    return a\n", "return-value"),
    ],
    ids=["a function without types", "a method that came with Python 3.9", "a type that does not fit"],
)
def test_what_is_wrong_is_found(tmp_path, source, fault):
    (tmp_path / "wrong.py").write_text(source)
    done = checked(tmp_path / "wrong.py", cache=tmp_path / "cache")
    assert done.returncode == 1 and f"[{fault}]" in done.stdout, done.stdout
