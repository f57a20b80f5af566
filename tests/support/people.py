"""Who uses a site while it is released: who writes, who looks, and who watches the processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from urllib.parse import urlencode

from support.world import World, get


class Writer:
    """Posts comments, `pace` seconds apart (0: as fast as it is answered), and keeps what it was told is stored."""

    def __init__(self, world: World, pace: float = 0.05) -> None:
        self.world = world
        self.pace = pace
        self.acknowledged: list[str] = []
        self.other: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)

    def __enter__(self) -> Writer:
        self._log_in()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(90)

    def wait_for(self, count: int) -> None:
        """Waits until `count` more posts are acknowledged."""
        wanted, deadline = len(self.acknowledged) + count, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, f"the site takes no posts: {self.other}"
            time.sleep(0.01)

    def _log_in(self) -> None:
        for _ in range(600):
            status, headers, body = self.world.get("/comments")
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', body)
            if status == 200 and token:
                self.token = token[1]
                self.cookie = headers["set-cookie"].split(";")[0]
                return
            time.sleep(0.1)
        raise AssertionError(f"no page to post from: {status}")

    def _post(self) -> None:
        number = 0
        headers = {"Cookie": self.cookie, "Accept": "text/plain", "Content-Type": "application/x-www-form-urlencoded"}
        while not self._stop.is_set():
            number += 1
            self._stop.wait(self.pace)
            text = f"{id(self)}-{number}"
            data = urlencode({"csrf_token": self.token, "content": text}).encode()
            status, _, _ = get(self.world.site.url, "/comments", headers, data)
            if status == 201:
                self.acknowledged.append(text)
            else:
                self.other[status] = self.other.get(status, 0) + 1

    def lost(self) -> list[str]:
        """What was acknowledged and is not in the database: must be nothing."""
        stored = {row[0] for row in self.world.sql("SELECT content FROM comments")}
        return [text for text in self.acknowledged if text not in stored]


class Visitor:
    """Looks at the site all the time, and keeps every kind of answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: set[tuple] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(60)

    def _look(self) -> None:
        while not self._stop.is_set():
            self.seen.add(self.kind(*self.world.get("/health")))
            self._stop.wait(0.05)

    def kind(self, status: int, headers: dict, body: str) -> tuple:
        if "x-slipway-gate" in headers:
            return ("gate", status)
        if status == 302:
            return (
                ("host reloads",)
                if headers.get("location", "").endswith("/health")
                else ("302", headers.get("location"))
            )
        if status == 0:
            return ("cut",)
        if status == 200:
            told = json.loads(body)
            return ("site", told["commit"][:7], told["revision"])
        return ("bad", status, body[:80])


class Processes:
    """Watches the command lines of all processes for texts."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = [text.encode() for text in texts]
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for name in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read()
                    self.seen.update(line for text in self.texts if text in line)
