"""The site as a visitor reaches it: whether it answers, from which processes, and what its error log says."""

from __future__ import annotations

import functools
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any, Callable, FrozenSet, NamedTuple

from ..lib.next_steps import Named

PATIENCE = 90  # seconds to wait for new processes
BROKEN = 20  # seconds of nothing but 502, after which the host has no working process
SURELY_BROKEN = 3  # the same, where the host was seen to answer otherwise while it reloads
PAUSE = (0.02, 0.5)  # seconds between two questions, at first and at most: a twentieth of the time waited so far
SETTLING = 10  # seconds in which a host that answers 302 to the same address is taken to be reloading
ANY_BUT_GATES = "own"  # in a nonce's place: no gate has it


class NotHealthy(Exception):
    """The site does not answer as it should. `load_failed`: its code could not be loaded there."""

    def __init__(self, text: str, load_failed: bool = False) -> None:
        super().__init__(text)
        self.load_failed = load_failed


class Answer(NamedTuple):
    """An HTTP answer: its status, 0 where nothing answered; its headers; the first 4000 bytes of its body, or why
    nothing answered. `reloading`: the statuses that came before, while it was waited for."""

    status: int
    headers: Message
    body: bytes
    reloading: FrozenSet[int] = frozenset()

    @property
    def nonce(self) -> str | None:
        """Which processes answered, where they say so."""
        return self.headers.get("X-Slipway-Nonce")

    @property
    def gate(self) -> str | None:
        """The nonce of the gate that answered, None where it was none."""
        return self.headers.get("X-Slipway-Gate")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@functools.lru_cache(maxsize=None)
def _opener() -> urllib.request.OpenerDirector:
    """What asks; made once, for to read the host's certificates takes longer than an answer."""
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=ssl.create_default_context()))


def ask(url: str, token: str | None = None, only: str | None = None, timeout: float = 30) -> Answer:
    """One GET that follows no redirect. `only`: the nonce of the gate that may pass it on to the site, or
    ANY_BUT_GATES; any other gate answers itself, and so loads nothing."""
    headers = {"User-Agent": "Flask-Slipway", "Cache-Control": "no-cache"}
    if token:
        headers["X-Slipway-Token"] = token
    if only:
        headers["X-Slipway-Ask"] = only
    try:
        with _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read(4000))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read(4000))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(0, Message(), _failure(error).encode())


def _failure(error: Exception) -> str:
    """Why nothing answered, in words."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.timeout):
        return "nothing in time"
    return getattr(reason, "strerror", None) or str(reason)


class Question:
    """One question, put by a thread while this one does something else."""

    def __init__(self, url: str) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask(url)), daemon=True)
        self._thread.start()

    def answer(self) -> Answer:
        """What the site answered, once it has: `ask` itself gives up in time, and raises nothing."""
        self._thread.join()
        return self._answers[0]


def is_reloading(answer: Answer, url: str) -> bool:
    """True for what a host answers while it reloads: nothing, a 302 to the same address, 502 to 504 of its own."""
    if answer.gate or answer.nonce:
        return False
    if answer.status == 302:
        return urllib.parse.urljoin(url, answer.headers.get("Location", "")) == url
    return answer.status in (0, 502, 504)


def settled(url: str, patience: float = SETTLING) -> Answer:
    """What the site answers once the host has reloaded: a 302 to the same address is "not yet", for `patience` s."""
    end = time.monotonic() + patience
    while True:
        answer = ask(url)
        if answer.status != 302 or not is_reloading(answer, url) or time.monotonic() > end:
            return answer
        time.sleep(PAUSE[1])


def wait_for(
    url: str,
    accept: Callable[[Answer], bool],
    token: str | None = None,
    only: str | None = None,
    patience: float = PATIENCE,
    broken: float = BROKEN,
) -> Answer:
    """Asks until `accept(answer)` is true, and returns that answer, with the statuses that came before. Gives up after
    `patience` seconds, or `broken` seconds of nothing but 502. Raises NotHealthy with the last answer's words."""
    began = well = time.monotonic()
    before: set[int] = set()
    while True:
        answer = ask(url, token, only)
        if accept(answer):
            return answer._replace(reloading=frozenset(before))
        before.add(answer.status)
        now = time.monotonic()
        well = well if answer.status in (502, 504) else now
        if now - began > patience or now - well > broken:
            raise NotHealthy("no new process answered within %d s; last: %s" % (now - began, describe(answer)))
        time.sleep(min(PAUSE[1], max(PAUSE[0], (now - began) / 20)))


def prove_gate(url: str, nonce: str) -> Answer:
    """Waits until a visitor meets the gate with `nonce`."""
    return wait_for(url, lambda answer: answer.gate == nonce)


def prove_processes(url: str, token: str, nonce: str, expected_status: int | None) -> Answer:
    """Waits until the processes behind the gate with `nonce` answer, and they are healthy. `expected_status`: what
    counts as healthy beside 2xx, or None. Raises NotHealthy."""
    answer = wait_for(url, lambda answer: answer.nonce == nonce, token, only=nonce)
    if answer.headers.get("X-Slipway-Load"):
        raise NotHealthy(answer.body.decode("utf-8", "replace").strip(), load_failed=True)
    check_healthy(answer, expected_status)
    return answer


def prove_own(url: str, token: str, expected_status: int | None, broken: float = BROKEN) -> Answer:
    """Waits until the site's own WSGI file answers (no gate, no nonce), healthily; `broken` as for wait_for.
    Raises NotHealthy."""
    answer = wait_for(
        url, lambda a: not (a.gate or a.nonce or is_reloading(a, url)), token, only=ANY_BUT_GATES, broken=broken
    )
    check_healthy(answer, expected_status)
    return answer


def check_healthy(answer: Answer, expected_status: int | None) -> None:
    """Raises NotHealthy unless the status is 2xx, or `expected_status`."""
    if 200 <= answer.status < 300 or (answer.status and answer.status == expected_status):
        return
    raise NotHealthy("the site answers %s" % describe(answer))


def fixes(site: Named, answer: Answer) -> list[str]:
    """What to type where the site's own health is not what it should be."""
    name = site.name
    if answer.status == 401 or 300 <= answer.status < 400:
        return ["set  health:  of %s in invoke.yaml to a page that answers everybody with 200" % name]
    if answer.status == 404:
        return ["set  health:  of %s in invoke.yaml to a page that is there" % name]
    if not answer.status:
        return ["correct  url:  of %s in invoke.yaml, or enable the web app on the Web tab" % name]
    return ["fab %s.logs" % name]


def describe(answer: Answer) -> str:
    """An answer in a few words."""
    if not answer.status:
        return answer.body.decode("utf-8", "replace") or "nothing"
    where = answer.headers.get("Location") if 300 <= answer.status < 400 else None
    return "%d%s" % (answer.status, " to %s" % where if where else "")


class LogMark(NamedTuple):
    """Where a log ends: its inode, 0 where there is none, and its bytes."""

    inode: int
    size: int


def log_mark(path: str | None) -> LogMark:
    """Where the log at `path` ends now."""
    try:
        status = os.stat(path or "")
        return LogMark(status.st_ino, status.st_size)
    except OSError:
        return LogMark(0, 0)


def new_errors(path: str | None, mark: LogMark) -> list[str]:
    """The last lines of the tracebacks that the error log got since `mark`, at most 3, newest last."""
    now = log_mark(path)
    if path is None or not now.inode:
        return []
    try:
        with open(path, "rb") as file:
            file.seek(mark.size if now.inode == mark.inode and now.size >= mark.size else 0)
            text = file.read(4 << 20).decode("utf-8", "replace")
    except OSError:
        return []
    errors, inside = [], False
    for line in text.splitlines():
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and line and not line[0].isspace() and not line.startswith("During handling"):
            plain = line.split(": ", 1)[-1] if line.startswith("20") and ": " in line else line
            if not plain.startswith(" "):
                errors.append(plain.strip())
                inside = False
    return errors[-3:]


def log_tail(path: str, lines: int) -> str | None:
    """The last `lines` lines of a log, or None where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            size = file.tell()
            file.seek(max(0, size - 400 * lines))
            return b"\n".join(file.read().splitlines()[-lines:]).decode("utf-8", "replace")
    except OSError:
        return None
