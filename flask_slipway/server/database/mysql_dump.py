"""Dumps of a MySQL or MariaDB database, written and loaded by the host's own client programs, as streams."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import Protocol

from ..lib import process
from .interface import Counts, DumpTarget
from .mysql_client import DatabaseError
from .rowcounter import RowCounter

PORTABLE = [
    *("--single-transaction", "--quick", "--no-tablespaces", "--routines", "--triggers", "--hex-blob"),
    *("--skip-dump-date", "--loose-set-gtid-purged=OFF", "--loose-column-statistics=0"),
    "--default-character-set=utf8mb4",
]
SANDBOX_LINE = re.compile(rb"/\*M?!999999\\- enable the sandbox mode \*/")


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


def write(options: str, database: str, target: DumpTarget) -> Counts:
    """Dumps `database`, portably, into the file object `target`; `options`: the option file to reach it by. Returns
    {table: rows} as dumped. Raises DatabaseError."""
    try:
        return _write(options, database, target, PORTABLE)
    except DatabaseError as error:
        if "RELOAD" not in str(error) and "FLUSH" not in str(error):
            raise
        target.seek_to_start()
        return _write(options, database, target, [option for option in PORTABLE if option != "--single-transaction"])


def _write(options: str, database: str, target: DumpTarget, portable: list[str]) -> Counts:
    program = process.find("mysqldump", "mariadb-dump")
    if program is None:
        raise DatabaseError("the program mysqldump is not installed on the server")
    arguments = [program, "--defaults-file=" + options, *portable, "--", database]
    child = process.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1 << 20)
    process.widen(child.stdout)
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.append(child.stderr.read()), daemon=True)
    reader.start()
    counter = RowCounter()
    last = b""
    try:
        for number, line in enumerate(child.stdout):
            if number == 0 and SANDBOX_LINE.match(line):
                continue
            counter.feed(line)
            target.write(line)
            last = line if line.strip() else last
    finally:
        if child.stdout.read(1):
            process.stop(child)
    code = child.wait()
    reader.join(5)
    if code or not last.startswith(b"-- Dump completed"):
        text = b"".join(errors).decode("utf-8", "replace")
        raise DatabaseError(text or "mysqldump ended with %d, without the line that ends a whole dump" % code)
    return counter.rows


def load(options: str, stream: Readable, database: str) -> None:
    """Loads a dump (binary file object) into `database`. Raises DatabaseError."""
    program = process.find("mysql", "mariadb")
    if program is None:
        raise DatabaseError("the program mysql is not installed on the server")
    child = process.start(
        [program, "--defaults-file=" + options, "--default-character-set=utf8mb4", "--database=" + database],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        first = True
        for block in iter(lambda: stream.read(1 << 20), b""):
            if first and SANDBOX_LINE.match(block):
                block = block.split(b"\n", 1)[1]
            first = False
            child.stdin.write(block)
        child.stdin.close()
    except BrokenPipeError:
        pass
    text = child.stderr.read().decode("utf-8", "replace")
    if child.wait():
        raise DatabaseError(text)
