"""The ways a task can end, each with its exit code. All print as one clean message under `inv` and `fab`."""

from __future__ import annotations

from invoke.exceptions import Exit


class SlipwayError(Exit):
    """Ends the task: `message` is what the person reads, `code` is the exit code."""

    code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or None, type(self).code)


class WrongUse(SlipwayError):
    """Wrong use, or a fault of the tool itself (1)."""


class Refusal(SlipwayError):
    """It stopped, and nothing was changed (3)."""

    code = 3


class Incident(SlipwayError):
    """It stopped, and a person is needed (4)."""

    code = 4


class Unreachable(SlipwayError):
    """The server cannot be reached, or does not let us in (5)."""

    code = 5


class Returned(SlipwayError):
    """It failed, and the site is back where it was (6)."""

    code = 6


class Interrupted(SlipwayError):
    """Interrupted here; what runs on the server goes on (130)."""

    code = 130
