"""The table: a row for each mistake; and how mistakes of more than one subject are made, and unmade."""

from __future__ import annotations

import http.server
import inspect
import os
import shutil
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.world import World, git

Mistake = Callable[[World], AbstractContextManager]
WRONG: list[Row] = []
STATUS = ("fab", "site.status")
CHECK = ("fab", "site.check")
RELEASE = ("inv", "release", "--to", "site", "--yes", "--skip-tests")


@dataclass(frozen=True)
class Row:
    """One mistake: `mistake` makes it and unmakes it, `typed` meets it, with exit code `code` and all words `told`."""

    mistake: Mistake
    typed: tuple[str, ...]
    code: int
    told: tuple[str, ...]
    dialect: str

    def __str__(self) -> str:
        return f"{self.mistake.__name__}-{self.typed[1].removeprefix('site.')}"


def wrong(typed: tuple[str, ...], code: int, *told: str, dialect: str = "sqlite") -> Callable[[Mistake], Mistake]:
    """A row of the table: `typed` meets the decorated mistake."""

    def enter(mistake: Mistake) -> Mistake:
        made = contextmanager(mistake) if inspect.isgeneratorfunction(mistake) else mistake
        WRONG.append(Row(made, typed, code, told, dialect))
        return mistake

    return enter


def fab(*words: str) -> tuple[str, ...]:
    return ("fab", f"site.{words[0]}", *words[1:])


# how mistakes are made, and unmade, by more than one subject


@contextmanager
def configured(world: World, **more) -> Iterator[None]:
    """Other words in invoke.yaml; a None leaves the key out."""
    world.configure(**more)
    yield
    world.configure()


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Something is not where it was."""
    kept = path.with_name(path.name + ".away")
    path.rename(kept)
    try:
        yield
    finally:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        kept.rename(path)


@contextmanager
def holding(path: Path, text: str | bytes, mode: int | None = None) -> Iterator[None]:
    """A file holds something else, or is there at all; the folder above it is made where it is missing."""
    old = path.read_bytes() if path.exists() else None
    times = path.stat() if old is not None else None
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if mode is not None:
        path.chmod(mode)
    try:
        yield
    finally:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(old)
            path.chmod(times.st_mode & 0o7777)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextmanager
def committed(world: World, files: dict[str, str]) -> Iterator[None]:
    """One more commit, pushed."""
    before = git(world.laptop, "rev-parse", "HEAD")
    world.write(files)
    git(world.laptop, "add", "-A")
    git(world.laptop, "commit", "-q", "-m", "A commit too many")
    git(world.laptop, "push", "-q", "origin", "main")
    yield
    git(world.laptop, "reset", "-q", "--hard", before)
    git(world.laptop, "push", "-q", "--force", "origin", "main")


def text(world: World, name: str) -> str:
    return (world.laptop / name).read_text()


def project(world: World) -> Path:
    return Path(world.site.project)


def wsgi(world: World) -> Path:
    return Path(world.site.wsgi)


def limited(world, blocks):
    """A python3 that may write files of so many blocks of 512 bytes only, as an account over its quota."""
    shim = world.folder / f"python-{blocks}"
    shim.write_text(f'#!/bin/sh\nulimit -f {blocks}\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    return configured(world, python=str(shim))


@contextmanager
def on_the_server(world, message, *, pushed):
    """A commit that was made there."""
    before = git(project(world), "rev-parse", "HEAD")
    (project(world) / "made_there.txt").write_text("x")
    git(project(world), "add", "made_there.txt")
    git(project(world), "commit", "-q", "-m", message)
    if pushed:
        git(project(world), "push", "-q", "origin", "HEAD:refs/heads/made-there")
        git(world.laptop, "fetch", "-q", "origin")
    yield
    git(project(world), "reset", "-q", "--hard", before)
    if pushed:
        git(project(world), "push", "-q", "origin", ":refs/heads/made-there")


class Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextmanager
def serving(handler):
    server = Threaded(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def mysql(*typed_code_told):
    return wrong(*typed_code_told, dialect="mysql")
