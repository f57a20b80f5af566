"""Flask-Slipway: releases a Flask app, its code, packages and database together, to PythonAnywhere.

A project's tasks.py says `namespace = flask_slipway.local()`, its fabfile.py `namespace = flask_slipway.remote()`."""

import os
import sys

# `python -m flask_slipway` puts the folder that it is started in first: no file of a project's, be it a typing.py or a
# __future__.py, is to be taken for Python's own, from here on. What is imported above is loaded since Python began.
if sys.argv[:1] == ["-m"] and {"flask_slipway", "-mflask_slipway"} & set(sys.orig_argv):
    sys.path[:] = [place for place in sys.path if os.path.realpath(place) != os.path.realpath("")]

import atexit
import gc
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.collection import Collection

__version__ = "0.2.0.dev0"


def local() -> "Collection":
    """The tasks for the developer's machine, for the project in whose tasks.py this is called."""
    from flask_slipway.tasks import suggest
    from flask_slipway.tasks.local import collection

    _collect_seldom()
    root = _folder_of_caller()
    suggest.install(root)
    return collection(root)


def remote() -> "Collection":
    """The tasks for each environment of invoke.yaml, for the project in whose fabfile.py this is called."""
    from invoke.collection import Collection

    from flask_slipway.config import settings
    from flask_slipway.tasks import suggest
    from flask_slipway.tasks.remote import collection

    _collect_seldom()
    root = _folder_of_caller()
    suggest.install(root)
    namespace = Collection()
    names = settings.names(root)
    if not names:
        settings.load(root)  # says why there is none
    for name in names:
        namespace.add_collection(collection(name, root), name=name)
    return namespace


def _collect_seldom() -> None:
    """What a command imports is no garbage: Python need not look through it time and again, nor once more at the end,
    which takes a tenth of `inv --list`."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


def _folder_of_caller() -> Path:
    """The folder of the file that called local() or remote(); of a package's file, such as fabfile/__init__.py, the
    folder that the package lies in."""
    folder = Path(sys._getframe(2).f_globals.get("__file__") or "tasks.py").resolve().parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder
