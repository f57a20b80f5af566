"""`inv sandbox.up` and `inv sandbox.down`: the sandbox of the environment `sandbox` in invoke.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flask_slipway import playground, project, sandbox, settings
from flask_slipway.git import git
from flask_slipway.sandbox import demo, state
from flask_slipway.settings import SANDBOX as NAME


def up(root: Path, openssh: bool = False, database: str = "auto") -> Iterator[str]:
    """Makes and starts it: as invoke.yaml's environment `sandbox` says, else on free ports, after the first site. Makes
    its repository a remote of this one, and says how to use it."""
    playground.refuse_lacking()
    known = settings.load(root)
    project.commit(root)
    like = playground.model(known)
    own = not settings.in_file(root, NAME)
    site = like if own else known.sites[NAME]
    folder = root / playground.FOLDER if own else Path(site.home).parent
    if database == "auto" and state.read(folder) is None and not playground.drivers(root):
        database = "sqlite"
    made = sandbox.up(
        folder,
        root,
        ssh="openssh" if openssh else "embedded",
        database=database,
        ssh_port=0 if own else site.port,
        web_port=0 if own else urlsplit(site.url).port or 0,
        app=playground.application(root, site.app),
        project=Path(site.project).name,
        virtualenv=Path(site.virtualenv).name,
        dotenv=(lambda made: playground.dotenv(root, made)) if (root / ".env").is_file() else None,
        env=site.env,
        branch=site.branch,
    )
    if own:
        playground.keep(root, playground.entry(made, like))
    _remote(root, made.origin)
    yield f"The sandbox runs: {made.url}, {made.database['dialect']}, SSH on port {made.ssh_port}."
    yield from playground.told(root, made)
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
