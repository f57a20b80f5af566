"""What was typed and is no task, no option or no value: told with the nearest known, instead of Invoke's own words.

The tasks are listed in files of two lines, run by Invoke's own program; so it is that program which is changed here."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.exceptions import Exit, ParseError

from flask_slipway import command_names, wording
from flask_slipway.errors import WrongUse
from flask_slipway.tasks.command import show

if TYPE_CHECKING:
    from invoke.program import Program

NAMES = {"Invoke": "inv", "Fabric": "fab"}
TO_A_SITE = ("release", "check")  # tasks of inv whose --to names an environment


def install(root: Path) -> None:
    """The program that is loading the task file of the project at `root`, if one is, tells what it cannot parse in our
    words from here on. Its parsing stays its own."""
    program = _running()
    if program is None:
        return
    for name in ("parse_tasks", "parse_cleanup"):
        setattr(program, name, _explaining(getattr(program, name), program, root))


def _running() -> Program | None:
    """The program whose load_collection() is above us on the stack."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "load_collection" and hasattr(frame.f_locals.get("self"), "parse_tasks"):
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


def _explaining(parse: Any, program: Program, root: Path) -> Any:
    def run() -> None:
        typed = Typed(program, root)
        try:
            _parse(parse, typed)
        except WrongUse as stop:
            from flask_slipway.project import taskfiles

            with command_names.called(taskfiles.prefixes(root)):
                show(stop)
            raise

    return run


def _parse(parse: Any, typed: Typed) -> None:
    """Parses; raises WrongUse where Invoke would end in its own words, or in a traceback."""
    try:
        parse()
    except ParseError as error:
        typed.parse_error(error)
    except ValueError as error:
        typed.value_error(error)
    except Exit as error:
        if "Sub-collection" not in str(error.message):
            raise
        typed.group(str(typed.asked.list.value))


class Typed:
    """A line as it was typed, and the tasks that are known."""

    def __init__(self, program: Program, root: Path) -> None:
        self.root = root
        self.program = NAMES.get(program.name, program.name.lower())
        self.asked = program.args
        self.line = list(program.argv[1:])
        self.known = list(program.collection.task_names)

    def parse_error(self, error: ParseError) -> NoReturn:
        """Raises WrongUse with what Invoke did not understand."""
        context = error.context
        if match := re.fullmatch(r"No idea what ['\"](.*)['\"] is!", str(error)):
            if match[1].startswith("-"):
                self.option(match[1], context)
            self.task(match[1], context)
        if match := re.match(r"Flag <?['\"]?<Argument: ([\w-]+)", str(error)):
            flag = f"--{match[1]}"
            name = getattr(context, "name", None) or ""
            self._refuse(f"{flag} wants a value", [f"{self.program} {name} {flag} …".replace("  ", " ")])
        self._refuse(str(error).rstrip("."), [f"{self.program} --list"])

    def value_error(self, error: ValueError) -> NoReturn:
        """Raises WrongUse for a value that is not of its option's kind: only whole numbers can be wrong."""
        match = re.search(r"'(.*)'$", str(error))
        if not match:
            raise error
        flag = next((before for before, word in zip(self.line, self.line[1:], strict=False) if word == match[1]), "")
        flag = flag or next((word.split("=")[0] for word in self.line if word.endswith(f"={match[1]}")), "it")
        self._refuse(f"{flag} wants a whole number, not {match[1]!r}", [f"{self.program} --help {self._first()}"])

    def option(self, word: str, context: Any) -> NoReturn:
        """Raises WrongUse for an option that the task, or the program itself, does not have."""
        name = getattr(context, "name", None)
        given = word.split("=")[0]
        known = [*context.flags, *context.inverse_flags] if context is not None else []
        near = wording.near(given, [flag for flag in known if flag.startswith("--")])
        owner = f"{self.program} {name}" if name else self.program
        follow = [self._corrected(given, near)] if near else []
        self._refuse(f"{owner} has no option {given}", [*follow, f"{owner} --help"])

    def task(self, word: str, context: Any) -> NoReturn:
        """Raises WrongUse for a word that is no task here."""
        self._refuse_environment(word, context)
        near = wording.near(word, self.known)
        if near:
            self._refuse(
                f"{self.program} has no task {word!r}", [self._corrected(word, near), f"{self.program} --list"]
            )
        name = getattr(context, "name", None)
        short = next((flag for flag in self.line if name and f"-{flag}" in context.flags), "")
        if short:
            self._refuse(f"{short} wants two dashes", [self._corrected(short, f"-{short}")])
        if name and "message" in context.args:
            what = f"{word!r} is no task; a message wants -m and quotes"
            self._refuse(what, [self._with_message(name, context)])
        self._refuse(f"{self.program} has no task {word!r}", [f"{self.program} --list"])

    def group(self, word: str) -> NoReturn:
        """Raises WrongUse for `--list WORD` of a group that is not there."""
        groups = sorted({name.partition(".")[0] for name in self.known if "." in name})
        near = wording.near(word, groups)
        follow = [self._corrected(word, near)] if near else [f"{self.program} --list"]
        self._refuse(f"{self.program} has no group of tasks {word!r}{wording.nearest(word, groups)}", follow)

    def _with_message(self, name: str, context: Any) -> str:
        """The line with all its words that belong to nothing as the task's message; its options stay what they are."""
        words: list[str] = []
        options: list[str] = []
        rest = iter(self.line[self.line.index(name) + 1 :] if name in self.line else self.line)
        for token in rest:
            flag, equals, value = token.partition("=")
            argument = context.flags.get(flag)
            if argument is None:
                words += [] if token.startswith("-") else [token]
            elif "message" in argument.names:
                words.append(value if equals else next(rest, ""))
            else:
                options.append(token)
                options += [next(rest, "")] if argument.takes_value and not equals else []
        text = " ".join(words).strip()
        return " ".join([self.program, name, *([shlex.join(options)] if options else []), f'-m "{text}"'])

    def _refuse_environment(self, word: str, context: Any) -> None:
        """Raises WrongUse for an environment that is unknown or forgotten, and for a task of the other program."""
        from flask_slipway.config import settings
        from flask_slipway.tasks import local, remote

        here = set(local.collection(self.root).task_names)
        there = list(remote.collection("there", self.root).task_names)
        first, _, last = word.partition(".")
        name = getattr(context, "name", None)
        if self.program == "inv" and name in TO_A_SITE and word in settings.names(self.root):
            line = [part for part in self.line if part != word]
            self._refuse(f"{word} is an environment, and wants --to", [f"inv {shlex.join([*line, '--to', word])}"])
        if self.program == "inv":
            if last in there or (word in there and word not in here):
                environment = first if last else "prod"
                self._refuse(f"{word} is a task of fab, not of inv", [f"fab {environment}.{last or word}"])
            return
        sites = settings.names(self.root)
        if word in here and (word not in there or not sites):
            self._refuse(f"{word} is a task of inv, not of fab", [f"inv {word}"])
        if not sites or (last and first not in sites):
            settings.load(self.root)  # the file itself may be what is wrong
        if last in here and last not in there and first in sites:
            to = f" --to {first}" if last in TO_A_SITE else ""
            self._refuse(f"{last} is a task of inv, not of fab", [f"inv {last}{to}"])
        if word in sites:
            self._refuse(f"{word} is an environment, and wants a task", [f"fab {word}.status", f"fab --list {word}"])
        if word in there:
            self._refuse(f"{word} wants an environment in front", [f"fab {site}.{word}" for site in sites[:3]])
        if last and first == settings.SANDBOX and first not in sites:
            self._refuse(settings.no_sandbox(self.root), ["inv sandbox.up"])
        if last and first not in sites:
            near, task = wording.near(first, sites), wording.near(last, there)
            follow = [self._corrected(word, f"{near}.{task or 'status'}")] if near else ["fab --list"]
            self._refuse(f"invoke.yaml has no environment {first!r}{wording.nearest(first, sites)}", follow)

    def _first(self) -> str:
        """The task that was typed."""
        return next((word for word in self.line if word in self.known), "")

    def _corrected(self, wrong: str, right: str) -> str:
        """The line as it was probably meant."""
        words = [right + word[len(wrong) :] if word.split("=")[0] == wrong else word for word in self.line]
        return f"{self.program} {shlex.join(words)}"

    def _refuse(self, what: str, next_lines: list[str]) -> NoReturn:
        raise WrongUse(what, next=next_lines)
