"""`inv demo` as README promises it: in a fresh clone it plays to its end, leaves nothing running, and can be removed.

One test plays it, so that it is played once, by however many workers the tests are run; it takes about a minute."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flask_slipway.project import secret_scan
from support import ROOT


@dataclass(frozen=True)
class Played:
    """A demo that was played in `clone`, made at `commit`: how it ended, what it printed."""

    clone: Path
    commit: str
    env: dict[str, str]
    code: int
    out: str

    def inv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_inv(self.clone, self.env, *arguments)


def run_inv(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "invoke", *arguments]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(line, cwd=folder, env=env, text=True, errors="replace", timeout=600, **streams)


def transcripts() -> Any:
    """docs/write_transcripts.py, which plays the demo in a terminal and copies parts of it into README.md."""
    found = importlib.util.spec_from_file_location("write_transcripts", ROOT / "docs" / "write_transcripts.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def played(tmp_path) -> Iterator[Played]:
    if subprocess.run(["git", "rev-parse", "--quiet", "--verify", "HEAD"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("the demo is played in a clone of this repository, and this is none")
    clone = tmp_path / "clone"
    git(ROOT, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    commit = git(clone, "rev-parse", "HEAD")
    foreign = ("GIT_", "FLASK_", "INVOKE_", "FABRIC_", "PYTEST", "PYTHON")
    env = {key: value for key, value in os.environ.items() if not key.startswith(foreign) and key != "DATABASE_URL"}
    code, told = transcripts().play(clone, env)
    yield Played(clone, commit, env, code, told)
    run_inv(clone, env, "sandbox.down", "--remove")


def processes_below(folder: Path) -> list[str]:
    """The command lines of the processes that work in `folder` or name it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if str(folder) in line or str(folder) in str((place / "cwd").readlink()):
                found.append(line)
        except OSError:
            continue
    return found


def test_no_file_of_this_repository_looks_like_a_secret():
    """Else the demo's first release, which pushes all of it, would be refused."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("the files are those that git knows, and this is no clone")
    assert [str(found) for name in done.stdout.split("\0") if name for found in secret_scan.in_file(ROOT, name)] == []


def test_a_transcript_of_another_form_is_found_and_other_figures_are_not():
    module = transcripts()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = "\n\n".join(module.block(mark).search(readme)["text"] for mark, _, _ in module.SHOWN) + "\n\n"
    assert module.differences(readme, told) == []
    other = re.sub(r"\b[0-9a-f]{12}(?=\b|_)", "0123456789ab", re.sub(r"\d\.\d s", "12.3 s", told))
    assert module.differences(readme, other) == []
    assert module.differences(readme, told.replace("Released", "Brought")) != []
    assert module.differences(readme, told.replace("  reload ", "  renew ")) != []
    another = told.replace("mysql", "sqlite").replace("packages  ", "packages of another  ")
    assert module.differences(readme, another) == []
    assert module.differences(readme, another.replace("  reload ", "  renew ")) != []
    assert module.with_transcripts(readme, module.transcripts(told)) == readme


def test_the_demo_plays_to_its_end_keeps_every_row_and_can_be_removed(played):
    assert played.code == 0, played.out
    assert "Traceback" not in played.out
    assert played.out.count("Released ") == 2
    assert "Not released (6)." in played.out
    assert "nothing was lost" in played.out
    assert "Files were changed by hand on sandbox. Nothing was changed." in played.out
    assert played.out.count("The 2 comments are there.") == 3
    assert "That was all" in played.out
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert transcripts().differences(readme, played.out) == [], "write it anew: python docs/write_transcripts.py"
    assert processes_below(played.clone) == []
    assert git(played.clone, "status", "--porcelain") == ""
    assert git(played.clone, "rev-parse", "HEAD") == played.commit
    assert git(played.clone, "remote").split() == ["origin"]
    assert "inv sandbox.down --remove" in played.out
    done = played.inv("sandbox.down", "--remove")
    assert done.returncode == 0, done.stdout
    left = git(played.clone, "status", "--porcelain", "--ignored", "--untracked-files=all").splitlines()
    assert [line for line in left if "__pycache__" not in line] == []
    assert not (played.clone / ".sandbox").exists()
    assert processes_below(played.clone) == []
