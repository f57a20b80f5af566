"""The site's web server: a front that answers HTTP and hands each request to uWSGI, and reloads as PythonAnywhere does.

A reload begins when the WSGI file's time changes: running requests finish, queued ones are dropped, and until the new
workers answer every request is sent to itself by a 302 (help.pythonanywhere.com/pages/ReloadWebApp).
Run as: python -m flask_slipway.sandbox.host.web CONFIGURATION.json"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import signal
import sys
import time
from pathlib import Path

from flask_slipway.sandbox.host import request as http
from flask_slipway.sandbox.host import worker
from flask_slipway.sandbox.host.request import Malformed, Request
from flask_slipway.sandbox.host.worker import Generation, Layout

LOOK = 0.1  # seconds between two looks at the WSGI file
MERCY = 60  # seconds that running requests get to finish, uWSGI's own default
PATIENCE = 60  # seconds for a client to send its request


class Dropped(Exception):
    """The request waited for a worker when a reload began."""


class Front:
    """The web server of one site. `state`: starting, serving, reloading, broken or down."""

    def __init__(self, site: Layout) -> None:
        self.site = site
        self.state = ""
        self.generation: Generation | None = None
        self.number = 0
        self.running = 0
        self.queue: collections.deque[asyncio.Future[None]] = collections.deque()
        self.idle = asyncio.Event()
        self.idle.set()
        self._say("starting")

    # the generations

    async def watch(self) -> None:
        """Starts the site, then reloads it at each change of the WSGI file's time, for ever."""
        seen = self._time()
        await self._start("starting")
        while True:
            await asyncio.sleep(LOOK)
            now = self._time()
            if now is not None and now != seen:
                seen = now
                await self._stop("reloading")
                await self._start("reloading")
            elif self.generation and self.generation.process.returncode is not None and self.state == "serving":
                await asyncio.sleep(1)
                await self._start("reloading")

    async def _start(self, state: str) -> None:
        self._say(state)
        self.number += 1
        self.generation = await worker.start(self.site, self.number)
        if await self.generation.comes_up():
            self._say("serving")
        else:
            await self.generation.stop()
            self._say("broken")

    async def _stop(self, state: str) -> None:
        self._say(state)
        while self.queue:
            waiting = self.queue.popleft()
            if not waiting.done():
                waiting.set_exception(Dropped())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.idle.wait(), MERCY)
        if self.generation:
            await self.generation.stop()

    async def close(self) -> None:
        """Lets running requests finish, and ends the site's processes."""
        await self._stop("down")

    def _time(self) -> int | None:
        try:
            return Path(self.site.wsgi).stat().st_mtime_ns
        except OSError:
            return None

    def _say(self, state: str) -> None:
        self.state = state
        path = Path(self.site.run) / "web.state"
        path.with_suffix(".part").write_text(f"{state} {self.number}\n")
        path.with_suffix(".part").replace(path)

    # the requests

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection's one request."""
        started = time.monotonic()
        client = writer.get_extra_info("peername") or ("", 0)
        request: Request | None = None
        sent = (400, 0)
        try:
            request = await asyncio.wait_for(http.read(reader, writer), PATIENCE)
            if request is not None:
                sent = await self._answer(request, writer, client[:2])
        except Malformed as error:
            sent = _send(writer, error.status, error.status)
        except (Dropped, ConnectionError, asyncio.TimeoutError):
            sent = (499, 0)
        finally:
            if request is not None:
                request.body.close()
                self._record(request, client[0], sent, time.monotonic() - started)
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), PATIENCE)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter, client: tuple[str, int]) -> tuple[int, int]:
        if self.state == "serving":
            await self._slot()
            try:
                if self.state == "serving" and self.generation is not None:
                    return await self._forward(request, writer, client, self.generation.socket)
            finally:
                self._release()
        if self.state in ("starting", "reloading"):
            return _send(writer, "302 Found", "Reloading", f"Location: {request.location}\r\n")
        return _send(writer, "502 Bad Gateway", "502 Bad Gateway")

    async def _slot(self) -> None:
        """Waits for a free worker. Raises Dropped when a reload begins first."""
        if self.running < worker.WORKERS:
            self.running += 1
            self.idle.clear()
            return
        waiting = asyncio.get_running_loop().create_future()
        self.queue.append(waiting)
        await waiting

    def _release(self) -> None:
        """Gives the worker to the next in the queue, if there is one."""
        while self.queue:
            waiting = self.queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self.running -= 1
        if not self.running:
            self.idle.set()

    async def _forward(
        self, request: Request, writer: asyncio.StreamWriter, client: tuple[str, int], path: Path
    ) -> tuple[int, int]:
        """Hands the request to uWSGI and its answer to the client, who may leave: the request runs to its end."""
        server = writer.get_extra_info("sockname")[:2]
        packet = http.uwsgi_packet(request, client, server)
        try:
            answers, asks = await asyncio.open_unix_connection(str(path), limit=http.LONGEST_HEAD)
        except OSError:
            return _send(writer, "502 Bad Gateway", "502 Bad Gateway")
        try:
            sending = asyncio.create_task(_upload(asks, packet, request))
            sent = await _download(answers, writer)
            await sending
        finally:
            asks.close()
        return sent or _send(writer, "502 Bad Gateway", "502 Bad Gateway")

    def _record(self, request: Request, client: str, sent: tuple[int, int], seconds: float) -> None:
        """One line of the access log, in PythonAnywhere's format."""
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        referer, agent = (request.headers.get(name, "-") for name in ("referer", "user-agent"))
        line = f'{client} - - [{when}] "{request.method} {request.target} {request.version}" {sent[0]} {sent[1]} '
        line += f'"{referer}" "{agent}" "{client}" response-time={seconds:.3f}\n'
        with Path(self.site.access_log).open("a", encoding="latin-1", errors="replace") as log:
            log.write(line)


async def _upload(asks: asyncio.StreamWriter, packet: bytes, request: Request) -> None:
    """Sends head and body; an app may answer and close before it has read all."""
    with contextlib.suppress(ConnectionError):
        asks.write(packet)
        while block := request.body.read(http.BLOCK):
            asks.write(block)
            await asks.drain()
        await asks.drain()


async def _download(answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, int] | None:
    """Passes uWSGI's answer on; returns (status, bytes of the body), or None when there was none."""
    try:
        head = await answers.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return None
    lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith((b"connection:", b"keep-alive:"))]
    parts = [b"\r\n".join([*lines, b"Connection: close", b"", b""])]
    length, gone = 0, False
    with contextlib.suppress(ConnectionError):
        while parts[0]:
            if not gone:
                try:
                    writer.write(parts[0])
                    await writer.drain()
                except ConnectionError:
                    gone = True
            parts[0] = await answers.read(http.BLOCK)
            length += len(parts[0])
    status = lines[0].split(b" ")[1:2]
    return (int(status[0]) if status and status[0].isdigit() else 502), length


def _send(writer: asyncio.StreamWriter, status: str, text: str, headers: str = "") -> tuple[int, int]:
    data = http.answer(status, text, headers)
    writer.write(data)
    return int(status[:3]), len(data.partition(b"\r\n\r\n")[2])


async def serve(configuration: dict) -> None:
    """Serves until SIGTERM or SIGINT."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    front = Front(Layout(**configuration["site"]))
    server = await asyncio.start_server(
        front.handle, "127.0.0.1", configuration["port"], limit=http.LONGEST_HEAD, backlog=512
    )
    watching = asyncio.create_task(front.watch())
    ending = asyncio.create_task(end.wait())
    await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if watching.done():
        front._say("down")
        watching.result()
    watching.cancel()
    await front.close()
    await asyncio.sleep(0.05)  # the last answers leave


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
