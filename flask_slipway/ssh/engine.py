"""The server's half as it is sent: one zip, and the line that starts it."""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_slipway.config.settings import Site


SERVER = Path(__file__).parents[1] / "server"


def engine() -> tuple[bytes, str]:
    """The server's half as a zip, the same bytes for the same code, and its sha256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(SERVER.rglob("*")):
            if path.suffix in (".py", ".in"):
                entry = zipfile.ZipInfo(f"slipway_server/{path.relative_to(SERVER).as_posix()}", (2020, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    data = buffer.getvalue()
    return data, hashlib.sha256(data).hexdigest()


def first_line(site: Site) -> str:
    """The one constant line that starts the server's half."""
    return f"{shlex.quote(site.python)} -I -c {shlex.quote((SERVER / 'hello.py').read_text(encoding='utf-8'))}"
