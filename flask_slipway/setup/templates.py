"""The texts that `init` would write. Pure: what was found and answered in, texts out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flask_slipway.config import keys, pythonanywhere
from flask_slipway.setup.answers import Answers
from flask_slipway.setup.discover import Found

PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
COMMENT = 34  # the column of a comment
WIDTH = 78  # columns of a line, which is shown indented

HEAD = """\
# What inv and fab know of this project and its site. No secret belongs here.
# Every key: docs/configuration.md of Flask-Slipway.
"""


def configuration(found: Found, given: Answers) -> str:
    """A new invoke.yaml."""
    return "\n".join([HEAD, "slipway:", *top(found, given), "", "  environments:", *environment(given), ""])


def block(found: Found, given: Answers) -> str:
    """What a person adds to an invoke.yaml of their own."""
    return "\n".join(["slipway:", *top(found, given), "  environments:", *environment(given)])


def top(found: Found, given: Answers) -> list[str]:
    """The keys that all sites share."""
    seed = f"  # seed: [{', '.join(map(quoted, found.seeds)) or 'COMMAND'}]"
    test = found.tests or "pytest"
    return [
        commented(f"  app: {quoted(given.app)}", "as FLASK_APP names it"),
        commented(seed, "flask commands after an upgrade, safe to repeat"),
        commented(f"  {'' if test != 'pytest' else '# '}test: {test}", "what a release runs first"),
    ]


def environment(given: Answers) -> list[str]:
    """One site, as it stands below `environments:`."""
    values = {key: getattr(given, key) for key in ("user", "domain", "project", "virtualenv")}
    lines = [f"    {quoted(given.environment)}:"]
    lines += [commented(f"      {key}: {quoted(value)}", WORDS[key]) for key, value in values.items()]
    if given.region != keys.ENVIRONMENT["region"].default:
        lines.append(commented(f"      region: {given.region}", "where PythonAnywhere has the account"))
    if given.branch != keys.ENVIRONMENT["branch"].default:
        lines.append(commented(f"      branch: {quoted(given.branch)}", "what is released"))
    lines.append(_env(given.env))
    return [*lines, "      # These follow from the lines above; take the # away to set one.", *_derived(given)]


WORDS = {
    "user": "the account, case-sensitive",
    "domain": "the site, as on the Web tab",
    "project": "the clone's folder, in the home",
    "virtualenv": "its name in ~/.virtualenvs, or a path",
}


def _env(env: Mapping[str, str]) -> str:
    """What the WSGI file sets."""
    inner = ", ".join(f"{name}: {quoted(value)}" for name, value in (env or {"FLASK_ENV": "production"}).items())
    return commented(f"      {'' if env else '# '}env: {{{inner}}}", "what the WSGI file sets")


def _derived(given: Answers) -> list[str]:
    wsgi = pythonanywhere.wsgi(given.domain)
    return [f"      # wsgi: {wsgi}", commented("      # health: /", "a page that reads the database is best")]


def commented(line: str, comment: str) -> str:
    """A line with its comment beside it; above it, where there is no room."""
    beside = f"{line:<{COMMENT}}  # {comment}"
    if len(beside) <= WIDTH:
        return beside
    return f"{' ' * (len(line) - len(line.lstrip()))}# {comment}\n{line}"


def quoted(value: str) -> str:
    """A text as a YAML scalar that reads as the same text. ASCII alone: Invoke reads in the machine's own encoding."""
    from invoke.util import yaml

    if PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return yaml.safe_dump(value, default_style='"', width=10**9).rstrip("\n")


def example(names: Iterable[str]) -> str:
    """A new .env.example."""
    head = "# Copy to .env, which git ignores, and fill in. One NAME=value a line.\n\n"
    return head + "".join(f"{name}=\n" for name in names)


def ignoring(before: str, lines: Iterable[str]) -> str:
    """.gitignore with lines added at its end."""
    return f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}" + "".join(
        f"{line}\n" for line in lines
    )
