"""The gate: a maintenance page that stands in the WSGI file's place, and lets this run's own requests through."""

from __future__ import annotations

import ast
import contextlib
import errno
import hashlib
import os
import secrets
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
        nonce = secrets.token_hex(8)
        source = self.keep_original()
        own = files.read(os.path.join(self.site.project, "maintenance.html"))
        text = template().format(
            site=self.site.name,
            wsgi=self.site.wsgi,
            original=self.original,
            source=source,
            public=public,
            loads=loads or public,
            page=own or PAGE,
            token=hashlib.sha256(self.token.encode()).hexdigest(),
            nonce=nonce,
            mark=MARK,
        )
        if not public:
            files.remove(os.path.join(self.folder, "gate.open"))  # what opens a gate of version 0.1
        replace(self.site.wsgi, text.encode())
        return nonce

    def take_away(self, reload: bool = True) -> None:
        """Puts the site's own WSGI file back: the processes behind the gate become public. `reload`: with a newer time,
        so that the host reloads; without, it keeps the gate's time, and the processes that were just proved go on."""
        data = files.read(self.site.wsgi)
        if data is None or is_gate(data):
            data = self.keep_original()
        now = os.stat(self.site.wsgi).st_mtime_ns if os.path.exists(self.site.wsgi) else None
        replace(self.site.wsgi, data, None if reload else now)


def template() -> str:
    """The gate's source, with places for str.format. It lies in the zip beside this module."""
    loader: Any = globals()["__loader__"]
    return str(loader.get_data(os.path.join(os.path.dirname(__file__), "gate_template.py.in")), "utf-8")


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
    `time_ns`."""
    path = os.path.realpath(path)  # a link stays one
    old = os.stat(path) if os.path.exists(path) else None
    if time_ns is None:
        time_ns = time.time_ns()
        if old is not None:
            time_ns = max(time_ns, old.st_mtime_ns + int(STEP * 1e9))
    part = path + ".part"
    try:
        _write_beside(part, data)
        if old is None:
            os.chmod(part, 0o644)
        elif not files.take_after(part, path):  # the web server is to read it as it read that one
            raise PermissionError(errno.EPERM, "it would be another user's", path)
        os.utime(part, ns=(time_ns, time_ns))
        os.rename(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        if error.errno not in NO_ROOM_BESIDE or old is None:
            raise
        _overwrite(path, data, time_ns)


def _write_beside(part: str, data: bytes) -> None:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _overwrite(path: str, data: bytes, time_ns: int) -> None:
    """Writes into the file itself, where no other can take its place: one write, so that no half is ever read but
    for the end of an older, longer text."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.utime(path, ns=(time_ns, time_ns))
    except PermissionError:  # another user's file: who may only write it can give it no other time than now
        time.sleep(min(2 * STEP, max(0.0, time_ns / 1e9 - time.time())))
        os.utime(path)
