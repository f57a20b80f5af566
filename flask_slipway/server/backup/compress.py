"""Compression of dumps: zstd where the host has it, else gzip. Streams only, so that memory stays small."""

import gzip
import os
import shutil
import subprocess

from ..lib import process

ZSTD_LEVEL = 1  # half the work of zstd's own 3, and a dump's size within some percent: the site waits for it, closed


class Compressor:
    """One way to compress: the name it ends file names with."""

    def __init__(self, suffix):
        self.suffix = suffix

    def writer(self, path):
        """A binary file object that compresses into `path` (0600)."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if self.suffix == "gz":
            return gzip.GzipFile(fileobj=os.fdopen(descriptor, "wb"), mode="wb", compresslevel=1)
        return _Zstd(["-%d" % ZSTD_LEVEL, "-T0", "-c"], stdin=subprocess.PIPE, stdout=descriptor)

    def reader(self, path):
        """A binary file object with the plain bytes of `path`."""
        if self.suffix == "gz":
            return gzip.open(path, "rb")
        return _Zstd(["-d", "-c", "--", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def check(self, path):
        """A binary file object that ends when `path` was read to its end and agrees with the checksums in it; read()
        or close() raises process.Failed, OSError, EOFError or zlib.error where it does not."""
        if self.suffix == "gz":
            return gzip.open(path, "rb")
        return _Zstd(["-t", "--", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


class _Zstd:
    """A running zstd program as a file object; close() raises process.Failed unless it ended well."""

    def __init__(self, arguments, **streams):
        self.child = process.start([process.find("zstd"), "-q", *arguments], stderr=subprocess.PIPE, **streams)
        if not isinstance(streams["stdout"], int) or streams["stdout"] == subprocess.PIPE:
            self.stream = self.child.stdout
        else:
            os.close(streams["stdout"])
            self.stream = self.child.stdin
        process.widen(self.stream)

    def write(self, data):
        return self.stream.write(data)

    def read(self, size=-1):
        return self.stream.read(size)

    def readline(self, size=-1):
        return self.stream.readline(size)

    def close(self):
        if self.stream.closed:
            return
        self.stream.close()
        message = self.child.stderr.read().decode("utf-8", "replace")
        self.child.stderr.close()
        if self.child.wait():
            raise process.Failed("zstd", self.child.returncode, message)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            process.stop(self.child)


def best():
    """The best way that this host has."""
    return Compressor("zst" if process.find("zstd") else "gz")


def of(path):
    """The way that `path` was compressed, by its ending."""
    return Compressor("zst" if path.endswith(".zst") else "gz")


def copy(source, target):
    shutil.copyfileobj(source, target, 1 << 20)
