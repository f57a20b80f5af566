"""Rows as aligned columns, for 80 of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from flask_slipway import wording

WIDTH = 80


def table(given: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Rows as aligned columns, two spaces between; the last columns are cut where the line would be too long."""
    rows = [[wording.line(cell) for cell in row] for row in given]  # as they will be shown: so they are aligned
    columns = len(rows[0])
    widths = [max(len(row[index]) for row in rows) for index in range(columns)]
    room = width - sum(widths[:-2]) - 2 * (columns - 1)
    if columns > 1 and widths[-2] + widths[-1] > room:
        widths[-2] = max(min(widths[-2], room - widths[-1]), min(widths[-2], room // 2))
    lines = []
    for row in rows:
        cells = [cut_cell(cell, size).ljust(size) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
        lines.append(cut("  ".join([*cells, row[-1]]).rstrip(), width))
    return lines


def cut(text: str, width: int) -> str:
    """The text, with … at its end where it is longer than `width`."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def cut_cell(text: str, width: int) -> str:
    """The same for a cell, but a path loses its middle: its end tells more than that."""
    if len(text) <= width or "/" not in text or width < 8:
        return cut(text, width)
    end = (width - 1) * 2 // 3
    return f"{text[: width - 1 - end]}…{text[-end:]}"
