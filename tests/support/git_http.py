"""A repository behind a password, served over HTTP as a hosting service does it, which looks at who can be seen."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Service:
    """The repositories in a folder, for the one who logs in as `login` (NAME:PASSWORD). `seen`: the command lines, of
    all processes of the machine at each request, that hold the `secret`; `asked`: the logins that came."""

    port: int
    login: str
    secret: str
    seen: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def url(self, name: str, login: str | None = None) -> str:
        return f"http://{self.login if login is None else login}@127.0.0.1:{self.port}/{name}"

    def look(self) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if self.secret in line:
                    self.seen.append(line)


@contextlib.contextmanager
def serving(folder: Path, login: str, secret: str) -> Iterator[Service]:
    """Serves the repositories in `folder` meanwhile."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            service.look()
            given = self.headers.get("Authorization", "")
            service.asked.append(base64.b64decode(given.partition(" ")[2]).decode())
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if service.asked[-1] != login:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="private"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            told = {"GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "REMOTE_USER": "me"}
            told |= {"REQUEST_METHOD": self.command, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body))}
            told |= {"CONTENT_TYPE": self.headers.get("Content-Type", "")}
            told |= {"HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
            done = subprocess.run(["git", "http-backend"], env=os.environ | told, input=body, capture_output=True)
            head, _, data = done.stdout.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in {**lines, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Service(server.server_port, login, secret)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield service
        server.shutdown()
