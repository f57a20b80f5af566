"""What must be there before anything else is looked at: git, the project's clone, the virtualenv, the WSGI file; and
what a change may not meet."""

from __future__ import annotations

import difflib
import os

from ..lib import files, next_steps, process
from ..lib.outcome import Refused
from . import clone, gate, permissions
from .site import Site

MOST_NAMES = 4  # names that a message offers


def check(site: Site) -> None:
    """Raises Refused, with what to type next, unless all of them are there."""
    _check_clone(site)
    _check_virtualenv(site)
    _check_wsgi(site)


def _check_clone(site: Site) -> None:
    folder = site.project
    if process.find("git") is None:
        raise Refused("there is no git on the server", next=["install it there, then try again"])
    if not os.path.isdir(folder):
        clones = [name for name in _names(site.home) if clone.is_clone(os.path.join(site.home, name))]
        raise Refused(
            "the project folder %s is not there" % folder,
            _suggestions(os.path.basename(folder), clones, "the clones beside it: %s"),
            [
                next_steps.correct(site, "project"),
                "or make it: %s" % next_steps.on_server(site, "git", "clone", "REPOSITORY", folder),
            ],
        )
    top = clone.top(folder)
    if not clone.is_clone(folder) and top and os.path.realpath(top) != os.path.realpath(site.home):
        raise Refused(
            "the project folder %s is not a clone itself" % folder,
            ["it lies inside the clone %s" % top],
            ["set  project: %s  for %s in invoke.yaml" % (os.path.relpath(top, site.home), site.name)],
        )
    if not clone.is_clone(folder):
        raise Refused(
            "the project folder %s is no git clone" % folder,
            next=[
                next_steps.on_server(site, "mv", folder, folder + ".old"),
                next_steps.on_server(site, "git", "clone", "REPOSITORY", folder),
                "then copy back what git does not know, such as .env",
            ],
        )
    if not top:
        _refuse_unreadable(site)


def _refuse_unreadable(site: Site) -> None:
    try:
        clone.git(site.project, "rev-parse", "--show-toplevel")
    except process.Failed as error:
        fix = next_steps.on_server(site, "git", "fsck")
        if "dubious ownership" in error.output:
            fix = next_steps.on_server(site, "git", "config", "--global", "--add", "safe.directory", site.project)
        raise Refused("git cannot read the clone %s" % site.project, [clone.reason(error)], [fix]) from error


def _check_virtualenv(site: Site) -> None:
    folder, python = site.virtualenv, site.python
    if os.path.exists(python):
        return
    anew = [next_steps.on_server(site, "python3", "-m", "venv", "--clear", folder)]
    anew.append(next_steps.on_server(site, "pip", "install", "-r", "requirements.txt"))
    if os.path.islink(python):
        raise Refused(
            "the virtualenv %s is of a Python that is gone" % folder,
            ["bin/python leads to %s" % _end_of_link(python)],
            ["make it anew, by the Python of the Web tab:", *anew],
        )
    above = os.path.dirname(folder)
    known = [name for name in _names(above) if os.path.exists(os.path.join(above, name, "bin", "python"))]
    raise Refused(
        "the virtualenv %s %s" % (folder, "has no bin/python" if os.path.isdir(folder) else "is not there"),
        _suggestions(os.path.basename(folder), known, "the virtualenvs beside it: %s"),
        [next_steps.correct(site, "virtualenv"), "or make it, by the Python of the Web tab:", *anew],
    )


def _end_of_link(path: str) -> str:
    """Where a chain of links ends that leads nowhere, or begins again."""
    seen = set()
    while os.path.islink(path) and path not in seen:
        seen.add(path)
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return path


def _check_wsgi(site: Site) -> None:
    path = site.wsgi
    _refuse_foreign_link(site)
    if os.path.isfile(path):
        return
    what = "is not there"
    if os.path.isdir(path):
        what = "is a folder"
    elif os.path.islink(path):
        what = "is a link to %s, which is not there" % _end_of_link(path)
    own, above = os.path.basename(path), os.path.dirname(path)
    others = [name for name in _names(above) if name.endswith("_wsgi.py") and name != own]
    raise Refused(
        "the WSGI file %s %s" % (path, what),
        _suggestions(own, others, "beside it: %s") or ["the host makes it with the web app, on the Web tab"],
        [next_steps.correct(site, "domain", "wsgi"), "or make the web app, on the Web tab"],
    )


def _refuse_foreign_link(site: Site) -> None:
    """Raises Refused where a link on the way to the WSGI file is another user's: it is executed, and written."""
    try:
        files.real(site.wsgi)
    except files.ForeignLink as found:
        me = permissions.name(os.geteuid())
        target = os.path.realpath(found.link)
        raise Refused(
            "the WSGI file %s leads somewhere by a link of another user" % site.wsgi,
            [
                "%s leads to %s" % (found.link, target),
                "it belongs to %s, the site's account is %s" % (permissions.name(found.owner), me),
            ],
            [
                "if that is where it should lead, make the link yourself:",
                next_steps.on_server(site, "ln", "-sfn", target, found.link),
            ],
        ) from found
    except OSError:
        return  # what is not there, or leads in a circle, is told as such


def refuse_unwritable(site: Site) -> None:
    """Raises Refused where the WSGI file may not be written: then nothing could be closed or reloaded."""
    if not os.access(site.wsgi, os.W_OK):
        raise Refused(
            "the WSGI file %s cannot be written" % site.wsgi,
            ["it must belong to the account: its time makes the host reload, and the gate stands in its place"],
            [next_steps.on_server(site, "ls", "-l", site.wsgi)],
        )


def tracked_wsgi(site: Site) -> str | None:
    """The path in the project of the file that the WSGI file is, or leads to, where git tracks that; else None."""
    path = clone.relative(site.project, site.wsgi)
    if path.split(os.sep)[0] == os.pardir:
        return None
    return path if path in clone.entries(site.project, clone.commit(site.project)) else None


def refuse_tracked_wsgi(site: Site) -> None:
    """Raises Refused where git tracks the WSGI file: the gate would stand in the place of a file of the commit."""
    path = tracked_wsgi(site)
    if path is not None:
        lines = ["while the site is closed the gate stands in its place: to git that is an edit"]
        if os.path.islink(site.wsgi):
            lines.insert(0, "%s leads to it" % site.wsgi)
        raise Refused("git tracks the WSGI file: %s of the project" % clone.shown(path), lines, _apart(site, path))


def _apart(site: Site, path: str) -> list[str]:
    """What to type so that the WSGI file is one of its own, not `path` of the project."""
    names = os.path.splitext(path)[0].split(os.sep)
    module = ".".join(names) if all(map(str.isidentifier, names)) else "MODULE"
    lines = ["import sys", "sys.path.insert(0, %r)" % site.project, "from %s import application" % module]
    closed = gate.is_gate(files.read(site.wsgi))
    if not os.path.islink(site.wsgi):
        new = "let the host serve a file outside of the project, of three lines:"
        first = ["fab %s.open, then" % site.name] if closed else []
        return [*first, new, *lines, "then %s" % next_steps.correct(site, "wsgi")]
    copied = next_steps.on_server(site, "cp", "-p", "--remove-destination", os.path.realpath(site.wsgi), site.wsgi)
    if closed:  # the copy is the gate, too, and the site stays closed
        return [copied, "then the same again"]
    return [copied, "then the same again, and where %s is to be used on, let the copy hold three lines:" % path, *lines]


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _suggestions(wanted: str, names: list[str], words: str) -> list[str]:
    """A line with the names most like `wanted`, or no line."""
    near = difflib.get_close_matches(wanted, names, MOST_NAMES, 0) or names[:MOST_NAMES]
    return [words % ", ".join(near)] if near else []


def refuse_locked(site: Site) -> None:
    """Raises Refused where another git holds the clone, or died holding it: nothing there could be moved."""
    path = os.path.join(clone.git_folder(site.project), "index.lock")
    if files.read(path) is not None:
        raise Refused(
            "git is locked on the server, by %s" % path,
            ["another git runs there, or was killed"],
            ["when none runs any more: %s" % next_steps.on_server(site, "rm", path)],
        )
