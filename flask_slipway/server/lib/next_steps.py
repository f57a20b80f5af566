"""Commands that a message offers, as a person types them."""

from __future__ import annotations

import shlex
from typing import Protocol


class Named(Protocol):
    """A site, of which only its name in invoke.yaml is asked."""

    name: str


def on_server(site: Named, *words: str) -> str:
    """The command that runs `words` on the server, as a person types it."""
    inner = " ".join(shlex.quote(word) for word in words)
    plain = "'" in inner and not any(sign in inner for sign in '"$`\\!')
    return "fab %s.workon -c %s" % (site.name, '"%s"' % inner if plain else shlex.quote(inner))


def correct(site: Named, *keys: str) -> str:
    """The line that tells which keys of invoke.yaml to look at."""
    return "correct  %s  of %s in invoke.yaml" % (" or ".join("%s:" % key for key in keys), site.name)
