"""`inv sandbox.up` and `inv sandbox.down`: the sandbox of the environment `sandbox` in invoke.yaml."""

from __future__ import annotations

import shlex
import shutil
import sys
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
    given = settings.sandbox_keys(root)
    own = given is not None
    site = own_app.with_keys(like, given) if given is not None else known.sites[NAME]
    folder = _folder(root, None if own else site)
    _refuse_strange(root, folder)
    _refuse_anothers(root, folder)
    _refuse_another_remote(root, folder)
    found, there = state.read(folder), state.elsewhere(folder)
    is_new = found is None
    version = site.virtualenv_python if "virtualenv_python" in (given or {}) or not own else None
    python = own_app.interpreter(version)
    if version is not None and not is_new:
        own_app.refuse_another_python(found, version)
    if database == "auto" and is_new and not own_app.drivers(root):
        database = "sqlite"
    if found is None:
        yield "Making the sandbox: a clone, a virtualenv, a database…"
    elif not (found.processes and found.alive):
        yield "Starting the sandbox…"
    made = host.up(
        folder,
        root,
        ssh="openssh" if openssh else "embedded",
        database=database,
        python=python,
        server_python=sys.executable,
        ssh_port=0 if own else site.port,
        web_port=0 if own else urlsplit(site.url).port or 0,
        app=own_app.application(root, site.app),
        project=Path(site.project).name,
        virtualenv=Path(site.virtualenv).name,
        dotenv=lambda made: own_app.dotenv(root, made),
        env=lambda made: own_app.env(root, made, site.env, own),
        branch=site.branch,
    )
    if own:
        own_app.keep(root, own_app.entry(made, like))
    _remote(root, made.origin)
    if there is not None:
        yield f"It was made in {there}; what named that place names this one now."
    yield f"The sandbox runs: {made.url}, {made.database['dialect']}, SSH on port {made.ssh_port}."
    yield from own_app.about_dotenv(root, made)
    yield f"Its repository is the git remote {NAME}; a release to it pushes there."
    message = "" if working_copy.working_copy(root).clean else ' -m "…"'
    yield from wording.follow([f"fab {NAME}.check, then  inv release --to {NAME}{message}"])


def down(root: Path, remove: bool = False) -> Iterator[str]:
    """Stops its processes; `remove`: its folder goes too, and the git remote. A folder in which no sandbox was made
    stays as it is; of a copy of one only the copy goes."""
    folder, demos = _folder(root, settings.load(root).sites.get(NAME)), root / own_app.FOLDER
    repositories = _repositories(folder)
    if state.read(folder) is None and not (folder == demos and folder.is_dir()):
        yield "Nothing to do: there is no sandbox here."
        return
    _refuse_strange(root, folder)
    _refuse_anothers(root, folder)
    original = state.elsewhere(folder) if state.is_copy(folder) else None
    if original is not None and not remove:
        yield f"Nothing to do: this is a copy of the sandbox in {original}, which goes on."
        return
    if remove and folder == demos:
        demo.remove(demos / "demo")
        shutil.rmtree(demos / "kept", ignore_errors=True)
    host.down(folder, remove)
    if remove:
        with suppress(OSError):
            folder.rmdir()  # what nobody of us made stays
    if remove and _url(root) in repositories:
        git(root, "remote", "remove", NAME)
    if original is not None:
        yield f"The copy is removed; the sandbox in {original} goes on."
    else:
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
    """Raises Refusal where a sandbox would be made among somebody's files, or where a link leads."""
    if folder.is_symlink():
        what = f"{folder} is a link, and a sandbox is a folder in its project"
        lines = [f"It leads to {folder.resolve()}."]
        raise Refusal(what, lines, [f"rm {shlex.quote(str(folder))}  and the same again"])
    if folder == root / own_app.FOLDER or state.read(folder) is not None or not folder.is_dir():
        return
    if any(path.name != ".gitignore" for path in folder.iterdir()):
        what = f"The sandbox wants a folder of its own, and {folder} holds other things"
        lines = [f"It is the folder around  home:  of {NAME} in {settings.FILE}."]
        raise Refusal(what, lines, [f"edit {settings.FILE}, such as  home: .sandbox/home"])


def _refuse_anothers(root: Path, folder: Path) -> None:
    """Raises Refusal where the sandbox, outside of this folder, is that of another project: of one that this is a copy
    of, and that is still there."""
    made = state.read(folder)
    source = made.source if made is not None else None
    if (
        source is None
        or not source.is_dir()
        or source.samefile(root)
        or folder.absolute().is_relative_to(root.absolute())
    ):
        return
    raise Refusal(
        f"The sandbox in {folder} is that of the project in {source}",
        [f"{settings.FILE} here names the same one; to stop it or to remove it is for there."],
        [f"edit {settings.FILE}: another  home:  for {NAME}, such as  home: .sandbox/home"],
    )


def _refuse_another_remote(root: Path, folder: Path) -> None:
    """Raises Refusal where the sandbox's name is that of a git remote which is somewhere else."""
    url = _url(root)
    if url and url not in _repositories(folder):
        what = f"There is a git remote {NAME} already, which is not the sandbox's repository"
        raise Refusal(what, next=[f"git remote rename {NAME} OTHER, then the same again"])


def _url(root: Path) -> str:
    """Where the git remote of the sandbox's name is, an empty text where there is none."""
    return quietly(root, "config", "--get", f"remote.{NAME}.url")


def _repositories(folder: Path) -> list[str]:
    """The repository of the sandbox in `folder`, made or not; and as its place was called before it was moved."""
    made, there = state.read(folder), state.elsewhere(folder)
    before = [str(there / origin.FOLDER)] if there is not None else []
    return [str(made.origin if made is not None else folder.absolute() / origin.FOLDER), *before]


def _remote(root: Path, repository: Path) -> None:
    """A git remote of the sandbox's name, so that a release to it pushes there and nowhere else."""
    if _url(root) != str(repository):
        git(root, "remote", *(("set-url", NAME) if _url(root) else ("add", NAME)), str(repository))
