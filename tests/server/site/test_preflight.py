"""What must be there: told also where links lead round in a circle."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.site import preflight


def test_links_that_lead_round_in_a_circle_are_a_python_that_is_gone(tmp_path):
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    os.symlink("python3", folder / "python")
    os.symlink("python", folder / "python3")
    site = SimpleNamespace(name="prod", virtualenv=str(tmp_path / "venv"), python=str(folder / "python"))
    with pytest.raises(Refused, match="of a Python that is gone"):
        preflight._check_virtualenv(site)
