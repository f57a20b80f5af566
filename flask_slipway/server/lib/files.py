"""Files that matter are written beside, made durable, then renamed into place."""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import json
import os
import secrets
import shutil
from typing import Any, Callable, Mapping, overload

PART = ".part-"  # between a file's name and what tells its parts, half written, from one another


def folder(path: str) -> str:
    """Makes the folder `path`, and those above it that are not there, each its owner's alone. Returns it."""
    if not os.path.isdir(path):
        if os.path.dirname(path) != path:
            folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
    return path


def write(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replaces `path` by `data` (bytes) in one step that survives a crash. `mode`: whatever the umask is."""
    _replace(path, data, lambda part: os.chmod(part, mode))


def write_shared(path: str, data: bytes) -> None:
    """The same for a file of the site: with the mode that git gives a file it writes, by the account's umask."""
    _replace(path, data, lambda part: None, 0o666)


def rewrite(path: str, data: bytes) -> None:
    """The same for a file that is there and keeps its mode; its group too, where this account may give it."""
    _replace(path, data, lambda part: take_after(part, path))


def _replace(path: str, data: bytes, finish: Callable[[str], object], mode: int = 0o600) -> None:
    part = path + PART + secrets.token_hex(4)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        finish(part)
        os.rename(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    sync(os.path.dirname(path))


def take_after(path: str, other: str) -> bool:
    """Gives `path` owner, group, mode and access list of `other`; False where this account may not give them all."""
    there, given = os.stat(other), True
    try:
        os.chown(path, there.st_uid, there.st_gid)
    except PermissionError:
        given = False
        with contextlib.suppress(PermissionError):
            os.chown(path, -1, there.st_gid)
    shutil.copystat(other, path)
    return given


def sync(path: str) -> None:
    """Makes the file `path`, or the names in the folder `path`, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str) -> bytes | None:
    """The bytes of `path`, or None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def are_equal(one: str, other: str) -> bool:
    """True where both are files with the same bytes."""
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def write_json(path: str, value: Mapping[str, object]) -> None:
    """Replaces `path` by `value` as JSON, as `write` does."""
    write(path, json.dumps(value, indent=1, sort_keys=True).encode())


class Damaged(Exception):
    """A file of the suite's own that does not hold what was written into it. `path`: which."""

    def __init__(self, path: str) -> None:
        super().__init__("%s is damaged" % path)
        self.path = path


def read_json(path: str) -> dict[str, Any] | None:
    """The dict in `path`, or None where there is no such file. Raises Damaged."""
    data = read(path)
    if data is None:
        return None
    try:
        value = json.loads(data.decode())
    except ValueError:
        raise Damaged(path) from None
    if not isinstance(value, dict):
        raise Damaged(path)
    return value


@overload
def sha256(data: bytes) -> str: ...
@overload
def sha256(data: None) -> None: ...
def sha256(data: bytes | None) -> str | None:
    """The sha256 of bytes in hex, or None of None."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def sha256_file(path: str) -> str:
    """The sha256 of the bytes in `path`, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def remove(path: str) -> None:
    """Removes the file `path`; nothing to do where there is none."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def remove_with_parts(path: str) -> None:
    """Removes the file `path`, and what killed processes left of it half written."""
    remove(path)
    folder_of, name = os.path.split(path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for other in os.listdir(folder_of):
            if other.startswith(name + PART):
                remove(os.path.join(folder_of, other))
