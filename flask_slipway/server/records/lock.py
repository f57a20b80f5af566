"""The lock: one change at a time on whatever two sites may share: domain, database, project folder, virtualenv.

A lock file appears in one atomic step and is held by whoever's token stands in it. Alive means: its process is there
(seen from the same machine), or its heartbeat moves (seen from any). A pid means nothing on another machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from typing import Iterable, cast

from ..lib import files, process
from ..protocol import Holder
from . import kept

BEAT = 5  # seconds between heartbeats
DEAD = 60  # seconds without one, by the observer's clock, after which a holder counts as dead


class Held(Exception):
    """Somebody else holds the lock. `holder`: who, {} where that is not known; `alive`: whether their process is."""

    def __init__(self, holder: Holder, alive: bool) -> None:
        super().__init__("the lock is held by %s" % holder.get("who"))
        self.holder, self.alive = holder, alive


class Lock:
    """The lock of one run over `keys`, texts such as "project /home/bob/app", below `folder`. `holder` is what others
    are told; the rest of it is put in here."""

    def __init__(self, folder: str, keys: Iterable[str], holder: Holder) -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        self.paths = sorted(os.path.join(folder, path_name(key)) for key in keys)
        self.holder = holder.copy()
        self.holder.update(
            {
                "token": self.token,
                "since": time.time(),
                "machine": process.machine(),
                "pid": os.getpid(),
                "started": process.started_at(os.getpid()),
            }
        )
        self._stop = threading.Event()

    def acquire(self) -> None:
        """Takes all of it or nothing; what a dead holder left who had changed nothing counts as free. Raises Held."""
        try:
            self._take()
        except Held as held:
            if not is_abandoned(self.folder, held.holder):
                raise
            self.take_over(held.holder)

    def _take(self) -> None:
        files.folder(self.folder)
        self._beat()
        part = os.path.join(self.folder, "%s.part" % self.token)
        files.write_json(part, self.holder)
        taken: list[str] = []
        try:
            for path in self.paths:
                try:
                    os.link(part, path)
                except FileExistsError:
                    holder = known_holder(path)
                    raise Held(holder, is_alive(self.folder, holder)) from None
                taken.append(path)
        except BaseException:
            for path in taken:
                files.remove(path)
            files.remove(self._beat_path(self.token))
            raise
        finally:
            files.remove(part)
        files.sync(self.folder)
        self._start()

    def take_over(self, dead: Holder) -> None:
        """Takes the lock of a dead holder `dead` (its dict), also from one who died while taking it over; of two who
        try, one gets it. Raises Held."""
        self._beat()
        part = os.path.join(self.folder, "%s.part" % self.token)
        files.write_json(part, self.holder)
        claims: list[str] = []
        linked: list[str] = []
        try:
            claims = self._claim(part, dead["token"])
            in_place = {path: known_holder(path) for path in self.paths}
            for holder in in_place.values():
                if holder and not self._inherits(holder, dead):
                    raise Held(holder, is_alive(self.folder, holder))
            for path in (path for path, holder in in_place.items() if not holder):
                os.link(part, path)
                linked.append(path)
            for path in (path for path, holder in in_place.items() if holder):
                files.write_json(path, self.holder)
        except BaseException as error:
            for path in [*linked, *claims[-1:], self._beat_path(self.token)]:
                files.remove(path)
            if isinstance(error, FileExistsError):
                raise Held({}, True) from None
            raise
        finally:
            files.remove(part)
        for path in [self._beat_path(dead["token"]), *claims]:
            files.remove(path)
        self._start()

    def _claim(self, part: str, token: str) -> list[str]:
        """Claims what the dead holder of `token` left, in one atomic step: [path of the claim]. Of a claimer who died
        as well, the claim is claimed in turn; then its path comes first. Raises Held."""
        claims: list[str] = []
        while True:
            path = os.path.join(self.folder, "%s.taken" % token)
            try:
                os.link(part, path)
            except FileExistsError:
                claimer = holder_in(path)
                if not claimer:
                    continue
                if is_alive(self.folder, claimer):
                    raise Held(claimer, True) from None
                claims.append(path)
                token = claimer["token"]
            else:
                return [*claims, path]

    def _inherits(self, holder: Holder, dead: Holder) -> bool:
        """Whether what `holder` has falls to who takes over from `dead`: the same run, by a process that is gone."""
        if holder.get("token") == dead["token"]:
            return True
        return holder.get("run") == dead.get("run") and not is_alive(self.folder, holder)

    def check(self) -> None:
        """Raises Held unless every part still bears this run's token. Asked before every change."""
        for path in self.paths:
            holder = holder_in(path)
            if holder.get("token") != self.token:
                raise Held(holder, True)

    def release(self) -> None:
        """Lets go of what is ours; run twice, the second finds nothing to do."""
        self._stop.set()
        for path in self.paths:
            with contextlib.suppress(OSError, ValueError):
                if holder_in(path).get("token") == self.token:
                    os.unlink(path)
        files.remove(self._beat_path(self.token))

    def _beat_path(self, token: str) -> str:
        return os.path.join(self.folder, "%s.beat" % token)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):
            files.write(self._beat_path(self.token), secrets.token_bytes(8))

    def _start(self) -> None:
        def beat() -> None:
            while not self._stop.wait(BEAT):
                self._beat()

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def holder_in(path: str) -> Holder:
    """Who holds the lock file `path`; {} where there is none. Of what a newer version wrote the token is as ever."""
    return cast(Holder, files.read_json(path) or {})


def known_holder(path: str) -> Holder:
    """The same, of a format that we know. Raises kept.Newer."""
    return cast(Holder, kept.read(path, "the lock") or {})


def path_name(key: str) -> str:
    """The name of the lock file for a key such as "project /home/bob/app"."""
    return hashlib.sha256(key.encode()).hexdigest()[:24] + ".lock"


def holders(folder: str, keys: Iterable[str]) -> list[Holder]:
    """The holders of the locks over `keys`, each once. Raises kept.Newer."""
    by_token = {}
    for key in keys:
        holder = known_holder(os.path.join(folder, path_name(key)))
        if holder:
            by_token[holder.get("token")] = holder
    return list(by_token.values())


def is_abandoned(folder: str, holder: Holder) -> bool:
    """True where the holder is dead and had not begun to change anything, or had ended: no open run is its own."""
    if not holder.get("open_run") or is_alive(folder, holder):
        return False
    return (files.read_json(holder["open_run"]) or {}).get("run") != holder.get("run")


def is_alive(folder: str, holder: Holder, patience: float = DEAD) -> bool:
    """Whether the holder's process lives. On the same machine its pid and start time tell at once, and a restart of
    that machine has ended it; from another machine its heartbeat is watched: no change for `patience` seconds is
    death."""
    host, boot = process.machine().split(" ", 1)
    theirs = str(holder.get("machine") or "").split(" ", 1)
    if theirs[0] == host and len(theirs) == 2:
        return theirs[1] == boot and process.started_at(holder.get("pid") or 0) == holder.get("started")
    path = os.path.join(folder, "%s.beat" % holder.get("token"))
    before, deadline = files.read(path), time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(min(1, patience))
        if files.read(path) != before:
            return True
    return False
