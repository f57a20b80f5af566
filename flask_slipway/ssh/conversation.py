"""The conversation with a site's server: one connection and one channel for a task.

What comes back counts only behind the nonce that the server's half greets with."""

from __future__ import annotations

import contextlib
import getpass
import json
import platform
import queue
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from flask_slipway import __version__
from flask_slipway.errors import Interrupted, Refusal, Unreachable, WrongUse
from flask_slipway.server.protocol import End, Event
from flask_slipway.ssh import checked, connection, engine, limits

if TYPE_CHECKING:
    from paramiko import Channel

    from flask_slipway.config.settings import Site

Decide = Callable[[Event], Event]

SILENCE = 45.0  # seconds without a sign of life (one comes every 10) after which a link counts as dead
OLDEST_PYTHON = (3, 8)
NOT_SENT, SENT, HEARD = range(3)  # how much is known of the go: not given, given, answered
AHEAD = 8  # events that are kept for who does not ask yet


def converse(site: Site, task: str, args: Event, decide: Decide | None, show: Callable[[Event], None]) -> End:
    """Does `task` on the server and returns its end event. `decide` answers the facts of a change, or raises.
    `show` gets every other event. Raises Unreachable, Interrupted, and whatever `decide` raises."""
    with Talk(site, task, args) as talk:
        return talk.finish(decide, show)


class Talk:
    """A conversation, begun when this is made: a thread connects, asks for `task` and listens, while this side may do
    something else. What goes wrong meanwhile is raised by `finish`."""

    def __init__(self, site: Site, task: str, args: Event) -> None:
        self.site, self.task = site, task
        self._follows = bool(args.get("follow"))
        self._request = request(site, task, args)
        self._heard: queue.Queue[Event | Exception] = queue.Queue(AHEAD)
        self._line: _Line | None = None
        self._left = False
        self._thread = threading.Thread(target=self._listen, name=f"link to {site.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves. Before a change was let go, that ends the task; afterwards the server goes on alone."""
        self._left = True
        if self._line is not None:
            self._line.transport.close()  # not the channel alone, which waits for a server that does not read
            self._thread.join(1)

    def finish(self, decide: Decide | None, show: Callable[[Event], None]) -> End:
        """The conversation to its end event, as `converse` has it."""
        went = NOT_SENT
        over = None if self._follows else time.monotonic() + limits.ANSWER
        try:
            while True:
                event = self._next(over)
                went = HEARD if went == SENT else went
                if went or self.task == "watch":
                    over = time.monotonic() + limits.STEP
                if event["event"] == "facts" and decide is not None:
                    if went:
                        raise _Garbled("it asks for the go twice")
                    answer = decide(event)
                    went = SENT
                    assert self._line is not None
                    self._line.send(answer)
                    over = time.monotonic() + limits.STEP
                elif event["event"] == "end":
                    return cast(End, event)
                else:
                    show(event)
        except KeyboardInterrupt:
            raise _interrupted(self.site, self.task, went) from None
        except _Lost as lost:
            raise _lost(self.site, self.task, went, lost) from None

    def _next(self, over: float | None) -> Event:
        """The next event, or what went wrong; nothing is waited for beyond the moment `over`. It looks up each second,
        so that Ctrl-C is heard everywhere."""
        while over is None or time.monotonic() < over:
            with contextlib.suppress(queue.Empty):
                heard = self._heard.get(timeout=1)
                if isinstance(heard, Exception):
                    raise heard
                return heard
        raise _Lost("it gives signs of life, but no answer")

    def _tell(self, what: Event | Exception) -> None:
        """Hands on what was heard; waits for who asks, as long as somebody may."""
        while not self._left:
            with contextlib.suppress(queue.Full):
                self._heard.put(what, timeout=1)
                return

    def _listen(self) -> None:
        try:
            with connection.opened(self.site) as transport:
                if self._left:
                    return
                line = _Line(_channel(transport, self.site))
                line.greet(self.site, self._request)
                self._line = line
                for event in line.events(self.site, self.task, None if self._follows else limits.CONVERSATION):
                    self._tell(event)
                    if self._left or event["event"] == "end":
                        return
            self._tell(_Lost("the server ended the conversation"))
        except Exception as error:
            self._tell(error)


def request(site: Site, task: str, args: Event) -> Event:
    """What is asked of the server (protocol.Request)."""
    return {"task": task, "site": site.wire(), "args": args, "who": who(), "version": __version__}


def who() -> str:
    """Who asks, for the lock, the journal and the history: user@machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{platform.node() or 'unknown'}"


def shell(site: Site, command: str | None) -> int:
    """An interactive shell on the server, or one command; returns its exit code. Raises Unreachable."""
    from flask_slipway.ssh import terminal

    interactive = command is None
    if interactive and not sys.stdin.isatty():
        raise WrongUse("workon needs a terminal", next=[f"fab {site.name}.workon -c 'flask --version'"])
    if command is not None:
        _refuse_unreadable(site, command)
    try:
        with connection.opened(site) as transport:
            channel = _channel(transport, site, pty=interactive)
            line = _Line(channel)
            line.greet(site, request(site, "workon", {"command": command}))
            line.settle(site)
            return terminal.attach(channel, line.rest, interactive)
    except _Lost as lost:
        raise _lost(site, "workon", NOT_SENT, lost) from None


def _refuse_unreadable(site: Site, command: str) -> None:
    """Raises WrongUse for a command that the server could not take apart, or that holds no word."""
    try:
        fault = "" if shlex.split(command) else "it is empty"
    except ValueError as error:
        fault = str(error).lower()
    if fault:
        follow = [f"fab {site.name}.workon -c '…', with the quotes in it in pairs"]
        raise WrongUse(f"The command cannot be read: {fault}", next=follow)


class _Lost(Exception):
    """The link broke in the middle; the text tells how."""


class _Late(_Lost):
    """Nothing came in time."""


class _Garbled(_Lost):
    """What came is not what the server's half says; the text tells what is wrong with it."""


class _Line:
    """The conversation on one channel: blocks out, lines behind the nonce in, neither too long nor for ever."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.transport = channel, channel.get_transport()
        self.rest = b""
        self.nonce = b""
        self._room: int | None = limits.GREETING  # bytes that may come yet
        self._drains = False

    def greet(self, site: Site, request: Event) -> None:
        """Waits for the server's greeting, then sends what is asked, and the engine if it is not there."""
        over = time.monotonic() + connection.PATIENCE
        while (line := self._line(over, f"it did not greet within {connection.PATIENCE:.0f} s")) is not None:
            match = re.fullmatch(rb"slipway-hello ([0-9a-f]{24}) (\d{1,3})\.(\d{1,3})", line.strip())
            if match:
                break
        else:
            raise _no_greeting(site, self._complaint())
        self.nonce = match[1]
        version = int(match[2]), int(match[3])
        if version < OLDEST_PYTHON:
            what = f"On the server, {site.python} is Python {version[0]}.{version[1]}; 3.8 or newer is needed"
            follow = [f"set  python: python3.11  (one that the server has) for {site.name} in invoke.yaml"]
            raise Unreachable(what, next=follow, changed=False)
        data, digest = engine.engine()
        self.send({"engine": digest, "home": site.home})
        self.send(request)
        self.engine = data

    def settle(self, site: Site) -> None:
        """For a conversation without events: sends the engine if it is asked for, up to the first that is said."""
        over = time.monotonic() + connection.PATIENCE
        self._room = limits.GREETING
        while self.nonce.startswith(self.rest[: len(self.nonce)]):
            line, found, more = self.rest.partition(b"\n")
            if found and line:
                self.rest = more
                self._begun(self._read(line, "workon"), site)
                continue
            try:
                if not self._more(over, ""):
                    return
            except _Late:  # a program that says nothing
                return

    def events(self, site: Site, task: str, room: int | None) -> Iterator[Event]:
        """The events of the server, to the end; `room`: bytes that may come. Raises _Lost."""
        self._room, self._drains = room, True
        silent = f"no sign of life for {SILENCE:.0f} s"
        over = time.monotonic() + SILENCE
        while (line := self._line(over, silent)) is not None:
            if not line.startswith(self.nonce + b" "):
                continue  # what a login script or a program prints there
            event = self._read(line, task)
            if not self._begun(event, site):
                yield event
            over = time.monotonic() + SILENCE

    def _read(self, line: bytes, task: str) -> Event:
        """The event in a line that bears the nonce. Raises _Garbled."""
        try:
            return checked.event(line[len(self.nonce) + 1 :], task)
        except checked.Wrong as wrong:
            raise _Garbled(str(wrong)) from None

    def _begun(self, event: Event, site: Site) -> bool:
        """Deals with what is said before a task begins, and with signs of life; False for all else."""
        name = event["event"]
        if name == "need":
            self._send_block(self.engine)
        elif name == "no home":
            what = f"On the server there is no folder {event['home']}"
            raise WrongUse(what, next=[f"correct  user:  or  home:  of {site.name} in invoke.yaml"])
        elif name == "not kept":
            what = f"{site.name} cannot be written to: {event['why']}, in {event['folder']}"
            follow = [f"{connection.login(site)}  and look at the quota (du -sh ~) and at that folder"]
            raise Refusal(what, next=follow)
        elif name == "damaged":
            raise _Lost("the server's half arrived damaged")
        return name in ("need", "beat")

    def send(self, message: Event) -> None:
        self._send_block(json.dumps(message).encode())

    def _send_block(self, data: bytes) -> None:
        try:
            with limits.within(limits.SENDING, self.transport, "it takes nothing more"):
                self.channel.sendall(b"%d\n" % len(data) + data)
        except (OSError, EOFError) as error:
            raise _Lost(self._why(str(error))) from None

    def _why(self, said: str) -> str:
        """Why the link broke: what ended it on this side, else what was `said`."""
        ended = self.transport.get_exception()
        return str(ended if isinstance(ended, limits.Exceeded) else said) or "the connection broke"

    def _line(self, over: float, late: str) -> bytes | None:
        """The next whole line, None where the other side has ended. Raises _Lost, with `late` at the moment `over`."""
        while True:
            line, found, rest = self.rest.partition(b"\n")
            if found:
                self.rest = rest
                return line
            if len(self.rest) > limits.LINE:
                raise _Garbled(f"a line of more than {limits.LINE >> 20} MB")
            if not self._more(over, late):
                return None

    def _more(self, over: float, late: str) -> bool:
        """Reads what has come, False where nothing will. What is said on the error stream is read away only where
        nobody else will read it."""
        left = over - time.monotonic()
        if left <= 0:
            raise _Late(late)
        self.channel.settimeout(left)
        try:
            block = self.channel.recv(65536)
            if self._drains and self.channel.recv_stderr_ready():
                self._take(self.channel.recv_stderr(65536))
        except TimeoutError:
            raise _Late(late) from None
        except OSError as error:
            raise _Lost(self._why(str(error))) from None
        if not block:
            if not self.transport.is_active():
                raise _Lost(self._why(""))
            return False
        self._take(block)
        self.rest += block
        return True

    def _take(self, block: bytes) -> None:
        """Counts what came. Raises _Garbled once it is too much."""
        if self._room is not None:
            self._room -= len(block)
            if self._room < 0:
                raise _Garbled("it sends without end")

    def _complaint(self) -> str:
        with contextlib.suppress(OSError):
            self.channel.settimeout(2)
            return self.channel.recv_stderr(2000).decode("utf-8", "replace").strip()
        return ""


def _channel(transport: Any, site: Site, pty: bool = False) -> Channel:
    import paramiko

    try:
        with limits.within(connection.PATIENCE, transport, "it starts no program"):
            channel = transport.open_session(timeout=connection.PATIENCE)
            transport.sock.watch(channel)
            if pty:
                from flask_slipway.ssh import terminal

                channel.get_pty(*terminal.kind_and_size())
            channel.exec_command(engine.first_line(site))
    except (paramiko.SSHException, OSError, EOFError, limits.Exceeded) as error:
        raise _Lost(str(error) or "the server opens no channel") from None
    return channel


def _no_greeting(site: Site, complaint: str) -> Unreachable:
    said = complaint.splitlines()[-1] if complaint else "it printed nothing"
    return Unreachable(
        f"On {site.host}, {site.python} did not start: {said}",
        next=[f"set  python:  for {site.name} in invoke.yaml to a Python 3.8 or newer that the server has"],
        changed=False,
    )


def _interrupted(site: Site, task: str, went: int) -> Interrupted:
    watch = [f"fab {site.name}.watch"]
    if went == SENT:
        return Interrupted(f"Interrupted here, while the go was sent: the {task} may be running", next=watch)
    if went:
        return Interrupted(f"Interrupted here. The {task} goes on, on the server", next=watch)
    return Interrupted("Interrupted", changed=False)


def _lost(site: Site, task: str, went: int, lost: _Lost) -> Unreachable:
    if isinstance(lost, _Garbled):
        return _untrue(site, task, went, str(lost))
    watch = [f"fab {site.name}.watch"]
    if went == SENT:
        what = f"The link to {site.name} is lost, while the go was sent: {lost}"
        return Unreachable(what, [f"The {task} may be running."], watch)
    what = f"The link to {site.name} is lost: {lost}"
    if went:
        return Unreachable(what, [f"The {task} goes on, on the server."], watch)
    return Unreachable(what, next=["try again"], changed=False)


def _untrue(site: Site, task: str, went: int, how: str) -> Unreachable:
    """The end of a conversation in which the server said what cannot be true: nothing of it is used."""
    what = f"{site.name} answers what cannot be true: {how}"
    lines = ["What answers there is not the server's half that this machine sent, or something changes what it says."]
    if went:
        lines.append(f"The {task} may be running.")
    next_lines = [f"{connection.login(site)}  and see what runs there, and which Python  {site.python}  is"]
    return Unreachable(what, lines, next_lines, changed=None if went else False)
