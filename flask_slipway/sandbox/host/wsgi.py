"""The WSGI file, as a site's owner has it on PythonAnywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

EMPTY = """\
# +++++++++++ GENERAL +++++++++++
# This file is what the site runs until it is told what to import.
HELLO = b"<html><body><h1>Hello, World!</h1></body></html>\\n"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(HELLO)))])
    return [HELLO]
"""


def name(domain: str) -> str:
    """The file's name for a domain."""
    return domain.replace(".", "_") + "_wsgi.py"


def reads_dotenv(virtualenv: Path) -> bool:
    """Whether the site's Python has python-dotenv."""
    return any(virtualenv.glob("lib/python*/site-packages/dotenv"))


def content(project: str, app: str, env: Mapping[str, str], dotenv: bool = True) -> str:
    """What is in it, for the app that FLASK_APP names: `app`, `src/shop`, `shop:make_app`, `shop:build('live')`,
    `wsgi:app`. `dotenv`: it reads .env."""
    place, _, called = app.partition(":")
    module = PurePosixPath(place)
    attribute, bracket, arguments = (called or "create_app").partition("(")
    folder = PurePosixPath(project) / module.parent
    lines = [
        "# The site's WSGI configuration: https://help.pythonanywhere.com/pages/Flask",
        "import os",
        "import sys",
        "",
        *(["from dotenv import load_dotenv", ""] if dotenv else []),
        f"path = {str(folder)!r}",
        "if path not in sys.path:",
        "    sys.path.insert(0, path)",
        "",
        *(f"os.environ[{key!r}] = {value!r}" for key, value in env.items()),
        *([f"load_dotenv({str(PurePosixPath(project) / '.env')!r})"] if dotenv else []),
        "",
    ]
    dotted = module.name.removesuffix(".py")
    if bracket or attribute.startswith(("create", "make")):
        lines += [
            f"from {dotted} import {attribute}",
            "",
            f"application = {attribute}{bracket or '('}{arguments or ')'}",
        ]
    else:
        lines += [f"from {dotted} import {attribute} as application"]
    return "\n".join([*lines, ""])
