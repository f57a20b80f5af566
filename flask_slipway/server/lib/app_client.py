"""One process of an app (inside/main.py), spoken to in JSON lines: a request a line in, an answer a line out.

Both halves start that process, each in its own way, and ask it by this client."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Mapping, Optional

from .masking import end_of

LIMIT = 300  # seconds that an answer may take before the process is ended
CHANGE_LIMIT = 3600  # seconds for what changes a database, which may be large
ERRORS_TAIL = 4000  # signs of what the process wrote to stderr, told where it ended
PATIENCE = 5  # seconds in which a process that answers no more may still end by itself

Answer = Dict[str, Any]


class AppClient:
    """The client of `child`, a process whose three streams are pipes. `kill` ends it, and what it started.

    Its own end is an end, whatever it leaves behind: a process that it started may hold the pipe open for ever."""

    def __init__(self, child: subprocess.Popen[bytes], kill: Callable[[], None]) -> None:
        self.child, self.kill = child, kill
        self._unread = 0  # answers that nobody waits for
        self._errors = b""
        self._lines: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()  # what it says; None at the end
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        for thread in (self._reader, self._drain, threading.Thread(target=self._watch, daemon=True)):
            thread.start()

    def tell(self, request: Mapping[str, Any]) -> None:
        """Sends a request whose answer is not waited for."""
        with contextlib.suppress(OSError):
            self._send(request)
            self._unread += 1

    def ask(
        self,
        request: Mapping[str, Any],
        connected: Optional[Callable[[int], None]] = None,
        limit: float = LIMIT,
    ) -> Answer:
        """Sends a request and returns its answer: {"ok": True, …}, or {"ok": False, "error", "kind", …}, also where the
        process ended ("Ended") or was ended after `limit` seconds ("Timeout"). `connected` is called with the id of
        each database connection that the request opens, before it is used."""
        late = threading.Event()
        timer = threading.Timer(limit, self._end, [late])
        timer.daemon = True
        timer.start()
        try:
            answer = self._exchange(request)
            while answer is not None and "connection" in answer:
                if connected is not None:
                    connected(answer["connection"])
                answer = self._exchange({"do": "continue"})
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        return timed_out(limit) if late.is_set() else self._ended()

    def leave(self) -> None:
        """Nothing more will be asked: the process ends by itself while this one does something else."""
        assert self.child.stdin is not None
        with contextlib.suppress(OSError):
            self.child.stdin.close()

    def close(self, patience: float = PATIENCE) -> None:
        """Waits for the end of the process, ends it after `patience` seconds, and lets go of it."""
        self.leave()
        self._reap(patience)
        for thread in (self._reader, self._drain):
            thread.join(PATIENCE)
        for stream in (self.child.stdout, self.child.stderr):
            reader = self._drain if stream is self.child.stderr else self._reader
            if stream is not None and not reader.is_alive():  # else another process holds it, and closing waits
                stream.close()

    def _exchange(self, request: Mapping[str, Any]) -> Optional[Answer]:
        """What the process says to the request; None where it says no more."""
        try:
            self._send(request)
            return self._receive()
        except (OSError, ValueError):
            return None

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(request).encode() + b"\n")
        self.child.stdin.flush()

    def _receive(self) -> Optional[Answer]:
        """The next answer that is waited for; None at the end."""
        for line in iter(self._lines.get, None):
            if not self._unread:
                answer: Answer = json.loads(line.decode())
                return answer
            self._unread -= 1
        self._lines.put(None)  # for whoever asks again
        return None

    def _read_lines(self) -> None:
        assert self.child.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self.child.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def _watch(self) -> None:
        """Waits for the end of the process, without taking its exit status from whoever asks for it: until then no
        other process can get its number. Then ends what it started, and gives its last words a moment to arrive."""
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
                self.kill()
        else:
            self.child.wait()
        time.sleep(PATIENCE)
        self._lines.put(None)

    def _read_errors(self) -> None:
        stream: Any = self.child.stderr
        for block in iter(lambda: stream.read1(65536), b""):
            self._errors = (self._errors + block)[-2 * ERRORS_TAIL :]

    def _end(self, late: threading.Event) -> None:
        late.set()
        self.kill()

    def _ended(self) -> Answer:
        self._reap(PATIENCE)
        self._drain.join(PATIENCE)
        text = end_of(self._errors.decode("utf-8", "replace").strip(), ERRORS_TAIL)
        return {"ok": False, "error": text.splitlines()[-1] if text else None, "kind": "Ended", "output": text}

    def _reap(self, patience: float) -> None:
        try:
            self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            self.child.wait()


def timed_out(limit: float) -> Answer:
    """The answer of a process that was ended because it gave none for `limit` seconds."""
    return {"ok": False, "error": "it took longer than %g s and was ended" % limit, "kind": "Timeout"}
