"""Two commits of this project against each other: the same commands in two clones, in turns.

python bench/commits.py OLD NEW            OLD and NEW: clones of this repository that are thrown away afterwards
python bench/commits.py OLD NEW --times 9

Each gets a sandbox with its own MySQL, or what this machine has, and is changed, committed and released to again and
again. What else the machine does meets both."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from table import Table, median, seconds

from flask_slipway.sandbox.host.processes import free_port

VERSIONS = "migrations/versions"
REVISION = '''"""change nothing {number}"""

from alembic import op

revision = "{identifier}"
down_revision = "{down}"


def upgrade():
    op.execute("UPDATE comments SET content = content")


def downgrade():
    op.execute("UPDATE comments SET content = content")
'''


class Clone:
    """A clone with a running sandbox. `head`: its newest revision."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.head, self.number = folder, "d0641f33", 0
        self.move_ports()
        self.run("./bootstrap", "inv", "setup")
        self.inv("sandbox.up", "--openssh", "--database", database)
        self.inv("release", "--to", "sandbox", "--yes", "--skip-tests", "-m", "Begin")

    def move_ports(self) -> None:
        """Free ports for this clone's sandbox, in its invoke.yaml: two sandboxes are up at a time."""
        path = self.folder / "invoke.yaml"
        text = path.read_text()
        for port in re.findall(r"\b8022\b|\b22022\b", text):
            text = text.replace(port, str(free_port()))
        path.write_text(text)

    def run(self, *command: str) -> float:
        """Runs a command in the clone and returns the seconds it took. Raises RuntimeError where it fails."""
        env = {**os.environ, "PATH": os.pathsep.join([str(self.folder / ".venv/bin"), os.environ["PATH"]])}
        began = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return time.monotonic() - began

    def inv(self, *words: str) -> float:
        return self.run("inv", *words)

    def release(self, revision: bool) -> float:
        """The seconds of a release of one changed line, with a revision or without."""
        self.number += 1
        page = self.folder / "app/templates/base.html"
        page.write_text(page.read_text().replace("</body>", f"<!-- {self.number} --></body>"))
        if revision:
            identifier = f"aa{self.number:06d}"
            text = REVISION.format(number=self.number, identifier=identifier, down=self.head)
            (self.folder / VERSIONS / f"{identifier}_nothing.py").write_text(text)
            self.head = identifier
            self.inv("upgrade")
        return self.inv("release", "--to", "sandbox", "--yes", "--skip-tests", "-m", f"Change {self.number}")

    def end(self) -> None:
        self.inv("sandbox.down", "--remove")


COMMANDS: dict[str, Callable[[Clone], float]] = {
    "inv --list": lambda clone: clone.inv("--list"),
    "fab ENV.status": lambda clone: clone.run("fab", "sandbox.status"),
    "a release, nothing to migrate": lambda clone: clone.release(revision=False),
    "a release, one revision": lambda clone: clone.release(revision=True),
}


def compared(old: Clone, new: Clone, times: int) -> Table:
    """A row for each command: medians of both, and of the ratios within a round; who begins a round changes."""
    rows = []
    for name, command in COMMANDS.items():
        pairs = []
        for number in range(times + 1):
            order = (old, new) if number % 2 else (new, old)
            spent = {clone: command(clone) for clone in order}
            pairs.append((spent[old], spent[new]))
        counted = pairs[1:]  # the first round warms up
        ratio = median([after / before for before, after in counted])
        rows.append([name, *(seconds(median([pair[i] for pair in counted])) for i in (0, 1)), f"{ratio:.2f}"])
    return Table("Two commits", ("command", "old", "new", "ratio"), rows, [f"Medians of {times} rounds, in turns."])


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--database", default="auto")
    asked = parser.parse_args(words)
    clones = []
    try:
        for folder in (asked.old, asked.new):
            clones.append(Clone(folder.resolve(), asked.database))
        print("\n".join(compared(*clones, asked.times).lines()))
    finally:
        for clone in clones:
            clone.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
