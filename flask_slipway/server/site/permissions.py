"""What this account may not write where a change of the site must write, found before anything is changed."""

from __future__ import annotations

import os
import pwd
from typing import Iterable, Iterator

from ..lib.outcome import Refused
from . import clone
from .site import Site


def refuse_foreign_repository(site: Site) -> None:
    """Raises Refused where git could not fetch into the site's clone, or move it."""
    refuse("git on the server", unwritable(_of_repository(site.project)))


def refuse_foreign_folders(site: Site, paths: Iterable[str]) -> None:
    """Raises Refused where git could not write one of `paths`, which a commit changes, in the live folder."""
    refuse("git on the server", unwritable(_above(site.project, paths)))


def refuse_foreign_packages(site: Site) -> None:
    """Raises Refused where pip could not write into the virtualenv, or no copy could be made beside it."""
    refuse("pip on the server", unwritable(_of_virtualenv(site.virtualenv)))


def unwritable(paths: Iterable[str]) -> str | None:
    """The first of `paths` that this account may not write: a file, or a folder in which it may make none."""
    for path in paths:
        if not os.access(path, os.W_OK | (os.X_OK if os.path.isdir(path) else 0)):
            return path
    return None


def refuse(who: str, path: str | None) -> None:
    """Raises Refused unless `path`, what `who` cannot write, is None."""
    if path is not None:
        me = name(os.geteuid())
        raise Refused(
            "%s cannot write %s" % (who, path),
            ["it belongs to %s, the site's account is %s" % (name(os.stat(path).st_uid), me)],
            ["let its owner, or who administers the host, type: chown -R %s %s" % (me, path), "then try again"],
        )


def name(uid: int) -> str:
    """The name of a user, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def foreign(site: Site) -> tuple[str | None, str | None]:
    """What a release would be refused for: a path in the clone's repository, one in the virtualenv."""
    return unwritable(_of_repository(site.project)), unwritable(_of_virtualenv(site.virtualenv))


def _of_repository(project: str) -> Iterator[str]:
    """The folders of a clone's repository, and those of its files that git writes into: all others it replaces."""
    repositories = {clone.git_folder(project), clone.shared_folder(project)}
    for repository in sorted(repositories):
        yield repository
        fetched = os.path.join(repository, "FETCH_HEAD")
        if os.path.exists(fetched):
            yield fetched
        for part in ("refs", "logs"):
            for top, _, names in os.walk(os.path.join(repository, part)):
                yield top
                yield from (os.path.join(top, name) for name in names if part == "logs")
        objects = os.path.join(repository, "objects")
        if os.path.isdir(objects):
            yield objects
            with os.scandir(objects) as entries:
                yield from sorted(entry.path for entry in entries if entry.is_dir())


def _above(project: str, paths: Iterable[str]) -> Iterator[str]:
    """The folders in `project` that `paths` lie in, each once; of one that is not there yet, what it would lie in."""
    seen = set()
    for path in paths:
        folder = os.path.dirname(path)
        while not os.path.isdir(os.path.join(project, folder)):
            folder = os.path.dirname(folder)
        if folder not in seen:
            seen.add(folder)
            yield os.path.join(project, folder)


def _of_virtualenv(virtualenv: str) -> Iterator[str]:
    """The virtualenv's folders, and the one that it lies in."""
    yield os.path.dirname(virtualenv)
    for top, _, _ in os.walk(virtualenv):
        yield top
