"""Measures, prints tables, and writes them to docs/bench.md where --write says so.

.venv/bin/python bench/run.py                   everything, about a quarter of an hour
.venv/bin/python bench/run.py --only release    one table
.venv/bin/python bench/run.py --quick           everything once, tiny: whether it runs at all"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import commands
import dumps
import releases
from rig import Rig, has_mysql
from table import ROOT, Table

DOCUMENT = ROOT / "docs" / "bench.md"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    times: int = 3
    lists: int = 15
    round_trips: tuple[float, ...] = (0, 0.05, 0.1)
    loads: tuple[float, ...] = (0, 1.5)
    rows: int = 600_000
    large: int = 1 << 30  # bytes of blobs, twice as many in a dump


QUICK = Sizes(times=1, lists=2, round_trips=(0.02,), loads=(0,), rows=2_000, large=0)


class Bench:
    """What the measurements share: a folder, and what is started when first needed."""

    def __init__(self, folder: Path, sizes: Sizes, stack: contextlib.ExitStack) -> None:
        self.folder, self.sizes, self.stack = folder, sizes, stack
        self._rig: Rig | None = None
        self._store: dumps.Store | None = None

    @property
    def rig(self) -> Rig:
        if self._rig is None:
            self._rig = Rig(self.folder / "rig", "mysql")
            self.stack.callback(self._rig.close)
        return self._rig

    @property
    def store(self) -> dumps.Store:
        if self._store is None:
            self._store = dumps.Store(self.folder / "store")
            self.stack.callback(self._store.close)
        return self._store

    def link(self) -> Table:
        return releases.link(list(self.sizes.round_trips))

    def list(self) -> Table:
        return commands.listing(self.folder / "two tasks", self.sizes.lists)

    def app(self) -> Table:
        return releases.reloads(self.rig, [*self.sizes.loads], self.sizes.times)

    def status(self) -> Table:
        return commands.status(self.rig, [*self.sizes.round_trips], self.sizes.times)

    def release(self) -> Table:
        return releases.releases(self.rig, [*self.sizes.round_trips], [*self.sizes.loads], self.sizes.times)

    def wire(self) -> Table:
        return commands.wire(self.rig)

    def backup(self) -> Table:
        return dumps.backup(self.store, self.sizes.rows, self.sizes.times)

    def memory(self) -> Table:
        return dumps.memory(self.store, self.sizes.rows, self.sizes.large)

    def sqlite(self) -> Table:
        return dumps.sqlite(self.folder / "sqlite", self.sizes.rows, self.sizes.times)


NAMES = ("link", "list", "app", "status", "release", "wire", "backup", "memory", "sqlite")
NEED_MYSQL = {"app", "status", "release", "wire", "backup", "memory"}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="everything once, tiny")
    parser.add_argument("--only", action="append", choices=NAMES, help="one table; may be given several times")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/bench.md")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as stack:
        bench = Bench(Path(folder), QUICK if asked.quick else Sizes(), stack)
        for name in asked.only or NAMES:
            if name in NEED_MYSQL and not has_mysql():
                print(f"{name}: left out, for it needs sshd and Oracle's MySQL:  ./bootstrap --servers true\n")
                continue
            measure: Callable[[], Table] = getattr(bench, name)
            lines = measure().lines()
            print("\n".join(lines), flush=True)
            if asked.write:
                write(lines)
    return 0


def write(lines: list[str]) -> None:
    """Puts a table into the document, in the place of an older one of the same title, else at its end."""
    text = DOCUMENT.read_text(encoding="utf-8")
    old = re.compile(rf"^{re.escape(lines[0])}\n.*?(?=^## |\Z)", re.M | re.S)
    new = "\n".join(lines) + "\n"
    text = old.sub(lambda _: new, text) if old.search(text) else f"{text.rstrip()}\n\n{new}"
    DOCUMENT.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
