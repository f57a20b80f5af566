"""The built wheel for the tests: `distributions` and `wheel`, built once, however many workers run; `clean_virtualenv`,
with the wheel and nothing else of this project."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import ROOT

NOT_SOURCE = ("__pycache__", "build", "dist", "*.egg-info", "*.pyc", "instance", "node_modules")


@dataclass(frozen=True)
class Distributions:
    """What is handed to others: the sdist, the wheel that was built from it, the wheel built from the tree itself."""

    sdist: Path
    wheel: Path
    from_tree: Path


@dataclass(frozen=True)
class Virtualenv:
    """A virtualenv in `folder`; `bin` holds its python, inv and fab."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.bin / "python"

    def install(self, *requirements: str | Path) -> None:
        """Installs from the index, or a file."""
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        run([*pip, *requirements])

    def environment(self, home: Path) -> dict[str, str]:
        """What a person has who has activated it: nothing of the tests' own environment shows through."""
        hidden = ("PYTHON", "GIT_", "FLASK_", "INVOKE_", "PYTEST", "DATABASE_URL", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        path = os.pathsep.join([str(self.bin), kept.get("PATH", os.defpath)])
        return kept | {"PATH": path, "VIRTUAL_ENV": str(self.folder), "HOME": str(home), "COLUMNS": "80"}


def virtualenv(folder: Path) -> Virtualenv:
    """A new virtualenv with pip alone in it."""
    run([sys.executable, "-m", "venv", folder])
    return Virtualenv(folder)


def run(line: list[str | Path], folder: Path = ROOT) -> str:
    """Runs a command that has to succeed, and returns what it printed."""
    done = subprocess.run(line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """What others install, built by the first worker that asks."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "distributions"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _build(folder)
    (sdist,) = (folder / "by-sdist").glob("*.tar.gz")
    (wheel,) = (folder / "by-sdist").glob("*.whl")
    (from_tree,) = (folder / "by-tree").glob("*.whl")
    return Distributions(sdist, wheel, from_tree)


def _build(folder: Path) -> None:
    """The whole project, copied, and built there: neither an older build nor another test shows through."""
    part = folder.with_suffix(".part")
    tree = part / "tree"
    shutil.copytree(ROOT, tree, ignore=lambda at, names: _ignored(Path(at), names), symlinks=True)
    build: list[str | Path] = [sys.executable, "-m", "build"]
    run([*build, "--outdir", part / "by-sdist", tree])
    run([*build, "--wheel", "--outdir", part / "by-tree", tree])
    part.rename(folder)


def _ignored(at: Path, names: list[str]) -> set[str]:
    hidden = {name for name in names if name.startswith(".")} if at == ROOT else set()
    return hidden | shutil.ignore_patterns(*NOT_SOURCE)(str(at), names)


@pytest.fixture(scope="session")
def wheel(distributions: Distributions) -> Path:
    """The built wheel."""
    return distributions.wheel


@pytest.fixture(scope="session")
def clean_virtualenv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Virtualenv:
    """A virtualenv with the wheel and what it requires, nothing else. Shared by all tests: install nothing into it."""
    made = virtualenv(tmp_path_factory.mktemp("clean") / "venv")
    made.install(wheel)
    return made
