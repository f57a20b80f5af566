"""What a running sandbox is: `Sandbox`, written to and read from its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from flask_slipway.sandbox.host.processes import Process

FILE = "state.json"
PATHS = ("folder", "host_key", "key", "home", "project", "virtualenv", "wsgi", "origin", "programs")


@dataclass(frozen=True)
class Sandbox:
    """A site on this machine. `database`: dialect, name, and host, port, user, password, or path for SQLite. `env`:
    what its WSGI file sets. `logs`: error, server and access. `programs`: the folder of its database clients, None when
    they are on PATH."""

    folder: Path
    user: str
    host: str
    ssh: str
    ssh_port: int
    host_key: Path
    key: Path
    home: Path
    project: Path
    virtualenv: Path
    wsgi: Path
    url: str
    web_port: int
    domain: str
    logs: dict[str, str]
    database: dict[str, Any]
    env: dict[str, str]
    app: str
    origin: Path
    programs: Path | None
    processes: dict[str, Process]

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each of its processes: web, ssh and, where a server holds its data, database."""
        return {name: process.pid for name, process in self.processes.items()}

    @property
    def alive(self) -> bool:
        """Whether all its processes run."""
        return all(process.alive for process in self.processes.values())

    def environment(self) -> dict[str, Any]:
        """Its entry under slipway.environments in an invoke.yaml."""
        return {
            "user": self.user,
            "domain": self.domain,
            "project": str(self.project),
            "virtualenv": str(self.virtualenv),
            "host": self.host,
            "port": self.ssh_port,
            "key": str(self.key),
            "host_key": str(self.host_key),
            "home": str(self.home),
            "wsgi": str(self.wsgi),
            "url": self.url,
            "logs": dict(self.logs),
            "env": dict(self.env),
        }

    def database_url(self) -> str:
        """The SQLAlchemy URL of its database, as in the site's .env."""
        from flask_slipway.sandbox.host.databases import Account

        if self.database["dialect"] == "sqlite":
            return f"sqlite:///{self.database['path']}"
        account = Account(*(self.database[word] for word in ("host", "port", "user", "password")))
        return account.url(self.database["name"])


def save(sandbox: Sandbox) -> None:
    """Writes it to its folder."""
    from flask_slipway.sandbox.host.databases import write_private

    part = sandbox.folder / f"{FILE}.part"
    write_private(part, json.dumps(asdict(sandbox), indent=2, default=str) + "\n")
    part.replace(sandbox.folder / FILE)


def read(folder: Path) -> Sandbox | None:
    """The sandbox that was last up in `folder`, running or not; None when there is none."""
    try:
        words = json.loads((folder / FILE).read_text())
        for name in PATHS:
            words[name] = Path(words[name]) if words[name] is not None else None
        words["processes"] = {name: Process(**found) for name, found in words["processes"].items()}
        return Sandbox(**{field.name: words[field.name] for field in fields(Sandbox)})
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
