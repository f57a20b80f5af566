"""Numbers and moments as a person reads them."""

from __future__ import annotations

import time


def count(number: int, noun: str) -> str:
    """The number with its noun: 1 row, 2 rows, 1,200 rows."""
    return "{:,} {}{}".format(number, noun, "" if number == 1 else "s")


def size(number: float) -> str:
    """Bytes: 4.1 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return "%.1f %s" % (number / factor, unit)
    return "%d B" % number


def moment(seconds: float) -> str:
    """Seconds since 1970 as a moment that is the same for everybody: 2026-11-20 18:03:12 UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
