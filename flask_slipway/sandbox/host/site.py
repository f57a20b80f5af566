"""The sandbox's story: `up` makes and starts what is missing, `down` ends what runs, `load` finds what there is."""

from __future__ import annotations

import contextlib
import getpass
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from flask_slipway.errors import SlipwayError, WrongUse
from flask_slipway.sandbox.host import (
    databases,
    fronts,
    home,
    moved,
    origin,
    processes,
    programs,
    state,
    virtualenv,
    wsgi,
)
from flask_slipway.sandbox.host.databases import write_private
from flask_slipway.sandbox.host.processes import Process
from flask_slipway.sandbox.host.programs import Programs
from flask_slipway.sandbox.host.state import Sandbox

DOMAIN = "sandbox.localhost"
PROJECT = "mysite"
ENV = {"FLASK_ENV": "production"}
# What lies in its folder.
MADE = (
    *("home", "www", "log", "data", "run", "ssh", "bin", "uwsgi", origin.FOLDER, fronts.WALL),
    *(".gitignore", ".env", ".flaskenv", state.FILE, f"{state.FILE}.part"),
)


def up(
    folder: Path,
    source: Path | None,
    *,
    ssh: str = "embedded",
    database: str = "auto",
    python: str = sys.executable,
    server_python: str | None = None,
    ssh_port: int = 0,
    web_port: int = 0,
    app: str = "app",
    programs: Path | None = None,
    project: str = PROJECT,
    virtualenv: str | None = None,
    wsgi_text: str | None = None,
    dotenv: Callable[[Sandbox], str] | None = None,
    name: str | None = None,
    password: str | None = None,
    env: Mapping[str, str] | Callable[[Sandbox], Mapping[str, str]] = ENV,
    branch: str = origin.BRANCH,
) -> Sandbox:
    """Makes the site in `folder` from the HEAD of the git project `source`, and starts it; what is there and runs is
    kept. Without a source the account is new: no code, no virtualenv.

    `ssh`: embedded or openssh. `database`: sqlite, mariadb, mysql, or auto, the first of mysql, mariadb, sqlite to be
    had here. `python`: what the virtualenv is made from; `server_python`: what `python3` means in an SSH session, the
    same unless given. Ports: 0 is a free one. `programs`: a folder with mysqld and mysql. `project`, `virtualenv`: the
    names of their folders. `wsgi_text`: the WSGI file, with {project} for the project's folder. `dotenv`: the text of
    .env for the site. `name`, `password`: of a database server's database, USER$name, and its user. `env`: what the
    WSGI file sets, or what tells it of the site; a WSGI file that nobody edited has it from then on. `branch`: what the
    site's clone is on. Raises WrongUse; of a sandbox that was not there before, nothing is left then."""
    folder = folder.absolute()
    before = state.read(folder)
    if before is not None and _is_half_made(before):
        _unmake(folder)
        before = None
    if before is not None:
        before = moved.settle(folder, before)
    found = _programs(database, programs, before)

    def begun() -> Sandbox:
        if before is None:
            return _new(folder, app, project, virtualenv or project, found, name or project)
        return _again(before, ssh, ssh_port, web_port)

    try:
        site = replace(begun(), ssh=ssh, source=source and source.absolute())
        _refuse(site)
        state.save(site)
        _make(site, source, python, server_python or python, branch)
        site = _with_database(site, found, password)
        site = _with_env(site, env)
        _furnish(site, source, wsgi_text, dotenv)
        site = fronts.with_ports(site, ssh_port, web_port)
        site = fronts.with_web(site, python)
        site = fronts.with_ssh(site)
        fronts.wait(site)
    except BaseException as error:
        if before is None:
            _unmake(folder)
            if isinstance(error, SlipwayError):
                error.changed = False
        raise
    return site


def down(folder: Path, remove: bool = False) -> None:
    """Ends the sandbox's processes, which are told apart by their start time and by where they write; with `remove` its
    folder goes too. Of a copy, whose processes are the original's, none is ended."""
    folder = folder.absolute()
    site = state.read(folder)
    if site is None:
        return
    _stop(site)
    state.forget_processes(folder)
    if remove:
        _remove_sockets(folder)
        shutil.rmtree(folder)


def _stop(site: Sandbox) -> None:
    for name in ("ssh", "web", "database"):
        if name in site.processes:
            site.processes[name].stop(90)


def _remove_sockets(folder: Path) -> None:
    """The folder of its sockets, where that lies elsewhere; that of a copy is the original's."""
    sockets = fronts.sockets(folder / "run")
    if sockets and not state.is_copy(folder):
        shutil.rmtree(sockets, ignore_errors=True)


def _is_half_made(site: Sandbox) -> bool:
    """Whether making it was ended before it was made: it never had an address, and nobody's work is in it. One that was
    up and lost its WSGI file holds rows and backups."""
    return not site.url and not site.wsgi.exists()


def _unmake(folder: Path) -> None:
    """Ends and removes what was made of a sandbox that never was up; what else lies in its folder stays."""
    site = state.read(folder)
    if site is not None:
        _stop(site)
    _remove_sockets(folder)
    for name in MADE:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def load(folder: Path) -> Sandbox | None:
    """The sandbox that runs in `folder`, or None: never made, taken down, or gone with a reboot."""
    site = state.read(folder.absolute())
    return site if site is not None and site.processes and site.alive else None


# What is decided


def _programs(wanted: str, folder: Path | None, before: Sandbox | None) -> Programs | None:
    """The database programs to use; None is SQLite."""
    if before is not None:
        used = before.database["dialect"]
        if wanted not in ("auto", used):
            raise WrongUse(
                f"The sandbox in {before.folder} has its data in {used}, not in {wanted}",
                next=[f"inv sandbox.down --remove, then inv sandbox.up --database {wanted}", "which starts anew"],
            )
        wanted, folder = used, folder or before.programs
    if wanted not in ("auto", "sqlite", "mariadb", "mysql"):
        raise WrongUse(f"database: {wanted!r} is unknown; it can be auto, sqlite, mariadb or mysql")
    for dialect in ("mysql", "mariadb") if wanted == "auto" else (wanted,):
        if dialect != "sqlite" and (found := programs.find(dialect, folder)):
            return found
    if wanted in ("mysql", "mariadb"):
        raise WrongUse(f"There is no {wanted} server on this machine", next=[programs.INSTALL[wanted]])
    return None


def _new(folder: Path, app: str, project: str, environment: str, found: Programs | None, base: str) -> Sandbox:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / ".gitignore").write_text("*\n")  # it holds keys, and is no part of the project around it
    account, log = folder / "home", folder / "log"
    logs = {kind: str(log / f"{DOMAIN}.{kind}.log") for kind in ("error", "server", "access")}
    user = getpass.getuser()
    name = f"{user}${base}" if found else "site.sqlite"
    where = {} if found else {"path": str(folder / "data" / name)}
    return Sandbox(
        folder=folder,
        user=user,
        host=processes.LOOPBACK,
        ssh="embedded",
        ssh_port=0,
        host_key=folder / "ssh/host_key.pub",
        key=folder / "ssh/id_ed25519",
        home=account,
        project=account / project,
        virtualenv=account / ".virtualenvs" / environment,
        wsgi=folder / "www" / wsgi.name(DOMAIN),
        url="",
        web_port=0,
        domain=DOMAIN,
        logs=logs,
        database={"dialect": found.dialect if found else "sqlite", "name": name, **where},
        env={},
        app=app,
        origin=folder / origin.FOLDER,
        programs=found.folder if found else None,
        processes={},
    )


def _again(site: Sandbox, ssh: str, ssh_port: int, web_port: int) -> Sandbox:
    """The sandbox as it was left: what does not run, or is wanted otherwise, is taken off its list."""
    left = dict(site.processes)
    if ssh != site.ssh or ssh_port not in (0, site.ssh_port):
        _end(left, "ssh")
    if web_port not in (0, site.web_port):
        _end(left, "web")
    if not (site.folder / fronts.WALL).exists():  # they were started without
        _end(left, "ssh")
        _end(left, "web")
    return replace(site, processes={name: process for name, process in left.items() if process.alive})


def _end(left: dict[str, Process], name: str) -> None:
    if name in left:
        left.pop(name).stop(90)


def _refuse(site: Sandbox) -> None:
    if any(ord(character) < 32 or character in "'\"" for character in str(site.folder)):
        raise WrongUse(f"A sandbox's folder cannot have quotes in its name: {site.folder}", changed=True)
    if site.ssh not in ("embedded", "openssh"):
        raise WrongUse(f"ssh: {site.ssh!r} is unknown; it can be embedded or openssh", changed=True)


# What is made


def _make(site: Sandbox, source: Path | None, python: str, server_python: str, branch: str) -> None:
    """Folders, keys, repository, clone and virtualenv."""
    for name in ("www", "log", "data", "run"):
        (site.folder / name).mkdir(exist_ok=True)
    for log in site.logs.values():
        Path(log).touch()
    home.make(site.home)
    home.end_searches(site.folder)
    home.keys(site.folder / "ssh")
    home.python_link(site.folder / "bin", server_python)
    for interpreter in {python, server_python}:
        virtualenv.uwsgi(site.folder / "uwsgi", interpreter)
    origin.make(site.origin, source, branch)
    if source is not None:
        origin.clone(site.origin, site.project, branch)
        virtualenv.make(site.virtualenv, python, site.project / "requirements.txt")


def _with_database(site: Sandbox, found: Programs | None, chosen: str | None) -> Sandbox:
    """The site with its database there and its server running."""
    if found is None:
        Path(site.database["path"]).touch()
        return site
    if "database" in site.processes:
        return site
    folder = site.folder / "data"
    server = databases.start(found, folder)
    try:
        password = site.database.get("password")
        account = server.restricted(site.user, password or chosen)
        if password is None:
            server.create(site.database["name"])
    except BaseException:
        server.stop()
        raise
    write_private(site.home / ".my.cnf", account.options())
    started = {**site.processes, "database": server.process}
    site = replace(site, database={**site.database, **asdict(account)}, processes=started)
    state.save(site)
    return site


def _with_env(site: Sandbox, env: Mapping[str, str] | Callable[[Sandbox], Mapping[str, str]]) -> Sandbox:
    """The site with what its WSGI file sets; one that stands there as it was written says it anew."""
    new = replace(site, env=dict(env(site) if callable(env) else env))
    if new.env != site.env and site.wsgi.exists() and site.wsgi.read_text() == _wsgi_text(site):
        site.wsgi.write_text(_wsgi_text(new))
    state.save(new)
    return new


def _wsgi_text(site: Sandbox) -> str:
    return wsgi.content(str(site.project), site.app, site.env, wsgi.reads_dotenv(site.virtualenv))


def _furnish(site: Sandbox, source: Path | None, text: str | None, dotenv: Callable[[Sandbox], str] | None) -> None:
    """The files that a site's owner writes by hand, once: .env and the WSGI file. A .env that the commit brought is
    replaced: it is the developer's, and leads to the development database."""
    if source is not None and (_is_half_made(site) or not (site.project / ".env").exists()):
        write_private(site.project / ".env", (dotenv or _dotenv)(site))
    if not site.wsgi.exists():
        default = _wsgi_text(site) if source is not None else wsgi.EMPTY
        site.wsgi.write_text(text.replace("{project}", str(site.project)) if text else default)


def _dotenv(site: Sandbox) -> str:
    lines = [
        f"SECRET_KEY='{secrets.token_hex(32)}'",
        f"DATABASE_URL='{site.database_url()}'",
        "# The sandbox speaks plain HTTP, over which a browser sends no secure cookies.",
        "FLASK_SESSION_COOKIE_SECURE=false",
    ]
    return "\n".join([*lines, ""])
