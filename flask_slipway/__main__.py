"""The program flask-slipway, also python -m flask_slipway: `init` for a project that has no task files yet; all else is
a task of inv or fab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from flask_slipway import __version__
from flask_slipway.errors import Fault, Interrupted, SlipwayError, WrongUse
from flask_slipway.setup import init
from flask_slipway.ui import output

HERE = Path.cwd()

SHORT = """\
Flask-Slipway releases a Flask app to PythonAnywhere: code, packages, database.

  flask-slipway init         adopt the project in this folder
  flask-slipway init --help  its options, for scripts
  flask-slipway --version

After init, in the project:  inv --list  and  fab --list"""

HOW = "the same with --debug shows where"

OPTIONS = {
    "user": "the account on PythonAnywhere, case-sensitive",
    "domain": "the site, as on the Web tab",
    "region": "us or eu",
    "project": "the clone's folder in the account's home",
    "virtualenv": "its name in ~/.virtualenvs there, or a path",
    "environment": "what to call the site here (prod)",
    "branch": "what is released",
    "app": "the app, as FLASK_APP names it",
}


class Parser(argparse.ArgumentParser):
    """argparse, whose faults are ours: one message, exit code 1."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message[:1].upper()}{message[1:]}", next=["flask-slipway init --help"])


def program() -> NoReturn:
    """What `flask-slipway` runs: Python looks for modules beside it, and not in the folder that it is started in."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Does what the words say; returns the exit code."""
    output.settle()
    try:
        return _do(arguments)
    except SlipwayError as stop:
        output.error(stop.message)
        return stop.code
    except KeyboardInterrupt:
        output.error(Interrupted("Interrupted; nothing was written").message)
        return Interrupted.code
    except Exception as error:
        if "--debug" in arguments:
            raise
        from flask_slipway.packages import requirements

        text = requirements.redacted(str(error))
        fault = Fault(f"Internal error ({type(error).__name__}: {text}). This is a bug", next=[HOW])
        output.error(fault.message)
        return fault.code


def _do(arguments: Sequence[str]) -> int:
    first, *rest = [*arguments] or [""]
    if first in ("", "-h", "--help", "help"):
        output.text(SHORT)
    elif first == "--version":
        output.line(f"Flask-Slipway {__version__}")
    elif first == "init":
        _init(rest)
    else:
        _refuse_unknown(first)
    return 0


def _init(rest: Sequence[str]) -> None:
    given = vars(_parser().parse_args(rest))
    env = {}
    for pair in given["env"]:
        name, equals, value = pair.partition("=")
        if not equals:
            raise WrongUse("--env wants NAME=VALUE", next=["… --env FLASK_ENV=production"])
        env[name] = value
    options = {name: given[name] for name in OPTIONS if given[name] is not None}
    init.adopt(HERE.resolve(), options, env, given["yes"])


def _parser() -> Parser:
    about = "Looks at the project in this folder, asks, shows what it would write, and writes it after your yes."
    parser = Parser(prog="flask-slipway init", description=about, allow_abbrev=False)
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name}", help=text, metavar=name.upper())
    parser.add_argument(
        "--env", help="what the WSGI file sets; may be repeated", metavar="NAME=VALUE", action="append", default=[]
    )
    parser.add_argument("--yes", help="do not ask whether to write", action="store_true")
    parser.add_argument("--debug", help="show where a fault of the tool itself lies", action="store_true")
    return parser


def _refuse_unknown(word: str) -> NoReturn:
    """Raises WrongUse; a task's name is told with its program."""
    from flask_slipway.tasks import local, remote

    if word in local.collection(HERE).task_names:
        raise WrongUse(f"{word} is a task of inv", next=[f"inv {word}"])
    if word in remote.collection("ENV", HERE).task_names:
        raise WrongUse(f"{word} is a task of fab", next=[f"fab prod.{word}"])
    raise WrongUse(f"There is no command {word!r}", next=["flask-slipway --help"])


if __name__ == "__main__":
    program()
