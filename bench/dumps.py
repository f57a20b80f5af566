"""Backups: a database of a given size, dumped by us and by the usual pipes; memory of our own process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from table import ROOT, Table, median, seconds

from flask_slipway.sandbox.host import databases, programs
from flask_slipway.server.database import mysql_client
from flask_slipway.server.database.mysql_dump import PORTABLE

# Words that compress as texts of people do; with 600,000 rows a dump of about 200 MB.
ROWS = """INSERT INTO movements (number, amount, at, hash, note)
SELECT n, RAND(n) * 10000, '2026-01-01' + INTERVAL n SECOND, SHA2(n, 256), CONCAT({words}) FROM (
  SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i + 100000 * f.i AS n FROM digits a, digits b, digits c,
  digits d, digits e, digits f) numbers WHERE n < {rows}"""
WORDS = "SHA2(n + 2, 512), SHA2(n + 3, 256), ' bet on number ', n MOD 97, ', and it''s ', n MOD 31"
TABLE = """CREATE TABLE movements (number INT PRIMARY KEY, amount DECIMAL(12, 2), at DATETIME, hash CHAR(64),
note TEXT) ENGINE=InnoDB"""
BLOBS = "CREATE TABLE pictures (number INT AUTO_INCREMENT PRIMARY KEY, picture LONGBLOB) ENGINE=InnoDB"

OURS = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from flask_slipway.server.backup import make
from flask_slipway.server.database.mysql import MySQL
from flask_slipway.server.database.sqlite import SQLite
url, options, folder = json.loads(sys.argv[2])
database = MySQL(url, options) if options else SQLite(url["database"])
began = time.monotonic()
manifest = make.make(database, folder, {"site": "bench", "domain": "bench", "commit": None})
seconds = time.monotonic() - began
database.close()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1]
print(json.dumps([seconds, int(peak) * 1024, manifest["bytes"], manifest["rows"]]))
"""


@dataclass(frozen=True)
class Made:
    """A dump that was made: seconds, bytes on the disk, peak of our own process's memory (0: not ours), rows."""

    seconds: float
    bytes: int
    peak: int = 0
    rows: int = 0


def run_ours(url: dict, options: Path | None, folder: Path, environment: dict[str, str]) -> Made:
    """A backup by the server's half, in a process of its own; it is removed afterwards."""
    words = json.dumps([url, str(options) if options else None, str(folder)])
    line = [sys.executable, "-I", "-B", "-c", OURS, str(ROOT), words]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spent, peak, size, rows = json.loads(done.stdout)
    shutil.rmtree(folder)
    return Made(spent, size, peak, rows)


class Store:
    """A MySQL server of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = programs.find("mysql") or programs.find("mariadb")
        assert self.programs is not None, "there is neither MySQL nor MariaDB here"
        self.server = databases.start(self.programs, folder / "server", lasting=False)
        self.options = folder / "options.cnf"
        admin = self.server.admin
        url = {"username": admin.user, "password": admin.password, "host": admin.host, "port": admin.port}
        self.url = url
        self.options.touch(0o600)
        self.options.write_text(mysql_client.option_file(url))
        self.environment = dict(os.environ)
        if self.programs.folder:
            self.environment["PATH"] = f"{self.programs.folder}{os.pathsep}{os.environ['PATH']}"

    def fill(self, name: str, rows: int) -> None:
        """A database with one table of short texts and numbers."""
        self.server.create(name)
        for statement in (
            "CREATE TABLE digits (i INT)",
            f"INSERT INTO digits VALUES {', '.join(f'({i})' for i in range(10))}",
            TABLE,
        ):
            self.server.execute(statement, None, name)
        self.server.execute(ROWS.format(words=WORDS, rows=rows), None, name)

    def fill_with_blobs(self, name: str, size: int) -> None:
        """A database of `size` bytes in blobs of 1 MB, which a dump holds as twice as many hexadecimal digits."""
        self.server.create(name)
        self.server.execute(BLOBS, None, name)
        row = "(REPEAT(UNHEX(SHA2(RAND(), 512)), 16384))"
        for _ in range(size >> 24):
            self.server.execute(f"INSERT INTO pictures (picture) VALUES {', '.join([row] * 16)}", None, name)

    def ours(self, name: str) -> Made:
        return run_ours(dict(self.url, database=name), self.options, self.folder / "backups", self.environment)

    def piped(self, name: str, *compress: str) -> Made:
        """mysqldump with the same options, through a program that compresses."""
        target = self.folder / "piped"
        line = ["mysqldump", f"--defaults-file={self.options}", *PORTABLE, name]
        began = time.monotonic()
        with (
            target.open("wb") as file,
            subprocess.Popen(line, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as dump,
        ):
            subprocess.run(compress, stdin=dump.stdout, stdout=file, check=True)
        seconds = time.monotonic() - began
        assert dump.returncode == 0
        made = Made(seconds, target.stat().st_size)
        target.unlink()
        return made

    def close(self) -> None:
        self.server.stop()


def backup(store: Store, rows: int, times: int) -> Table:
    """Our backup, which counts rows and reads itself back, against the pipes that do neither."""
    store.fill("movements", rows)
    store.fill("odds", rows)
    store.server.execute("ALTER TABLE movements ADD COLUMN odd FLOAT DEFAULT 0.1", None, "odds")
    plain = store.piped("movements", "cat").bytes
    ways = {"mysqldump \\| gzip": ("gzip",), "mysqldump \\| zstd -3 -T2": ("zstd", "-q", "-3", "-T2")}
    ways = {name: line for name, line in ways.items() if shutil.which(line[0])}
    found: dict[str, list[Made]] = {name: [] for name in ("Slipway", "Slipway, with a FLOAT", *ways)}
    for _ in range(times):
        found["Slipway"].append(store.ours("movements"))
        found["Slipway, with a FLOAT"].append(store.ours("odds"))
        for name, line in ways.items():
            found[name].append(store.piped("movements", *line))
    table = []
    for name, made in found.items():
        spent = median([one.seconds for one in made])
        ratio = median([one.seconds / ours.seconds for one, ours in zip(made, found["Slipway"], strict=True)])
        peak = f"{max(one.peak for one in made) / 1e6:.0f} MB" if made[0].peak else ""
        table.append([name, seconds(spent), f"{ratio:.2f}", f"{made[0].bytes / 1e6:.1f} MB", peak])
    columns = ("way", "time", "time / Slipway's", "on the disk", "our memory")
    notes = [
        f"{rows:,} rows, a dump of {plain / 1e6:.0f} MB, the same options of mysqldump. Slipway's also reads "
        "all rows twice more for their digests (CHECKSUM TABLE, before and after), counts them in the dump, and reads "
        "the backup back. Wanted: 2.5 times as fast as gzip, where zstd is there.",
        "*with a FLOAT*: the same rows with one FLOAT column more; all rows are then read by SELECTs of ours, for "
        "mysqldump rounds it.",
        "*our memory*: the peak (VmHWM) of the Python process that makes the backup; mysqldump, mysql and zstd are not "
        "counted. Wanted: 64 MB at most.",
        f"Medians of {times} runs, in turns.",
    ]
    return Table("A backup, MySQL", columns, table, notes)


def memory(store: Store, rows: int, size: int) -> Table:
    """What our own process needs for databases of different size."""
    store.fill("few", max(1, rows // 1000))
    names = {"few": f"{max(1, rows // 1000):,} rows"}
    if size:
        store.fill_with_blobs("blobs", size)
        names["blobs"] = f"{size >> 20:,} blobs of 1 MB"
    table = []
    for name, about in names.items():
        made = store.ours(name)
        table.append([about, seconds(made.seconds), f"{made.bytes / 1e6:.1f} MB", f"{made.peak / 1e6:.0f} MB"])
        store.server.execute(f"DROP DATABASE {name}", None, None)
    columns = ("database", "time", "on the disk", "our memory")
    dump = f"The dump of the blobs has {2 * size / 1e9:.1f} GB, for --hex-blob writes two digits a byte."
    notes = [f"{dump} They repeat themselves, and so take little room on the disk."] if size else []
    return Table("Memory", columns, table, [*notes, "The peak (VmHWM) of the Python process that makes the backup."])


def sqlite(folder: Path, rows: int, times: int) -> Table:
    """A backup of an SQLite file against `.dump`'s counterpart in Python, and against a compressed copy of the file."""
    folder.mkdir()
    path = folder / "site.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE movements (number INTEGER PRIMARY KEY, amount REAL, hash TEXT, note TEXT)")
        lines = (
            (n, n / 7, hashlib.sha256(b"%d" % n).hexdigest(), hashlib.sha512(b"%d" % n).hexdigest() + " a bet")
            for n in range(rows)
        )
        base.executemany("INSERT INTO movements VALUES (?, ?, ?, ?)", lines)
        base.commit()
    found: dict[str, list[Made]] = {"Slipway": [], "copy \\| gzip": []}
    for _ in range(times):
        found["Slipway"].append(run_ours({"database": str(path)}, None, folder / "backups", dict(os.environ)))
        began = time.monotonic()
        with path.open("rb") as source, (folder / "copy.gz").open("wb") as target:
            subprocess.run(["gzip"], stdin=source, stdout=target, check=True)
        found["copy \\| gzip"].append(Made(time.monotonic() - began, (folder / "copy.gz").stat().st_size))
    table = []
    for name, made in found.items():
        ratio = median([one.seconds / ours.seconds for one, ours in zip(made, found["Slipway"], strict=True)])
        peak = f"{max(one.peak for one in made) / 1e6:.0f} MB" if made[0].peak else ""
        spent = median([one.seconds for one in made])
        table.append([name, seconds(spent), f"{ratio:.2f}", f"{made[0].bytes / 1e6:.1f} MB", peak])
    columns = ("way", "time", "time / Slipway's", "on the disk", "our memory")
    notes = [f"{rows:,} rows, a file of {path.stat().st_size / 1e6:.0f} MB. A copy of a file in use is no backup."]
    return Table("A backup, SQLite", columns, table, [*notes, f"Medians of {times} runs, in turns."])
