"""What uWSGI loads: executes the site's WSGI file once and calls its `application`, behind the sandbox's wall.

What Python writes to stderr goes to the error log, log records with PythonAnywhere's time in front. Standard library
only, Python 3.8 or newer."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import traceback
import types
from typing import Any

import uwsgi

WALL, WALL_MODULE = (os.fsdecode(uwsgi.opt[name]) for name in ("site-wall", "site-wall-module"))
WSGI = os.fsdecode(uwsgi.opt["site-wsgi"])
ERROR_LOG = os.fsdecode(uwsgi.opt["site-error-log"])


def execute(path: str, name: str) -> dict[str, Any]:
    """The names that the file defines, executed as the module `name`."""
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[module.__name__] = module
    code = compile(pathlib.Path(path).read_bytes(), path, "exec")
    exec(code, module.__dict__)
    return module.__dict__


def application(environ: dict[str, Any], start_response: Any) -> Any:
    environ["wsgi.errors"] = sys.stderr
    try:
        return site(environ, start_response)
    except Exception:
        logging.exception("Error running WSGI application")
        raise


sys.stderr = pathlib.Path(ERROR_LOG).open("a", buffering=1, errors="backslashreplace")  # noqa: SIM115
logging.basicConfig(stream=sys.stderr, format="%(asctime)s: %(message)s")
try:
    execute(WALL_MODULE, "site_wall")["stand"](WALL)  # by its path: nothing beside it becomes importable for the site
    site = execute(WSGI, "site_wsgi")["application"]
except BaseException:
    logging.error("Error running WSGI application\n%s", traceback.format_exc().rstrip())
    raise
