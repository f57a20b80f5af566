"""What makes a function a task: Invoke's own `task`, and every fault told without a traceback (unless --debug)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from flask_slipway import command_names, wording
from flask_slipway.errors import Fault, Interrupted, SlipwayError
from flask_slipway.ui import output

KEY = "_slipway"  # where a collection keeps its project's root in the context


def root(context: Context) -> Path:
    """The project's folder, as its tasks.py gave it."""
    return Path(context.config[KEY]["root"])


def story(after: Sequence[str] | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorates a task; `after`: what to type next after Ctrl-C, None where nothing was changed by then; `options` as
    for invoke.task."""
    return lambda function: invoke_task(shown(function, after), **options)


def shown(function: Callable[..., Any], after: Sequence[str] | None) -> Callable[..., Any]:
    """The function, whose faults end in one clean message and the exit code of the design."""

    @functools.wraps(function)
    def run(context: Context, *args: Any, **options: Any) -> Any:
        from flask_slipway.config import settings
        from flask_slipway.project import taskfiles

        folder = root(context)
        output.settle()
        with command_names.called(taskfiles.prefixes(folder), lambda: settings.sandbox_model(folder)):
            try:
                return _ended(function, after, context, *args, **options)
            except Exit as stop:
                show(stop)
                raise

    return run


def _ended(function: Callable[..., Any], after: Sequence[str] | None, *args: Any, **options: Any) -> Any:
    """What the function returns. Raises Exit for all that goes wrong, unless a person is debugging."""
    try:
        return function(*args, **options)
    except Exit:
        raise
    except KeyboardInterrupt:
        raise Interrupted("Interrupted", next=after or (), changed=False if after is None else None) from None
    except BrokenPipeError:
        output.close()
        raise Exit(code=1) from None
    except Exception as error:
        if is_debugging():
            raise
        from flask_slipway.packages import requirements

        text = requirements.redacted(str(error))
        raise Fault(f"Internal error ({type(error).__name__}: {text}). This is a bug", next=[HOW]) from error


def show(stop: Exit) -> None:
    """Renders an ending, which Invoke prints: folded where a person reads it in a terminal; in a file its lines stay
    as long as they are."""
    if isinstance(stop, SlipwayError):
        stop.show(wording.WIDTH if output.are_errors_read() else None)
    elif stop.message:
        stop.message = wording.printable(stop.message)


HOW = "the same with --debug first, as in  inv --debug status,  shows where"


def is_debugging() -> bool:
    """True after `inv --debug …`."""
    return logging.getLogger("invoke").isEnabledFor(logging.DEBUG)
