"""`inv demo`: a release, a change of the models, a backup, a failure and a way back, on a sandbox of its own.

Nothing here knows more than a user does: it types the commands that anybody types, in a clone of this project, and
looks at the site over HTTP."""

from __future__ import annotations

import html
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.errors import SlipwayError, WrongUse
from flask_slipway.sandbox import host
from flask_slipway.sandbox.host.processes import free_port
from flask_slipway.server.lib import git_settings
from flask_slipway.ui import screen

MODELS = Path("app/models.py")
PAGE = Path("app/templates/comments.html")
POSTED = "    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)\n"
MOOD = "    mood: Mapped[str | None] = mapped_column(String(20))\n"
NUMBER = '    number: Mapped[int] = mapped_column(unique=True, server_default="1")\n'
COMMENTS = ("The first comment, from before the change.", "The second one, with 'quotes' and é.")


class DemoFailed(WrongUse):
    """The demo did not show what it says it shows."""

    changed: bool | None = None


@dataclass(frozen=True)
class Stage:
    """Where the demo plays: a clone of the project, and the address of its site."""

    clone: Path
    url: str
    env: dict[str, str]

    def type(self, *command: str, expect: int = 0) -> None:
        """Types one command in the clone and shows what it prints. Raises DemoFailed on another exit code."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in command)
        screen.say(["", f"$ {shown}"])
        program = Path(sys.executable).parent / command[0]
        done = subprocess.run([program, *command[1:]], cwd=self.clone, env=self.env, stdin=subprocess.DEVNULL)
        if done.returncode != expect:
            raise DemoFailed(f"The demo stops: {shown} ended with {done.returncode}, not {expect}")

    def edit(self, old: str, new: str) -> None:
        path = self.clone / MODELS
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def run(root: Path) -> None:
    """Plays the demo from the project at `root`, in `.sandbox/demo` below it. Raises DemoFailed."""
    began = time.monotonic()
    folder = root / ".sandbox" / "demo"
    _refuse_without_commit(root)
    remove(folder)
    stage = _prepare(root, folder)
    try:
        _play(stage)
    finally:
        host.down(folder / ".sandbox")
    screen.say(["", f"That was all, in {time.monotonic() - began:.0f} s. The sandbox is stopped."])
    screen.say(["What is left lies in .sandbox:  inv sandbox.down --remove  deletes it."])
    screen.say(wording.follow(["in your own project:  flask-slipway init  (README.md)"]))


def remove(folder: Path) -> None:
    """Ends what an earlier demo left running, and removes its folder; nothing to do where there is none."""
    if folder.is_dir():
        with suppress(SlipwayError):
            host.down(folder / ".sandbox", remove=True)
        shutil.rmtree(folder)


def _refuse_without_commit(root: Path) -> None:
    line = ["git", *git_settings.options(), "rev-parse", "--verify", "--quiet", "HEAD"]
    if not (root / MODELS).is_file() or subprocess.run(line, cwd=root, capture_output=True).returncode:
        what = "The demo plays with the app of Flask-Slipway's own repository, which is not here"
        raise WrongUse(
            what,
            next=[
                "inv sandbox.up  serves your own app on this machine",
                "or, in a clone of that repository:  inv demo",
            ],
        )


def _prepare(root: Path, folder: Path) -> Stage:
    """A clone that pushes nowhere but to the sandbox, with ports of its own."""
    folder.parent.mkdir(exist_ok=True)
    _git(root, "clone", "--quiet", "--no-hardlinks", str(root), str(folder))
    _git(folder, "checkout", "--quiet", "-B", "main")
    _git(folder, "remote", "remove", "origin")
    _git(folder, "config", "user.name", "You")
    _git(folder, "config", "user.email", "you@example.com")
    url = f"http://127.0.0.1:{free_port()}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("INVOKE_", "FABRIC_", "FLASK_"))}
    env = {
        **kept,
        "INVOKE_SLIPWAY_ENVIRONMENTS_SANDBOX_PORT": str(free_port()),
        "INVOKE_SLIPWAY_ENVIRONMENTS_SANDBOX_URL": url,
        "FLASK_SLIPWAY_KEPT": str(folder.parent / "kept"),  # so that all that the demo leaves is in one folder
        "PYTHONUNBUFFERED": "1",
    }
    return Stage(folder, url, env)


def _git(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *git_settings.options(), *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise DemoFailed(f"The demo stops: git {arguments[0]} failed", done.stderr.splitlines())


def _play(stage: Stage) -> None:
    _tell(
        "A clone of this project lies in .sandbox/demo: that is your laptop. First, a PythonAnywhere on this machine."
    )
    stage.type("inv", "sandbox.up")
    _tell("On your laptop: .env, and a development database.")
    stage.type("inv", "setup")
    _tell("The first release: code, database and seed data together.")
    stage.type("inv", "release", "--to", "sandbox", "--yes")
    first = _look(stage)
    _write_comments(stage)
    _tell("You change a model: comments get a mood. The migration is made, shown, tried both ways and applied here.")
    stage.edit(POSTED, POSTED + MOOD)
    stage.type("inv", "migrate", "-m", "add mood")
    _tell("Meanwhile somebody edits a page on the server by hand. What would a release say? --dry asks for its plan.")
    stage.type("fab", "sandbox.workon", "-c", f"sed -i s/Comments/Remarks/ {PAGE}")
    stage.type("inv", "release", "--to", "sandbox", "--dry", "-m", "Let comments have a mood", "--skip-tests", expect=3)
    _tell("Nothing on the server is thrown away unseen: you look at it, and here you undo it.")
    stage.type("fab", "sandbox.workon", "-c", "git diff --stat HEAD")
    stage.type("fab", "sandbox.workon", "-c", f"git checkout HEAD -- {PAGE}")
    _tell("Release it: commit, push, and the site moves with its database. Its rows stay.")
    stage.type("inv", "release", "--to", "sandbox", "-m", "Let comments have a mood", "--yes")
    second = _look(stage)
    if second["commit"] == first["commit"] or second["revision"] == first["revision"]:
        raise DemoFailed("The demo stops: the site does not serve the new commit and revision")
    _see_comments(stage)
    _tell("A backup, verified, whenever you like.")
    stage.type("fab", "sandbox.backup")
    _tell(
        "Now a mistake, made in a hurry: every comment gets the number 1, and numbers must be unique. "
        "Your database has no comments, so the migration works here. The site's has two."
    )
    stage.edit(MOOD, MOOD + NUMBER)
    stage.type("inv", "migrate", "-m", "number the comments")
    stage.type("inv", "release", "--to", "sandbox", "-m", "Number the comments", "--skip-tests", "--yes", expect=6)
    if _look(stage) != second:
        raise DemoFailed("The demo stops: the site was not returned to where it was")
    _see_comments(stage)
    _tell("The site is as it was, with every row. And if you want back behind the release before:")
    stage.type("fab", "sandbox.downgrade", "--yes")
    if _look(stage) != first:
        raise DemoFailed("The demo stops: the site is not back at its first release")
    _see_comments(stage)
    stage.type("fab", "sandbox.history")


def _tell(text: str) -> None:
    screen.say(["", *textwrap.wrap(text, 80)])


def _look(stage: Stage) -> dict[str, str]:
    """What a visitor sees at /health: commit and revision."""
    status, body = _get(stage.url + "/health")
    answer = json.loads(body) if status == 200 else {}
    if not answer:
        raise DemoFailed(f"The demo stops: /health answers {status}")
    screen.say(["", f"The site answers: commit {answer['commit'][:7]}, revision {answer['revision']}"])
    return {"commit": answer["commit"], "revision": answer["revision"]}


def _get(url: str, data: bytes | None = None, opener: urllib.request.OpenerDirector | None = None) -> tuple[int, str]:
    opener = opener or urllib.request.build_opener()
    try:
        with opener.open(url, data, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def _write_comments(stage: Stage) -> None:
    """Two comments, as a visitor writes them."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    for text in COMMENTS:
        _, page = _get(stage.url + "/comments", opener=opener)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        form = {"csrf_token": token[1] if token else "", "content": text}
        status, _ = _get(stage.url + "/comments", urllib.parse.urlencode(form).encode(), opener)
        if status != 200:
            raise DemoFailed(f"The demo stops: a comment was answered with {status}")
    screen.say(["", f"A visitor writes {len(COMMENTS)} comments."])


def _see_comments(stage: Stage) -> None:
    page = html.unescape(_get(stage.url + "/comments")[1])
    missing = [text for text in COMMENTS if text not in page]
    if missing:
        raise DemoFailed(f"The demo stops: a comment is gone: {missing[0]}")
    screen.say([f"The {len(COMMENTS)} comments are there."])
