"""Compression of dumps: zstd where the host has it, else gzip. Streams only, so that memory stays small."""

from __future__ import annotations

import gzip
import os
import subprocess
from types import TracebackType
from typing import BinaryIO, Iterator, Union

from ..lib import process

ZSTD_LEVEL = 1  # half the work of zstd's own 3, and a dump's size within some percent: the site waits for it, closed


class Compressor:
    """One way to compress. `suffix`: how its file names end, zst or gz."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    def writer(self, path: str) -> Stream:
        """A binary file object that compresses into `path`, which was made before."""
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        if self.suffix == "gz":
            return gzip.GzipFile(fileobj=os.fdopen(descriptor, "wb"), mode="wb", compresslevel=1)
        return Zstd(["-%d" % ZSTD_LEVEL, "-T0", "-c"], into=descriptor)

    def reader(self, path: str) -> Stream:
        """A binary file object with the plain bytes of `path`."""
        if self.suffix == "gz":
            return gzip.open(path, "rb")
        return Zstd(["-d", "-c", "--", path])

    def check(self, path: str) -> Stream:
        """A binary file object that ends when `path` was read to its end and agrees with the checksums in it; read()
        or close() raises process.Failed, OSError, EOFError or zlib.error where it does not."""
        if self.suffix == "gz":
            return gzip.open(path, "rb")
        return Zstd(["-t", "--", path])


class Zstd:
    """A running zstd program as a file object; close() raises process.Failed unless it ended well. `into`: the
    descriptor that it writes to, which is closed here; without one its output is read."""

    def __init__(self, arguments: list[str], into: int | None = None) -> None:
        line = [process.find("zstd") or "zstd", "-q", *arguments]
        self.stream: BinaryIO
        if into is None:
            self.child = process.start(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.stream = self.child.stdout
        else:
            self.child = process.start(line, stdin=subprocess.PIPE, stdout=into, stderr=subprocess.PIPE)
            os.close(into)
            self.stream = self.child.stdin
        process.widen(self.stream)

    def write(self, data: bytes) -> int:
        return self.stream.write(data)

    def read(self, size: int = -1) -> bytes:
        return self.stream.read(size)

    def close(self) -> None:
        if self.stream.closed:
            return
        self.stream.close()
        message = self.child.stderr.read().decode("utf-8", "replace")
        self.child.stderr.close()
        if self.child.wait():
            raise process.Failed("zstd", self.child.returncode, message)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __enter__(self) -> Zstd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            process.stop(self.child)


Stream = Union[gzip.GzipFile, Zstd]


def best() -> Compressor:
    """The best way that this host has."""
    return Compressor("zst" if process.find("zstd") else "gz")


def for_file(path: str) -> Compressor:
    """The way that `path` was compressed, by its ending."""
    return Compressor("zst" if path.endswith(".zst") else "gz")
