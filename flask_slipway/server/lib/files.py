"""Files that matter are written beside, made durable, then renamed into place."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import json
import os
import re
import secrets
import stat
from typing import Any, Callable, Mapping, overload

PART = re.compile(r"\.part(-[0-9a-f]{8,})?\Z")  # what stands behind a name while the file is written
MOST_LINKS = 40  # in one path. Source: path_resolution(7)
# What a file system answers that has no such thing, or lets others alone do it.
NOT_GIVEN = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENODATA, errno.EINVAL)


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
    replace(path, data, lambda part: os.chmod(part, mode))


def write_shared(path: str, data: bytes) -> None:
    """The same for a file of the site: with the mode that git gives a file it writes, by the account's umask."""
    replace(path, data, lambda part: None, 0o666)


def rewrite(path: str, data: bytes) -> None:
    """The same for a file that is there and keeps its mode; its group too, where this account may give it."""
    replace(path, data, lambda part: take_after(part, path))


def replace(path: str, data: bytes, finish: Callable[[int], object], mode: int = 0o600) -> None:
    """Replaces `path` itself, never what a link there leads to. It is written under a name that nobody can know
    beforehand, into a file that was not there; `finish` gets its descriptor, for in a folder where others write too its
    name may be another file's by then. `mode`: as it is made."""
    part = "%s.part-%s" % (path, secrets.token_hex(8))
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            finish(descriptor)
            os.fsync(descriptor)
        os.rename(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    try:
        sync(os.path.dirname(path))
    except OSError as error:  # such as of a folder in which one may write, and not look
        if error.errno not in NOT_GIVEN:
            raise


def sweep(path: str) -> None:
    """Removes what killed processes left beside `path` of writing it: for who alone may write it now."""
    folder, name = os.path.split(path)
    owners = {os.geteuid(), *([os.stat(path).st_uid] if os.path.exists(path) else [])}
    with contextlib.suppress(OSError):
        for other in os.listdir(folder):
            if other.startswith(name) and PART.match(other[len(name) :]):
                found = os.lstat(os.path.join(folder, other))
                if stat.S_ISREG(found.st_mode) and found.st_uid in owners:
                    os.unlink(os.path.join(folder, other))


class ForeignLink(PermissionError):
    """A link on the way to a file that neither this account made, nor root, nor the file's owner. `link`: where it
    lies; `owner`: the user id of who made it."""

    def __init__(self, link: str, owner: int) -> None:
        super().__init__(errno.EPERM, "a link of another user", link)
        self.link, self.owner = link, owner


def real(path: str) -> str:
    """Where `path` leads, without links; nothing but the last part of it need be there. Raises ForeignLink, OSError."""
    links: list[str] = []
    here, rest = os.sep, os.path.abspath(path).split(os.sep)
    while rest:
        part = rest.pop(0)
        place = os.path.normpath(os.path.join(here, part))
        if part in ("", os.curdir) or not os.path.islink(place):
            here = place
            continue
        links.append(place)
        if len(links) > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        rest = os.readlink(place).split(os.sep) + rest
        here = os.sep if os.path.isabs(os.readlink(place)) else here
    trusted = {0, os.geteuid(), *([os.stat(here).st_uid] if os.path.exists(here) else [])}
    for link in links:
        owner = os.lstat(link).st_uid
        if owner not in trusted:
            raise ForeignLink(link, owner)
    return here


def take_after(target: str | int, other: str) -> bool:
    """Gives `target`, a path or a descriptor, owner, group, mode and access list of `other`; False where this account
    may not give them all."""
    there, given = os.stat(other), True
    try:
        os.chown(target, there.st_uid, there.st_gid)
    except PermissionError:
        given = False
        with contextlib.suppress(PermissionError):
            os.chown(target, -1, there.st_gid)
    _take_attributes(target, other)
    os.chmod(target, stat.S_IMODE(there.st_mode))
    return given


def _take_attributes(target: str | int, other: str) -> None:
    """The access list is one of them. Source: acl(5), shutil.copystat."""
    for name in os.listxattr(other) if hasattr(os, "listxattr") else ():  # elsewhere than on Linux there is none
        try:
            os.setxattr(target, name, os.getxattr(other, name))
        except OSError as error:
            if error.errno not in NOT_GIVEN:
                raise


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
    sweep(path)
