"""The gate: a maintenance page that stands in the WSGI file's place, and lets this run's own requests through."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from typing import Any

from ..lib import files
from .site import Site

MARK = b"# Flask-Slipway stands here"
PAGE = (
    b"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    b"<title>Back in a moment</title><style>body{font:18px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:30em;"
    b"padding:0 1em;text-align:center;color:#333}</style><h1>Back in a moment</h1>"
    b"<p>This site is being updated. Please try again in a few seconds.</p>\n"
)
STEP = 1.0  # seconds by which each new WSGI file is newer than the old one, or nothing reloads


class Gate:
    """The gate of a site, with its files in `folder`. `token`: what opens it to this account's own requests."""

    def __init__(self, site: Site, folder: str, token: str) -> None:
        self.site, self.folder, self.token = site, folder, token
        self.original = os.path.join(folder, "wsgi.original")
        self.flag = os.path.join(folder, "gate.open")

    def keep_original(self) -> str:
        """Keeps the site's own WSGI file byte for byte, as it is now; while a gate stands there, what was kept before
        stays. Returns its sha256."""
        data, kept = files.read(self.site.wsgi), files.read(self.original)
        if data is None or is_gate(data):
            if kept is None:
                raise RuntimeError("the WSGI file is already a gate" if data else "the WSGI file is not there")
            return files.sha256(kept)
        if data != kept:
            files.write(self.original, data)
        return files.sha256(data)

    def put(self, public: bool) -> str:
        """Puts the gate into the WSGI file's place, with a new nonce, which is returned. `public`: everyone passes."""
        nonce = secrets.token_hex(8)
        if public:
            self.open()
        else:
            files.remove(self.flag)
        own = files.read(os.path.join(self.site.project, "maintenance.html"))
        text = template().format(
            site=self.site.name,
            wsgi=self.site.wsgi,
            original=self.original,
            flag=self.flag,
            page=own or PAGE,
            token=hashlib.sha256(self.token.encode()).hexdigest(),
            nonce=nonce,
        )
        replace(self.site.wsgi, text.encode())
        return nonce

    def open(self) -> None:
        """The processes behind the gate become public."""
        files.write(self.flag, b"open\n", 0o644)

    def take_away(self, reload: bool = True) -> None:
        """Puts the site's own WSGI file back. `reload`: with a newer time, so that the host reloads; without, it
        keeps the gate's time, and the processes that were just proved go on."""
        data = files.read(self.original)
        if data is None:
            return
        now = os.stat(self.site.wsgi).st_mtime_ns if os.path.exists(self.site.wsgi) else None
        replace(self.site.wsgi, data, None if reload else now)


def template() -> str:
    """The gate's source, with places for str.format. It lies in the zip beside this module."""
    loader: Any = globals()["__loader__"]
    return str(loader.get_data(os.path.join(os.path.dirname(__file__), "gate_template.py.in")), "utf-8")


def is_gate(data: bytes | None) -> bool:
    """Whether the bytes of a WSGI file are a gate."""
    return data is not None and data.startswith(MARK)


def replace(path: str, data: bytes, time_ns: int | None = None) -> None:
    """Replaces the WSGI file: the same mode, and a time at least a second above the old one, or exactly `time_ns`."""
    path = os.path.realpath(path)  # a link stays one
    old = os.stat(path) if os.path.exists(path) else None
    if time_ns is None:
        time_ns = time.time_ns()
        if old is not None:
            time_ns = max(time_ns, old.st_mtime_ns + int(STEP * 1e9))
    mode = old.st_mode & 0o777 if old is not None else 0o644
    part = path + ".part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except PermissionError:
        _overwrite(path, data, time_ns)
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(part, mode)
    os.utime(part, ns=(time_ns, time_ns))
    os.rename(part, path)


def _overwrite(path: str, data: bytes, time_ns: int) -> None:
    """Writes into the file itself, where its folder takes no new ones: one write, so that no half is ever read but
    for the end of an older, longer text."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.utime(path, ns=(time_ns, time_ns))
