"""Asking a sandbox's web app, without following redirects."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from flask_slipway.sandbox.host import Sandbox


class Answer:
    """A response: `.status`, `.headers`, `.body`, `.json()`."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


def ask(
    site: Sandbox, path: str = "/", method: str = "GET", body: bytes | Iterable[bytes] | None = None, **headers: str
) -> Answer:
    """One request on a connection of its own."""
    link = http.client.HTTPConnection(site.host, site.web_port, timeout=30)
    try:
        link.request(method, path, body, headers, encode_chunked=body is not None and not isinstance(body, bytes))
        return Answer(link.getresponse())
    finally:
        link.close()


def touch(site: Sandbox) -> None:
    """Gives the WSGI file a modification time a second above its old one, or now if that is later."""
    later = max(os.stat(site.wsgi).st_mtime + 1, time.time())
    os.utime(site.wsgi, (later, later))


def until(site: Sandbox, status: int, path: str = "/") -> Answer:
    """Asks until the answer has `status`; fails after a minute."""
    end = time.monotonic() + 60
    while True:
        answer = ask(site, path)
        if answer.status == status:
            return answer
        assert time.monotonic() < end, f"{path} still answers {answer.status}, not {status}"
        time.sleep(0.01)


def reloaded(site: Sandbox) -> Answer:
    """Touches the WSGI file and waits until a process of another generation answers."""
    before = ask(site).json()["generation"] if ask(site).status == 200 else None
    touch(site)
    end = time.monotonic() + 60
    while True:
        answer = ask(site)
        if answer.status == 200 and answer.json()["generation"] != before:
            return answer
        assert time.monotonic() < end, "the site does not reload"
        time.sleep(0.01)


def log(site: Sandbox, kind: str) -> str:
    """The text of a log."""
    return Path(site.logs[kind]).read_text()
