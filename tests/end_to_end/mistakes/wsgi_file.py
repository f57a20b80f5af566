"""The WSGI file."""

from __future__ import annotations

import shutil
from pathlib import Path

from .table import CHECK, RELEASE, STATUS, away, holding, project, wrong, wsgi


@wrong(STATUS, 3, "is not there", "Web tab", "wsgi:")
def wsgi_file_is_missing(world):
    return away(wsgi(world))


@wrong(RELEASE, 3, "SyntaxError", "line", "Next: fix the WSGI file")
@wrong(STATUS, 3, "SyntaxError", "line", "Next: fix the WSGI file")
def wsgi_file_does_not_parse(world):
    return holding(wsgi(world), wsgi(world).read_text() + "\nif:\n")


@wrong(STATUS, 3, "has no name 'application'", "Next: fix the WSGI file")
def wsgi_file_is_empty(world):
    return holding(wsgi(world), "")


@wrong(STATUS, 3, "is a folder", "wsgi:")
def wsgi_file_is_a_folder(world):
    with away(wsgi(world)):
        wsgi(world).mkdir()
        yield


@wrong(STATUS, 3, "there is no Flask app", "Next: fix the WSGI file")
def wsgi_file_is_the_hosts_own(world):
    from flask_slipway.sandbox.host.wsgi import EMPTY

    return holding(wsgi(world), EMPTY)


@wrong(RELEASE, 3, "leads to another folder", "other-app", "project:")
@wrong(CHECK, 3, "leads to another folder", "other-app", "project:")
def wsgi_file_is_of_another_app(world):
    other = Path(world.site.home) / "other-app"
    shutil.copytree(project(world), other, ignore=shutil.ignore_patterns(".git"))
    with holding(wsgi(world), wsgi(world).read_text().replace(str(project(world)), str(other))):
        yield
    shutil.rmtree(other)
