"""The project's git: a bare repository that stands for the hosting service, and the site's clone of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from flask_slipway.errors import WrongUse
from flask_slipway.server.lib import git_settings

BRANCH = "main"
FOLDER = "origin.git"  # below the sandbox's


def make(origin: Path, source: Path | None, branch: str = BRANCH) -> None:
    """Makes the bare repository `origin`, its branch `branch` at the HEAD of `source`; empty without a source. Once."""
    if origin.exists():
        return
    git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(origin))
    git("--git-dir", str(origin), "config", "receive.shallowUpdate", "true")
    if source is not None:
        git("-C", str(source), "push", "--quiet", "--no-verify", str(origin), f"HEAD:refs/heads/{branch}")


def clone(origin: Path, project: Path, branch: str = BRANCH) -> None:
    """Clones `origin` to `project`, once."""
    if not project.exists():
        git("clone", "--quiet", f"--branch={branch}", str(origin), str(project))


def git(*words: str) -> str:
    """Runs git and returns what it prints. Raises WrongUse with git's words."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    line = ["git", *git_settings.options(), *words]
    done = subprocess.run(line, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise WrongUse(f"git {' '.join(words)} failed", done.stderr.splitlines(), changed=True)
    return done.stdout
