"""The ways a task can end, each with its exit code. All print as one clean message under `inv` and `fab`."""

from __future__ import annotations

from collections.abc import Iterable

from invoke.exceptions import Exit

from flask_slipway import wording
from flask_slipway.server.lib.stop import Stop


class SlipwayError(Stop, Exit):
    """Ends the task with `code`. What it is told with stays apart (Stop) until it is shown: `message` is the text."""

    code = 1
    before = ""  # what stands before the message

    def __init__(
        self,
        what: str = "",
        lines: Iterable[str] = (),
        next: Iterable[str] = (),
        changed: bool | None = None,
        at: str = "",
        but: str = "",
    ) -> None:
        super().__init__(what, lines, next, changed, at, but)
        self._shown: str | None = None

    @property
    def message(self) -> str:
        """The text that is printed: plain, unless it was rendered for this terminal and this project."""
        return self.before + wording.render(self) if self._shown is None else self._shown

    @message.setter
    def message(self, text: str) -> None:
        self._shown = text

    def show(self, width: int | None) -> None:
        """Renders it for a terminal of `width`, None for a file, with the commands' names as they are called now."""
        self._shown = self.before + wording.render(self, width)

    def __str__(self) -> str:
        return self.message


class WrongUse(SlipwayError):
    """Wrong use (1)."""

    changed: bool | None = False


class Fault(SlipwayError):
    """A fault of the tool itself (1)."""


class Refusal(SlipwayError):
    """It stopped, and nothing was changed (3)."""

    code = 3
    changed: bool | None = False


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
    before = "\n"  # the terminal shows ^C where the cursor was
