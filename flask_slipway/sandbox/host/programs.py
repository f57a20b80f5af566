"""The database programs of this machine: where they lie, and how to get those that are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

INSTALL = {
    "mariadb": "apt-get install mariadb-server",
    "mysql": "./bootstrap --servers true",
}
# Where servers lie that are not meant for a person's PATH.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/usr/libexec", "/opt/homebrew/bin", "/usr/local/bin")


@dataclass(frozen=True)
class Programs:
    """The server and client of one dialect, mariadb or mysql. `folder`: where mysql and mysqldump lie, None when
    they are found on PATH anyway."""

    dialect: str
    server: Path
    client: Path
    install: Path | None
    folder: Path | None


def kept() -> Path:
    """The folder of virtualenvs that are made once and copied: in the user's cache, or FLASK_SLIPWAY_KEPT."""
    return Path(os.environ.get("FLASK_SLIPWAY_KEPT") or cache())


def cache() -> Path:
    """The folder of what this project keeps for this user and can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask-slipway"


def find(dialect: str, folder: Path | None = None) -> Programs | None:
    """The programs of `dialect`, looked for in `folder` if given, else where they usually lie; None if not there."""
    if folder is None and dialect == "mysql" and (cache() / "mysql/bin/mysqld").exists():
        folder = cache() / "mysql/bin"
    path = os.fspath(folder) if folder else os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    for server in _which(("mariadbd", "mysqld"), path):
        if _dialect(server) != dialect:
            continue
        client = next(_which(("mariadb", "mysql") if dialect == "mariadb" else ("mysql",), path), None)
        install = next(_which(("mariadb-install-db", "mysql_install_db"), path), None)
        if client is not None and (install is not None or dialect == "mysql"):
            return Programs(dialect, server, client, install if dialect == "mariadb" else None, folder)
    return None


def _which(names: Iterable[str], path: str) -> Iterator[Path]:
    return (Path(found) for found in (shutil.which(name, path=path) for name in names) if found)


def _dialect(server: Path) -> str:
    version = subprocess.run([server, "--no-defaults", "--version"], capture_output=True, text=True).stdout
    return "mariadb" if "MariaDB" in version else "mysql"
