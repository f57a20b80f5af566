"""What is the site's own in its project's folder, whatever git tracks: its database, its .env, compiled files. No
commit has a say in them. Pure, but for where links lead."""

from __future__ import annotations

import os
import shlex
from typing import Collection, Dict, Iterable, List, Mapping, Optional

from .stop import Stop

BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite lays beside its file. Source: sqlite.org/tempfiles.html
DATABASE, ENV, COMPILED = "database", ".env", "compiled files"
MOST = 3  # paths that a message names


def own(project: str, database: Optional[str]) -> Dict[str, str]:
    """{path from the project's folder: what it is} of the site's .env and of its database. `database`: its file, None
    where it is none."""
    found = {".env": ENV}
    if database is not None:
        path = os.path.relpath(os.path.realpath(database), os.path.realpath(project))
        if path.split(os.sep)[0] != os.pardir:
            found.update({path + more: DATABASE for more in BESIDE})
    return found


def leading_to(project: str, database: str, links: Iterable[str]) -> List[str]:
    """Those of `links`, paths in the project, that lead to the site's database or a folder above it."""
    file, places = os.path.realpath(database) + os.sep, {path: os.path.join(project, path) for path in links}
    return [path for path, place in places.items() if file.startswith(os.path.realpath(place) + os.sep)]


def is_compiled(path: str) -> bool:
    """True for what Python itself writes beside the code."""
    return "__pycache__" in path.split("/")


def is_own(path: str, own: Collection[str]) -> bool:
    """True for one of `own`, and for what Python compiled."""
    return path in own or is_compiled(path)


def in_commit(name: str, paths: Collection[str], own: Mapping[str, str]) -> Optional[Stop]:
    """Why a commit that holds `paths` cannot come to the site `name`, and what to do, which loses nothing there; None
    where it holds nothing of the site's own."""
    kinds = {path: own.get(path) or COMPILED for path in sorted(paths) if is_own(path, own)}
    for kind in (DATABASE, ENV, COMPILED):
        found = [path for path, is_of in kinds.items() if is_of == kind]
        if found:
            return _stop(name, kind, found)
    return None


def _stop(name: str, kind: str, paths: List[str]) -> Stop:
    listed = ", ".join(paths[:MOST]) + (" and %d more" % (len(paths) - MOST) if len(paths) > MOST else "")
    what = {DATABASE: "the site's database", ENV: "the site's .env", COMPILED: "compiled files"}[kind]
    why = {
        DATABASE: "its rows are the site's own: no commit may bring others",
        ENV: "its values are the site's own, and secret",
        COMPILED: "Python writes them anew at the site",
    }[kind]
    ignored = {DATABASE: paths[0], ENV: ".env", COMPILED: "__pycache__/"}[kind]
    target = "':(glob)**/__pycache__/**'" if kind == COMPILED else " ".join(map(shlex.quote, paths))
    then = "; change the secrets that it held" if kind == ENV else ""
    return Stop(
        "the commit holds %s: %s" % (what, listed),
        [why],
        [
            "git rm --cached -r -q -- %s" % target,
            "name  %s  in .gitignore%s" % (ignored, then),
            'inv release --to %s -m "Leave it to the site"  (the file at the site stays as it is)' % name,
        ],
    )
