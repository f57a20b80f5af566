"""The app as it stands here, asked and moved through a process of its own: this project's code never loads in ours.

The process is flask_slipway.server.inside, run by this Python in the project's folder; JSON lines to and fro."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_slipway import words
from flask_slipway.errors import Refusal, WrongUse

PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent)
Answer = dict[str, Any]


class AppFailed(WrongUse):
    """The app could not be loaded, or a request to it failed. `kind`: the exception's name; `where`: file:line, or
    an empty text; `error`: what it said."""

    def __init__(self, what: str, answer: Mapping[str, Any], root: Path) -> None:
        self.kind = str(answer.get("kind") or "Ended")
        self.error = masked(str(answer.get("error") or "its process ended unexpectedly"), root)
        self.where = _relative(answer.get("where"), root)
        printed = [line.strip() for line in masked(str(answer.get("output") or ""), root).splitlines() if line.strip()]
        if self.kind == "SystemExit" and printed:
            self.error = printed[-1]
        lines = [self.error if self.kind in ("Ended", "WriteRefused", "SystemExit") else f"{self.kind}: {self.error}"]
        if self.where:
            lines.append(f"in {self.where}")
        super().__init__(words.told(f"{what}.", lines, _advice(self.kind, self.error)))


@dataclass
class App:
    """The loaded app. `ask` puts one request to it; the process ends with the block that `loaded` opens."""

    root: Path
    child: subprocess.Popen[bytes]
    seconds: float = 0.0

    def ask(self, do: str, what: str = "", **request: Any) -> Answer:
        """One request, one answer. `what`: how to begin the message when it fails. Raises AppFailed."""
        try:
            self._send({"do": do, **request})
            answer = self._receive()
            while "connection" in answer:
                self._send({"do": "continue"})
                answer = self._receive()
        except OSError:
            answer = {}
        if not answer.get("ok"):
            raise AppFailed(what or f"The app cannot tell its {do}", answer, self.root)
        return answer

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(request).encode() + b"\n")
        self.child.stdin.flush()

    def _receive(self) -> Answer:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        return json.loads(line) if line else {}

    def heads(self) -> list[str]:
        return self.ask("revisions")["heads"]

    def revisions(self) -> list[Answer]:
        """Every revision, newest first: id, down, text, path."""
        return self.ask("revisions")["revisions"]

    def current(self) -> list[str]:
        """The revisions that the database is at."""
        return self.ask("current", "The database cannot be read")["revisions"]

    def differences(self) -> list[str]:
        """What the models have and the database does not, or the other way round."""
        return self.ask("differences", "The database cannot be read")["differences"]

    def operations(self, revisions: Sequence[str], direction: str) -> list[Answer]:
        """What the revisions would do, up or down."""
        return self.ask("operations", revisions=list(revisions), direction=direction)["operations"]

    def database(self) -> Answer:
        """The database's dialect, driver and URL parts: a secret."""
        return self.ask("database")

    def move(self, direction: str, to: str) -> None:
        """Upgrade or downgrade to a revision."""
        self.ask(direction, f"The {direction} to {to} failed", to=to)

    def command(self, *args: str) -> str:
        """A flask command; returns the end of what it printed."""
        return masked(self.ask("command", f"flask {' '.join(args)} failed", args=list(args))["output"], self.root)


@contextlib.contextmanager
def loaded(
    root: Path,
    app: str,
    scratch: Sequence[Sequence[str]] = (),
    guard: bool = True,
    env: Mapping[str, str] | None = None,
) -> Iterator[App]:
    """The app of the project at `root`, named as FLASK_APP names it. `scratch`: [host, database, scratch database]
    sends its connections there. Raises AppFailed, Refusal where the app writes while it loads."""
    line = [sys.executable, "-B", "-m", "flask_slipway.server.inside"]
    child = subprocess.Popen(
        line, cwd=root, env=environment(app, env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    found = App(root, child)
    try:
        found.seconds = _load(found, app, scratch, guard)
        yield found
    finally:
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def _load(found: App, app: str, scratch: Sequence[Sequence[str]], guard: bool) -> float:
    request: dict[str, Any] = {"app": app, "cwd": str(found.root), "guard": guard}
    if scratch:
        request["scratch"] = [list(row) for row in scratch]
    try:
        return float(found.ask("load", f"The app {app!r} cannot be loaded", **request)["seconds"])
    except AppFailed as error:
        if error.kind != "WriteRefused":
            raise
        raise Refusal(
            words.told(
                "The app writes to its database while it loads. Nothing was changed.",
                [error.error],
                ["move db.create_all(), seeding or upgrade() out of the app's loading, into a flask command"],
            )
        ) from error


def environment(app: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the project's own processes."""
    paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "FLASK_APP": app, "SLIPWAY": "1", "PYTHONPATH": os.pathsep.join(paths), **(more or {})}


def flask(root: Path, app: str, *arguments: str) -> int:
    """Runs `flask …` in the project, with this terminal; returns its exit code."""
    line = [sys.executable, "-m", "flask", *arguments]
    plain = {**os.environ, "FLASK_APP": app}
    return subprocess.run(line, cwd=root, env=plain).returncode


def masked(text: str, root: Path) -> str:
    """The text without passwords of URLs, and without the values of .env whose names sound secret."""
    text = re.sub(r"(://[^\s/:@]*:)[^\s/]+@", r"\1••••@", text)
    for name, value in env_values(root):
        if len(value) >= 5 and re.search(r"SECRET|PASS|TOKEN|KEY|URL|URI|DSN|AUTH|SALT", name, re.IGNORECASE):
            text = text.replace(value, "••••")
    return text


def env_values(root: Path) -> Iterator[tuple[str, str]]:
    """(name, value) of each line of .env."""
    path = root / ".env"
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
        if match:
            yield match[1], match[2].strip("'\"")


def _relative(where: Any, root: Path) -> str:
    """A place in the code from the project's root: migrations/versions/x.py, line 31."""
    if not where:
        return ""
    path, _, line = str(where).rpartition(":")
    for top in (root, root.resolve()):
        with contextlib.suppress(ValueError):
            path = Path(path).relative_to(top).as_posix()
    return f"{path}, line {line}"


def _advice(kind: str, error: str) -> list[str]:
    """What to type next, for the mistakes that are made first."""
    if kind in ("ModuleNotFoundError", "ImportError"):
        return [f"{Path(sys.executable).name} -m pip install -r requirements.txt"]
    if kind == "NoAppException" and re.match(r"\w+(Error|Exception): ", error):  # the app is there, and breaks
        return ["flask routes  shows the whole error"]
    if kind == "NoAppException" or "Could not import" in error:
        return ["correct  app:  in invoke.yaml: it names the app as FLASK_APP does"]
    if "Flask-Migrate" in error and "missing" in error:
        return ["flask --app … shell  must show app.extensions['migrate']; see flask-migrate's first page"]
    if kind == "OperationalError":
        return ["see that the database of .env is there and lets you in, then try again"]
    if "interpolation" in error:
        return ["in migrations/env.py, write the URL with .replace('%', '%%')"]
    return []
