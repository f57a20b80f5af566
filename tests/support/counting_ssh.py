"""An SSH server that writes down what it is asked, a word a line: connection, user NAME, try, channel, agent,
received N, tunnel PORT.

The file `orders` makes a bad jump host of it: with a port in it all tunnels lead there, whatever was asked for; with
`closed` it opens none, with `mute` it says nothing in them, with `flood` it never ends.

Run as: python counting_ssh.py FOLDER  (with ssh/ as the sandbox makes it, and home/); says its port on stdout."""

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

from flask_slipway.sandbox.host.ssh import Sessions

FOLDER = Path(sys.argv[1])


def note(*words):
    with (FOLDER / "asked").open("a") as file:
        print(*words, file=file)


class Counting(asyncssh.SSHServer):
    """Lets one key in, and counts."""

    def connection_made(self, connection):
        note("connection")

    def begin_auth(self, username):
        note("user", username)
        return True

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        note("try")
        return key == asyncssh.read_public_key(FOLDER / "ssh" / "id_ed25519.pub")

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        note("tunnel", dest_port)
        orders = (FOLDER / "orders").read_text()
        if orders == "closed":
            return False
        if orders == "mute":
            return Tunnel()
        if orders == "flood":
            return Flood()
        if not orders:
            return True
        return lambda reader, writer: lead(reader, writer, int(orders))

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        note("try")
        return False


class Tunnel(asyncssh.SSHTCPSession):
    """A way that leads nowhere."""

    def connection_made(self, channel):
        self.channel = channel


class Flood(Tunnel):
    """The same, with a voice that never ends a line."""

    def session_started(self):
        if not self.channel.is_closing():
            self.channel.write(b"x" * 32768)
            asyncio.get_running_loop().call_later(0.001, self.session_started)


async def lead(reader, writer, port):
    there, here = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(reader, here), copy(there, writer))


async def copy(reader, writer):
    while block := await reader.read(65536):
        writer.write(block)


async def main():
    home = FOLDER / "home"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    sessions = Sessions(str(home), environment)

    async def run(process):
        note("channel")
        if process.channel.get_agent_path():
            note("agent")
        reading = process.stdin.read

        async def read(size):
            block = await reading(size)
            note("received", len(block))
            return block

        process.stdin.read = read
        await sessions.run(process)

    server = await asyncssh.create_server(
        Counting,
        "127.0.0.1",
        0,
        server_host_keys=[str(FOLDER / "ssh" / "host_key")],
        process_factory=run,
        encoding=None,
        line_editor=False,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
