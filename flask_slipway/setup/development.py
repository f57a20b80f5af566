"""The first time on a machine: .env, the development database, the rows that the app needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flask_slipway import wording
from flask_slipway.config.settings import Settings
from flask_slipway.errors import Refusal, SlipwayError
from flask_slipway.project import push
from flask_slipway.project.app import App, loaded
from flask_slipway.revisions import move
from flask_slipway.server.lib import dotenv


def setup(known: Settings) -> Iterator[str]:
    """Makes .env from .env.example, upgrades and seeds the development database; what is there is kept."""
    made: list[str] = []
    try:
        yield from _steps(known, made)
    except SlipwayError as stop:
        if made:
            stop.changed, stop.lines = True, [*stop.lines, *made]
        raise
    yield from wording.follow(["inv run"])


def _steps(known: Settings, made: list[str]) -> Iterator[str]:
    """The steps; `made` gets what each has changed, in words."""
    is_new = not (known.root / ".env").exists()
    yield from env_file(known.root)
    if is_new and (known.root / ".env").exists():
        made.append(".env was made, and stays")
    if (yield from move.upgrade(known.root, known.app)):
        made.append("the development database was upgraded, and stays so")
    with loaded(known.root, known.app) as app:
        yield from seed(app, known, made)


def env_file(root: Path) -> Iterator[str]:
    """.env as a copy of .env.example, readable by its owner alone; says where git does not ignore it."""
    target, example = root / ".env", root / ".env.example"
    if target.exists():
        yield ".env is there already."
    elif example.is_file():
        text, unset = _without_empty(example.read_text(encoding="utf-8"))
        _make_env(target, text)
        todo = f"to set in it, where the app needs it: {', '.join(unset)}." if unset else "look through its values."
        yield f"Made .env from .env.example; {todo}"
    else:
        yield "There is no .env.example, so no .env was made."
    if target.exists() and not push.is_ignored(root, ".env"):
        yield "Note: git does not ignore .env yet. Add the line  .env  to .gitignore"


def _make_env(path: Path, text: str) -> None:
    """Makes the .env `path`, its owner's alone from its first byte on. Raises Refusal where a link is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        what = f".env is a link to {path.readlink()}, which is not there"
        raise Refusal(what, next=["rm .env, then  inv setup"]) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _without_empty(text: str) -> tuple[str, list[str]]:
    """The text with its empty names as comments, so that they do not take the place of the app's own defaults; the
    names."""
    unset: list[str] = []

    def commented(binding: dotenv.Binding, value: str | None) -> str | None:
        if binding.name is None or binding.quote or binding.value != "":
            return None
        unset.append(binding.name)
        comment = binding.text[len(binding.head) :].strip()
        return f"# {binding.name}= {comment}".rstrip()

    return dotenv.rewritten(text, commented), unset


def seed(app: App, known: Settings, made: list[str]) -> Iterator[str]:
    """Runs the configured commands; `made` gets those that ran."""
    for command in known.seed:
        printed = app.command(*command).strip().splitlines()
        made.append(f"flask {' '.join(command)} has run")
        last = f": {printed[-1]}" if printed else ""
        yield f"Seeded by flask {' '.join(command)}{last}"
    if not known.seed:
        yield "Nothing to seed: seed: in invoke.yaml names no command."
