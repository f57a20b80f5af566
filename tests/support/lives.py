"""What the lives of several foreign apps have in common: a visitor who adds things, and the way there and back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from support.foreign import Foreign
from support.world import get

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def add(world: Foreign, *names: str) -> None:
    """Adds things by the site's form, as a visitor does."""
    for name in names:
        status, _, body = get(world.site.url, "/", FORM, urlencode({"name": name}).encode())
        assert status == 201, (status, body)


def shown(world: Foreign) -> Any:
    """What the site shows, once the host does not reload any more."""
    world.health()
    status, _, body = world.get("/")
    assert status == 200, body
    return json.loads(body)


def succeeds(done) -> str:
    """What a command said that had to succeed."""
    assert done.code == 0, done.out
    return done.out


def refused(done, *words: str) -> None:
    """A refusal that has these words."""
    assert done.code == 3, done.out
    flat = " ".join(done.out.split())
    for text in words:
        assert text in flat, done.out


def there_and_back(world: Foreign, older: str, newer: str) -> None:
    """From the revision `newer`, which the last release brought: backup, down, restore, rollback."""
    succeeds(world.fab("backup"))
    add(world, "late")
    with_late = world.contents()["alembic_version"], shown(world)
    succeeds(world.fab("downgrade", "--yes"))
    assert world.revision == older
    assert len(shown(world)) == len(with_late[1])
    succeeds(world.fab("restore", "--yes"))  # the newest backup: the downgrade's own
    assert world.revision == newer
    assert (world.contents()["alembic_version"], shown(world)) == with_late
    succeeds(world.fab("rollback", "--yes"))
    assert world.revision == older
    assert len(shown(world)) == len(with_late[1])
