"""Plays `inv demo` in a terminal of 80 columns and copies parts of it into README.md:  python docs/write_transcripts.py

--check plays it too, changes nothing, and ends with 1 where README.md shows another form than what was seen. Figures,
times, ids and ports differ from run to run: in README they are those of one real run; only their form is compared."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COLUMNS, ROWS = 80, 24
# What is shown: (its mark in README.md, how its command line begins, how its last line begins).
SHOWN = (
    ("release", '$ inv release --to sandbox -m "Let comments have a mood"', "To go back:"),
    ("refusal", "$ inv release --to sandbox --dry", "Next:"),
    ("returned", '$ inv release --to sandbox -m "Number the comments"', "Next:"),
)


def play(folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Plays the demo of the clone in `folder`: (its exit code, what stood on an 80-column terminal)."""
    ours, theirs = pty.openpty()
    size = f"rows {ROWS} columns {COLUMNS}".split()
    subprocess.run(["stty", *size], stdin=theirs, check=True)
    line = [sys.executable, "-m", "invoke", "demo"]
    shown = env | {"TERM": "xterm", "COLUMNS": str(COLUMNS)}
    child = subprocess.Popen(line, cwd=folder, env=shown, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b"".join(iter(lambda: _some(ours), b""))
    os.close(ours)
    return child.wait(), rendered(told.decode("utf-8", "replace"))


def _some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # so Linux tells that nobody has the other end any more
        return b""


def rendered(told: str) -> str:
    """What is left to read of a terminal's output: without colours, with each line as it was last written over."""
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", told)
    return "\n".join(_overwritten(line) for line in plain.split("\n"))


def _overwritten(line: str) -> str:
    seen: list[str] = []
    for part in line.split("\r"):
        seen[: len(part)] = part
    return "".join(seen).rstrip()


def transcripts(told: str) -> dict[str, str]:
    """{mark: its part of what the demo told}. Raises ValueError where a part is not there."""
    found = {}
    for mark, first, last in SHOWN:
        part = re.search(rf"^{re.escape(first)}.*?^{re.escape(last)}.*?(?=\n\n)", told, re.S | re.M)
        if part is None:
            raise ValueError(f"the demo does not show {first} … {last}")
        found[mark] = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8022", part[0])
    return found


def block(mark: str) -> re.Pattern[str]:
    """The marked block of README.md; its group `text` is what the terminal showed."""
    name = re.escape(mark)
    return re.compile(rf"(?P<head><!-- transcript: {name} -->\n```\n)(?P<text>.*?)(?P<foot>\n```\n<!-- end -->)", re.S)


def with_transcripts(readme: str, found: dict[str, str]) -> str:
    """README.md's text with its marked blocks replaced."""
    for mark, text in found.items():
        readme, times = block(mark).subn(lambda seen, text=text: seen["head"] + text + seen["foot"], readme)
        if times != 1:
            raise ValueError(f"README.md has {times} blocks for the transcript {mark}, not one")
    return readme


def form(text: str) -> list[str]:
    """The lines of a transcript without what differs from run to run: figures, ids, the space between."""
    for what, instead in (
        (r"\b\d{8}T\d{6}Z(?:-\d+)?\b", "ID"),
        (r"(?<![^\W_])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?![^\W_])", "ID"),
        (r"\d+(?:[.,]\d+)*", "0"),
        (r"\b0 (kB|MB)\b", "0 MB"),
        (r"\b0 (file|test|row|table|commit|revision)s?\b", r"0 \1s"),
        (r"[ \t]+", " "),
    ):
        text = re.sub(what, instead, text)
    return [line.strip() for line in text.splitlines()]


def steps(text: str) -> list[str]:
    """The names of the steps in a transcript: the lines that begin with one and end with a time."""
    return re.findall(r"^  (\w[\w ]*?)  .* s$", text, re.M)


def differences(readme: str, told: str) -> list[str]:
    """A line for each line of README.md's transcripts that has another form in what the demo `told`. Where the demo
    had another kind of database, only the steps are compared: much of the rest is the database's own words."""
    wrong = []
    compared = form if dialect(readme) == dialect(told) else steps
    for mark, text in transcripts(told).items():
        found = block(mark).search(readme)
        ours, theirs = compared(found["text"] if found else ""), compared(text)
        wrong += [f"{mark}: README.md has {a!r}, the demo {b!r}" for a, b in _pairs(ours, theirs) if a != b]
    return wrong


def _pairs(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    most = max(len(ours), len(theirs))
    ours, theirs = (lines + [""] * (most - len(lines)) for lines in (ours, theirs))
    return list(zip(ours, theirs, strict=True))


def dialect(text: str) -> str:
    """The kind of database in the plan of a release."""
    found = re.search(r"^  database  +(\w+),", text, re.M)
    return found[1] if found else ""


def main(words: list[str]) -> int:
    foreign = ("GIT_", "FLASK_", "INVOKE_", "FABRIC_", "PYTEST", "PYTHON")
    env = {key: value for key, value in os.environ.items() if not key.startswith(foreign) and key != "DATABASE_URL"}
    code, told = play(ROOT, env)
    if code:
        print(told[-3000:])
        return code
    readme = README.read_text(encoding="utf-8")
    if words == ["--check"]:
        wrong = differences(readme, told)
        print("\n".join(wrong) or "README.md shows what the demo shows.")
        return 1 if wrong else 0
    README.write_text(with_transcripts(readme, transcripts(told)), encoding="utf-8")
    print("README.md written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
