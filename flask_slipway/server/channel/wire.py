"""The conversation with the laptop: what comes in is length-prefixed, what goes out bears this conversation's nonce."""

from __future__ import annotations

import json
import os
import select
import threading
from typing import Any, Mapping

LONGEST = 16 << 20  # bytes of one message from the laptop


class Wire:
    """Messages over two descriptors. The nonce in front of each line keeps apart whatever else prints there."""

    def __init__(self, reading: int, writing: int, nonce: str) -> None:
        self.reading, self.writing, self.nonce = reading, writing, nonce
        self.gone = False
        self._lock = threading.Lock()

    def send(self, event: Mapping[str, Any]) -> None:
        """Sends one event; a laptop that has gone is no error, and is remembered in `gone`."""
        line = ("%s %s\n" % (self.nonce, json.dumps(event, default=str))).encode()
        with self._lock:
            try:
                while line and not self.gone:
                    line = line[os.write(self.writing, line) :]
            except OSError:
                self.gone = True

    def hung_up(self, seconds: float) -> bool:
        """Waits up to `seconds`; True once the laptop has closed its end."""
        ready, _, _ = select.select([self.reading], [], [], seconds)
        if ready and not os.read(self.reading, 4096):
            self.gone = True
        return self.gone

    def receive(self) -> dict[str, Any] | None:
        """The next message of the laptop (a dict), or None when it has gone or speaks nonsense."""
        data = self.receive_bytes()
        try:
            message = None if data is None else json.loads(data.decode())
        except ValueError:
            return None
        return message if isinstance(message, dict) else None

    def receive_bytes(self) -> bytes | None:
        """The next length-prefixed block (decimal length, newline, bytes), or None when the laptop has gone."""
        head = b""
        while not head.endswith(b"\n"):
            byte = os.read(self.reading, 1)
            if not byte or len(head) > 12:
                return None
            head += byte
        if not head.strip().isdigit() or int(head) > LONGEST:
            return None
        data, length = b"", int(head)
        while len(data) < length:
            block = os.read(self.reading, length - len(data))
            if not block:
                return None
            data += block
        return data
