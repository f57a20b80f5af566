"""Dumps of a MySQL or MariaDB database, written and loaded by the host's own client programs, as streams."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from ..lib import process
from . import dump_lines, exact_rows
from .exact_rows import Column
from .interface import Counts, DumpTarget
from .mysql_client import CLIENT, DUMPER, ONLY_SQL, DatabaseError, start
from .rowcounter import RowCounter

PORTABLE = [
    *("--single-transaction", "--quick", "--no-tablespaces", "--routines", "--triggers", "--hex-blob"),
    *("--skip-add-locks", "--skip-dump-date", "--loose-set-gtid-purged=OFF", "--loose-column-statistics=0"),
    "--default-character-set=utf8mb4",
]
SANDBOX_LINE = re.compile(rb"/\*M?!999999\\- enable the sandbox mode \*/")


class Wanted(NamedTuple):
    """What a dump is to hold. `without`: views that are left out; `routines`: whether they can be read; `events`:
    whether there are any; `exact`: {table: columns} where mysqldump would round a value, else None."""

    without: Tuple[str, ...] = ()
    routines: bool = True
    events: bool = False
    exact: Dict[str, List[Column]] | None = None


class Dumped(NamedTuple):
    """{table: rows} as dumped; the bytes of the longest line of rows, which has to pass as one packet."""

    rows: Counts
    longest: int


def write(options: str, database: str, target: DumpTarget, wanted: Wanted) -> Dumped:
    """Dumps `database`, portably, into the file object `target`; `options`: the option file to reach it by. Raises
    DatabaseError."""
    portable = [*PORTABLE, *(["--events"] if wanted.events else []), *([] if wanted.routines else ["--skip-routines"])]
    portable += ["--ignore-table=%s.%s" % (database, view) for view in wanted.without]
    portable += ["--no-data"] if wanted.exact is not None else []
    try:
        return _write(options, database, target, portable, wanted)
    except exact_rows.TooLong:  # mysqldump can read it, and tells how long it is
        target.seek_to_start()
        return write(options, database, target, wanted._replace(exact=None))
    except DatabaseError as error:
        if "RELOAD" not in str(error) and "FLUSH" not in str(error):
            raise
        target.seek_to_start()
        portable.remove("--single-transaction")
        return _write(options, database, target, portable, wanted)


def _write(options: str, database: str, target: DumpTarget, portable: Sequence[str], wanted: Wanted) -> Dumped:
    arguments = [*portable, "--", database]
    if wanted.exact is not None:
        return _write_exact(options, database, target, arguments, wanted.exact)
    counter = RowCounter()
    for line in _output(options, arguments):
        counter.feed(line)
        target.write(line)
    return Dumped(counter.rows, counter.longest)


def _output(options: str, arguments: Sequence[str]) -> Iterator[bytes]:
    """The lines of a dump as mysqldump writes it, but for MariaDB's first, which MySQL's client refuses. Raises
    DatabaseError unless it is whole."""
    child = start(DUMPER, options, arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1 << 20)
    process.widen(child.stdout)
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.append(child.stderr.read()), daemon=True)
    reader.start()
    last = b""
    try:
        for number, line in enumerate(child.stdout):
            if number == 0 and SANDBOX_LINE.match(line):
                continue
            yield line
            last = line if line.strip() else last
    finally:
        if child.stdout.read(1):
            process.stop(child)
    code = child.wait()
    reader.join(5)
    if code:
        raise DatabaseError(b"".join(errors).decode("utf-8", "replace") or "mysqldump ended with %d" % code)
    if not last.startswith(b"-- Dump completed"):  # what it says besides, such as of an option, is no reason
        raise DatabaseError("mysqldump ended without the line that ends a whole dump")


def _write_exact(
    options: str, database: str, target: DumpTarget, arguments: Sequence[str], columns: Dict[str, List[Column]]
) -> Dumped:
    """Definitions by mysqldump, and behind each table's its rows by `exact_rows`, all of one moment."""
    session = exact_rows.open_session(options, database)
    counts: Counts = {}
    longest = 0
    try:
        table = None
        lines = list(_output(options, arguments))  # it ends first: a table's rows may take longer than it would wait
        for part, line in dump_lines.parts(lines):
            target.write(line)
            table = dump_lines.created(line) or table if part == dump_lines.TABLE else None
            if table is None or table not in columns or not line.endswith(b";\n"):
                continue
            counts[table] = 0
            for statement, rows in exact_rows.inserts(session, table, columns[table]):
                target.write(statement)
                counts[table] += rows
                longest = max(longest, len(statement))
            table = None
    finally:
        session.close()
    return Dumped(counts, longest)


def load(options: str, lines: Iterable[bytes], database: str) -> None:
    """Loads the lines of a dump into `database`: as SQL, whatever they hold; what MariaDB's first line would switch off
    is off anyway. Raises DatabaseError."""
    child = start(
        CLIENT,
        options,
        [*ONLY_SQL, "--default-character-set=utf8mb4", "--database=" + database],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=1 << 20,
    )
    try:
        for number, line in enumerate(lines):
            if number or not SANDBOX_LINE.match(line):
                child.stdin.write(line)
        child.stdin.close()
    except BrokenPipeError:
        pass
    except BaseException:
        process.stop(child)
        raise
    text = child.stderr.read().decode("utf-8", "replace")
    if child.wait():
        raise DatabaseError(text)
