"""What leads an app to its database, in .env and in `env:`: on the sandbox each leads to the sandbox's own, or goes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask_slipway.sandbox.host.state import Sandbox
from flask_slipway.server.lib import dotenv as reader

URL = re.compile(r"(sqlite|mysql|mariadb|postgres|postgresql|cockroachdb|oracle|mssql)(\+\w+)?:", re.I)
URL_NAMES = ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI")
USUAL = URL_NAMES[0]
KEYS = ("SECRET_KEY", "FLASK_SECRET_KEY")
FILE = re.compile(r"\.(db|db3|sqlite|sqlite3|s3db)$", re.I)
# What a name says of a part of an address: DB_HOST, MYSQL_ROOT_PASSWORD, APP_DATABASE_NAME, PGUSER.
OF_DATABASE = r"(?:^|.*_)(?:DB|DATABASE|MYSQL|MARIADB|POSTGRES|POSTGRESQL|PG|RDS|SQL|SQLITE|SQLALCHEMY)_?(?:.*_)?"
PARTS = {
    "host": "HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT",
    "port": "PORT",
    "name": "NAME|DATABASE|DB|SCHEMA",
    "user": "USER|USERNAME|LOGIN",
    "password": "PASS|PASSWORD|PASSWD|PWD|PW",
    "socket": "SOCK|SOCKET",
    "file": "PATH|FILE|FILENAME|DIR|FOLDER",
}
PATTERNS = {part: re.compile(f"{OF_DATABASE}(?:{words})", re.I) for part, words in PARTS.items()}
BARE = re.compile(r"(?:.*_)?(?:DB|DATABASE)", re.I)  # as in DB=shop, not REDIS_DB=0


def part(name: str, value: str | None) -> str:
    """What a variable tells of a database's address: url, a name of PARTS, "" for nothing."""
    if value is None:
        return ""
    if URL.match(value) or name in URL_NAMES or re.fullmatch(f"{OF_DATABASE}(?:URL|URI|DSN)", name, re.I):
        return "url"
    if FILE.search(value):
        return "file"
    found = next((part for part, pattern in PATTERNS.items() if pattern.fullmatch(name)), "")
    return found or ("name" if value and not value.isdigit() and BARE.fullmatch(name) else "")


@dataclass(frozen=True)
class Own:
    """The sandbox's database as variables tell it. `url`: with a driver that the project has; `with_port`: a port has
    a variable of its own, so the host's names none."""

    made: Sandbox
    url: str
    with_port: bool

    def value(self, kind: str) -> str | None:
        """What stands for a part, None where the sandbox's database has none such."""
        base = self.made.database
        if kind == "url":
            return self.url
        if base["dialect"] == "sqlite":
            return str(base["path"]) if kind == "file" else None
        host = base["host"] if self.with_port else f"{base['host']}:{base['port']}"
        known = {"host": host, "port": str(base["port"]), "name": base["name"]}
        return {**known, "user": base["user"], "password": base["password"]}.get(kind)


def own(made: Sandbox, drivers: Iterable[str], names: Mapping[str, str | None]) -> Own:
    """The sandbox's database for variables `names`: {name: value}; `drivers`: SQLAlchemy's names of MySQL's that the
    project has."""
    url, found = made.database_url(), list(drivers)
    if url.startswith("mysql+pymysql:") and found and "pymysql" not in found:
        url = url.replace("pymysql", found[0], 1)
    return Own(made, url, any(part(name, value) == "port" for name, value in names.items()))


def in_dotenv(text: str, database: Own) -> tuple[str, list[str]]:
    """The text of a .env with the sandbox's database, and a secret key of its own; and the names that were left out."""
    left: list[str] = []

    def change(binding: reader.Binding, value: str | None) -> str | None:
        name = binding.name or ""
        if name in KEYS and value is not None:
            return f"{binding.head.rstrip()}'{secrets.token_hex(32)}'"
        kind = part(name, value)
        if not kind:
            return None
        new = database.value(kind)
        if new is None:
            left.append(name)
            return f"# {name}: not taken over, for it leads to another database"
        return f"{binding.head.rstrip()}{reader.single_quoted(new)}"

    return reader.rewritten(text, change), left


def in_env(env: Mapping[str, str], database: Own) -> dict[str, str]:
    """The variables of `env:` with the sandbox's database; what it has none such of is left out."""
    changed = {name: database.value(kind) if (kind := part(name, value)) else value for name, value in env.items()}
    return {name: value for name, value in changed.items() if value is not None}
