"""The sandbox for one's own app: what an owner would write by hand on PythonAnywhere, taken from the project here.

Where invoke.yaml names no environment `sandbox`, its entry lies in .sandbox, and goes with it."""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from flask_slipway import wording
from flask_slipway.config import settings
from flask_slipway.config.settings import Site
from flask_slipway.errors import WrongUse
from flask_slipway.packages import check, requirements
from flask_slipway.project import source
from flask_slipway.sandbox import own_database
from flask_slipway.sandbox.host import wsgi
from flask_slipway.sandbox.host.databases import write_private
from flask_slipway.sandbox.host.state import Sandbox
from flask_slipway.server.lib import dotenv as reader

FOLDER = ".sandbox"
NEEDED = ("asyncssh", "pyuwsgi")
DRIVERS = {"pymysql": "pymysql", "mysqlclient": "mysqldb", "mysql-connector-python": "mysqlconnector"}
WRITTEN = re.compile(rf"({own_database.URL.pattern})//(?!/[^/])", re.I)  # a server's, or an absolute path of SQLite's
OF_ITS_OWN = ("app", "branch", "env", "virtualenv_python")
PYENV = Path.home() / ".pyenv/versions"
PLAIN_HTTP = """\
# The sandbox speaks plain HTTP, over which a browser sends no secure cookies.
FLASK_SESSION_COOKIE_SECURE=false
"""


def refuse_lacking() -> None:
    """Raises WrongUse where the packages that only the sandbox needs are not installed."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        what = f"The sandbox needs {' and '.join(lacking)}"
        raise WrongUse(what, next=["pip install 'flask-slipway[sandbox]'"])


def with_keys(like: Site, given: Mapping[str, Any]) -> Site:
    """The site that the sandbox is made after, with what invoke.yaml sets of the sandbox itself."""
    return replace(like, **{name: given[name] for name in OF_ITS_OWN if given.get(name) is not None})


def interpreter(version: str | None) -> str:
    """The Python of that version for its virtualenv, this one where none is named. Raises WrongUse."""
    if version is None or f"{'.'.join(map(str, sys.version_info[:3]))}.".startswith(f"{version}."):
        return sys.executable
    short = ".".join(version.split(".")[:2])
    places = [*sorted(map(str, PYENV.glob(f"{short}.*/bin/python{short}"))), shutil.which(f"python{short}")]
    found = next((path for path in places if path and _is_python(path, version)), None)
    if found is None:
        what = f"The sandbox's virtualenv wants Python {version}, which is not on this machine"
        raise WrongUse(what, next=[f"install python{short}", f"or correct  virtualenv_python:  in {settings.FILE}"])
    return found


def _is_python(path: str, version: str) -> bool:
    """Whether that is an interpreter of the version, and no mere name of one, such as a shim of pyenv's."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode == 0 and f"{done.stdout.strip()}.".startswith(f"Python {version}.")


def refuse_another_python(made: Sandbox | None, version: str) -> None:
    """Raises WrongUse where the virtualenv that is there has another Python than `version`."""
    try:
        text = (made.virtualenv / "pyvenv.cfg").read_text(encoding="utf-8") if made is not None else ""
    except OSError:
        return
    found = re.search(r"^version\s*=\s*([\d.]+)", text, re.M)
    if found and not f"{found[1]}.".startswith(f"{version}."):
        what = f"The sandbox's virtualenv has Python {found[1]}, not {version}"
        raise WrongUse(what, next=["inv sandbox.down --remove, then  inv sandbox.up  makes it anew"])


def entry(made: Sandbox, like: Site) -> dict[str, Any]:
    """Its entry below slipway.environments, as a person would write it in invoke.yaml."""
    same = {name: getattr(like, name) for name in ("health", "branch", "app", "writes_on_load")}
    return {**made.environment(), **same}


def keep(root: Path, found: dict[str, Any]) -> None:
    """Writes the entry where `settings` reads it."""
    write_private(root / settings.OWN_SANDBOX, json.dumps(found, indent=2) + "\n")


def application(root: Path, app: str) -> str:
    """FLASK_APP with what flask would find in it: flask_app:app, src/shop:create_app. As it was, where it says so
    itself, or where reading the code does not tell."""
    place = app.removesuffix(".py")
    for module in source.modules(root) if ":" not in app else ():
        if source.named(root, module.path) in (place, f"src/{place}") and (name := source.attribute(module)):
            return f"{place}:{name}"
    return app


def drivers(root: Path) -> list[str]:
    """SQLAlchemy's names of the MySQL drivers that requirements.txt brings."""
    bringing = check.provided_packages(requirements.read(root))
    return [driver for package, driver in DRIVERS.items() if package in bringing]


def names(root: Path) -> list[str]:
    """The variables that lead the app to its database: those of the development .env that hold a URL, else those of
    such a name that its code reads; the usual one where there are none."""
    given = [name for name, value in _values(root).items() if own_database.part(name, value) == "url"]
    return given or list(reading(root)) or [own_database.USUAL]


def reading(root: Path) -> dict[str, str]:
    """The variables that the code reads its database's URL from, each with the file that reads it."""
    every = source.modules(root)
    found = {name: path for name, path in source.variables(every).items() if own_database.part(name, "") == "url"}
    prefixed = _reads_prefixed(root)
    return found or ({f"FLASK_{own_database.URL_NAMES[1]}": prefixed} if prefixed else {})


def dotenv(root: Path, made: Sandbox) -> str:
    """The site's .env: the development .env with the sandbox's database and a secret key of its own."""
    database = own_database.own(made, drivers(root), _values(root))
    text, _ = own_database.in_dotenv(_dotenv(root), database)
    text += "" if text.endswith("\n") or not text else "\n"
    url = reader.single_quoted(database.url)
    there = reader.values(text, {})
    text += "".join(f"{name}={url}\n" for name in names(root) if name not in there)
    if not any(there.get(name) is not None for name in own_database.KEYS):
        text += f"SECRET_KEY='{secrets.token_hex(32)}'\n"
    return text + (PLAIN_HTTP if _reads_prefixed(root) else "")


def env(root: Path, made: Sandbox, given: Mapping[str, str], alone: bool = True) -> dict[str, str]:
    """What its WSGI file sets: `given`, the variables of `env:`, with the sandbox's database. Where the app has no
    python-dotenv, nothing reads a .env: then all that leads to its database, and its secret key, stand there too, if
    the sandbox's entry is ours `alone`: invoke.yaml would have to repeat it."""
    before = _values(root)
    database = own_database.own(made, drivers(root), {**before, **given})
    found = own_database.in_env(given, database)
    if not alone or wsgi.reads_dotenv(made.virtualenv):
        return found
    parts = {name: value for name, value in before.items() if value and own_database.part(name, value)}
    key = {"SECRET_KEY": made.env.get("SECRET_KEY") or secrets.token_hex(32)}
    urls = dict.fromkeys(names(root), database.url)
    return {**key, **urls, **own_database.in_env(parts, database), **found}


def about_dotenv(root: Path, made: Sandbox) -> list[str]:
    """What leads the app to the sandbox's database, what of the development .env was left out, where to edit it."""
    where = PurePosixPath(made.project.relative_to(root) if made.project.is_relative_to(root) else made.project)
    before, there = _values(root), (root / ".env").is_file()
    database = own_database.own(made, drivers(root), before)
    left = own_database.in_dotenv(_dotenv(root), database)[1]
    taken = [name for name, value in before.items() if own_database.part(name, value) and name not in left]
    named = ", ".join(taken or names(root))
    lines = [f"Its .env is yours, with its own database in {named}; to edit it:", f"  {where / '.env'}"]
    if not there:
        lines = [f"There is no .env here; its own has its database in {named}; to edit it:", f"  {where / '.env'}"]
    if not wsgi.reads_dotenv(made.virtualenv):
        lines = [f"Nothing reads a .env, without python-dotenv: its WSGI file sets {named}:", f"  {made.wsgi}"]
    if left:
        lines.append(f"Not taken over, for its own is {made.database['dialect']}: {', '.join(left)}.")
    return lines + _about_code(root)


def _about_code(root: Path) -> list[str]:
    """What in the code reads the URL; a note where it seems to stand there itself."""
    read = reading(root)
    if read:
        return [f"{path} reads {name}." for name, path in read.items()]
    written = source.texts(source.modules(root), WRITTEN)
    parted = any(own_database.part(name, value) for name, value in _values(root).items())  # it puts a URL together
    if written and not parted:
        return [
            f"note: the code seems to write the URL itself: {'; '.join(wording.listed(written, 3))}.",
            f"  On the sandbox it reaches no other database: let it read {own_database.USUAL}.",
        ]
    return []


def _values(root: Path) -> dict[str, str | None]:
    return reader.values(_dotenv(root), {})


def _dotenv(root: Path) -> str:
    path = root / ".env"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _reads_prefixed(root: Path) -> str:
    """The file where the app takes its configuration from variables FLASK_…, "" where none does."""
    every = source.files(root, ".py")
    return next((path for path in every if "from_prefixed_env" in (root / path).read_text(errors="replace")), "")
