"""`inv sandbox.up` and `inv sandbox.down`: the sandbox of the environment `sandbox` in invoke.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flask_slipway import wording
from flask_slipway.config import keys, settings
from flask_slipway.config.settings import SANDBOX as NAME
from flask_slipway.config.settings import Site
from flask_slipway.errors import Refusal
from flask_slipway.project import working_copy
from flask_slipway.project.git import git, quietly
from flask_slipway.sandbox import demo, host, own_app
from flask_slipway.sandbox.host import origin, state


def up(root: Path, openssh: bool = False, database: str = "auto") -> Iterator[str]:
    """Makes and starts it: as invoke.yaml's environment `sandbox` says, else on free ports, after the first site. Makes
    its repository a remote of this one, and says how to use it."""
    own_app.refuse_lacking()
    known = settings.load(root)
    working_copy.commit(root)
    like = settings.model(known)
    own = not settings.in_file(root, NAME)
    site = like if own else known.sites[NAME]
    folder = _folder(root, None if own else site)
    _refuse_strange(root, folder)
    _refuse_another_remote(root, _repository(folder))
    is_new = state.read(folder) is None
    if database == "auto" and is_new and not own_app.drivers(root):
        database = "sqlite"
    yield "Making the sandbox: a clone, a virtualenv, a database…" if is_new else "Starting the sandbox…"
    made = host.up(
        folder,
        root,
        ssh="openssh" if openssh else "embedded",
        database=database,
        ssh_port=0 if own else site.port,
        web_port=0 if own else urlsplit(site.url).port or 0,
        app=own_app.application(root, site.app),
        project=Path(site.project).name,
        virtualenv=Path(site.virtualenv).name,
        dotenv=(lambda made: own_app.dotenv(root, made)) if (root / ".env").is_file() else None,
        env=site.env,
        branch=site.branch,
    )
    if own:
        own_app.keep(root, own_app.entry(made, like))
    _remote(root, made.origin)
    yield f"The sandbox runs: {made.url}, {made.database['dialect']}, SSH on port {made.ssh_port}."
    yield from own_app.about_dotenv(root, made)
    yield f"Its repository is the git remote {NAME}; a release to it pushes there."
    message = "" if working_copy.working_copy(root).clean else ' -m "…"'
    yield from wording.follow([f"fab {NAME}.check, then  inv release --to {NAME}{message}"])


def down(root: Path, remove: bool = False) -> Iterator[str]:
    """Stops its processes; `remove`: its folder goes too, and the git remote. A folder in which no sandbox was made
    stays as it is."""
    folder, demos = _folder(root, settings.load(root).sites.get(NAME)), root / own_app.FOLDER
    repository = _repository(folder)
    if state.read(folder) is None and not (folder == demos and folder.is_dir()):
        yield "Nothing to do: there is no sandbox here."
        return
    if remove and folder == demos:
        demo.remove(demos / "demo")
        shutil.rmtree(demos / "kept", ignore_errors=True)
    host.down(folder, remove)
    if remove:
        with suppress(OSError):
            folder.rmdir()  # what nobody of us made stays
    if remove and _url(root) == str(repository):
        git(root, "remote", "remove", NAME)
    yield "The sandbox is stopped and removed." if remove else "The sandbox is stopped; its data stays."


# Whose it is


def _folder(root: Path, site: Site | None) -> Path:
    """The folder of the sandbox; `site`: its entry. Raises Refusal where that is a site of another machine."""
    if site is None:
        return root / own_app.FOLDER
    if site.host not in keys.THIS_MACHINE:
        what = f"{NAME} in {settings.FILE} is a site on {site.host}, not on this machine"
        lines = [f"The name {NAME} is kept for the one that  inv sandbox.up  makes here."]
        raise Refusal(what, lines, [f"edit {settings.FILE}: another name for that site"])
    return Path(site.home).parent


def _refuse_strange(root: Path, folder: Path) -> None:
    """Raises Refusal where a sandbox would be made among somebody's files."""
    if folder == root / own_app.FOLDER or state.read(folder) is not None or not folder.is_dir():
        return
    if any(path.name != ".gitignore" for path in folder.iterdir()):
        what = f"The sandbox wants a folder of its own, and {folder} holds other things"
        lines = [f"It is the folder around  home:  of {NAME} in {settings.FILE}."]
        raise Refusal(what, lines, [f"edit {settings.FILE}, such as  home: .sandbox/home"])


def _refuse_another_remote(root: Path, repository: Path) -> None:
    """Raises Refusal where the sandbox's name is that of a git remote which is somewhere else."""
    url = _url(root)
    if url and url != str(repository):
        what = f"There is a git remote {NAME} already, which is not the sandbox's repository"
        raise Refusal(what, next=[f"git remote rename {NAME} OTHER, then the same again"])


def _url(root: Path) -> str:
    """Where the git remote of the sandbox's name is, an empty text where there is none."""
    return quietly(root, "config", "--get", f"remote.{NAME}.url")


def _repository(folder: Path) -> Path:
    """The repository of the sandbox in `folder`, made or not."""
    made = state.read(folder)
    return made.origin if made is not None else folder.absolute() / origin.FOLDER


def _remote(root: Path, repository: Path) -> None:
    """A git remote of the sandbox's name, so that a release to it pushes there and nowhere else."""
    if not _url(root):
        git(root, "remote", "add", NAME, str(repository))
