"""A MariaDB or MySQL server of our own: own data folder, own port, loopback only, one administrator with a password."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from flask_slipway.errors import WrongUse
from flask_slipway.sandbox.host import processes
from flask_slipway.sandbox.host.processes import LOOPBACK, Process
from flask_slipway.sandbox.host.programs import Programs

ADMIN = "slipway_admin"  # not root: the account of the sandbox may itself be called root
# A sandbox need not survive a power cut, so nothing waits for the disk.
RELAXED = (
    "--innodb-flush-log-at-trx-commit=0",
    "--sync-binlog=0",
    "--skip-innodb-doublewrite",
    "--loose-innodb-flush-method=nosync",
)


@dataclass(frozen=True)
class Account:
    """How to log in: as this user, with this password, at this host and port."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of `database` for this account."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"mysql+pymysql://{login}@{self.host}:{self.port}/{database}?charset=utf8mb4"

    def options(self) -> str:
        """An option file (~/.my.cnf) that logs the client programs in."""
        user, password = option(self.user), option(self.password)
        return f"[client]\nhost={self.host}\nport={self.port}\nuser={user}\npassword={password}\n"


@dataclass(frozen=True)
class Server:
    """A running database server."""

    programs: Programs
    folder: Path
    admin: Account
    process: Process

    @property
    def dialect(self) -> str:
        return self.programs.dialect

    def execute(self, sql: str, account: Account | None = None, database: str | None = None) -> list[list[str]]:
        """Runs statements as the administrator, or as `account`; returns the rows as text. Raises WrongUse with
        the server's words."""
        options = self.folder / f"{secrets.token_hex(4)}.cnf"
        write_private(options, (account or self.admin).options())
        command: list[str | Path] = [
            self.programs.client,
            f"--defaults-file={options}",
            "--batch",
            "--skip-column-names",
            "--raw",
        ]
        try:
            line = [*command, *([database] if database else [])]
            done = subprocess.run(line, input=sql, capture_output=True, text=True, env=_environment())
        finally:
            options.unlink()
        if done.returncode:
            raise WrongUse(f"{self.dialect} refused a statement", done.stderr.splitlines(), changed=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def create(self, database: str) -> None:
        """Makes `database`, empty, whatever was there before."""
        name = identifier(database)
        self.execute(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4;")

    def restricted(self, user: str, password: str | None = None) -> Account:
        """Makes the user `user`, who may do everything in databases `user$…` and nothing elsewhere, as on
        PythonAnywhere; generates the password unless it is given."""
        account = Account(self.admin.host, self.admin.port, user, password or secrets.token_urlsafe(18))
        pattern = user.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "$%"
        who = f"{text(user)}@'%'"
        self.execute(
            f"CREATE USER IF NOT EXISTS {who} IDENTIFIED BY {text(account.password)};"
            f"ALTER USER {who} IDENTIFIED BY {text(account.password)};"
            f"GRANT ALL PRIVILEGES ON {identifier(pattern)}.* TO {who};"
        )
        # MySQL checks a first login by RSA, for which PyMySQL needs another package; later ones it knows.
        self.execute("SELECT 1", account)
        return account

    def stop(self) -> None:
        """Ends the server; its data stays."""
        self.process.stop(60)


def _environment() -> dict[str, str]:
    """The environment of a client that reaches this server and no other: beside its option file MySQL's reads
    ~/.mylogin.cnf, which counts more. Source: MySQL manual, "Environment Variables"."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MYSQL_", "MARIADB_"))}
    return {**kept, "MYSQL_TEST_LOGIN_FILE": os.devnull}


def start(programs: Programs, folder: Path, port: int = 0, lasting: bool = True, options: Sequence[str] = ()) -> Server:
    """Starts a server on the data in `folder`, which is made when it is not there. `port` 0: the one used before, or a
    free one. `lasting`: it outlives this process. `options`: more of the server's own. Raises WrongUse with the end of
    its log."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    admin = _admin(folder, port)
    data = folder / "files"
    own = folder / "tmp"  # in a folder that servers share, one removes as it starts what others have open there
    own.mkdir(mode=0o700, exist_ok=True)
    if not (data / "mysql").exists():
        _initialize(programs, data, folder / "install.log", options, own)
    opening = folder / "opening.sql"
    write_private(opening, _opening(admin))
    log = folder / "server.log"
    command: list[str | Path] = [
        *(programs.server, "--no-defaults", f"--datadir={data}", f"--port={admin.port}", f"--bind-address={LOOPBACK}"),
        *("--socket=server.sock", f"--pid-file={folder / 'server.pid'}", f"--init-file={opening}", f"--tmpdir={own}"),
        *("--skip-name-resolve", "--character-set-server=utf8mb4", *RELAXED, *_as_root(), *options),
        *(["--mysqlx=OFF"] if programs.dialect == "mysql" else []),
    ]
    process = processes.spawn(command, log, lasting=lasting)
    try:
        if not processes.wait(lambda: _answers(admin.port) or not process.alive, 60) or not process.alive:
            process.stop()
            raise WrongUse(f"{programs.server} does not start", [f"the end of {log}:", *_tail(log)], changed=True)
    finally:
        opening.unlink()
    return Server(programs, folder, admin, process)


def attach(programs: Programs, folder: Path, process: Process) -> Server:
    """The server that was started on `folder` and still runs as `process`."""
    return Server(programs, folder, _admin(folder, 0), process)


def _admin(folder: Path, port: int) -> Account:
    """The administrator's account, kept in a private file of `folder`."""
    path = folder / "admin.json"
    if path.exists():
        account = Account(**json.loads(path.read_text()))
        if port in (0, account.port):
            return account
    else:
        account = Account(LOOPBACK, 0, ADMIN, secrets.token_urlsafe(18))
    account = Account(LOOPBACK, port or processes.free_port(), ADMIN, account.password)
    write_private(path, json.dumps(asdict(account)))
    return account


def _initialize(programs: Programs, data: Path, log: Path, options: Sequence[str], temporary: Path) -> None:
    command: list[str | Path]
    if programs.install is None:
        data.mkdir(exist_ok=True)
        command = [
            programs.server,
            "--no-defaults",
            "--initialize-insecure",
            f"--datadir={data}",
            *_as_root(),
            *options,
        ]
    else:
        command = [programs.install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal", f"--user={_user()}", "--skip-name-resolve"]
    env = {**os.environ, "TMPDIR": str(temporary)}
    with log.open("ab") as output:
        code = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode
    if code:
        raise WrongUse(f"{command[0]} cannot make a data folder", [f"the end of {log}:", *_tail(log)], changed=True)


def _opening(admin: Account) -> str:
    """What the server runs before it lets anyone in: one administrator, and nobody without a password."""
    who = f"{text(admin.user)}@'%'"
    return "\n".join(
        (
            f"CREATE USER IF NOT EXISTS {who} IDENTIFIED BY {text(admin.password)};",
            f"GRANT ALL PRIVILEGES ON *.* TO {who} WITH GRANT OPTION;",
            *(f"DROP USER IF EXISTS 'root'@{text(host)};" for host in ("localhost", LOOPBACK, "::1")),
            "",
        )
    )


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _user() -> str:
    import getpass

    return getpass.getuser()


def _answers(port: int) -> bool:
    """Whether a server greets at `port`: it does so only after its init file."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1) as link:
        return bool(link.recv(5))
    return False


def _tail(log: Path, lines: int = 5) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []


def write_private(path: Path, content: str) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)


def identifier(name: str) -> str:
    """`name` quoted as a name in SQL."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """`value` quoted as a string in SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def option(value: str) -> str:
    """`value` quoted as in an option file. Source: MySQL manual, "Using Option Files"."""
    for sign in ("\\", '"', "'"):
        value = value.replace(sign, f"\\{sign}")
    return f'"{value}"'
