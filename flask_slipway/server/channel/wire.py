"""The conversation with the laptop: what comes in is length-prefixed, what goes out bears this conversation's nonce."""

from __future__ import annotations

import json
import os
import select
import threading
from typing import Any, Iterator, Mapping

LONGEST = 16 << 20  # bytes of one message from the laptop
PIECE = 1 << 16  # signs of what a program printed in one event: the laptop takes no event without end


class Wire:
    """Messages over two descriptors. The nonce in front of each line keeps apart whatever else prints there."""

    def __init__(self, reading: int, writing: int, nonce: str) -> None:
        self.reading, self.writing, self.nonce = reading, writing, nonce
        self.gone = False
        self._lock = threading.Lock()

    def send(self, event: Mapping[str, Any]) -> None:
        """Sends one event, what a program printed in pieces; a laptop that has gone is no error, and is remembered in
        `gone`."""
        if event.get("event") == "text" and len(event["text"]) > PIECE:
            for piece in pieces(event["text"]):
                self.send({**event, "text": piece})
            return
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


def pieces(text: str) -> Iterator[str]:
    """The text in pieces of PIECE signs at most, each ending where a line does; a longer line is cut."""
    while len(text) > PIECE:
        end = text.rfind("\n", 0, PIECE + 1)
        cut = end if end > 0 else PIECE
        yield text[:cut]
        text = text[cut + (end > 0) :]
    yield text
