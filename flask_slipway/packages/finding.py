"""What was looked at before a release, and found. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """What was looked at and found; `next` says what to type where it would stop a release (`stops`)."""

    subject: str
    text: str
    stops: bool = False
    lines: tuple[str, ...] = field(default=())
    next: tuple[str, ...] = field(default=())
