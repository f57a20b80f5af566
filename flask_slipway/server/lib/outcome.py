"""The ways a run can stop before its end."""

from __future__ import annotations

from ..protocol import Outcome
from .stop import Stop


class Ended(Stop):
    """A stop on the server. `outcome`: how the run ends by it, where nothing has to be taken back."""

    outcome: Outcome = "refused"


class Refused(Ended):
    """It stops, and nothing was changed."""

    changed = False


class Failed(Ended):
    """A step failed: what was changed has to be taken back."""


class Incident(Ended):
    """It stops, and a person is needed."""

    outcome: Outcome = "incident"


class Nothing(Ended):
    """There is nothing to do."""

    outcome: Outcome = "nothing"
