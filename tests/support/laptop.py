"""A project of a user, in a folder of its own: the reference app, a git repository, a bare origin; and `inv` run in it
as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support import ROOT

PARTS = ["app", "migrations", "requirements.txt", ".flaskenv", ".env.example", "tasks.py", "fabfile.py", ".gitignore"]


PROD = """\
slipway:
  app: app
  seed: [init-currency]
  test: [python, -c, "print('3 passed')"]
  environments:
    prod:
      user: ann
      domain: www.bankroll.test
      project: bankroll
      virtualenv: bankroll_venv
      host: 127.0.0.1
      port: 1
      host_key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended: its exit code, and all that it printed."""

    code: int
    out: str


@dataclass(frozen=True)
class Project:
    """The project in `folder`; `env`: the environment of all that runs in it."""

    folder: Path
    env: dict[str, str]

    def run(self, *line: str) -> Ran:
        done = subprocess.run(line, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True)
        return Ran(done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace"))

    def inv(self, *arguments: str) -> Ran:
        """`inv …`; a traceback is never right."""
        ran = self.run(sys.executable, "-m", "invoke", *arguments)
        assert "Traceback" not in ran.out, ran.out
        return ran

    def fab(self, *arguments: str) -> Ran:
        ran = self.run(sys.executable, "-m", "fabric", *arguments)
        assert "Traceback" not in ran.out, ran.out
        return ran

    def git(self, *arguments: str) -> str:
        ran = self.run("git", *arguments)
        assert ran.code == 0, ran.out
        return ran.out.strip()

    def write(self, path: str, text: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new, 1))


def emptied(parent: Path) -> Project:
    """An empty folder in `parent`, without git, called project; a home of its own beside it."""
    folder, home = parent / "project", parent / "home"
    folder.mkdir()
    home.mkdir()
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "FLASK_", "INVOKE_", "PYTEST"))
    }
    identity = {f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80", **identity}
    env.pop("DATABASE_URL", None)
    return Project(folder, env)


def filled(empty: Project) -> Project:
    """The project's files, without git."""
    for name in [*PARTS, "invoke.yaml"]:
        source, target = ROOT / name, empty.folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return empty


def published(bare: Project) -> Project:
    """The project committed on main, pushed to a bare origin."""
    bare.write("tests/app/test_it.py", "def test_it():\n    assert True\n")
    bare.git("init", "-q", "-b", "main")
    bare.git("add", ".")
    bare.git("commit", "-qm", "First")
    bare.git("init", "-q", "--bare", "-b", "main", "../origin.git")
    bare.git("remote", "add", "origin", "../origin.git")
    bare.git("push", "-qu", "origin", "main")
    return bare
