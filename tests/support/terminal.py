"""A terminal of 80 columns, and a command in it: what a person sees, and the keys that they press."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CTRL_C, CTRL_D = b"\x03", b"\x04"


class Terminal:
    """Starts `line` as the foreground of a terminal of its own."""

    def __init__(self, line: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen = b""
        self.process = subprocess.Popen(
            line,
            cwd=folder,
            env={**env, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    @property
    def text(self) -> str:
        return self.seen.decode("utf-8", "replace").replace("\r\n", "\n")

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait_for(self, what: str | Path, seconds: float = 120) -> None:
        """Until the text was shown, or the file is there."""
        deadline = time.monotonic() + seconds
        while not (what.exists() if isinstance(what, Path) else what in self.text):
            assert time.monotonic() < deadline and self.process.poll() is None, f"no {what}:\n{self.text}"
            self._read(0.05)

    def end(self, seconds: float = 120) -> int:
        """Its exit code, once it has ended and all was read."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], seconds)
        block = b""
        if ready:
            with contextlib.suppress(OSError):
                block = os.read(self.master, 65536)
            if not block:
                time.sleep(seconds)
        self.seen += block
        return bool(block)
