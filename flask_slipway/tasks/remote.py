"""The tasks of `fab ENV.`: flags in, one conversation with the server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context

from flask_slipway.tasks.command import KEY, root, story

if TYPE_CHECKING:
    from flask_slipway.config.settings import Site


def collection(name: str, folder: Path) -> Collection:
    """The tasks of one environment of invoke.yaml."""
    found = Collection(name, *TASKS)
    found.configure({KEY: {"site": name, "root": str(folder)}})
    return found


def _site(context: Context) -> Site:
    from flask_slipway.config import settings

    return settings.site(root(context), context.config[KEY]["site"])


def _read(context: Context, task_name: str, **args: Any) -> dict[str, Any]:
    """A task that changes nothing; returns the data of its end."""
    from flask_slipway.ssh import conversation
    from flask_slipway.ui.screen import Screen, finish

    site = _site(context)
    end = conversation.converse(site, task_name, args, None, Screen().show)
    if end["code"] or end["outcome"] == "nothing" or task_name == "watch":
        finish(end, site)
    return end.get("data") or {}


def _change(context: Context, task_name: str, yes: bool = True, **args: Any) -> dict[str, Any]:
    """A task that changes the site: facts, a question where there is one, go."""
    from flask_slipway.errors import Refusal
    from flask_slipway.ssh import conversation
    from flask_slipway.ui import confirm, prompt
    from flask_slipway.ui.screen import Screen, finish

    site = _site(context)
    if task_name in confirm.BY_TASK and not yes:
        prompt.refuse_silent()
    screen = Screen()

    def decide(facts: dict[str, Any]) -> dict[str, Any]:
        confirm.refuse_held(site.name, facts)
        asked = confirm.of(task_name, site.name, facts)
        for line in asked.lines:
            screen.line(line)
        if asked.question and not prompt.confirm(asked.question, yes):
            raise Refusal("Stopped", at=site.name)
        return {"go": facts["fingerprint"]}

    end = conversation.converse(site, task_name, args, decide, screen.show)
    words = DONE.get(task_name, task_name).format(site.name)
    finish(end, site, words, f"The {task_name} failed", [_typed(site.name, task_name, args)])
    return end.get("data") or {}


def _typed(name: str, task_name: str, args: Mapping[str, Any]) -> str:
    """The command as it was typed, to be typed again: another backup, or another target, is another change."""
    words = [f"fab {name}.{task_name}"]
    for key in OPTIONS:
        if args.get(key):
            words += [f"--{key.replace('_', '-')}", *([] if args[key] is True else [shlex.quote(args[key])])]
    return " ".join(words)


OPTIONS = ("backup", "other_database", "to", "database_only", "leave")  # of the tasks that change a site
DONE = {
    "backup": "Backed up {}",
    "restore": "Restored {}",
    "pull": "Pulled {}",
    "install": "Installed the packages of {}",
    "upgrade": "Upgraded {}",
    "downgrade": "Downgraded {}",
    "rollback": "Rolled {} back",
    "seed": "Seeded {}",
    "reload": "Reloaded {}",
    "close": "Closed {}",
    "open": "Opened {}",
    "recover": "Recovered {}",
}


@story()
def check(c: Context) -> None:
    """Measure what the site offers. The first thing to run.

    Example: fab prod.check"""
    _read(c, "check")


@story()
def status(c: Context) -> None:
    """Show code, database, drift, lock and last change.

    Example: fab prod.status"""
    from flask_slipway.ui import screen

    screen.status(_read(c, "status"))


@story()
def current(c: Context) -> None:
    """Show the database's revision and the live code's head.

    Example: fab prod.current"""
    from flask_slipway.ui import screen

    screen.current(_read(c, "current"))


@story(help={"lines": "how many, newest first (20)"})
def history(c: Context, lines: int = 20) -> None:
    """Show what was done to the site, by whom, how it ended.

    Example: fab prod.history"""
    _read(c, "history", lines=lines)


@story(help={"which": "error, server or access (error)", "lines": "how many (40)", "follow": "go on until Ctrl-C"})
def logs(c: Context, which: str = "error", lines: int = 40, follow: bool = False) -> None:
    """Show the end of a log.

    Example: fab prod.logs -f"""
    _read(c, "logs", which=which, lines=lines, follow=follow)


@story()
def health(c: Context) -> None:
    """Show what the site answers to a visitor now.

    Example: fab prod.health"""
    from flask_slipway.ui import screen

    screen.health(_read(c, "health"))


@story()
def env(c: Context) -> None:
    """Check the lines and names of .env; shows no value.

    Example: fab prod.env"""
    _read(c, "env")


@story()
def backups(c: Context) -> None:
    """List the backups on the server, newest first.

    Example: fab prod.backups"""
    _read(c, "backups")


@story()
def backup(c: Context) -> None:
    """Make a backup of the database, and verify it.

    Example: fab prod.backup"""
    _change(c, "backup")


@story(
    help={
        "backup": "which one, as fab ENV.backups lists it (the newest)",
        "other-database": "also one that was made of another database than the site's now",
        "yes": "do not ask",
    }
)
def restore(c: Context, backup: str = "", other_database: bool = False, yes: bool = False) -> None:
    """Put a backup back, with the commit it was made at.

    Example: fab prod.restore --backup 20261120T180312Z"""
    _change(c, "restore", yes, backup=backup or None, other_database=other_database)


@story()
def pull(c: Context) -> None:
    """Bring the new code alone, where it needs nothing else.

    Example: fab prod.pull"""
    from flask_slipway import wording
    from flask_slipway.project import push, working_copy
    from flask_slipway.ui import screen

    site = _site(c)
    commit = working_copy.commit(root(c))
    push.refuse_unpushed(root(c), push.remote_for(root(c), site.name), site.branch)
    _change(c, "pull", commit=commit, pending=[])
    screen.say(wording.follow([f"fab {site.name}.reload"]))


@story()
def install(c: Context) -> None:
    """Install what requirements.txt lists and is not there.

    Example: fab prod.install"""
    _change(c, "install")


@story(help={"yes": "do not ask"})
def upgrade(c: Context, yes: bool = False) -> None:
    """Apply the revisions that the database lacks.

    Example: fab prod.upgrade"""
    _change(c, "upgrade", yes)


@story(
    help={
        "to": "the revision to go down to (one step down)",
        "database-only": "leave the code; the gate stays up",
        "yes": "do not ask",
    }
)
def downgrade(c: Context, to: str = "", database_only: bool = False, yes: bool = False) -> None:
    """Take the database down a revision, the code with it.

    Example: fab prod.downgrade --to 8a1c5e20"""
    _change(c, "downgrade", yes, to=to or None, database_only=database_only)


@story(help={"yes": "do not ask"})
def rollback(c: Context, yes: bool = False) -> None:
    """Undo the last release: code and database as before it.

    Example: fab prod.rollback"""
    _change(c, "rollback", yes)


@story()
def seed(c: Context) -> None:
    """Run the seed commands of invoke.yaml, after a backup.

    Example: fab prod.seed"""
    _change(c, "seed")


@story()
def reload(c: Context) -> None:
    """Reload the web app, and see that it is healthy.

    Example: fab prod.reload"""
    _change(c, "reload")


@story()
def close(c: Context) -> None:
    """Close the site: visitors see a maintenance page.

    Example: fab prod.close"""
    _change(c, "close")


@story()
def open(c: Context) -> None:
    """Open the site again, if code and database match.

    Example: fab prod.open"""
    _change(c, "open")


@story(help={"leave": "only end it as it stands: nothing moves, the gate stays up", "yes": "do not ask"})
def recover(c: Context, leave: bool = False, yes: bool = False) -> None:
    """Finish what an interrupted run began, or take it back.

    Example: fab prod.recover"""
    _change(c, "recover", yes, leave=leave)


@story()
def watch(c: Context) -> None:
    """Follow the run under way, or show the last one again.

    Example: fab prod.watch"""
    _read(c, "watch")


@story(help={"command": "run one program instead, without a shell's | and &&; its exit code is handed on"})
def workon(c: Context, command: str = "") -> None:
    """Open a shell on the server, in project and virtualenv.

    Example: fab prod.workon -c 'flask db current'"""
    from invoke.exceptions import Exit

    from flask_slipway.ssh import conversation

    code = conversation.shell(_site(c), command or None)
    if code:
        raise Exit(code=code)


TASKS = (
    check,
    status,
    current,
    history,
    logs,
    health,
    env,
    backup,
    backups,
    restore,
    pull,
    install,
    upgrade,
    downgrade,
    rollback,
    seed,
    reload,
    close,
    open,
    recover,
    watch,
    workon,
)
