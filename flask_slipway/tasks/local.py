"""The tasks of `inv`: flags in, one function called. What is heavy is imported when its task runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit

from flask_slipway.tasks.command import KEY, root, story


def collection(folder: Path) -> Collection:
    """The tasks for the project in `folder`. Raises WrongUse where its invoke.yaml is not YAML."""
    from flask_slipway.config import yaml_lines

    yaml_lines.node(folder)
    namespace = Collection(*TASKS)
    namespace.add_collection(Collection("sandbox", sandbox_up, sandbox_down))
    namespace.configure({KEY: {"root": str(folder)}})
    return namespace


def _say(lines: Iterable[str]) -> None:
    from flask_slipway.ui import screen

    screen.say(lines)


@story(after=("inv setup, which goes on where it stopped",))
def setup(c: Context) -> None:
    """Begin on this machine: .env, development database, seed.

    Example: inv setup"""
    from flask_slipway.config import settings
    from flask_slipway.setup import development

    _say(development.setup(settings.load(root(c))))


@story(
    after=(),
    help={"port": "where it listens (5000)", "host": "the address (127.0.0.1); 0.0.0.0 shows it to your network"},
)
def run(c: Context, port: int = 5000, host: str = "127.0.0.1") -> None:
    """Run the development server, until Ctrl-C.

    Example: inv run --port 8000"""
    from flask_slipway.config import settings
    from flask_slipway.project import app

    code = app.flask(root(c), settings.load(root(c)).app, "run", "--debug", "--port", str(port), "--host", host)
    if code:
        raise Exit(code=code)


@story(help={"k": "only the tests whose names match, as pytest -k"})
def test(c: Context, k: str = "") -> None:
    """Run the tests; ruff and mypy too, where they are set up.

    Example: inv test -- -x tests/ui"""
    from flask_slipway.release import run_tests

    extra = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    code = run_tests.suite(root(c), [*(["-k", k] if k else []), *extra])
    if code:
        raise Exit(code=code)


@story(
    after=("git status, inv current  show what is there",),
    help={
        "message": "what the revision does",
        "initial": "the first revision, generated against an empty scratch database",
    },
)
def migrate(c: Context, message: str = "", initial: bool = False) -> None:
    """Make a revision from the models, prove it, apply it here.

    Example: inv migrate -m "add posted"
    """
    from flask_slipway.config import settings
    from flask_slipway.revisions import make

    make.migrate(root(c), settings.load(root(c)).app, message, initial)


@story(after=("inv current  shows where the development database stands",))
def upgrade(c: Context) -> None:
    """Bring the development database to the newest revision.

    Example: inv upgrade"""
    from flask_slipway.config import settings
    from flask_slipway.revisions import move

    _say(move.upgrade(root(c), settings.load(root(c)).app))


@story(
    after=("inv current  shows where the development database stands",),
    help={"to": "the revision to go down to, or base (one step down)"},
)
def downgrade(c: Context, to: str = "") -> None:
    """Take the development database down one revision.

    Example: inv downgrade --to 8a1c5e20"""
    from flask_slipway.config import settings
    from flask_slipway.revisions import move

    _say(move.downgrade(root(c), settings.load(root(c)).app, to))


@story()
def current(c: Context) -> None:
    """Show the development database's revision and drift.

    Example: inv current"""
    from flask_slipway.config import settings
    from flask_slipway.revisions import move

    _say(move.current(root(c), settings.load(root(c)).app))


@story(help={"dry": "say what would change, and write nothing"})
def freeze(c: Context, dry: bool = False) -> None:
    """Write requirements.txt from what is installed, tools left out.

    Example: inv freeze"""
    from flask_slipway.config import settings
    from flask_slipway.packages import freeze

    _say(freeze.freeze(settings.load(root(c)), dry))


@story(help={"to": "the environment that a release would go to (the first that is not the example)"})
def check(c: Context, to: str = "") -> None:
    """Look for all that would stop a release; changes nothing.

    Example: inv check"""
    from flask_slipway.release import check

    check.check(root(c), to)


@story(after=("git status",), help={"message": "what the change does"})
def commit(c: Context, message: str = "") -> None:
    """Commit all that changed, except secrets.

    Example: inv commit -m "Let assets be reordered"
    """
    from flask_slipway.project import commit

    _say(commit.commit(root(c), message))


@story(after=("git status",))
def push(c: Context) -> None:
    """Push the branch, never by force.

    Example: inv push"""
    from flask_slipway.project import commit

    _say(commit.push(root(c)))


@story()
def status(c: Context) -> None:
    """Show code, database and drift, here and on every site.

    Example: inv status"""
    from flask_slipway.sites import status

    status.show(root(c))


@story(
    help={
        "message": "commit what is not committed yet, with this message",
        "to": "the environment (the first that is not the example)",
        "dry": "show the plan and stop; changes nothing",
        "yes": "do not ask",
        "skip-tests": "do not run the tests first; the release says so",
    }
)
def release(
    c: Context, message: str = "", to: str = "", dry: bool = False, yes: bool = False, skip_tests: bool = False
) -> None:
    """Check, test, commit, push, then release to a site.

    Example: inv release -m "Let assets be reordered"
    """
    from flask_slipway.release import release

    release.release(root(c), release.ReleaseOptions(message, to, dry, yes, skip_tests))


@story(after=("inv sandbox.down --remove",))
def demo(c: Context) -> None:
    """Try it all on this machine: a sandbox and releases on it.

    Example: inv demo"""
    import importlib

    importlib.import_module("flask_slipway.sandbox.demo").run(root(c))


@story(
    after=("inv sandbox.down",),
    name="up",
    help={
        "openssh": "the real sshd instead of the embedded server",
        "database": "sqlite, mariadb or mysql (auto: what is on this machine)",
    },
)
def sandbox_up(c: Context, openssh: bool = False, database: str = "auto") -> None:
    """Start a PythonAnywhere on this machine, in .sandbox.

    Example: inv sandbox.up --database mariadb"""
    from flask_slipway.sandbox import commands

    _say(commands.up(root(c), openssh, database))


@story(
    after=("inv sandbox.down, once more",),
    name="down",
    help={"remove": "remove its folder too, with its database"},
)
def sandbox_down(c: Context, remove: bool = False) -> None:
    """Stop the sandbox.

    Example: inv sandbox.down --remove"""
    from flask_slipway.sandbox import commands

    _say(commands.down(root(c), remove))


TASKS = (
    setup, run, test, migrate, upgrade, downgrade, current, freeze, check, commit, push, status, release, demo,
)  # fmt: skip
