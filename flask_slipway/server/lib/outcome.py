"""The ways a run can stop before its end."""


class Stop(Exception):
    """Ends a run. `lines`: the cause, a line each; `next`: what to type next, a line each."""

    outcome = "failed"

    def __init__(self, what, lines=(), next=()):
        super().__init__(what)
        self.what, self.lines, self.next = what, list(lines), list(next)


class Refused(Stop):
    """It stops, and nothing was changed."""

    outcome = "refused"


class Failed(Stop):
    """A step failed: what was changed has to be taken back."""


class Incident(Stop):
    """It stops, and a person is needed."""

    outcome = "incident"


class Nothing(Stop):
    """There is nothing to do."""

    outcome = "nothing"
