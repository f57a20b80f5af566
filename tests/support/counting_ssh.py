"""An SSH server that writes down what it is asked, a word a line: connection, user, try, channel, received N.

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

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        note("try")
        return False


async def main():
    home = FOLDER / "home"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    sessions = Sessions(str(home), environment)

    async def run(process):
        note("channel")
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
