"""The lock: one change at a time on whatever two sites may share: domain, database, project folder, virtualenv.

A lock file appears in one atomic step and is held by whoever's token stands in it. Alive means: its process is there
(seen among the same processes), or its heartbeat moves (seen from anywhere). A pid means nothing on another machine,
nor in another pid namespace of the same one."""

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
        """Takes the lock of a dead holder `dead` (its dict), also from those who died while taking it over; of two who
        try, one gets it. Raises Held."""
        files.folder(self.folder)
        self._beat()
        part = os.path.join(self.folder, "%s.part" % self.token)
        files.write_json(part, self.holder)
        claims: dict[str, str] = {}  # {token of who is gone: whose claim on what they left}
        linked: list[str] = []
        try:
            self._claim(part, str(dead.get("token")), claims)
            in_place = {path: known_holder(path) for path in self.paths}
            for holder in in_place.values():
                if not holder or holder["token"] in claims:
                    continue
                if not self._inherits(holder, dead):
                    raise Held(holder, is_alive(self.folder, holder))
                self._claim(part, holder["token"], claims)
            for path, holder in in_place.items():
                if known_holder(path) != holder:  # let go, or taken over, before it was claimed
                    raise Held(known_holder(path), True)
            for path in (path for path, holder in in_place.items() if not holder):
                os.link(part, path)
                linked.append(path)
            for path in (path for path, holder in in_place.items() if holder):
                files.write_json(path, self.holder)
        except BaseException as error:
            mine = [self._claim_path(token) for token, claimer in claims.items() if claimer == self.token]
            for path in [*linked, *mine, self._beat_path(self.token)]:
                files.remove(path)
            if isinstance(error, FileExistsError):
                raise Held({}, True) from None
            raise
        finally:
            files.remove(part)
        for token in claims:
            files.remove(self._beat_path(token))
            files.remove(self._claim_path(token))
        self._start()

    def _claim(self, part: str, token: str, claims: dict[str, str]) -> None:
        """Claims what the dead holder of `token` left, in one atomic step, and puts it into `claims`. Of a claimer who
        died as well, the claim is claimed in turn. Raises Held."""
        while token not in claims:
            path = self._claim_path(token)
            try:
                os.link(part, path)
            except FileExistsError:
                claimer = holder_in(path)
                if not claimer:
                    continue
                if is_alive(self.folder, claimer):
                    raise Held(claimer, True) from None
                claims[token] = claimer["token"]
                token = claimer["token"]
            else:
                claims[token] = self.token

    def _claim_path(self, token: str) -> str:
        return os.path.join(self.folder, "%s.taken" % token)

    def _inherits(self, holder: Holder, dead: Holder) -> bool:
        """Whether what `holder` has falls to who takes over from `dead`: the same run, by a process that is gone, or
        what another left who is gone and had changed nothing."""
        if holder.get("token") == dead.get("token") or is_abandoned(self.folder, holder):
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
        """One heartbeat: a new time, which takes no room, so that a full disk does not make who lives look dead."""
        path = self._beat_path(self.token)
        with contextlib.suppress(OSError):
            try:
                os.utime(path)
            except FileNotFoundError:
                files.write(path, b"")

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
    """Whether the holder's process lives. Where it is seen among the processes here, its pid and start time tell at
    once; a restart of its machine has ended it. Elsewhere, so in another pid namespace, its heartbeat is watched: no
    change for `patience` seconds is death."""
    token = str(holder.get("token"))
    if token in _gone:
        return False
    here, theirs = process.machine().split(" "), str(holder.get("machine") or "").split(" ")
    if theirs == here:
        return process.started_at(holder.get("pid") or 0) == holder.get("started")
    path = os.path.join(folder, "%s.beat" % token)
    before, deadline = _last_beat(path), time.monotonic() + patience
    if theirs[0] == here[0] and theirs[1:2] != here[1:2] and before[1] < process.booted_at() * 1e9:
        return False
    while time.monotonic() < deadline:
        time.sleep(min(1, patience))
        if _last_beat(path) != before:
            return True
    if patience >= DEAD:
        _gone.add(token)
    return False


_gone: set[str] = set()  # the tokens of holders whose heartbeat was watched, and had stopped: nobody waits twice


def _last_beat(path: str) -> tuple[int, int, bytes]:
    """What tells one heartbeat from the next: which file, its time in ns, its bytes. It is opened, for then also a file
    system over a network looks anew."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            return found.st_ino, found.st_mtime_ns, file.read()
    except OSError:
        return 0, 0, b""
