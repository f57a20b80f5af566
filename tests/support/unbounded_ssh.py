"""An SSH server that keeps to no window: what is not read is sent all the same. In threads of the test's process."""

from __future__ import annotations

import contextlib
import socket
import threading

import paramiko


class Unbounded(paramiko.ServerInterface):
    """Lets everybody in, and answers a command with an error stream without end."""

    def __init__(self, key):
        self.key = key
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            link, _ = self.listening.accept()
            transport = paramiko.Transport(link)
            transport.add_server_key(self.key)
            transport.start_server(server=self)
            channel = transport.accept(60)
            channel.out_window_size = 1 << 40
            channel.sendall(b"slipway-hello 0123456789abcdef01234567 3.11\n")
            while True:
                channel.sendall_stderr(b"x" * 32768)

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, number):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        return True
