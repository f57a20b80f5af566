"""The ways a run can stop before its end."""

from ..protocol import Stop


class Refused(Stop):
    """It stops, and nothing was changed."""

    outcome = "refused"
    changed = False


class Failed(Stop):
    """A step failed: what was changed has to be taken back."""

    outcome = "failed"


class Incident(Stop):
    """It stops, and a person is needed."""

    outcome = "incident"


class Nothing(Stop):
    """There is nothing to do."""

    outcome = "nothing"
