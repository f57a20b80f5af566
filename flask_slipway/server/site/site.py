"""The site a request is about: where its parts lie. Checked here, for what comes over the wire is not trusted."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any, Mapping

ABSOLUTE = ("home", "project", "virtualenv", "wsgi", "backups")


class BadRequest(Exception):
    """A request that does not say what it must."""


class Site:
    """One web app on one account, as the laptop's settings have it (docs/configuration.md). Paths are absolute.
    `keep`: backups, one at least; `env`: the variables that it adds; `seed`: commands of `flask`, a list of words each;
    `logs`: the path of each log by its kind, such as error; `words`: all of them, as they came."""

    name: str
    domain: str
    url: str
    health: str
    branch: str
    remote: str
    app: str
    home: str
    project: str
    virtualenv: str
    wsgi: str
    backups: str
    keep: int
    virtualenv_python: str
    writes_on_load: bool
    env: dict[str, str]
    seed: list[list[str]]
    logs: dict[str, str]
    words: dict[str, Any]

    def __init__(self, words: Mapping[str, Any]) -> None:
        """Raises BadRequest where `words`, the site as it came over the wire, do not say what they must."""
        self.words = dict(words)
        for key in ("name", "domain", "url", "health", "branch", "remote", "app"):
            if not isinstance(words.get(key), str) or not words[key]:
                raise BadRequest("the request has no %s" % key)
            setattr(self, key, words[key])
        for key in ABSOLUTE:
            path = words.get(key)
            if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path:
                raise BadRequest("%s is not an absolute path" % key)
            setattr(self, key, os.path.normpath(path))
        if self.branch.startswith("-") or self.remote.startswith("-"):
            raise BadRequest("a branch or remote cannot begin with '-'")
        self.keep = max(1, int(words.get("keep", 10)))
        self.virtualenv_python = str(words.get("virtualenv_python") or "")
        self.writes_on_load = bool(words.get("writes_on_load"))
        self.env = {str(key): str(value) for key, value in (words.get("env") or {}).items()}
        self.seed = [list(command) for command in words.get("seed") or []]
        self.logs = {str(key): str(value) for key, value in (words.get("logs") or {}).items()}

    @property
    def state(self) -> str:
        """The folder of all that the suite keeps on this account."""
        return os.path.join(self.home, ".slipway")

    @property
    def folder(self) -> str:
        """The folder of what it keeps of this site."""
        plain = re.sub(r"[^A-Za-z0-9.-]", "_", self.domain)
        if plain != self.domain or plain.startswith("."):
            plain = "%s-%s" % (plain.lstrip("."), hashlib.sha256(self.domain.encode()).hexdigest()[:8])
        return os.path.join(self.state, "sites", plain)

    @property
    def runs(self) -> str:
        """The folder with a folder for each run."""
        return os.path.join(self.folder, "runs")

    @property
    def history(self) -> str:
        """The file with a line for each finished change."""
        return os.path.join(self.folder, "history.jsonl")

    @property
    def open_run(self) -> str:
        """The file that names the run under way, from its lock to its record."""
        return os.path.join(self.folder, "open_run")

    @property
    def names(self) -> list[str]:
        """What it and its parts are called by, in every message."""
        paths = [self.home, self.project, self.virtualenv, self.wsgi, self.backups, *self.logs.values()]
        called = [self.name, self.domain, self.url, self.health, self.branch, self.remote, self.app, self.health_url()]
        return [*called, *paths, *map(os.path.basename, paths)]

    @property
    def python(self) -> str:
        """The virtualenv's interpreter."""
        return os.path.join(self.virtualenv, "bin", "python")

    def health_url(self) -> str:
        """The page that is asked whether the site is healthy."""
        return self.url.rstrip("/") + "/" + self.health.lstrip("/")
