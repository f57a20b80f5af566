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

PATIENCE = 90  # seconds to wait for new processes; of a site that takes long to load, SLOWNESS times its load
SLOWNESS = 10
BROKEN = 20  # seconds of nothing but 502, after which the host has no working process
SURELY_BROKEN = 3  # the same, where the host was seen to answer otherwise while it reloads
PAUSE = (0.02, 0.5)  # seconds between two questions, at first and at most: a twentieth of the time waited so far
SETTLING = 10  # seconds in which a host that answers 302 to the same address is taken to be reloading
IN_TIME = "nothing in time"
ANY_BUT_GATES = "own"  # in a nonce's place: no gate has it
AGAIN = 2  # further questions, SHORTLY seconds apart, where the site answers by a fault: one alone proves nothing
SHORTLY = 0.4
AT_ONCE = 8  # questions put at the same time, so that each process of the site answers one


class NotHealthy(Exception):
    """The site does not answer as it should. `status`: what its health page answered, None where that is not the
    reason."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Unknown(NotHealthy):
    """No process behind the gate can be proved: a proxy before the site takes headers away."""


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
    """What asks the site itself, whatever proxy the environment names; made once, for to read the host's certificates
    takes longer than an answer."""
    direct, tls = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context())
    return urllib.request.build_opener(direct, _NoRedirects, tls)


def ask(url: str, token: str | None = None, only: str | None = None, timeout: float = 30) -> Answer:
    """One GET, past every proxy, that follows no redirect. `only`: the nonce of the gate that may pass it on to the
    site, or ANY_BUT_GATES; any other gate answers itself, and so loads nothing. `token`: what opens the gate; only for
    questions that nobody but a gate can answer, for the site's own processes would hand it to the app."""
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
        return IN_TIME
    return getattr(reason, "strerror", None) or str(reason)


class Question:
    """One question, put by a thread while this one does something else. `how`: what puts it, such as ask, or usual."""

    def __init__(self, how: Callable[..., Answer], *words: str | None) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(how(*words)), daemon=True)
        self._thread.start()

    def answer(self) -> Answer:
        """What the site answered, once it has: `ask` itself gives up in time, and raises nothing."""
        self._thread.join()
        return self._answers[0]


def is_reloading(answer: Answer, url: str) -> bool:
    """True for what a host answers while it reloads: nothing, a 302 to the same address, 502 to 504 of its own."""
    if answer.gate or answer.nonce:
        return False
    return leads_to_itself(answer, url) or answer.status in (0, 502, 504)


def is_own(answer: Answer, url: str) -> bool:
    """True for an answer of the site itself: neither the gate's, nor the host's while it reloads, nor none at all."""
    return bool(answer.status) and not answer.gate and not leads_to_itself(answer, url)


def leads_to_itself(answer: Answer, url: str) -> bool:
    """True for a 302 to the address that was asked."""
    return answer.status == 302 and urllib.parse.urljoin(url, answer.headers.get("Location", "")) == url


def settled(url: str, patience: float = SETTLING) -> Answer:
    """What the site answers once the host has reloaded: a 302 to the same address is "not yet", for `patience` s."""
    end = time.monotonic() + patience
    while True:
        answer = ask(url)
        if answer.nonce or not leads_to_itself(answer, url) or time.monotonic() > end:
            return answer
        time.sleep(PAUSE[1])


def usual(url: str) -> Answer:
    """What the site answers as a rule: asked again while the host reloads, and where it was a fault."""
    return _unless_at_fault(lambda: settled(url))


def _unless_at_fault(question: Callable[[], Answer], answer: Answer | None = None) -> Answer:
    """The answer to `question`, unless it is a fault of the moment (5xx, or nothing): then it is asked again.
    `answer`: the first, where there is one."""
    answer = answer or question()
    for _ in range(AGAIN):
        if answer.gate or 0 < answer.status < 500:
            break
        time.sleep(SHORTLY)
        answer = question()
    return answer


def patience(load_seconds: float) -> float:
    """How long new processes are waited for, in seconds, where a load of the site's code takes `load_seconds`."""
    return max(PATIENCE, SLOWNESS * load_seconds)


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
        _pause(began)


def _pause(began: float) -> None:
    """Between two questions."""
    time.sleep(min(PAUSE[1], max(PAUSE[0], (time.monotonic() - began) / 20)))


def each_process(url: str, nonce: str, patience: float = PATIENCE) -> None:
    """Waits until all processes that answer are those of the gate with `nonce`: a host may exchange one after the
    other. The gate holds each of these questions for a moment, so that those put at the same time come to different
    processes. Raises NotHealthy."""
    began = time.monotonic()
    while True:
        others = [answer for answer in _at_once(url) if answer.gate != nonce]
        if not others:
            return
        if time.monotonic() - began > patience:
            raise NotHealthy("processes of before answer after %d s: %s" % (patience, describe(others[0])))
        _pause(began)


def _at_once(url: str, token: str | None = None) -> list[Answer]:
    """The gates' own answers to questions put at the same time."""
    questions = [Question(ask, url, token, ANY_BUT_GATES) for _ in range(AT_ONCE)]
    return [question.answer() for question in questions]


def prove_gate(url: str, nonce: str, patience: float = PATIENCE) -> Answer:
    """Waits until every visitor meets the gate with `nonce`, whichever process answers."""
    answer = wait_for(url, lambda answer: answer.gate == nonce, only=ANY_BUT_GATES, patience=patience)
    each_process(url, nonce, patience)
    return answer


def knows(url: str, token: str, nonce: str) -> bool:
    """Whether the gate with `nonce`, whose processes are all that answer, knows this run by its `token`: False where it
    was surely asked without, for a proxy in between takes headers away. A gate that is public hands such a question on
    to the site."""
    answer = ask(url, token, nonce)
    is_known = nonce in (answer.nonce, answer.headers.get("X-Slipway-Known"))
    return is_known or not (answer.gate == nonce or 200 <= answer.status < 300)


Good = Callable[[int], bool]  # whether a status is that of a site as it should be


def prove_processes(url: str, token: str, nonce: str, good: Good, patience: float = PATIENCE) -> Answer:
    """Waits until the processes behind the gate with `nonce` answer, all of them, and sees that they are healthy. The
    `token` is sent once it is seen that no others answer. Raises NotHealthy."""
    reloading = prove_gate(url, nonce, patience).reloading
    if not knows(url, token, nonce):
        raise Unknown("the gate does not get this run's token")
    first = wait_for(url, lambda answer: answer.nonce == nonce, token, only=nonce, patience=patience)
    if not _failed(first):
        if any(_failed(answer) for answer in _at_once(url, token)):
            raise NotHealthy("one of the new processes could not load the site")
        first = _unless_at_fault(lambda: ask(url, token, nonce), first)
    if _failed(first):
        raise NotHealthy(first.body.decode("utf-8", "replace").strip())
    first = first._replace(reloading=reloading | first.reloading)
    check_healthy(first, good)
    if leads_to_itself(first, url):
        raise NotHealthy("the site answers %s, as a host does that reloads" % describe(first), first.status)
    return first


def _failed(answer: Answer) -> bool:
    """Whether a gate says that it could not load the site."""
    return bool(answer.headers.get("X-Slipway-Load"))


def prove_own(url: str, good: Good, broken: float = BROKEN, patience: float = PATIENCE) -> Answer:
    """Waits until the site's own WSGI file answers (no gate, no nonce), healthily; `broken` as for wait_for.
    Raises NotHealthy."""

    def asked() -> Answer:
        return wait_for(
            url,
            lambda a: not (a.gate or a.nonce or is_reloading(a, url)),
            only=ANY_BUT_GATES,
            broken=broken,
            patience=patience,
        )

    answer = _unless_at_fault(asked)
    check_healthy(answer, good)
    return answer


def check_healthy(answer: Answer, good: Good) -> None:
    """Raises NotHealthy unless the status is good."""
    if not good(answer.status):
        raise NotHealthy("the site answers %s" % describe(answer), answer.status)


def as_usual(expected: int | None) -> Good:
    """What counts as healthy: 2xx; of a site whose health page answers otherwise, `expected`, the same kind of answer
    (3xx, 4xx); and where nobody has ever seen a good answer, whatever is no fault."""

    def good(status: int) -> bool:
        if 200 <= status < 300:
            return True
        return 0 < status < 500 and (expected is None or status // 100 == expected // 100)

    return good


def as_before(answered: int | None) -> Good:
    """What counts as healthy in a site that was taken back: whatever is no fault, and of a site that `answered` by one
    beforehand anything."""
    at_fault = answered is not None and answered >= 500
    return lambda status: 0 < status < 500 or (at_fault and status > 0)


def fixes(site: Named, answer: Answer) -> list[str]:
    """What to type where the site's own health is not what it should be."""
    name = site.name
    if answer.status == 404 or answer.status == 401 or 300 <= answer.status < 400:
        return [another_page(site, answer.status)]
    if answer.body == IN_TIME.encode() and not answer.status:
        return ["fab %s.logs" % name, "an account whose CPU seconds are used up is slow until it gets new ones"]
    if not answer.status:
        return ["correct  url:  of %s in invoke.yaml, or enable the web app on the Web tab" % name]
    return ["fab %s.logs" % name]


def another_page(site: Named, status: int) -> str:
    """What to write in invoke.yaml where the health page answers this."""
    wanted = "is there" if status == 404 else "answers everybody with 200"
    return "set  health:  of %s in invoke.yaml to a page that %s" % (site.name, wanted)


def describe(answer: Answer) -> str:
    """An answer in a few words."""
    if not answer.status:
        return answer.body.decode("utf-8", "replace") or "nothing"
    where = answer.headers.get("Location") if 300 <= answer.status < 400 else None
    return "%d%s" % (answer.status, " to %s" % where if where else "")


LONGEST_LOG = 4 << 20  # bytes of a log that are read at once


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
            text = file.read(LONGEST_LOG).decode("utf-8", "replace")
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


def log_tail(path: str, lines: int, end: int) -> str | None:
    """The last `lines` lines of a log up to its byte `end`, or None where there is none. Whole lines: the piece of a
    secret is not known as one."""
    begin, length = end, 400 * lines
    found: list[bytes] = []
    try:
        with open(path, "rb") as file:
            while begin > 0 and len(found) <= lines and end - begin < LONGEST_LOG:
                begin, length = max(0, end - length), 4 * length
                file.seek(begin)
                found = file.read(end - begin).splitlines()
    except OSError:
        return None
    whole = found[1:] if begin else found
    return b"\n".join(whole[-lines:]).decode("utf-8", "replace")


def end_of_lines(path: str, mark: LogMark) -> LogMark:
    """Where the last whole line before `mark` ends: what comes behind it may be half of one."""
    begin = max(0, mark.size - LONGEST_LOG)
    try:
        with open(path, "rb") as file:
            file.seek(begin)
            return LogMark(mark.inode, begin + file.read(mark.size - begin).rfind(b"\n") + 1)
    except OSError:
        return mark


class Follower:
    """What is added to the log at `path` from byte `mark.size` on, in whole lines: a value may be written in pieces."""

    def __init__(self, path: str, mark: LogMark) -> None:
        self.path, self.mark = path, mark

    def more(self) -> str:
        """The lines that were added since the last call, "" where none is whole; of one without an end, as much as is
        read at once."""
        now = log_mark(self.path)
        start = self.mark.size if now.inode == self.mark.inode and now.size >= self.mark.size else 0
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                data = file.read(min(now.size - start, LONGEST_LOG))
        except OSError:
            return ""
        whole = data.rfind(b"\n") + 1 or (len(data) if len(data) == LONGEST_LOG else 0)
        self.mark = LogMark(now.inode, start + whole)
        return data[:whole].decode("utf-8", "replace").rstrip("\n")
