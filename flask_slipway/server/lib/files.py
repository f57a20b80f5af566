"""Files that matter are written beside, made durable, then renamed into place."""

import contextlib
import hashlib
import json
import os
import secrets


def folder(path):
    """Makes the folder `path`, readable by its owner alone, and returns it."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def write(path, data, mode=0o600):
    """Replaces `path` by `data` (bytes) in one step that survives a crash."""
    part = "%s.part-%s" % (path, secrets.token_hex(4))
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, mode)
        os.rename(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    sync(os.path.dirname(path))


def sync(path):
    """Makes the file `path`, or the names in the folder `path`, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path):
    """The bytes of `path`, or None where there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_json(path, value, mode=0o600):
    write(path, json.dumps(value, indent=1, sort_keys=True).encode(), mode)


class Damaged(Exception):
    """A file of the suite's own that does not hold what was written into it. `path`: which."""

    def __init__(self, path):
        super().__init__("%s is damaged" % path)
        self.path = path


def read_json(path):
    """The dict in `path`, or None where there is no such file. Raises Damaged."""
    data = read(path)
    try:
        value = None if data is None else json.loads(data.decode())
    except ValueError:
        raise Damaged(path) from None
    if data is not None and not isinstance(value, dict):
        raise Damaged(path)
    return value


def sha256(data):
    """The sha256 of bytes in hex, or None of None."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def remove(path):
    """Removes the file `path`; nothing to do where there is none."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
