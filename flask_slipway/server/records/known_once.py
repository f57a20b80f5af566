"""What was secret once: an old log may still tell a value that stands nowhere any more. Kept are digests, which a
value is known again by, and none can be read from."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import Protocol

from ..lib import files
from ..lib.masking import Mask
from ..lib.outcome import Refused
from . import kept

KEY = re.compile("[0-9a-f]{64}")
MOST = 1000  # values, the newest last


class Keeper(Protocol):
    """A site, of which only its folder is asked."""

    @property
    def folder(self) -> str: ...


def recall(site: Keeper, mask: Mask) -> None:
    """Lets `mask` cover what was known at earlier changes of the site; a record that cannot be read covers nothing."""
    record = None
    with contextlib.suppress(files.Damaged, Refused, OSError):
        record = _read(site)
    if record is not None:
        mask.add_digests(bytes.fromhex(record["key"]), record["digests"])


def remember(site: Keeper, mask: Mask, version: str) -> None:
    """Keeps what `mask` knows now beside what was kept before; a damaged record begins anew. Raises OSError,
    kept.Newer."""
    record = None
    with contextlib.suppress(files.Damaged):
        record = _read(site)
    key = record["key"] if record is not None else secrets.token_hex(32)
    before: list[str] = record["digests"] if record is not None else []
    now = mask.digests(bytes.fromhex(key))
    found = [*(digest for digest in before if digest not in now), *now][-MOST:]
    if found != before:
        kept.write(_path(site), {"key": key, "digests": found}, version)


def _path(site: Keeper) -> str:
    return os.path.join(site.folder, "known_once.json")


def _read(site: Keeper) -> kept.Record | None:
    """The record, None where there is none. Raises files.Damaged, kept.Newer, OSError."""
    record = kept.read(_path(site), "the record of what was secret on the site")
    if record is not None and not (KEY.fullmatch(str(record.get("key"))) and isinstance(record.get("digests"), list)):
        raise files.Damaged(_path(site))
    return record
