"""`inv sandbox.up` and `inv sandbox.down`: the sandbox of the environment `sandbox` in invoke.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flask_slipway import project, sandbox, settings, words
from flask_slipway.errors import WrongUse
from flask_slipway.git import git
from flask_slipway.sandbox import demo

NAME = "sandbox"


def up(root: Path, openssh: bool = False, database: str = "auto") -> Iterator[str]:
    """Starts it where invoke.yaml expects it, makes its repository a remote of this one, and says how to use it."""
    known = settings.load(root)
    site = known.sites.get(NAME)
    if site is None:
        raise WrongUse(words.told("invoke.yaml has no environment sandbox.", next=["copy it from the example"]))
    folder = Path(site.home).parent
    made = sandbox.up(
        folder,
        root,
        ssh="openssh" if openssh else "embedded",
        database=database,
        ssh_port=site.port,
        web_port=urlsplit(site.url).port or 0,
        app=site.app,
        project=Path(site.project).name,
        virtualenv=Path(site.virtualenv).name,
    )
    _remote(root, made.origin)
    yield f"The sandbox runs: {made.url}, {made.database['dialect']}, SSH on port {made.ssh_port}."
    yield f"Its repository is the git remote {NAME}; a release to it pushes there."
    yield f"Next: fab {NAME}.check, then  inv release --to {NAME}"


def _remote(root: Path, origin: Path) -> None:
    """A git remote of the sandbox's name, so that a release to it pushes there and nowhere else."""
    if NAME in project.remotes(root):
        git(root, "remote", "set-url", NAME, str(origin))
    else:
        git(root, "remote", "add", NAME, str(origin))


def down(root: Path, remove: bool = False) -> Iterator[str]:
    """Stops its processes; `remove`: its folder goes too, and the git remote."""
    site = settings.load(root).sites.get(NAME)
    folder = Path(site.home).parent if site is not None else root / ".sandbox"
    if not folder.is_dir():
        yield "Nothing to do: there is no sandbox here."
        return
    if remove:
        demo.remove(folder / "demo")
        shutil.rmtree(folder / "kept", ignore_errors=True)
    sandbox.down(folder, remove)
    if remove:
        with suppress(OSError):
            folder.rmdir()  # what nobody of us made stays
    if remove and NAME in project.remotes(root):
        git(root, "remote", "remove", NAME)
    yield "The sandbox is stopped and removed." if remove else "The sandbox is stopped; its data stays."
