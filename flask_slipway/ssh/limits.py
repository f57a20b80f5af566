"""How much a server may send, and how long it may take: bytes, lines and seconds.

A server that is asked for a task is trusted with that site, not with this machine; one whose host key was not seen yet
is trusted with nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

BEFORE_LOGIN = 1 << 18  # bytes: a login takes some thousands
PACKET = 1 << 18  # bytes of one SSH packet: 35,000 by RFC 4253, section 6.1
WAITING = 8 << 20  # bytes that came and were not read: a channel's window is 2 MB
GREETING = 1 << 20  # bytes before the server's half greets: what login scripts print
LINE = 4 << 20  # bytes of one event
CONVERSATION = 64 << 20  # bytes of a whole one, but of a log that is followed
SENDING = 300.0  # seconds for one message to the server, of which the longest is its half itself
ANSWER = 1800.0  # seconds for the facts of a change, and for all of what only reads
STEP = 12 * 3600.0  # seconds without news of a run, of which the longest may be a backup or an ALTER


class Exceeded(Exception):
    """More came than a server that means well would send. No OSError: paramiko looks for a number in those."""


class Measured:
    """A socket that ends once too much came in. `sock`: anything that reads and sends like one."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._left = BEFORE_LOGIN
        self._channels: list[Any] = []
        self._is_in = False

    def logged_in(self) -> None:
        """From here on only a packet, and what waits in the channels, is measured."""
        self._is_in = True

    def watch(self, channel: Any) -> None:
        """What waits in `channel` is measured: a server need not keep to its window."""
        self._channels.append(channel)

    def recv(self, size: int) -> bytes:
        """As a socket's. Raises Exceeded."""
        if size > PACKET:
            raise Exceeded("it sends a packet that is longer than any may be")
        data: bytes = self._sock.recv(size)
        self._left -= 0 if self._is_in else len(data)
        if self._left < 0:
            raise Exceeded(f"it sent more than {BEFORE_LOGIN >> 10} kB before the login")
        for channel in self._channels:
            if len(channel.in_buffer) + len(channel.in_stderr_buffer) > WAITING:
                raise Exceeded("it sends more than was asked for")
        return data

    def close(self) -> None:
        """As a socket's; on the way to a server that is gone nothing is left to say."""
        with contextlib.suppress(OSError, EOFError):
            self._sock.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@contextlib.contextmanager
def within(seconds: float, transport: Any, what: str) -> Iterator[None]:
    """Closes `transport`, which ends whatever waits for it, unless the block is left within `seconds`. Raises
    TimeoutError with `what` then."""
    over = threading.Event()

    def end() -> None:
        over.set()
        transport.close()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError(what) from error
        raise
    finally:
        timer.cancel()
