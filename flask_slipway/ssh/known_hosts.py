"""The files of known host keys, read line by line as ssh reads them; a line that cannot be read counts for nothing.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

REVOKED = "@revoked"
WITH_PORT = re.compile(r"\[(.*)\]:\d+", re.DOTALL)


@dataclass(frozen=True)
class Known:
    """What is known of a host: `keys`, and those that are `revoked`, as {the key's bytes: its kind}. `otherwise`: where
    no key is known of [host]:port, those of the host's name alone, any of which ssh takes for it."""

    keys: dict[bytes, str]
    revoked: dict[bytes, str]
    otherwise: dict[bytes, str]


def known(files: Collection[Path], name: str) -> Known:
    """What the files say of the host `name`: host, or [host]:port."""
    found, alone = _of(files, name), WITH_PORT.fullmatch(name)
    if alone:
        host = _of(files, alone[1])
        found.revoked.update(host.revoked)
        found.otherwise.update({} if found.keys else host.keys)
    return found


def _of(files: Collection[Path], name: str) -> Known:
    found = Known({}, {}, {})
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            _read(line.split(), name, found)
    return found


def _read(words: list[str], name: str, found: Known) -> None:
    """Puts one line into what was `found`."""
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#") or not _names(words[0], name):
        return
    try:
        key = b64decode(words[2], validate=True)
    except ValueError:
        return
    if marker == REVOKED:
        found.revoked[key] = words[1]
    elif not marker:  # a key of @cert-authority signs others; it is no host's
        found.keys[key] = words[1]


def _names(pattern: str, name: str) -> bool:
    """Whether the first field of a line is about `name`: hashed, or patterns of which none says no."""
    if pattern.startswith("|"):
        return _is_hash_of(pattern, name.lower())
    said = [one for one in pattern.split(",") if _matches(one.removeprefix("!"), name)]
    return bool(said) and not any(one.startswith("!") for one in said)


def _matches(pattern: str, name: str) -> bool:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, name, re.IGNORECASE) is not None


def _is_hash_of(pattern: str, name: str) -> bool:
    try:
        _, kind, salt, digest = pattern.split("|")
        made = hmac.new(b64decode(salt), name.encode(), hashlib.sha1).digest()
        return kind == "1" and hmac.compare_digest(made, b64decode(digest))
    except ValueError:
        return False
