"""Why something ends before it is done: the one class of both halves, alone, for every command meets it."""

from __future__ import annotations

from typing import Iterable, Optional


class Stop(Exception):
    """Why something ends before it is done: a value, until it is shown.

    `what`: what happened, without a period; `lines`: what explains it, a line each; `next`: what to type next, a line
    each, the first the likeliest. `changed`: False where nothing was changed, True where something was, None where
    that is not known; `at`: the site that this is said of; `but`: what was changed elsewhere, such as
    "50134ed is committed, not pushed". `where`: how the site stands, set where that is known."""

    changed: Optional[bool] = None
    where = ""

    def __init__(
        self,
        what: str = "",
        lines: Iterable[str] = (),
        next: Iterable[str] = (),
        changed: Optional[bool] = None,
        at: str = "",
        but: str = "",
    ) -> None:
        super().__init__(what)
        self.what, self.lines, self.next = what, list(lines), list(next)
        self.at, self.but = at, but
        if changed is not None:
            self.changed = changed
