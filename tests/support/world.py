"""A site on this machine, the laptop that releases to it, and the people who use it meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from invoke.vendor.yaml import safe_dump

from flask_slipway.sandbox import host
from flask_slipway.server.database.mysql_dump import PORTABLE
from support import ROOT

BIN = Path(sys.executable).parent
APP_FILES = ("app", "migrations", "requirements.txt", ".flaskenv", ".env.example", ".gitignore")
DIALECTS = ("sqlite", "mariadb", "mysql")
IDENTITY = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")


def on_each(*cases: Any) -> list[tuple[str, Any]]:
    """(dialect, case): what depends on the kind of database."""
    return [(dialect, case) for case in cases for dialect in DIALECTS]


def on_sqlite(*cases: Any) -> list[tuple[str, Any]]:
    """(dialect, case): what does not depend on the kind of database."""
    return [("sqlite", case) for case in cases]


def git(folder: Path, *arguments: str) -> str:
    unlocked = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # a look changes nothing, not even the index's times
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, env=unlocked, capture_output=True, text=True)
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Result:
    """How a command ended: exit code and everything it printed."""

    code: int
    out: str

    def __contains__(self, text: str) -> bool:
        return text in self.out


@dataclass
class World:
    """One sandbox, reached over OpenSSH, and a laptop's clone of its project in `laptop`."""

    folder: Path
    site: host.Sandbox
    laptop: Path
    base: str
    seed: list[str] = field(default_factory=lambda: ["init-currency"])
    app: str = "app"
    health_page: str = "/health"
    first_release: Result | None = None

    # the laptop

    @property
    def bin(self) -> Path:
        """Where `inv` and `fab` lie."""
        return BIN

    def environment(self) -> dict[str, str]:
        """The environment of the laptop's commands."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("INVOKE_", "FABRIC_", "FLASK_"))}
        path = f"{self.bin}{os.pathsep}{kept['PATH']}"
        return kept | {"PYTHONPATH": str(ROOT), "PATH": path, "HOME": str(self.folder / "laptop-home")}

    def run(self, *arguments: str, env: dict[str, str] | None = None, timeout: float = 240) -> Result:
        process = self.start(*arguments, env=env)
        out, _ = process.communicate(timeout=timeout)
        return Result(process.returncode, out)

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """A command of the laptop, without a terminal."""
        kept = {**self.environment(), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        return subprocess.Popen(
            [str(self.bin / arguments[0]), *arguments[1:]],
            cwd=self.laptop,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def release(self, **more) -> Result:
        return self.run("inv", "release", "--to", "site", "--yes", "--skip-tests", **more)

    def fab(self, task: str, *arguments: str, **more) -> Result:
        return self.run("fab", f"site.{task}", *arguments, **more)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.laptop / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.laptop / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def commit(self, message: str, env: dict[str, str] | None = None) -> str:
        """Brings the development database to the head, commits and pushes everything; returns the commit."""
        self._develop(env)
        git(self.laptop, "add", "-A")
        git(self.laptop, "commit", "-q", "-m", message)
        git(self.laptop, "push", "-q", "origin", "main")
        return git(self.laptop, "rev-parse", "HEAD")

    def _develop(self, env: dict[str, str] | None) -> None:
        """`inv upgrade`; what the same revisions made of the same database is kept, and put there the next time."""
        live = self.folder / "development.db"
        seen = [live, *sorted(self.laptop.rglob("versions/*.py"))]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in seen if path.exists())).hexdigest()
        kept = self.folder / "developments" / digest
        if env is None and kept.exists():
            shutil.copy(kept, live)
            return
        upgraded = self.run("inv", "upgrade", env=env)
        assert upgraded.code == 0, upgraded.out
        if live.exists():
            kept.parent.mkdir(exist_ok=True)
            shutil.copy(live, kept)

    def add_revision(self, identifier: str, down: str, text: str, up: str, way_down: str) -> None:
        body = (
            f'"""{text}"""\n\nimport os\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            f'revision = "{identifier}"\n'
            f'down_revision = "{down}"\nbranch_labels = None\ndepends_on = None\n'
            'ON_THE_SERVER = os.environ.get("FLASK_ENV") == "production"\n\n\n'
            f"def upgrade():\n{_indented(up)}\n\n\ndef downgrade():\n{_indented(way_down)}\n"
        )
        self.write({f"migrations/versions/{identifier}_{text.replace(' ', '_')}.py": body})

    def configure(self, **more) -> None:
        """Writes the laptop's invoke.yaml."""
        environment = json.loads(json.dumps(self.site.environment(), default=str))
        environment |= {"health": self.health_page, **more}
        text = safe_dump({"slipway": {"app": self.app, "seed": self.seed, "environments": {"site": environment}}})
        (self.laptop / "invoke.yaml").write_text(text)

    # the server

    @property
    def state(self) -> Path:
        return Path(self.site.home) / ".slipway"

    @property
    def site_folder(self) -> Path:
        return self.state / "sites" / self.site.domain

    @property
    def supervisor(self) -> int | None:
        """The process id of the run under way."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads((self.site_folder / "open_run").read_text())["holder"]["pid"]
        return None

    def wait_for_journal(self, what: str, seconds: float = 60) -> None:
        """Waits until the run under way has written a line of that kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                run = json.loads((self.site_folder / "open_run").read_text())["run"]
                if f'"what": "{what}"' in (self.site_folder / "runs" / run / "journal.jsonl").read_text():
                    return
            time.sleep(0.01)
        raise AssertionError(f"no run wrote {what!r} into its journal")

    def kill_supervisor(self) -> None:
        pid = self.supervisor
        assert pid is not None, "no run is under way"
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]:
            time.sleep(0.01)

    @property
    def live_commit(self) -> str:
        return git(Path(self.site.project), "rev-parse", "HEAD")

    def logins(self) -> int:
        """How often somebody has logged in by SSH."""
        return (self.folder / "site" / "log" / "ssh.log").read_text().count("Accepted publickey")

    def processes_naming(self, needle: str) -> list[int]:
        """The processes whose command line names `needle`."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if needle.encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def server_processes(self) -> list[int]:
        """The processes of the server's half that are at work at the site."""
        home = f"\0HOME={self.site.home}\0".encode()
        found = []
        for pid in self.processes_naming("slipway-hello"):
            with contextlib.suppress(OSError):
                if home in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
        return found

    # the database

    @property
    def dialect(self) -> str:
        return self.site.database["dialect"]

    def engine(self) -> sa.Engine:
        base = self.site.database
        if self.dialect == "sqlite":
            return sa.create_engine(f"sqlite:///{base['path']}", poolclass=sa.pool.NullPool)
        login = f"{quote(base['user'])}:{quote(base['password'])}"
        url = f"mysql+pymysql://{login}@{base['host']}:{base['port']}/{quote(base['name'])}?charset=utf8mb4"
        return sa.create_engine(url, poolclass=sa.pool.NullPool)

    def sql(self, statement: str, **values) -> list[tuple]:
        with self.engine().begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    @property
    def revision(self) -> str | None:
        if "alembic_version" not in sa.inspect(self.engine()).get_table_names():
            return None
        rows = self.sql("SELECT version_num FROM alembic_version")
        return rows[0][0] if rows else None

    def rows(self) -> dict[str, int]:
        return {
            table: self.sql(f"SELECT COUNT(*) FROM {table}")[0][0]
            for table in sa.inspect(self.engine()).get_table_names()
        }

    def contents(self) -> dict[str, list]:
        """Every row of every table; of a table with very many, their number and the server's checksum of them."""
        many = {table for table, count in self.rows().items() if count > 10_000 and self.dialect != "sqlite"}
        return {
            table: [self.sql(f"SELECT COUNT(*) FROM {table}"), self.sql(f"CHECKSUM TABLE {table}")]
            if table in many
            else sorted(map(repr, self.sql(f"SELECT * FROM {table}")))
            for table in sa.inspect(self.engine()).get_table_names()
        }

    # the site as a whole

    def get(self, path: str = "/health", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        return get(self.site.url, path, headers)

    def health(self) -> dict:
        """What /health says, once the host does not reload any more."""
        deadline = time.monotonic() + 60
        while True:
            status, headers, body = self.get()
            if status != 302 or time.monotonic() > deadline:
                return {
                    "http": status,
                    "gate": "x-slipway-gate" in headers,
                    **(json.loads(body) if body.startswith("{") else {}),
                }
            time.sleep(0.05)

    # between two tests

    def reset(self, database: Path | None = None) -> None:
        """The site as before its first release: the code at `base`, an empty database (or the dump `database`), no
        trace of the suite."""
        if self.supervisor and Path(f"/proc/{self.supervisor}").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.supervisor, signal.SIGKILL)
        self._empty_database()
        if database is not None:
            self._load(database)
        self.seed = ["init-currency"]
        git(self.laptop, "checkout", "-q", "-f", "main")
        git(self.laptop, "reset", "-q", "--hard", self.base)
        git(self.laptop, "clean", "-q", "-fdx", "-e", "invoke.yaml", "-e", ".env")
        git(self.laptop, "push", "-q", "--force", "origin", "main")
        self.configure()
        self.reset_development()
        project = Path(self.site.project)
        (project / ".git" / "index.lock").unlink(missing_ok=True)
        git(project, "checkout", "-q", "-f", "main")
        git(project, "fetch", "-q", "origin", "+main:refs/remotes/origin/main")
        git(project, "reset", "-q", "--hard", self.base)
        git(project, "clean", "-q", "-fd")
        (project / "REVISION").unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)
        git(project, "worktree", "prune")
        self._reset_virtualenv()
        if database is None:
            self._reset_wsgi()

    def reset_to_first_release(self) -> None:
        """The site as its first release left it; the release itself is made once, then kept and put back."""
        kept = self.folder / "kept"
        if not kept.exists():
            self.reset()
            done = self.first_release = self.release()
            assert done.code == 0, done.out
            made = self.folder / "being kept"
            shutil.copytree(self.state, made / "state")
            self._dump(made / "dump")
            made.rename(kept)
        self.reset(database=kept / "dump")
        shutil.copytree(kept / "state", self.state)
        (Path(self.site.project) / "REVISION").write_text(self.base + "\n")
        self._reset_wsgi()

    def _program(self, *names: str) -> str:
        path = f"{self.site.programs}{os.pathsep}{os.environ['PATH']}" if self.site.programs else None
        return next(found for name in names if (found := shutil.which(name, path=path)))

    def _dump(self, path: Path) -> None:
        if self.dialect == "sqlite":
            shutil.copy(self.site.database["path"], path)
            return
        line = [self._program("mysqldump"), f"--defaults-file={self.site.home}/.my.cnf", *PORTABLE]
        with path.open("wb") as file:
            subprocess.run([*line, self.site.database["name"]], stdout=file, check=True)

    def _load(self, path: Path) -> None:
        if self.dialect == "sqlite":
            shutil.copy(path, self.site.database["path"])
            return
        line = [self._program("mysql"), f"--defaults-file={self.site.home}/.my.cnf", self.site.database["name"]]
        with path.open("rb") as file:
            subprocess.run(line, stdin=file, check=True)

    def _empty_database(self) -> None:
        if self.dialect == "sqlite":
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(self.site.database["path"] + suffix).unlink(missing_ok=True)
            return
        name = self.site.database["name"]
        with self.engine().connect() as connection:
            for (other,) in connection.execute(sa.text("SHOW DATABASES")).all():
                if other.startswith(name + "_slipway"):
                    connection.exec_driver_sql(f"DROP DATABASE `{other}`")
            if self.dialect == "mysql":
                connection.exec_driver_sql(f"ALTER DATABASE `{name}` READ ONLY = 0")
            connection.exec_driver_sql("SET foreign_key_checks = 0")
            for table in sa.inspect(connection).get_table_names():
                connection.exec_driver_sql(f"DROP TABLE `{table}`")

    def reset_development(self) -> None:
        """The laptop's own database, at the head of the code at `base`."""
        live, kept = self.folder / "development.db", self.folder / "pristine-development.db"
        if kept.exists():
            shutil.copy(kept, live)
            return
        (self.laptop / ".env").write_text(f"DATABASE_URL=sqlite:///{live}\n")
        upgraded = self.run("inv", "upgrade")
        assert upgraded.code == 0, upgraded.out
        shutil.copy(live, kept)

    def _reset_virtualenv(self) -> None:
        live = Path(self.site.virtualenv)
        pristine = self.folder / "pristine-virtualenv"
        if not pristine.exists():
            shutil.copytree(live, pristine, symlinks=True)
        for left in live.parent.glob(f"{live.name}.*"):
            shutil.rmtree(left)
        if (live / "slipway-release").exists():
            shutil.rmtree(live)
            shutil.copytree(pristine, live, symlinks=True)

    def _reset_wsgi(self) -> None:
        kept, live = self.folder / "pristine-wsgi", Path(self.site.wsgi)
        if not kept.exists():
            shutil.copy(live, kept)
        before = live.stat().st_mtime_ns
        live.write_bytes(kept.read_bytes())
        os.utime(live, ns=(max(time.time_ns(), before + 2_000_000_000),) * 2)
        time.sleep(0.3)
        self.health()


def make_world(folder: Path, dialect: str, ssh: str = "openssh", **more) -> World:
    """A sandbox and a laptop in `folder`; the project is the reference app, in one commit."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in APP_FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    for name in ("tasks.py", "fabfile.py"):
        shutil.copy(ROOT / name, source / name)
    git(source, "init", "-q", "-b", "main")
    (source / ".gitignore").write_text((source / ".gitignore").read_text() + "\n/invoke.yaml\n")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "The app as it is")
    site = host.up(folder / "site", source, ssh=ssh, database=dialect, **more)
    laptop = folder / "laptop"
    git(folder, "clone", "-q", str(site.origin), str(laptop))
    (folder / "laptop-home").mkdir()
    (folder / "laptop-home" / ".gitconfig").write_text("[user]\n\tname = Tester\n\temail = tester@example.org\n")
    return World(folder, site, laptop, git(laptop, "rev-parse", "HEAD"))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.strip("\n").split("\n"))


def get(
    url: str, path: str = "/", headers: dict[str, str] | None = None, data: bytes | None = None
) -> tuple[int, dict, str]:
    """One request, no redirect followed: (status, headers in lower case, body). Status 0: the connection was cut."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    try:
        connection.request("GET" if data is None else "POST", path, data, headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, str(error)
    finally:
        connection.close()
