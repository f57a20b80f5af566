"""HTTP as the site's web server needs it: a request read whole, its body too, and put into uWSGI's words."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote_to_bytes

LONGEST_HEAD = 65536
LONGEST_BODY = 100 << 20  # bytes, as on PythonAnywhere
BLOCK = 65536


class Malformed(Exception):
    """A request that cannot be served; carries the status to answer with."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A whole request. `headers` by lower-case name; `body` is at its start."""

    method: str
    target: str
    version: str
    headers: dict[str, str]
    body: IO[bytes]
    length: int

    @property
    def location(self) -> str:
        """Its own address, for a redirect to itself."""
        path = "/" + self.target.lstrip("/") if not self.target.startswith("http") else self.target
        host = self.headers.get("host")
        return f"http://{host}{path}" if host and path.startswith("/") else path


async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request, None when the client has gone before it said anything. Raises Malformed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Malformed("431 Request Header Fields Too Large") from None
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise Malformed("400 Bad Request") from None
        return None
    lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1]:
        raise Malformed("400 Bad Request")
    headers = _headers(lines[1:])
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # A spooled file stays in memory while it is small; whoever reads the request closes it.
    body: IO[bytes] = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115
    length = await _body(reader, headers, body)
    body.seek(0)
    return Request(words[0], words[1], words[2], headers, body, length)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Malformed("400 Bad Request")
        name, value = name.lower(), value.strip()
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], body: IO[bytes]) -> int:
    try:
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise Malformed("501 Not Implemented")
            return await _chunks(reader, body)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise Malformed("400 Bad Request")
        return await _copy(reader, body, int(length), 0)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        raise Malformed("400 Bad Request") from None


async def _chunks(reader: asyncio.StreamReader, body: IO[bytes]) -> int:
    total = 0
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16):
        total = await _copy(reader, body, size, total)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers
        pass
    return total


async def _copy(reader: asyncio.StreamReader, body: IO[bytes], size: int, before: int) -> int:
    if before + size > LONGEST_BODY:
        raise Malformed("413 Content Too Large")
    left = size
    while left:
        block = await reader.readexactly(min(left, BLOCK))
        body.write(block)
        left -= len(block)
    return before + size


def uwsgi_packet(request: Request, client: tuple[str, int], server: tuple[str, int]) -> bytes:
    """The request's head in uWSGI's protocol, as nginx would send it. Raises Malformed when it is too long."""
    path, _, query = request.target.partition("?")
    if path.startswith("http"):
        path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
    variables = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.target,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": request.version,
        "REQUEST_SCHEME": "http",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(request.length) if request.length or "content-length" in request.headers else "",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "HTTP_X_REAL_IP": client[0],
        "HTTP_X_FORWARDED_FOR": client[0],
        "HTTP_X_FORWARDED_PROTO": "http",
    }
    skipped = ("content-type", "content-length", "transfer-encoding", "connection", "expect", "proxy")
    for name, value in request.headers.items():
        if name not in skipped and "_" not in name:
            variables.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
    parts = (part.encode("latin-1") for pair in variables.items() for part in pair)
    data = b"".join(len(part).to_bytes(2, "little") + part for part in parts if len(part) < LONGEST_HEAD)
    if len(data) >= LONGEST_HEAD:
        raise Malformed("431 Request Header Fields Too Large")
    return b"\0" + len(data).to_bytes(2, "little") + b"\0" + data


def answer(status: str, text: str, headers: str = "") -> bytes:
    """A whole small response."""
    body = f"<!doctype html><title>{text}</title><h1>{text}</h1>\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode("latin-1") + body
