"""An app that cannot be loaded, live or staged: why, and what a person can type to fix it."""

from __future__ import annotations

import os
import re

from ..lib.next_steps import correct, on_server
from ..lib.outcome import Refused
from ..records import history
from . import clone
from .app_process import AppFailed
from .site import Site

MISSING = re.compile(r"No module named '([^']+)'")
LACKING = re.compile(r"KeyError: '([A-Z][A-Z0-9_]*)'")


def live_refusal(site: Site, error: AppFailed, text: str) -> Refused:
    """The refusal where the live app cannot be loaded by the WSGI file. `text`: the error, masked."""
    if error.kind == "ForeignCode":
        return Refused(
            "the WSGI file leads to another folder than the project's",
            [text, "the WSGI file is %s" % site.wsgi],
            ["correct the path in the WSGI file, on the Web tab", "or " + correct(site, "project")],
        )
    what = "the live app cannot be loaded by %s" % site.wsgi
    lines = ["%s: %s" % (error.kind, text)]
    in_wsgi = error.kind == "NoApp" or os.path.basename(site.wsgi) in text
    if error.where:
        lines.append("in %s" % location(error.where, site.project))
        in_wsgi = in_wsgi or error.where.startswith(site.wsgi)
    if in_wsgi:
        return Refused(what, lines, ["fix the WSGI file, on the Web tab, then  fab %s.check" % site.name])
    return Refused(what, lines, _live_fixes(site, error, text))


def _live_fixes(site: Site, error: AppFailed, text: str) -> list[str]:
    """What to type so that the live app loads again."""
    module = MISSING.search(text) if error.kind in ("ModuleNotFoundError", "ImportError", "NoAppException") else None
    fixes = []
    if module and not _is_of_project(site, module.group(1)):
        fixes.append(on_server(site, "pip", "install", "-r", "requirements.txt"))
    if clone.is_clone(site.project) and clone.changes(site.project):
        fixes.append("%s  shows what was changed by hand" % on_server(site, "git", "diff", "HEAD"))
    served = _last_good(site)
    if served and served != clone.commit(site.project):
        fixes.append("%s  is what was last released" % on_server(site, "git", "reset", "--keep", served[:7]))
    if not fixes or error.kind == "KeyError" or "not set" in text:
        fixes.insert(0, "fab %s.env  compares .env with .env.example" % site.name)
    return [*fixes, "fab %s.logs  shows the whole error" % site.name]


def _is_of_project(site: Site, module: str) -> bool:
    top = module.split(".")[0]
    return any(os.path.exists(os.path.join(site.project, folder, top)) for folder in ("", "src"))


def _last_good(site: Site) -> str | None:
    """The commit that the last release, or another change that ended well, left there, if it is there still."""
    good = history.last_good(site)
    commit = good["commit"] if good is not None else None
    return commit if commit and clone.has(site.project, commit) else None


def staged_refusal(site: Site, commit: str, stage_folder: str, error: AppFailed) -> Refused:
    """The refusal of a commit whose app cannot be loaded in the stage."""
    name, text = site.name, str(error)
    where = ["in %s" % location(error.where, stage_folder, site.project)] if error.where else []
    if error.refused:
        return Refused(
            "the app of %s writes to its database while it loads" % commit[:7],
            [error.refused, *where, "only reads are allowed before there is a backup"],
            ["make it load without writing, or set writes_on_load: true for %s in invoke.yaml" % name],
        )
    if error.kind == "ForeignCode":
        return Refused(
            "an installed copy of the app hides the code of %s" % commit[:7],
            [text, "an editable install, or a .pth file of the virtualenv, leads there"],
            ["%s  names it: pip uninstall it there" % on_server(site, "pip", "list", "--editable")],
        )
    lines = ["%s: %s" % (error.kind, text), *where]
    return Refused("the app of %s cannot be loaded on the server" % commit[:7], lines, _staged_fixes(site, error))


def _staged_fixes(site: Site, error: AppFailed) -> list[str]:
    text = "%s: %s" % (error.kind, error)
    module = MISSING.search(text)
    if module and not _is_of_project(site, module.group(1)):
        return [
            "inv freeze  lists what the code imports, or add the package that",
            "has %s to requirements.txt, then release again" % module.group(1),
        ]
    if "KeyError" in text or "not set" in text or "environ" in text:
        name = LACKING.fullmatch(text)
        if name:
            return ["fab %s.workon  and set %s in .env there, then release again" % (site.name, name.group(1))]
        return ["fab %s.env  tells what .env lacks there, then release again" % site.name]
    return ["fix it, then release again"]


def location(where: str, *folders: str) -> str:
    """A place in the code, `path:line`, as the laptop knows it: from the first of `folders` that it lies in."""
    path, _, line = where.rpartition(":")
    for top in folders:
        if os.path.realpath(path).startswith(os.path.realpath(top) + os.sep):
            path = os.path.relpath(os.path.realpath(path), os.path.realpath(top))
            break
    return "%s, line %s" % (path, line)
