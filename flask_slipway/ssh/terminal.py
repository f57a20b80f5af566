"""Ties this terminal to a channel on the server: for `fab ENV.workon`."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramiko import Channel

LARGEST_CODE = 255


def kind_and_size() -> tuple[str, int, int]:
    """The terminal's name, columns and rows, as a pty request wants them."""
    columns, rows = shutil.get_terminal_size()
    return os.environ.get("TERM", "xterm"), columns, rows


def attach(channel: Channel, first: bytes, interactive: bool) -> int:
    """Passes bytes both ways until the other end is done; returns its exit code. `first`: bytes that came already."""
    channel.settimeout(None)
    _write(sys.stdout, first)
    if not interactive:
        channel.shutdown_write()
        errors = threading.Thread(target=_pump, args=(channel.recv_stderr, sys.stderr), daemon=True)
        errors.start()
        _pump(channel.recv, sys.stdout)
        errors.join()
        return exit_code(channel)
    with _raw():
        _both_ways(channel)
    return exit_code(channel)


def exit_code(channel: Channel) -> int:
    """How the other end ended, as a code of this machine's: one that would be cut to 0 is none."""
    code = channel.recv_exit_status()
    return code if 0 <= code <= LARGEST_CODE else LARGEST_CODE


def _pump(receive: Callable[[int], bytes], stream: Any) -> None:
    for block in iter(lambda: receive(65536), b""):
        _write(stream, block)


def _write(stream: Any, data: bytes) -> None:
    stream.buffer.write(data)
    stream.flush()


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """This terminal passes every key as it is; on Windows it stays as it was."""
    try:
        import termios
        import tty
    except ImportError:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _both_ways(channel: Channel) -> None:
    def keys() -> None:
        while not channel.closed:
            ready, _, _ = select.select([sys.stdin], [], [], 0.2) if os.name == "posix" else ([1], [], [])
            if ready:
                data = os.read(sys.stdin.fileno(), 1024)
                if not data:
                    return
                channel.sendall(data)

    threading.Thread(target=keys, daemon=True).start()
    _pump(channel.recv, sys.stdout)
