"""Loads an app in this process, as the `flask` command does or as the host does: by executing the WSGI file."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Set

if TYPE_CHECKING:
    from flask import Flask


class NoApp(Exception):
    """There is no usable Flask app at the given place."""


def as_program(path: str) -> None:
    """From here on this process is, to whoever asks, one that was started with the file `path`, as flask's is and the
    host's. Without such a file python-dotenv takes it for an interactive session, and looks for .env from the working
    folder up instead of from the code that asks. Source: dotenv.main.find_dotenv."""
    sys.modules["__main__"].__file__ = path
    sys.argv = [path]


def by_flask(app: str) -> Flask:
    """The Flask app that FLASK_APP=`app` names, with .env and .flaskenv read as `flask` does.
    Source: flask.cli.ScriptInfo."""
    from flask.cli import ScriptInfo, load_dotenv

    as_program(os.path.join(os.path.dirname(sys.executable), "flask"))
    if not os.environ.get("FLASK_SKIP_DOTENV"):
        load_dotenv()
    return ScriptInfo(app_import_path=app).load_app()


def by_wsgi(path: str, source: Optional[str] = None) -> Flask:
    """The Flask app behind `application` of the WSGI file at `path`, executed as the host does.
    `source` is where its text lies while the gate stands in its place."""
    with open(source or path, "rb") as file:
        code = compile(file.read(), path, "exec")
    name = os.path.splitext(os.path.basename(path))[0]
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    as_program(path)
    exec(code, module.__dict__)
    application = getattr(module, "application", None)
    if application is None:
        raise NoApp("the WSGI file %s has no name 'application'" % path)
    app = flask_app_behind(application)
    if app is None:
        raise NoApp("behind 'application' of the WSGI file %s there is no Flask app with a database" % path)
    return app


def flask_app_behind(application: Any) -> Optional[Flask]:
    """The Flask app inside any wrappers (ProxyFix, functions, bound methods), breadth first, or None; of several the
    first that Flask-Migrate knows."""
    from flask import Flask

    seen: Set[int] = set()
    row: List[Any] = [application]
    first: Optional[Flask] = None
    for _ in range(8):
        following: List[Any] = []
        for thing in row:
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if issubclass(type(thing), Flask):
                if "migrate" in thing.extensions:
                    return thing
                first = first or thing
                continue
            with contextlib.suppress(Exception):  # a proxy (flask.request) has nothing to look at outside of a request
                following.extend(_parts(thing))
        row = following
    return first


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (str, bytes, int, float, type, types.ModuleType)):
        return
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, (list, tuple)):
        yield from thing
    else:
        for name in ("__self__", "__wrapped__", "__func__", "func", *getattr(type(thing), "__slots__", ())):
            inner = getattr(type(thing), name, None) and getattr(thing, name, None)
            if inner is not None:
                yield inner
        yield from _named_in(thing if isinstance(thing, types.FunctionType) else vars(type(thing)).get("__call__"))
        yield from vars(thing).values() if hasattr(thing, "__dict__") else ()


def _named_in(function: Any) -> Iterator[Any]:
    """What a function written in Python reaches by its closure, and by the global names that it uses."""
    if not isinstance(function, types.FunctionType):
        return
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue
    names = function.__code__.co_names
    for name in names:
        found = function.__globals__.get(name)
        if isinstance(found, types.ModuleType):
            yield from (vars(found)[inner] for inner in names if inner in vars(found))
        elif found is not None:
            yield found
