"""The sandbox: it is led to a database that is not its own."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from pathlib import Path

from .table import CHECK, RELEASE, STATUS, configured, fab, holding, mysql, project, wrong

BOTH = ("not its own", "led to: sqlite", "development.db", "its own: sqlite", "site.sqlite", "inv sandbox.up")


@contextmanager
def led_to(world, url):
    """Its .env, edited by hand, leads there."""
    path = project(world) / ".env"
    with holding(path, re.sub(r"DATABASE_URL=.*", f"DATABASE_URL='{url}'", path.read_text())):
        yield


@wrong(CHECK, 3, *BOTH)
@wrong(RELEASE, 3, *BOTH)
@wrong(fab("restore", "--yes"), 3, *BOTH)
@wrong(fab("downgrade", "--yes"), 3, *BOTH)
def sandbox_is_led_to_the_development_database(world):
    path = Path(world.folder) / "development.db"
    before = path.read_bytes()
    with led_to(world, f"sqlite:///{path}"):
        yield
    assert path.read_bytes() == before


@wrong(STATUS, 3, "not the one of this folder", "copied/home", "inv sandbox.up")
@wrong(fab("backup"), 3, "not the one of this folder", "copied/home", "inv sandbox.up")
@wrong(fab("workon", "-c", "touch changed"), 3, "not the one of this folder", "copied/home")
def sandbox_is_named_by_a_copy_of_the_project(world):
    """Its keys and its port lead to the sandbox of the original; its own folders lie elsewhere."""
    copied = world.folder / "copied/home"
    copied.mkdir(parents=True, exist_ok=True)
    return configured(world, home=str(copied))


@mysql(RELEASE, 3, "led to: mysql bankroll on 127.0.0.1", "its own: mysql", "$mysite on 127.0.0.1")
def sandbox_is_led_to_another_server(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        with led_to(world, f"mysql+pymysql://ann:secret@127.0.0.1:{server.getsockname()[1]}/bankroll"):
            yield
        try:
            server.accept()
        except BlockingIOError:
            return
    raise AssertionError("somebody came to the other server")
