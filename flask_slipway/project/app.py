"""The app as it stands here, asked and moved through a process of its own: this project's code never loads in ours.

The process is flask_slipway.server.inside.main, run by this Python in the project's folder; JSON lines to and fro."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_slipway.errors import Refusal, WrongUse
from flask_slipway.project.masking import mask, masked
from flask_slipway.server.lib.app_client import CHANGE_LIMIT, LIMIT, Answer, AppClient
from flask_slipway.server.protocol import LONGEST_OPERATION

PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
NOT_FLASK_MIGRATE = "with Alembic and no Flask-Migrate: docs/alembic.md"
CHANGES = ("upgrade", "downgrade", "command")  # what a request may change; all others only read
PLAIN = ("Ended", "Timeout", "WriteRefused", "SystemExit")  # kinds that the message says without their name


class AppFailed(WrongUse):
    """The app could not be loaded, or a request to it failed. `kind`: the exception's name; `place`: file:line, or
    an empty text; `error`: what it said."""

    changed: bool | None = None

    def __init__(self, what: str, answer: Mapping[str, Any], root: Path) -> None:
        self.kind = str(answer.get("kind") or "Ended")
        self.error = masked(str(answer.get("error") or "its process ended unexpectedly"), root)
        self.place = _relative(answer.get("where"), root)
        printed = [line.strip() for line in masked(str(answer.get("output") or ""), root).splitlines() if line.strip()]
        if self.kind == "SystemExit" and printed:
            self.error = printed[-1]
        if answer.get("refused"):
            self.error = masked(str(answer["refused"]), root)
        plain = self.kind in PLAIN
        lines = [self.error if plain else f"{self.kind}: {self.error}", *([f"in {self.place}"] if self.place else [])]
        super().__init__(what, lines, _advice(self.kind, self.error, self.place))


class NotRead(AppFailed):
    """The same, where only something was to be read (3)."""

    code = 3
    changed = False


@dataclass
class App:
    """The loaded app. `ask` puts one request to it; the process ends with the block that `loaded` opens."""

    root: Path
    client: AppClient
    seconds: float = 0.0
    limit: float = LIMIT  # seconds that an answer may take, unless it changes the database

    def ask(self, do: str, what: str = "", **request: Any) -> Answer:
        """One request, one answer. `what`: how to begin the message when it fails. Raises AppFailed."""
        limit = CHANGE_LIMIT if do in CHANGES else self.limit
        answer = self.client.ask({"do": do, **request}, limit=limit)
        if not answer.get("ok"):
            kind = AppFailed if do in CHANGES else NotRead
            raise kind(what or f"The app cannot tell its {do}", answer, self.root)
        return answer

    def leave(self) -> None:
        """Nothing more will be asked: its process ends while this one does something else."""
        self.client.leave()

    def heads(self) -> list[str]:
        return self.ask("revisions")["heads"]

    def revisions(self) -> list[Answer]:
        """Every revision, newest first: id, down, text, path."""
        return self.ask("revisions")["revisions"]

    def current(self) -> list[str]:
        """The revisions that the database is at."""
        return self.ask("current", "The database cannot be read")["revisions"]

    def pending(self, current: Sequence[str]) -> tuple[list[str], list[str]]:
        """What a database at `current` lacks, in order of application; those of `current` that the code lacks."""
        answer = self.ask("pending", "What is pending cannot be told", current=list(current))
        return answer["pending"], answer["unknown"]

    def way_down(self, current: Sequence[str], target: str | None) -> Answer:
        """How a database at `current` goes down to `target`, None for a step: target, undone, merge, why, choices."""
        return self.ask("way_down", "The way down cannot be told", current=list(current), target=target)

    def differences(self) -> list[str] | None:
        """What the models have and the database does not, or the other way round; None where no models are known:
        an env.py of Alembic's own without target_metadata."""
        return self.ask("differences", "The database cannot be read")["differences"]

    def operations(self, revisions: Sequence[str], direction: str) -> list[Answer]:
        """What the revisions would do, up or down."""
        rows = self.ask("operations", revisions=list(revisions), direction=direction)["operations"]
        known = mask(self.root)
        return [{**row, "text": known.text(row["text"])[:LONGEST_OPERATION]} for row in rows]

    def unfit(self, revisions: Sequence[str], dialect: str) -> list[Answer]:
        """What the revisions do that a database of `dialect` has no words for."""
        return self.ask("unfit", revisions=list(revisions), dialect=dialect)["unfit"]

    def database(self) -> Answer:
        """The dialect, driver and URL parts of the database that the revisions work on: a secret."""
        told = self.ask("database", "The database cannot be told")
        return told.get("own") or told

    def database_file(self) -> str | None:
        """The file that the revisions work on, as its URL names it; None where the database is no SQLite."""
        told = self.database()
        return told["url"]["database"] if told["dialect"] == "sqlite" else None

    def two_databases(self) -> tuple[str, str] | None:
        """The app's database and that of an env.py of Alembic's own, in words, where they are not one."""
        told = self.ask("database", "The database cannot be told")
        if "own" not in told or place(told) == place(told["own"]):
            return None
        return place(told), place(told["own"])

    def generate(self, message: str) -> None:
        """A revision's file from what the models have and the database lacks."""
        self.ask("generate", "No revision could be made", message=message)

    def stamp(self, to: str) -> None:
        """The database is said to be at `to`; its tables are left alone."""
        self.ask("stamp", f"The database could not be stamped with {to}", to=to)

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
    limit: float = LIMIT,
) -> Iterator[App]:
    """The app of the project at `root`, named as FLASK_APP names it. `scratch`: [host, database, scratch database]
    sends its connections there. `limit`: seconds that it may take to load, and for each answer. Raises AppFailed,
    Refusal where the app writes while it loads."""
    line = [sys.executable, "-B", "-m", "flask_slipway.server.inside.main"]
    child = subprocess.Popen(
        line, cwd=root, env=environment(app, env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    client = AppClient(child, child.kill)
    found = App(root, client, limit=limit)
    try:
        found.seconds = _load(found, app, scratch, guard)
        yield found
    finally:
        client.close()


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
            "The app writes to its database while it loads",
            error.lines,
            ["move db.create_all(), seeding or upgrade() out of the app's loading, into a flask command"],
        ) from error


def environment(app: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the project's own processes."""
    paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "FLASK_APP": app, "SLIPWAY": "1", "PYTHONPATH": os.pathsep.join(paths), **(more or {})}


def place(told: Mapping[str, Any]) -> str:
    """A database in a few words, without its password: mysql bankroll on db.example.com, sqlite /home/me/app.db."""
    parts = told["url"]
    kind = "mysql" if told["dialect"] == "mariadb" else told["dialect"]
    port = f":{parts['port']}" if parts.get("port") not in (None, 3306) else ""
    return f"{kind} {parts['database']}" + (f" on {parts.get('host') or 'localhost'}{port}" if kind == "mysql" else "")


def merging(told: Mapping[str, Any]) -> list[str]:
    """What to type where the code has several heads; `told`: the answer to "revisions"."""
    return [f"{told['tool']} merge heads -m merge", "inv upgrade"]


def heads_in_words(told: Mapping[str, Any]) -> str:
    """2 heads: 1a2b (web), 3c4d."""
    labels = told.get("labels") or {}
    named = [f"{head} ({labels[head]})" if labels.get(head) else head for head in told["heads"]]
    return f"{len(named)} heads: {', '.join(named)}"


def flask(root: Path, app: str, *arguments: str) -> int:
    """Runs `flask …` in the project, with this terminal; returns its exit code."""
    line = [sys.executable, "-m", "flask", *arguments]
    plain = {**os.environ, "FLASK_APP": app}
    return subprocess.run(line, cwd=root, env=plain).returncode


def _relative(where: Any, root: Path) -> str:
    """A place in the code from the project's root: migrations/versions/x.py, line 31."""
    if not where:
        return ""
    path, _, line = str(where).rpartition(":")
    for top in (root, root.resolve()):
        with contextlib.suppress(ValueError):
            path = Path(path).relative_to(top).as_posix()
    return f"{path}, line {line}"


def _advice(kind: str, error: str, where: str) -> list[str]:
    """What to type next, for the mistakes that are made first."""
    if "No module named" in error and kind == "NoAppException":
        return ["see that it is there: correct that line", "or  python -m pip install -r requirements.txt"]
    if "Path doesn't exist" in error:
        return ['inv migrate --initial -m "first tables"', "or bring the folder of the migrations back: git status"]
    if kind == "Timeout":
        return ["see what the app waits for: flask routes loads it as well"]
    if "SQLAlchemy URL" in error:
        return ["correct the database's URL in .env"]
    if kind in ("ModuleNotFoundError", "ImportError"):
        return [f"{Path(sys.executable).name} -m pip install -r requirements.txt"]
    if kind == "NoAppException" and re.match(r"\w+(Error|Exception): ", error):  # the app is there, and breaks
        return [*([f"fix {where}"] if where else []), "flask routes  shows the whole error"]
    if kind == "NoAppException" or "Could not import" in error:
        return ["correct  app:  in invoke.yaml: it names the app as FLASK_APP does"]
    if "has no migrations" in error:
        return ['add Migrate(app, db) to the app, then  inv migrate --initial -m "first tables"', NOT_FLASK_MIGRATE]
    if "target_metadata" in error or "MetaData object" in error:
        return ["in env.py, set target_metadata to the metadata of your models", NOT_FLASK_MIGRATE]
    if kind == "OperationalError":
        return ["see that the database of .env is there and lets you in, then try again"]
    if kind == "KeyError" and (name := re.fullmatch(r"'([A-Z][A-Z0-9_]*)'", error)):
        return [f"set {name.group(1)} in .env, if the app takes it from there (inv setup makes the file)"]
    if "interpolation" in error:
        return ["in migrations/env.py, write the URL with .replace('%', '%%')"]
    if where:
        return [f"fix {where}, then the same again"]
    return [] if kind == "WriteRefused" else ["flask routes  shows the whole error"]
