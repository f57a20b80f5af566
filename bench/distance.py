"""A link with a chosen round trip, between a client and a TCP port of this machine. Bandwidth is not limited."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import threading
import time
from dataclasses import dataclass

BLOCK = 1 << 18


@dataclass
class Traffic:
    """What went over a link: connections, and bytes from the client (`up`) and to it (`down`)."""

    connections: int = 0
    up: int = 0
    down: int = 0


class Link:
    """Passes connections on to `target`, and delays each direction by half of `round_trip` seconds.

    `port`: where to connect to. `round_trip` may be set at any time. Runs in a thread until `close`."""

    def __init__(self, target: int, round_trip: float = 0.0) -> None:
        self.target, self.round_trip = target, round_trip
        self.traffic = Traffic()
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)
        self._thread.start()
        self._ready.wait()

    def take(self) -> Traffic:
        """What went over the link since this was last asked."""
        taken, self.traffic = self.traffic, Traffic()
        return taken

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. The client's connect() has succeeded at once, which over a real link takes a round trip,
        and the server's accept() one and a half: so long nothing passes."""
        self.traffic.connections += 1
        opened = time.monotonic() + self.round_trip
        await asyncio.sleep(1.5 * self.round_trip)
        try:
            answers, asks = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        for stream in (writer, asks):
            stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(asyncio.CancelledError):  # the link is closed under it
            await asyncio.gather(self._pump(reader, asks, "up", opened), self._pump(answers, writer, "down", opened))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str, opened: float) -> None:
        """Moves what comes, each block when its time has come, however much is under way."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, block = await under_way.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not block:
                    sink.close()
                    return
                sink.write(block)
                await sink.drain()

        delivering = asyncio.create_task(deliver())
        try:
            block = b"-"
            while block:
                block = await source.read(BLOCK)
                setattr(self.traffic, way, getattr(self.traffic, way) + len(block))
                under_way.put_nowait((max(time.monotonic(), opened) + self.round_trip / 2, block))
            await delivering
        except OSError:
            delivering.cancel()
            sink.close()


def measured(round_trip: float, times: int = 5) -> tuple[float, float]:
    """What a link with that round trip does: (seconds of an echo, the median; bytes a second through it)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        link = Link(server.getsockname()[1], round_trip)
        with socket.create_connection(("127.0.0.1", link.port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _exchange(client, 1)
            echo = statistics.median(_exchange(client, 1) for _ in range(times))
            size = 50_000_000
            speed = size / (_exchange(client, size) - echo)
        link.close()
    return echo, speed


def _exchange(client: socket.socket, size: int) -> float:
    """Sends that many bytes and waits until they are back; the seconds."""
    began = time.monotonic()
    sending = threading.Thread(target=client.sendall, args=(bytes(size),))
    sending.start()
    left = size
    while left:
        left -= len(client.recv(BLOCK))
    sending.join()
    return time.monotonic() - began


def _echo(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while block := client.recv(BLOCK):
            client.sendall(block)
