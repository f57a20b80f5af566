"""The project's checks and tests: the whole suite for `inv test`, one quick command for a release."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import Refusal
from flask_slipway.project.masking import masked
from flask_slipway.ui import output

NO_TESTS = 5  # pytest's exit code where it found none
LAST_LINES = 12
UNSAID = ("pytest",)  # the command where invoke.yaml says none


@dataclass(frozen=True)
class Result:
    """How a release's tests ended: `summary`, such as 41 tests."""

    summary: str


def suite(root: Path, arguments: Sequence[str]) -> int:
    """Lint, types, then pytest with `arguments`; returns the exit code. What pytest prints stands last."""
    failed = False
    for line in linters(root):
        done = subprocess.run(line, cwd=root, capture_output=True, text=True)
        name = " ".join(line[2:])
        output.line(f"{name}: {'done' if done.returncode == 0 else 'failed'}")
        if done.returncode:
            failed = True
            output.text(masked(done.stdout + done.stderr, root))
    if importlib.util.find_spec("pytest") is None:
        output.line("pytest is not installed; to run tests: pip install pytest")
        return int(failed)
    if failed:
        output.line("The tests run all the same; this ends with 1.")
    code = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=root).returncode
    return 0 if code == NO_TESTS and not arguments and not failed else (code or int(failed))


def linters(root: Path) -> Iterator[list[str]]:
    """The command lines of ruff and mypy, where the project has them configured and they are installed."""
    if _configured(root, "ruff", "ruff.toml", ".ruff.toml"):
        yield [sys.executable, "-m", "ruff", "check"]
        yield [sys.executable, "-m", "ruff", "format", "--check"]
    if _configured(root, "mypy", "mypy.ini", ".mypy.ini"):
        yield [sys.executable, "-m", "mypy"]


def _configured(root: Path, tool: str, *files: str) -> bool:
    text = (root / "pyproject.toml").read_text(encoding="utf-8") if (root / "pyproject.toml").is_file() else ""
    there = f"[tool.{tool}" in text or any((root / name).is_file() for name in files)
    return there and importlib.util.find_spec(tool) is not None


def for_release(root: Path, line: Sequence[str]) -> Result:
    """Runs the `test:` command of invoke.yaml. Raises Refusal with the end of what it printed."""
    command = program(line)
    if command is None and tuple(line) == UNSAID:
        return Result(f"no tests: {line[0]} is not installed")
    if command is None:
        what = f"The tests cannot run: {line[0]} is not installed"
        next_lines = [f"install {line[0]}, or correct  test:  in invoke.yaml", "or, without them:  --skip-tests"]
        raise Refusal(what, next=next_lines)
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True)
    printed = masked((done.stdout + done.stderr).decode("utf-8", "replace").strip(), root)
    if "pytest" in line[0] and done.returncode == NO_TESTS:
        return Result("no tests")
    if done.returncode:
        tail = [text for text in printed.splitlines() if text.strip()][-LAST_LINES:]
        shown = shlex.join(line)
        raise Refusal(f"The tests failed: {shown} ended with {done.returncode}", tail, [shown])
    passed = re.findall(r"(\d+) passed", printed)
    return Result(wording.count(int(passed[-1]), "test") if passed else "tests passed")


def program(line: Sequence[str]) -> list[str] | None:
    """The command line with its program found: pytest and python are this Python's; None where there is none."""
    first, *rest = line
    if first in ("python", "python3"):
        return [sys.executable, *rest]
    if first == "pytest":
        return [sys.executable, "-m", "pytest", *rest] if importlib.util.find_spec("pytest") else None
    found = shutil.which(first)
    return [found, *rest] if found else None
