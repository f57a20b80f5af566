"""The embedded SSH server (asyncssh): commands, shells, SFTP and tunnels, as the person who started it.

As with sshd, a command that loses its connection is not killed: it reads an end of file and writes into a closed pipe.
Run as: python -m flask_slipway.sandbox.host.ssh CONFIGURATION.json"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import pty
import signal
import struct
import sys
import termios
from pathlib import Path

import asyncssh

SHELL = "/bin/bash"


class Entrance(asyncssh.SSHServer):
    """Lets the one user in by key, and opens tunnels for them."""

    def __init__(self, user: str) -> None:
        self.user = user

    def begin_auth(self, username: str) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


class Sessions:
    """Starts what a session asks for. `environment`: what every session finds there."""

    def __init__(self, home: str, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment

    async def run(self, process: asyncssh.SSHServerProcess) -> None:
        """Serves one session to its end, with the exit status of its command."""
        host, port = process.get_extra_info("peername")[:2]
        here, here_port = process.get_extra_info("sockname")[:2]
        environment = {
            **{name: str(value) for name, value in process.env.items() if str(name).startswith(("LC_", "LANG"))},
            **self.environment,
            "SSH_CLIENT": f"{host} {port} {here_port}",
            "SSH_CONNECTION": f"{host} {port} {here} {here_port}",
        }
        command = [SHELL, "-c", process.command] if process.command else ["-bash"]
        if process.term_type:
            environment["TERM"] = process.term_type
            await self._on_terminal(process, command, environment)
        else:
            await self._on_pipes(process, command, environment)

    async def _on_pipes(self, process: asyncssh.SSHServerProcess, command: list[str], env: dict[str, str]) -> None:
        child = await asyncio.create_subprocess_exec(
            *command,
            executable=SHELL,
            cwd=self.home,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdin
        feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
        leaving = asyncio.create_task(process.channel.wait_closed())
        passing = asyncio.create_task(_pass(child, process))
        await asyncio.wait({passing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        feeding.cancel()
        if passing.done():
            _leave(process, child.returncode or 0)
            child.stdin.close()
            return
        passing.cancel()
        _close_pipes(child)
        await child.wait()

    async def _on_terminal(self, process: asyncssh.SSHServerProcess, command: list[str], env: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        width, height, pixels, lines = process.term_size
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, pixels, lines))
        child = await asyncio.create_subprocess_exec(
            *command,
            executable=SHELL,
            cwd=self.home,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        typing = asyncio.create_task(_type(process, ours))
        loop = asyncio.get_running_loop()
        leaving = asyncio.create_task(process.channel.wait_closed())
        showing = asyncio.create_task(_show(loop, ours, process))
        await asyncio.wait({showing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGHUP)  # a terminal that hangs up, as with sshd
        code = await child.wait()
        for task in (typing, showing):
            task.cancel()
        os.close(ours)
        _leave(process, code)


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    """Closes our ends, which is all that happens to a command whose connection is gone."""
    for number in (0, 1, 2):
        pipe = child._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
        if pipe is not None and not pipe.is_closing():
            pipe.close()


def _leave(process: asyncssh.SSHServerProcess, code: int) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        if code < 0:
            process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            process.exit(code)


async def _feed(source: asyncssh.SSHReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while block := await source.read(65536):
            target.write(block)
            await target.drain()
    target.close()


async def _pass(child: asyncio.subprocess.Process, process: asyncssh.SSHServerProcess) -> None:
    """Passes on what the command says, until it has ended and nobody holds its output any more."""
    assert child.stdout and child.stderr
    await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
    await child.wait()


async def _copy(source: asyncio.StreamReader, target: asyncssh.SSHWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while block := await source.read(65536):
            target.write(block)
            await target.drain()


async def _type(process: asyncssh.SSHServerProcess, ours: int) -> None:
    while True:
        try:
            block = await process.stdin.read(65536)
        except asyncssh.TerminalSizeChanged as change:
            size = struct.pack("HHHH", change.height, change.width, change.pixwidth, change.pixheight)
            fcntl.ioctl(ours, termios.TIOCSWINSZ, size)
            continue
        except (asyncssh.Error, asyncssh.BreakReceived, asyncssh.SignalReceived):
            continue
        if not block:
            os.write(ours, b"\x04")
            return
        os.write(ours, block)


async def _show(loop: asyncio.AbstractEventLoop, ours: int, process: asyncssh.SSHServerProcess) -> None:
    """Passes on what the terminal shows until its last process has closed it (an error on Linux)."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while block := await _readable(loop, ours):
            process.stdout.write(block)
            await process.stdout.drain()


async def _readable(loop: asyncio.AbstractEventLoop, descriptor: int) -> bytes:
    ready = loop.create_future()
    loop.add_reader(descriptor, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
        return os.read(descriptor, 65536)
    finally:
        loop.remove_reader(descriptor)


async def serve(configuration: dict) -> None:
    """Serves until SIGTERM or SIGINT. What sessions have started goes on."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    os.chdir(configuration["home"])
    sessions = Sessions(configuration["home"], configuration["environment"])
    await asyncssh.create_server(
        lambda: Entrance(configuration["user"]),
        "127.0.0.1",
        configuration["port"],
        server_host_keys=[configuration["host_key"]],
        authorized_client_keys=configuration["authorized_keys"],
        process_factory=sessions.run,
        sftp_factory=True,
        allow_scp=True,
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
        gss_host=None,
        compression_algs=None,
    )
    await end.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
