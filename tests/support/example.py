"""What the unit tests share: a site, and the facts of one that is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_slipway.config import settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site() -> settings.Site:
    """prod of the example configuration."""
    return settings.load(ROOT).sites["prod"]
