"""What a running sandbox is: `Sandbox`, written to and read from its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from flask_slipway.sandbox.host.processes import Process

FILE = "state.json"
PATHS = ("folder", "host_key", "key", "home", "project", "virtualenv", "wsgi", "origin", "programs", "source")


@dataclass(frozen=True)
class Sandbox:
    """A site on this machine. `database`: dialect, name, and host, port, user, password, or path for SQLite. `env`:
    what its WSGI file sets. `logs`: error, server and access. `programs`: the folder of its database clients, None when
    they are on PATH. `source`: the project that it was made from, None where that is not known."""

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
    source: Path | None = None

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

    def own(self) -> str:
        """Its database in words, as the server's half says it."""
        base = self.database
        if base["dialect"] == "sqlite":
            return f"sqlite {base['path']}"
        return f"{base['dialect']} {base['name']} on {base['host']}:{base['port']}"

    def database_url(self) -> str:
        """The SQLAlchemy URL of its database, as in the site's .env."""
        from flask_slipway.sandbox.host.databases import Account

        if self.database["dialect"] == "sqlite":
            return f"sqlite:///{self.database['path']}"
        account = Account(*(self.database[word] for word in ("host", "port", "user", "password")))
        return account.url(self.database["name"])


def save(sandbox: Sandbox) -> None:
    """Writes it to its folder."""
    _write(sandbox.folder, asdict(sandbox))


def _write(folder: Path, words: dict[str, Any]) -> None:
    from flask_slipway.sandbox.host.databases import write_private

    part = folder / f"{FILE}.part"
    write_private(part, json.dumps(words, indent=2, default=str) + "\n")
    part.replace(folder / FILE)


def read(folder: Path) -> Sandbox | None:
    """The sandbox that was last up in `folder`, running or not; None when there is none. It is told as it stands here,
    also where the folder was moved or copied since: its paths lie below `folder`, and a copy has no processes."""
    words = _kept(folder)
    if words is None:
        return None
    there = elsewhere(folder)
    here = folder.absolute() if there is not None else Path(words["folder"])
    try:
        for name in PATHS:
            words[name] = Path(words[name]) if words.get(name) is not None else None
        if there is not None:
            words = _moved(words, there, here)
        running = {name: Process(**found) for name, found in words["processes"].items()}
        words["processes"] = {name: one for name, one in running.items() if _is_ours(one, here, there)}
        return Sandbox(**{field.name: words[field.name] for field in fields(Sandbox)})
    except (ValueError, KeyError, TypeError):
        return None


def elsewhere(folder: Path) -> Path | None:
    """Where the sandbox in `folder` was when it was last up, None where that is here."""
    words = _kept(folder)
    if words is None:
        return None
    there = Path(words["folder"])
    try:
        return None if there.samefile(folder) else there
    except OSError:
        return there


def is_copy(folder: Path) -> bool:
    """Whether the sandbox in `folder` is a copy of one that is still where it was made: with the same host key."""
    there, key = elsewhere(folder), _host_key(folder)
    return there is not None and key != b"" and _host_key(there) == key


def forget_processes(folder: Path) -> None:
    """Nothing runs any more of the sandbox in `folder`; where it was last up stays written down."""
    words = _kept(folder)
    if words is not None:
        _write(folder, {**words, "processes": {}})


def _host_key(folder: Path) -> bytes:
    try:
        return (folder / "ssh/host_key.pub").read_bytes()
    except OSError:
        return b""


def _kept(folder: Path) -> dict[str, Any] | None:
    try:
        words = json.loads((folder / FILE).read_text())
        return words if isinstance(words["folder"], str) else None
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def _moved(words: dict[str, Any], there: Path, here: Path) -> dict[str, Any]:
    """The same with what lay below `there` below `here`."""

    def place(path: Any) -> Any:
        below = path is not None and Path(path).is_relative_to(there)
        return type(path)(here / Path(path).relative_to(there)) if below else path

    logs = {kind: place(path) for kind, path in words["logs"].items()}
    database = {**words["database"], "path": place(words["database"].get("path"))}
    if database["path"] is None:
        del database["path"]
    return {**words, **{name: place(words[name]) for name in PATHS}, "logs": logs, "database": database}


def _is_ours(process: Process, here: Path, there: Path | None) -> bool:
    """Whether it is a process of the sandbox that lies here: one of a copy's original is not. Where the system does not
    tell, those of a folder that was not moved are."""
    if not process.alive:
        return True
    found = process.writes_below(here)
    return there is None if found is None else found
