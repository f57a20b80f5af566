"""What would leave a sandbox, in words: another database than its own, another sandbox than this one."""

from __future__ import annotations

import os
from typing import Protocol

from .outcome import Refused
from .wall import Wall


class Named(Protocol):
    """A site, of which only its name in invoke.yaml and its home are asked."""

    name: str
    home: str


def refusal(wall: Wall, beyond: str) -> Refused:
    """The refusal of a database outside of the sandbox, `beyond` in words."""
    return Refused(
        "this sandbox is led to a database that is not its own",
        ["led to: %s" % beyond, "its own: %s" % wall.own],
        [
            "where its .env or its WSGI file was edited: set its own there again",
            'else let the code read its URL, as by  os.environ["DATABASE_URL"], and commit that, then:',
            "inv sandbox.down --remove  (its rows go)",
            "inv sandbox.up",
        ],
    )


def refuse_another(wall: Wall | None, site: Named) -> None:
    """Raises Refused where this is another sandbox than `site` is meant to be: in a copy of a project's folder."""
    if wall is None or os.path.realpath(site.home) == os.path.realpath(wall.home):
        return
    raise Refused(
        "the sandbox that answers is not the one of this folder",
        ["it lies in %s" % wall.folder, "asked for was one with the home %s" % site.home],
        ["inv sandbox.up"],
    )
