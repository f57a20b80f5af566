"""What `init` asks: each answer checked at once by the rules of invoke.yaml (schema.py), and asked for again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_slipway.config import keys, settings
from flask_slipway.errors import Interrupted, Refusal, WrongUse
from flask_slipway.setup import discover
from flask_slipway.setup.discover import Found
from flask_slipway.ui import prompt, screen

NONE = "-"  # the answer that sets nothing
MAIN = ("main", "master")  # a branch that is asked about is another than these
NEEDED = ("app", "user", "domain", "project", "virtualenv")


@dataclass(frozen=True)
class Answers:
    """What invoke.yaml will say."""

    app: str
    user: str
    domain: str
    region: str
    project: str
    virtualenv: str
    environment: str
    branch: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One question: `key`, its words, its default ("" for none), the rule that takes the answer or raises Wrong."""

    key: str
    text: str
    default: str
    take: Callable[[str], str]


def questions(found: Found, given: Mapping[str, str]) -> Iterator[Question]:
    """The questions, in order. `given` grows while they are answered; a default may follow from an answer before."""
    rules = keys.ENVIRONMENT
    doubt = not found.app.name or found.app.others
    if doubt or "app" in given:
        yield Question("app", "The app, as FLASK_APP names it", found.app.name, lambda text: _app(found, text))
    yield Question("user", "Account on PythonAnywhere, case-sensitive", "", _own("user"))
    region = "eu" if given.get("domain", "").endswith(".eu.pythonanywhere.com") else "us"
    yield Question("region", "Region, us or eu", region, rules["region"].take)
    middle = ".eu" if given.get("region") == "eu" else ""
    own = f"{given.get('user', '').lower()}{middle}.pythonanywhere.com"
    yield Question("domain", "Domain, as on the Web tab", own, _own("domain"))
    yield Question("project", "Folder of the clone, in the account's home", found.repository.folder, _own("project"))
    folder = given.get("project", "").rstrip("/").split("/")[-1]
    yield Question("virtualenv", "Virtualenv on the account, its name or path", f"{folder}_venv", _own("virtualenv"))
    yield Question("environment", "What to call this site here", "prod", _environment)
    branch = found.repository.branch
    if branch not in MAIN or "branch" in given:
        yield Question("branch", "Branch that is released", branch, rules["branch"].take)


def ask(found: Found, options: Mapping[str, str], env: Mapping[str, str]) -> Answers:
    """Every answer: from the options, else from the person. Raises WrongUse, Refusal, Interrupted."""
    given = dict(options)
    _refuse_wrong(found, given, env)
    if not prompt.can_ask():
        _refuse_lacking(found, given, env)
    else:
        for question in questions(found, given):
            if question.key not in given:
                given[question.key] = _answer(question)
        env = {**_choosers(found, env), **env}
    for question in questions(found, given):
        given.setdefault(question.key, question.default)
    return Answers(**{"app": found.app.name, "branch": found.repository.branch, **given}, env=dict(env))


def _answer(question: Question) -> str:
    """The person's answer; asked again, with the reason, until it is a right one."""
    default = f" [{question.default}]" if question.default else ""
    while True:
        text = read(f"{question.text}{default}: ").strip() or question.default
        try:
            return question.take(text)
        except keys.Wrong as wrong:
            screen.say(screen.wrapped(f"It {wrong}.", 2))


def read(question: str) -> str:
    """A line from the person. Raises Interrupted at Ctrl-C and at the end of input."""
    try:
        return prompt.read_line(question)
    except (EOFError, KeyboardInterrupt):
        raise Interrupted("Interrupted; nothing was written") from None


def _choosers(found: Found, given: Mapping[str, str]) -> dict[str, str]:
    """What the WSGI file sets, of the variables by which the code chooses its configuration."""
    chosen = {}
    for name, default in found.choosers.items():
        if name not in given:
            text = (
                read(f"{name}, if the WSGI file sets it ({NONE} if not) [{default or NONE}]: ").strip()
                or default
                or NONE
            )
            if text != NONE:
                chosen[name] = text
    return chosen


# options


def _refuse_wrong(found: Found, given: dict[str, str], env: Mapping[str, str]) -> None:
    """Raises WrongUse with every option that is not what its key wants; the others become what the key makes of it."""
    wrong = []
    for question in questions(found, given):
        if question.key in given:
            try:
                given[question.key] = question.take(given[question.key])
            except keys.Wrong as error:
                wrong.append(f"--{question.key}: {error}")
    try:
        keys.variables(dict(env))
    except keys.Wrong as error:
        wrong.append(f"--env: {error}")
    if wrong:
        raise WrongUse("Some options are wrong", wrong, ["flask-slipway init --help"])


def _refuse_lacking(found: Found, given: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Raises Refusal where an answer lacks and nobody can be asked: with the whole line, as far as it is known."""
    known = {"app": found.app.name, **given} if not found.app.others else dict(given)
    lacking = [key for key in NEEDED if not known.get(key)]
    if not lacking:
        return
    shown = dict(given)
    for question in questions(found, shown):
        if question.key in lacking:
            default = question.default if question.key != "domain" or given.get("user") else ""
            shown[question.key] = default or question.key.upper()
    line = shlex.join(command(shown, env))
    lines = [f"lacking: {' '.join(f'--{key}' for key in lacking)}"]
    raise Refusal("There is no terminal to ask in", lines, [line])


def command(given: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """The command line that gives these answers."""
    flags = [word for key, value in given.items() for word in (f"--{key}", value)]
    flags += [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    return ["flask-slipway", "init", *flags, "--yes"]


# rules beyond those of the keys


def _app(found: Found, text: str) -> str:
    name = keys.TOP["app"].take(text)
    if not discover.closed(name):
        raise keys.Wrong(f"should close its brackets and quotes, as app:create_app('production') does, not {name!r}")
    right = discover.existing(found.root, name)
    if not right:
        raise keys.Wrong(f"should name a module or a package in this folder, such as app or src/blog; {name!r} is none")
    return right


def _environment(text: str) -> str:
    name = keys.environment_name(text)
    if name == settings.SANDBOX:
        raise keys.Wrong(f"should be another name: {name} is the site on this machine that  inv sandbox.up  makes")
    return name


def _own(key: str) -> Callable[[str], str]:
    """The rule of a key, and that it is neither the manual's example nor the word that stands for an answer: USER."""

    def own(text: str) -> str:
        name: str = keys.ENVIRONMENT[key].take(text)
        if name == key.upper():
            raise keys.Wrong(f"should be your own; {name} stands for it")
        if key == "domain" and "." not in name:
            raise keys.Wrong(f"should be a domain with a dot, such as www.example.org, not {name!r}")
        if keys.is_example_user(name) or keys.is_example_domain(name):
            raise keys.Wrong("should be your own; that is the example")
        return name

    return own
