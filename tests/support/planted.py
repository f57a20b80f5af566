"""Twenty secrets, planted where secrets lie: what tells them, and whether one got out."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
from pathlib import Path

from support.foreign import Foreign, dotenv_line
from support.world import git

THERE = ("MAIL_PASSWORD", "STRIPE_API_KEY", "SENTRY_DSN", "AWS_SECRET_ACCESS_KEY", "JWT_SALT", "LOGIN_TOKEN")
HERE = ("SMTP_PASSWORD", "MAPS_API_KEY", "BOT_TOKEN", "S3_SECRET", "REDIS_URL")
IN_WSGI = ("ADMIN_TOKEN", "OAUTH_CLIENT_SECRET", "PAYMENT_PASSWORD", "HOOK_SIGNING_KEY")
IN_OPTIONS = ("REPORT_PASSWORD", "ARCHIVE_PASSWORD")
WORDS = (
    "AUTH_HOOK=before\nAUTH_BACKEND=database\nPASSENGER_APP_ENV=main\nRETURN_TOKEN=swapping\n"  # none of them is one
)
IN_CODE = "LEFT_IN_THE_CODE_SECRET"  # an app that has it in its own configuration
IN_REMOTE = "pat-0f3c'61e9"
# What an app does that tells everything it can reach, in all the ways in which a text may be written.
TELL = """
def everything_told():
    import json, os, subprocess, urllib.parse
    from flask import current_app, has_app_context

    found = list(os.environ.values()) + [open(path).read() for path in {paths!r}]
    found.append(subprocess.run(["git", "config", "--list"], capture_output=True, text=True).stdout)
    found += [v for v in current_app.config.values() if isinstance(v, str)] if has_app_context() else []
    ways = (str, repr, json.dumps, urllib.parse.quote, urllib.parse.quote_plus, lambda text: text.replace("'", "''"))
    return " | ".join(way(line) for text in found for line in text.splitlines() for way in ways)
"""
IN_SQL = """
    print(everything_told())
    try:
        op.get_bind().exec_driver_sql("INSERT INTO nowhere VALUES ('" + everything_told().replace("%", "%%") + "')")
    except Exception as error:
        raise RuntimeError(" ".join(str(error).split()) + everything_told()) from error
"""


def value(name: str) -> str:
    """The secret of that name: full of signs that texts quote and escape."""
    return f'{name.lower()}: it\'s "50%" @ $HOME\\{name[0]} `x`'


def plant(world: Foreign) -> list[str]:
    """Puts the secrets into .env on both sides, the WSGI file, ~/.my.cnf, a remote's address; returns all."""
    _append(Path(world.site.project) / ".env", WORDS + "".join(dotenv_line(name, value(name)) for name in THERE))
    _append(world.laptop / ".env", "".join(dotenv_line(name, value(name)) for name in HERE))
    text = "".join(f"os.environ[{name!r}] = {value(name)!r}\n" for name in IN_WSGI)
    wsgi = Path(world.site.wsgi)
    before = wsgi.stat().st_mtime_ns
    wsgi.write_text(f"import os\n\n{text}\n{wsgi.read_text()}")
    os.utime(wsgi, ns=(before + 2_000_000_000,) * 2)
    escaped = {name: value(name).replace("\\", "\\\\").replace('"', '\\"') for name in IN_OPTIONS}
    groups = "".join(f'\n[{name.lower()}]\npassword = "{text}"\n' for name, text in escaped.items())
    _append(Path(world.site.home) / ".my.cnf", groups)
    address = f"https://ann:{urllib.parse.quote(IN_REMOTE)}@git.invalid/ann/site.git"
    git(Path(world.site.project), "remote", "add", "mirror", address)
    time.sleep(0.5)  # until the host has seen the WSGI file's new time
    world.health()
    known = [value(name) for name in (*THERE, *HERE, *IN_WSGI, *IN_OPTIONS, IN_CODE)] + [IN_REMOTE]
    return [*known, *filter(None, [world.site.database.get("password")])]


def _append(path: Path, text: str) -> None:
    before = path.read_text() if path.exists() else ""
    path.write_text(before + text)
    path.chmod(0o600)


def telling_revision(world: Foreign, identifier: str, down: str) -> None:
    """A revision that tells everything in what it prints, in SQL and in what it raises; on the site, or with TELL=1."""
    paths = [str(world.site.wsgi), f"{world.site.home}/.my.cnf"]
    body = "".join(f"\n{line}" for line in TELL.format(paths=paths).splitlines())
    condition = f'    if os.environ.get("TELL") or {str(world.site.home)!r} in __file__:'
    told = IN_SQL.replace("\n    ", "\n        ")
    world.write(
        {
            f"migrations/versions/{identifier}_tell.py": (
                f'"""tell"""\n\nimport os\n\nfrom alembic import op\n\nrevision = "{identifier}"\n'
                f'down_revision = "{down}"\n{body}\n\n\ndef upgrade():\n{condition}{told}\n\n\n'
                "def downgrade():\n    pass\n"
            )
        }
    )


def telling_code(world: Foreign, name: str) -> None:
    """The code in the file `name` tells everything and breaks, on the site, while it loads."""
    paths = [str(world.site.wsgi), f"{world.site.home}/.my.cnf"]
    path = world.laptop / name
    condition = f"if {str(world.site.home)!r} in __file__:\n    raise RuntimeError(everything_told())\n"
    path.write_text(f"{path.read_text()}\n\n{TELL.format(paths=paths)}\n\n{condition}")


def log_error(world: Foreign, secrets: list[str]) -> None:
    """The site's error log as an app leaves it that tells them in an exception. A log is read without loading the app:
    what only its code holds, or only the laptop, is not known then."""
    unknown = {value(name) for name in (IN_CODE, *HERE)}
    lines = [f"ValueError: {form}\n" for secret in secrets if secret not in unknown for form in forms(secret)]
    _append(Path(world.site.logs["error"]), "".join(lines))


def forms(secret: str) -> set[str]:
    """The ways in which it may stand in a text."""
    quoted = {urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], secret.replace("'", "''"), *quoted}


def leaks(world: Foreign, secrets: list[str]) -> list[str]:
    """Where one of them stands: in what a command said, or in a file that the suite keeps on the server. The site's own
    WSGI file, kept byte for byte while a gate stands in its place, holds what it held: for its owner's eyes alone."""
    texts = {f"output of {said.splitlines()[0]}": said for said in world.said}
    for path in world.state.rglob("*"):
        if path.name == "wsgi.original":
            assert path.stat().st_mode & 0o077 == 0, path
        elif path.is_file() and "stages" not in path.parts:
            texts[os.fspath(path)] = path.read_bytes().decode("utf-8", "replace")
    known = {form for secret in secrets for form in forms(secret)}
    return [f"{form} in {where}" for where, text in texts.items() for form in known if form in text]
