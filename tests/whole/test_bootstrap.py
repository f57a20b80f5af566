"""The first command after a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT


@pytest.mark.parametrize("version", ["3.6", "3.8"])
def test_an_old_python_says_what_is_needed_and_changes_nothing(tmp_path, version):
    found = next((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python{version}"), None)
    if found is None:
        pytest.skip(f"Python {version} is not on this machine: install it, for example with pyenv")
    words = [found, ROOT / "bootstrap", "inv", "test"]
    said = subprocess.run(words, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert said.returncode == 1
    assert "this needs Python 3.10 or newer" in said.stderr and "Nothing was changed." in said.stderr
    assert len(said.stderr.splitlines()) == 2


def test_without_a_command_it_shows_how_it_is_used():
    said = subprocess.run([sys.executable, ROOT / "bootstrap"], capture_output=True, text=True)
    assert said.returncode == 1 and "./bootstrap --servers inv test" in said.stdout
