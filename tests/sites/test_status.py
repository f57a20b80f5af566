"""The table of `inv status`."""

from __future__ import annotations

from flask_slipway.errors import Unreachable
from flask_slipway.sites.status import Column, lines


def test_a_site_that_cannot_be_asked_says_why_below_those_that_answer():
    stop = Unreachable("prod.example.org does not let me in", ["It was tried once."], ["ssh me@prod.example.org"])
    shown = lines([Column("staging", {"code": "3f2a6d1"}), Column("prod", stop=stop)])
    assert shown == [
        "      staging",
        "code  3f2a6d1",
        "prod: prod.example.org does not let me in",
        "  It was tried once.",
        "  Next: ssh me@prod.example.org",
    ]
