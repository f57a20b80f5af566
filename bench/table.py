"""A measurement's figures as a table that is read in a terminal and in docs/bench.md alike."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from flask_slipway.sandbox.host import programs  # noqa: E402

median = statistics.median


@dataclass(frozen=True)
class Table:
    """`rows` below `columns`, all texts, and what to know about them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())

    def lines(self) -> list[str]:
        """As Markdown, with columns that are aligned in plain text too."""
        widths = [max(len(row[i]) for row in [self.columns, *self.rows]) for i in range(len(self.columns))]
        head, *body = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in [self.columns, *self.rows]
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        notes = [line for note in self.notes for line in ("", note)]
        return [f"## {self.title}", "", head, rule, *body, *notes, "", f"Measured {moment()}; {machine()}.", ""]


def moment() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def machine() -> str:
    """This machine in a line: cores, memory, system, versions; and how busy it was in the last minute."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    load = Path("/proc/loadavg").read_text().split()[0]
    known = [_version(found.server) for name in ("mysql", "mariadb") if (found := programs.find(name))]
    words = [f"{os.cpu_count()} cores", f"{int(memory.split()[1]) / 2**20:.0f} GB", f"Linux {platform.release()}"]
    return ", ".join([*words, f"Python {platform.python_version()}", *known, f"load average {load}"])


def _version(server: Path) -> str:
    told = subprocess.run([server, "--no-defaults", "--version"], capture_output=True, text=True).stdout
    name = "MariaDB" if "MariaDB" in told else "MySQL"
    return f"{name} {told.split('Ver ')[-1].split()[0].split('-')[0]}"


def seconds(value: float) -> str:
    return f"{value:.2f} s"
