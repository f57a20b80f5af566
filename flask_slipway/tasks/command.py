"""What makes a function a task: Invoke's own `task`, and every fault told without a traceback (unless --debug)."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from flask_slipway import wording
from flask_slipway.errors import Interrupted, WrongUse

KEY = "_slipway"  # where a collection keeps its project's root in the context


def root(context: Context) -> Path:
    """The project's folder, as its tasks.py gave it."""
    return Path(context.config[KEY]["root"])


def story(interrupted: str = "Nothing was changed.", **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorates a task; `interrupted`: what is true after Ctrl-C; `options` as for invoke.task."""
    return lambda function: invoke_task(told(function, interrupted), **options)


def told(function: Callable[..., Any], interrupted: str) -> Callable[..., Any]:
    """The function, whose faults end in one clean message and the exit code of the design."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        from flask_slipway.tasks import command_names

        try:
            with command_names.told(root(args[0])):
                return function(*args, **options)
        except Exit as error:
            fold(error)
            raise
        except KeyboardInterrupt:
            raise Interrupted(f"\nInterrupted. {interrupted}") from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Exit(code=1) from None
        except Exception as error:
            if is_debugging():
                raise
            from flask_slipway.packages import requirements

            text = requirements.redacted(str(error))
            raise WrongUse(f"A fault of Flask-Slipway itself: {type(error).__name__}: {text}\n{HOW}") from error

    return run


def fold(error: Exit) -> None:
    """The message of an ending without control characters, for git, a database or a server may have written it. It is
    folded where a person reads it in a terminal; in a file it stays as long as it is."""
    error.message = wording.printable(error.message)
    if error.message and sys.stderr is not None and sys.stderr.isatty():
        error.message = wording.folded(error.message)


HOW = "Next: the same with --debug first, as in  inv --debug status,  shows where"


def is_debugging() -> bool:
    """True after `inv --debug …`."""
    return logging.getLogger("invoke").isEnabledFor(logging.DEBUG)
