"""`flask-slipway init`: looks, asks, shows, and writes what an existing project lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask_slipway import wording
from flask_slipway.config import settings
from flask_slipway.errors import Refusal
from flask_slipway.project import taskfiles
from flask_slipway.setup import answers, templates, write_files
from flask_slipway.setup.answers import Answers
from flask_slipway.setup.discover import Found, find
from flask_slipway.setup.write_files import File
from flask_slipway.ui import output, prompt, screen

CONFIG = "invoke.yaml"
NARROW = 16


@dataclass(frozen=True)
class Plan:
    """`files`: to write. `by_hand`: (file, the lines that a person adds to it). `site`: the environment's name.
    `unedited`: its lines in invoke.yaml that still hold the manual's example."""

    files: tuple[File, ...]
    by_hand: tuple[tuple[str, str], ...]
    site: str
    unedited: tuple[str, ...] = ()


def adopt(root: Path, options: Mapping[str, str], env: Mapping[str, str], yes: bool) -> None:
    """The whole of `init` for the project in `root`. Raises Refusal, WrongUse, Interrupted: nothing was written."""
    found = find(root)
    screen.say([f"In {root.name}, by looking alone; nothing of it was run:", *table(seen(found))])
    for missing, fix in notes(found):
        screen.say([f"Note: {missing}", f"      Fix: {fix}"])
    output.line()
    planned = plan(found, *_answered(found, options, env))
    if not planned.files:
        there = _there(found)
        output.line(f"Nothing to write: {', '.join(sorted(there))} {'are' if len(there) > 1 else 'is'} there.")
    else:
        screen.say(shown(planned, found))
        if not _agreed(yes):
            output.line("Nothing was written.")
            return
        write_files.place(root, planned.files)
        output.line(f"Wrote {', '.join(file.path for file in planned.files)}.")
    screen.say([*added_by_hand(planned), *following(planned, found)])


def _answered(found: Found, options: Mapping[str, str], env: Mapping[str, str]) -> tuple[Answers | None, str]:
    """(answers, the site's name); no answers where invoke.yaml has its sites already. Raises Refusal for one more."""
    if found.configured:
        known = settings.load(found.root)
        name = options.get("environment") or next(iter(known.edited or known.sites.values())).name
        if name in known.sites:
            return None, name
        _refuse_another(found, answers.ask(found, options, env))
    if prompt.can_ask():
        screen.say(["Return takes what stands in [ ]. Nothing is written before the last question."])
    given = answers.ask(found, options, env)
    output.line()
    return given, given.environment


def _refuse_another(found: Found, given: Answers) -> None:
    """One more site: told as lines, for a person's invoke.yaml is theirs."""
    what = f"{found.config} is there, and is never rewritten"
    lines = ["add below its `environments:`", *"\n".join(templates.environment(given)).splitlines()]
    raise Refusal(what, lines, [f"add the lines, then  fab {found.fabfile.prefix}{given.environment}.check"])


def plan(found: Found, given: Answers | None, site: str) -> Plan:
    """What is to be written, and what only a person may write. Pure, but for reading .gitignore."""
    files, by_hand = [], []
    for own in (found.tasks, found.fabfile):
        if not own.path:
            files.append(File(f"{own.name}.py", own.text))
        elif not own.ours:
            by_hand.append((own.path, "\n".join(own.lines())))
    if given is not None and found.config:
        by_hand.append((found.config, templates.block(found, given)))
    elif given is not None:
        files.append(File(CONFIG, templates.configuration(found, given)))
    if found.names and found.names.names and not found.example:
        files.append(File(".env.example", templates.example(found.names.names)))
    if found.ignore:
        before = write_files.text(found.root / ".gitignore")
        files.append(File(".gitignore", templates.ignoring(before or "", found.ignore), before))
    unedited = settings.load(found.root).sites[site].unedited if found.configured else ()
    return Plan(tuple(files), tuple(by_hand), site, unedited)


def _there(found: Found) -> list[str]:
    names = [own.path for own in (found.tasks, found.fabfile) if own.path] + ([found.config] if found.config else [])
    return names + ([".env.example"] if found.example else [])


def _agreed(yes: bool) -> bool:
    """The person's yes. Raises Refusal without a terminal, Interrupted."""
    if yes or not prompt.can_ask():
        return prompt.confirm("", yes)
    return answers.read("Write this? [y/N] ").strip().lower() in ("y", "yes")


# what is shown


def table(rows: list[tuple[str, str]]) -> list[str]:
    """Rows of a name and words, at 80 columns."""
    lines = []
    for name, text in rows:
        first, *rest = screen.wrapped(text, NARROW) or [" " * NARROW]
        lines += [f"  {name:<{NARROW - 2}}{first.strip()}", *rest]
    return lines


def seen(found: Found) -> list[tuple[str, str]]:
    """What was found, in words."""
    app, git = found.app, found.repository
    also = f"; it may also be {', '.join(app.others)}" if app.others else ""
    moves = f"{found.migrations}/, {wording.count(found.revisions, 'revision')}" if found.migrations else "none"
    where = f"branch {git.current or 'none'}, remote {git.remote or 'none'}" if git.there else "not a repository"
    rows = [
        ("app", f"{app.name} ({app.what}){also}" if app.name else "none found"),
        ("migrations", moves),
        ("git", where),
        ("packages", found.requirements or "no requirements.txt"),
        ("tests", found.tests or "none"),
    ]
    return [*rows, ("here already", ", ".join(_there(found)) or "none of the files that init writes")]


def notes(found: Found) -> Iterator[tuple[str, str]]:
    """(what a release will miss, what to type against it)."""
    git, app, inv = found.repository, found.app, f"inv {found.tasks.prefix}"
    if found.tasks.instead:
        what = f"{found.tasks.instead} is the app's own and none of Invoke's, and stays as it is"
        yield what, f"call the tasks as in  {inv}release"
    if not app.name:
        yield "no Flask app was found by looking", "name it as FLASK_APP does, such as  app  or  src/blog"
    for factory in app.needs_arguments if not app.name or app.others else ():
        yield f"{factory} wants arguments", f"name it with them, such as  --app \"{factory}('production')\""
    if not git.there:
        yield "this is no git repository, and a site is a clone of one", "git init -b main"
    elif not git.remote:
        yield "the site has no remote to fetch from", "git remote add origin git@github.com:YOU/PROJECT.git"
    if not found.flask_migrate and not found.migrations:
        yield "nothing here imports flask_migrate, which upgrades the database", "pip install Flask-Migrate"
    elif not found.migrations:
        yield "there are no migrations yet", f'{inv}migrate --initial -m "first tables"'
    if not found.requirements:
        yield "there is no requirements.txt for the site to install from", f"{inv}freeze"
    if found.tracked_env:
        yield ".env is in git, and its secrets with it", "git rm --cached .env, and change the secrets"
    if found.names and found.names.unread and not found.example:
        line = f"line {found.names.unread} of .env"
        yield f"{line} may be a piece of the value above it; .env.example ends before it", "edit .env"


def shown(planned: Plan, found: Found) -> list[str]:
    """Every file that would be written, with its text, and what is left alone."""
    lines = []
    for file in planned.files:
        if file.before is None:
            lines += [f"new       {file.path}", *(f"  {line}".rstrip() for line in file.text.splitlines()), ""]
        else:
            added = file.text[len(file.before) :].split()
            lines += [f"added to  {file.path}", *(f"  {line}" for line in added), ""]
    left = _there(found)
    return [*lines, *([f"left      {', '.join(left)}", ""] if left else [])]


def added_by_hand(planned: Plan) -> Iterator[str]:
    """The lines that a person adds to their own files."""
    for path, text in planned.by_hand:
        yield from ("", f"{path} is yours and stays as it is. Add to its end:", "")
        yield from (f"  {line}" if line else "" for line in text.splitlines())


def following(planned: Plan, found: Found) -> list[str]:
    """What to type next."""
    nested = f"{taskfiles.BELOW}." if any(path == found.fabfile.path for path, _ in planned.by_hand) else ""
    check = f"fab {found.fabfile.prefix or nested}{planned.site}.check"
    if planned.unedited:
        return ["", *planned.unedited, *wording.follow([f"edit {found.config}, then  {check}"])]
    first = "add these lines, then  " if planned.by_hand else ""
    what = "It changes nothing, and says what a release would find on the site."
    return ["", *wording.follow([f"{first}{check}", what])]
