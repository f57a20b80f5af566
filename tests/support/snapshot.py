"""What must be as it was: a site, its repository, its database and the laptop, or a project on this machine.

`with unchanged(world):` or `with unchanged(project):` around a refusal, a read, a plan; `live(world)` before and after
what was taken back."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from support.laptop import Project
from support.world import World, git

# Kept beside what is live: the engine as it was sent, compiled files; packages, which are looked at by name.
CACHED = ("/.slipway/engine", "__pycache__", ".pytest_cache", "/.virtualenvs/")
# That a run was refused is written down, and a fetch brings objects. Nothing of it is live.
NOTED = ("/runs/", "history.jsonl")
FETCHED = ("/.git/objects", "/.git/FETCH_HEAD", "/.git/refs/remotes", "/.git/logs/refs/remotes", "/.git/packed-refs")
# Of a project's repository: objects that no ref names are nothing, and a message that was typed is kept.
LOOSE = ("/objects/", "/COMMIT_EDITMSG")
Snapshot = dict[str, Any]


@contextmanager
def unchanged(subject: World | Project, *, noted: bool = True, laptop: bool = True) -> Iterator[None]:
    """Whatever is done meanwhile, all is as before. Of a site, `noted`: a refusal may be written down, objects fetched;
    without `laptop`, its side may change, as where a commit is made and pushed before the site refuses."""
    there = [] if isinstance(subject, Project) else subject.server_processes()
    before = take(subject, noted=noted, laptop=laptop)
    yield
    if not isinstance(subject, Project):
        settle(subject, there)
    after = take(subject, noted=noted, laptop=laptop)
    assert differences(before, after) == []


def take(subject: World | Project, *, noted: bool = True, laptop: bool = True) -> Snapshot:
    """{name: what is there} of all that `unchanged` compares."""
    if isinstance(subject, Project):
        return files([subject.folder.parent], without=(*CACHED, *LOOSE), times=False)
    found = live(subject)
    without = (*CACHED, *NOTED, *FETCHED) if noted else CACHED
    found |= files([Path(subject.site.home), Path(subject.site.wsgi).parent], without)
    if laptop:
        found |= files([subject.laptop], (*CACHED, *(["/.git/"] if noted else [])))
        found["repository"] = git(Path(subject.site.origin), "for-each-ref")
        found["laptop"] = (
            git(subject.laptop, "for-each-ref", "refs/heads"),
            git(subject.laptop, "status", "--porcelain"),
        )
    return found


def settle(world: World, there: list[int]) -> None:
    """Waits for the server's half of what was refused: it outlives the link, and removes what it held as it ends. What
    was `there` before is of no concern."""
    for _ in range(600):
        if not set(world.server_processes()) - {*there}:
            return
        time.sleep(0.05)
    raise AssertionError("the server's half is at work there without end")


def live(world: World) -> Snapshot:
    """What is live at a site: code, database, packages, WSGI file; and nothing of a stage is left."""
    wsgi, project, virtualenv = (Path(place) for place in (world.site.wsgi, world.site.project, world.site.virtualenv))
    clone = (project / ".git").exists()
    return {
        "commit": clone and world.live_commit,
        "branch": clone and git(project, "branch", "--show-current"),
        "status": clone and git(project, "status", "--porcelain"),
        "worktrees": clone and git(project, "worktree", "list"),
        **database(world),
        "packages": sorted(path.name for path in virtualenv.glob("lib/python*/site-packages/*")),
        "virtualenvs": sorted(path.name for path in virtualenv.parent.iterdir()),
        "wsgi": wsgi.is_file() and (digest(wsgi), oct(wsgi.stat().st_mode)),
    }


def database(world: World) -> Snapshot:
    """Every row of every table, and the revision; or with what error they cannot be read."""
    try:
        return {"contents": world.contents(), "revision": world.revision}
    except (sa.exc.DatabaseError, IndexError) as error:
        return {"contents": type(error)}


def files(tops: list[Path], without: tuple[str, ...], *, times: bool = True) -> Snapshot:
    """Every file below `tops` whose path has no part of `without`: its mode, its bytes, and when it was written."""
    found: Snapshot = {}
    for top in tops:
        for path in sorted(top.rglob("*")):
            if any(part in f"{path}/" for part in without):
                continue
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file():
                status = path.stat()
                timed = times and "/.git/objects/" not in str(path)  # git touches an object that is written again
                found[str(path)] = f"{status.st_mode:o} {digest(path)} {status.st_mtime_ns if timed else ''}"
            elif path.is_dir() and ".slipway" not in path.parts:  # whose folders are made at the first contact
                found[str(path)] = "a folder"
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is not the same, a line each."""
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)]
