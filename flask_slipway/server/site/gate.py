"""The gate: a maintenance page that stands in the WSGI file's place, and lets this run's own requests through."""

from __future__ import annotations

import ast
import contextlib
import errno
import hashlib
import os
import secrets
import stat
import time
from typing import Any

from ..lib import files
from .site import Site

MARK = b"# Flask-Slipway stands here"
SOURCE = b"SOURCE = "  # how the line of a gate begins that holds the site's own WSGI file
PAGE = (
    b"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    b"<title>Back in a moment</title><style>body{font:18px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:30em;"
    b"padding:0 1em;text-align:center;color:#333}</style><h1>Back in a moment</h1>"
    b"<p>This site is being updated. Please try again in a few seconds.</p>\n"
)
# Why no file beside can take its place: its folder takes none, it would be another user's, or a mount holds it there.
NO_ROOM_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV, errno.EROFS)
STEP = 1.0  # seconds by which each new WSGI file is newer than the old one, or nothing reloads


class Gate:
    """The gate of a site, with its files in `folder`. `token`: what opens it to this account's own requests.

    Its text holds all that its processes need, the site's own WSGI file too: what serves the public asks for no file of
    ours. Whether the site is closed is what stands in the WSGI file's place, and nothing else."""

    def __init__(self, site: Site, folder: str, token: str) -> None:
        self.site, self.folder, self.token = site, folder, token
        self.nonce = ""  # of the gate that was put last
        self.original = os.path.join(folder, "wsgi.original")

    def keep_original(self) -> bytes:
        """Keeps the site's own WSGI file byte for byte, as it is now, and returns it; while a gate stands there, what
        was kept before stays."""
        data, kept = files.read(self.site.wsgi), files.read(self.original)
        if data is None or is_gate(data):
            own = original_in(data) if kept is None or is_gate(kept) else kept
            if own is None:
                raise RuntimeError(
                    "the WSGI file is a gate without the site's own" if data else "no WSGI file is there"
                )
        else:
            own = data
        if own != kept:
            files.write(self.original, own)
        return own

    def put(self, public: bool = False, loads: bool = True) -> str:
        """Puts the gate into the WSGI file's place, with a new nonce, which is returned. `public`: everyone passes;
        `loads`: who bears the token passes, and then everyone once the site's own file is back; without it, nobody
        does, and nothing of the site is loaded."""
        self.nonce = nonce = secrets.token_hex(8)
        source = self.keep_original()
        text = template().format(
            site=self.site.name,
            wsgi=self.site.wsgi,
            original=self.original,
            source=source,
            public=public,
            loads=loads or public,
            page=own_page(self.site.project) or PAGE,
            token=hashlib.sha256(self.token.encode()).hexdigest(),
            nonce=nonce,
            mark=MARK,
        )
        for name in ("gate.open", "token"):  # what opens a gate of version 0.1, whose token was one for ever
            files.remove(os.path.join(self.folder, name))
        replace(self.site.wsgi, text.encode())
        return nonce

    def take_away(self, reload: bool = True) -> None:
        """Puts the site's own WSGI file back: the processes behind the gate become public. `reload`: with a newer time,
        so that the host reloads; without, it keeps the gate's time, and the processes that were just proved go on."""
        data = self.keep_original()
        now = os.stat(self.site.wsgi).st_mtime_ns if os.path.exists(self.site.wsgi) else None
        replace(self.site.wsgi, data, None if reload else now)


def template() -> str:
    """The gate's source, with places for str.format. It lies in the zip beside this module."""
    loader: Any = globals()["__loader__"]
    return str(loader.get_data(os.path.join(os.path.dirname(__file__), "gate_template.py.in")), "utf-8")


def own_page(project: str) -> bytes | None:
    """The project's own maintenance.html, None where there is none. The public sees it, so a link to it is followed
    within the project alone."""
    with contextlib.suppress(OSError):
        path = files.real(os.path.join(project, "maintenance.html"))
        if path.startswith(os.path.realpath(project) + os.sep) and os.path.isfile(path):
            return files.read(path)
    return None


def is_gate(data: bytes | None) -> bool:
    """Whether the bytes of a WSGI file are a gate, also one that somebody has edited."""
    return MARK in (data or b"")


def original_in(data: bytes | None) -> bytes | None:
    """The site's own WSGI file, out of a gate's text; None where it does not hold it."""
    for line in (data or b"").splitlines():
        if line.startswith(SOURCE):
            with contextlib.suppress(ValueError, SyntaxError):
                found: bytes = ast.literal_eval(line[len(SOURCE) :].decode())
                return original_in(found) if is_gate(found) else found
    return None


def replace(path: str, data: bytes, time_ns: int | None = None) -> None:
    """Replaces the WSGI file: the same owner and mode, and a time at least a second above the old one, or exactly
    `time_ns`. Where it is a link, what it leads to; a link of another user is not followed. Raises OSError."""
    path = files.real(path)
    files.sweep(path)
    old = os.stat(path) if os.path.exists(path) else None
    if time_ns is None:
        time_ns = time.time_ns()
        if old is not None:
            time_ns = max(time_ns, old.st_mtime_ns + int(STEP * 1e9))
    times = (time_ns, time_ns)

    def finish(part: int) -> None:
        if old is None:
            os.chmod(part, 0o644)
        elif not files.take_after(part, path):  # the web server is to read it as it read that one
            raise PermissionError(errno.EPERM, "it would be another user's", path)
        os.utime(part, ns=times)

    try:
        files.replace(path, data, finish)
    except OSError as error:
        if error.errno not in NO_ROOM_BESIDE or old is None:
            raise
        _overwrite(path, old, data, time_ns)


def _overwrite(path: str, old: os.stat_result, data: bytes, time_ns: int) -> None:
    """Writes into the file itself, which was `old`, where no other can take its place. Its room is made first, behind
    what stands there and stays whole, so where there is none, nothing was changed. What is cut off in the middle bears
    a gate's mark at its end, so that it is taken for no site's own."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        there = os.fstat(descriptor)
        if (there.st_dev, there.st_ino) != (old.st_dev, old.st_ino) or not stat.S_ISREG(there.st_mode):
            raise PermissionError(errno.EPERM, "it is another file by now", path)
        size = max(there.st_size, len(data))
        _make_room(descriptor, there.st_size, size)
        _write_at(descriptor, 0, data + b"\n" * (size - len(data)))
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
        try:
            os.utime(descriptor, ns=(time_ns, time_ns))
        except PermissionError:  # another user's file: who may only write it can give it no other time than now
            time.sleep(min(2 * STEP, max(0.0, time_ns / 1e9 - time.time())))
            os.utime(descriptor)
    finally:
        os.close(descriptor)


def _make_room(descriptor: int, end: int, size: int) -> None:
    """Adds to a file of `end` bytes what makes it longer than `size`: comments and empty lines. The first is a gate's
    mark, one short write; the last is, too. All or nothing, where there is no room."""
    mark = b"\n" + MARK + b"\n"
    try:
        _write_at(descriptor, end, mark)
        _write_at(descriptor, end + len(mark), b"\n" * (size - end) + mark)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _write_at(descriptor: int, offset: int, data: bytes) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
