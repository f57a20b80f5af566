"""The sandbox for one's own app: what an owner would write by hand on PythonAnywhere, taken from the project here.

Where invoke.yaml names no environment `sandbox`, its entry lies in .sandbox, and goes with it."""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
from pathlib import Path, PurePosixPath
from typing import Any

from flask_slipway.config import settings
from flask_slipway.config.settings import Site
from flask_slipway.errors import WrongUse
from flask_slipway.packages import check, requirements
from flask_slipway.project import source
from flask_slipway.sandbox.host.state import Sandbox
from flask_slipway.server.lib import dotenv as reader

FOLDER = ".sandbox"
NEEDED = ("asyncssh", "pyuwsgi")
DRIVERS = {"pymysql": "pymysql", "mysqlclient": "mysqldb", "mysql-connector-python": "mysqlconnector"}
DATABASE = re.compile(r"(sqlite|mysql|mariadb)(\+\w+)?:")
URL_NAMES = ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI")
KEYS = ("SECRET_KEY", "FLASK_SECRET_KEY")
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


def entry(made: Sandbox, like: Site) -> dict[str, Any]:
    """Its entry below slipway.environments, as a person would write it in invoke.yaml."""
    same = {name: getattr(like, name) for name in ("health", "branch", "app", "writes_on_load")}
    return {**made.environment(), **same}


def keep(root: Path, found: dict[str, Any]) -> None:
    """Writes the entry where `settings` reads it."""
    (root / settings.OWN_SANDBOX).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


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
    """The names in the development .env that hold a database's URL."""
    found = reader.expanded(_dotenv(root), {})
    return [binding.name for binding, value in found if binding.name and _is_database(binding.name, value)]


def dotenv(root: Path, made: Sandbox) -> str:
    """The site's .env: the development .env with the sandbox's database and a secret key of its own."""
    url = made.database_url()
    if url.startswith("mysql+pymysql:") and "pymysql" not in (found := drivers(root)) and found:
        url = url.replace("pymysql", found[0], 1)

    def own(binding: reader.Binding, value: str | None) -> str | None:
        if binding.name and _is_database(binding.name, value):
            return f"{binding.head.rstrip()}{reader.single_quoted(url)}"
        if binding.name in KEYS and value is not None:
            return f"{binding.head.rstrip()}'{secrets.token_hex(32)}'"
        return None

    text = reader.rewritten(_dotenv(root), own)
    text += "" if text.endswith("\n") or not text else "\n"
    if not names(root):
        text += f"DATABASE_URL={reader.single_quoted(url)}\n"
    if not any(binding.name in KEYS and binding.value is not None for binding in reader.bindings(text)):
        text += f"SECRET_KEY='{secrets.token_hex(32)}'\n"
    return text + (PLAIN_HTTP if _reads_prefixed(root) else "")


def about_dotenv(root: Path, made: Sandbox) -> list[str]:
    """What its .env holds, and where to edit it."""
    where = (
        PurePosixPath(made.project.relative_to(root)) / ".env" if made.project.is_relative_to(root) else made.project
    )
    named = ", ".join(names(root))
    if named:
        return [f"Its .env is yours, with its own database in {named}; to edit it:", f"  {where}"]
    return ["Its .env has the database in DATABASE_URL; if the app reads another name:", f"  {where}"]


def _dotenv(root: Path) -> str:
    path = root / ".env"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _is_database(name: str, value: str | None) -> bool:
    return value is not None and (bool(DATABASE.match(value)) or (not value and name in URL_NAMES))


def _reads_prefixed(root: Path) -> bool:
    """Whether the app takes its configuration from variables FLASK_…."""
    return any("from_prefixed_env" in (root / path).read_text(errors="replace") for path in source.files(root, ".py"))
