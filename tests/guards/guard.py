"""What a guard is: a line of code without which a guarantee would not hold, and the tests that miss it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """`guarantee`: the number of the one in DESIGN.md that it stands for, where its `name` is told; `file`: below
    flask_slipway; `text`: what is taken out of it, which is there once; `instead`: what takes its place; `tests`: those
    below tests that must fail then, as pytest names them, the cheapest that show it."""

    name: str
    guarantee: int
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    def taken_out(self, text: str) -> str:
        """The text of its file without it. Raises ValueError where it is not there just once."""
        found = text.count(self.text)
        if found != 1:
            raise ValueError("its text is gone" if not found else f"its text is there {found} x")
        return text.replace(self.text, self.instead)
