"""What is measured: a sandbox over OpenSSH with MySQL, a laptop that releases to it, an app that counts its loads."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from distance import Link
from table import ROOT

from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import openssh, processes, programs
from flask_slipway.server.site import gate
from support.world import World, git, make_world

COUNTING = """import time as _time
from pathlib import Path as _Path

with _Path({folder!r}, "loads").open("a") as _file:
    _file.write(__file__ + "\\n")
_time.sleep(float(_Path({folder!r}, "load seconds").read_text()))
"""


@dataclass(frozen=True)
class Spent:
    """What one command cost: seconds, loads of the app, logins, channels, and bytes on the wire both ways."""

    seconds: float
    loads: int
    logins: int
    channels: int
    bytes: int
    out: str


class Rig:
    """The site and the laptop in `folder`. `link`: the way to the site's sshd."""

    def __init__(self, folder: Path, dialect: str) -> None:
        self.folder = folder
        self.world: World = make_world(folder, dialect)
        self.world.seed = []
        self.numbers = iter(range(1, 10_000))
        self._start_sshd()
        self.link = Link(self.port)
        self.load_takes(0)
        (folder / "loads").touch()
        self.world.configure(port=self.link.port)
        (self.world.laptop / ".env").write_text(f"DATABASE_URL=sqlite:///{folder}/development.db\n")
        factory = self.world.laptop / "app" / "__init__.py"
        factory.write_text(COUNTING.format(folder=str(folder)) + factory.read_text())
        self.commit("Count the loads of this app", upgrade=True)
        first = self.slipway()
        assert "Released" in first.out, first.out

    def _start_sshd(self) -> None:
        """An sshd of our own beside the sandbox's, which writes down each session."""
        self.port = processes.free_port()
        self.log = self.folder / "sshd.log"
        command = [str(openssh.program()), "-D", "-e", "-f", str(self.world.site.folder / "ssh" / "sshd_config")]
        command += ["-p", str(self.port), "-o", "LogLevel=VERBOSE"]
        self.sshd = processes.spawn(command, self.log, cwd=self.world.site.home, lasting=False)

    def load_takes(self, seconds: float) -> None:
        """Each load of the app takes that much longer from now on."""
        (self.folder / "load seconds").write_text(str(seconds))

    def close(self) -> None:
        self.link.close()
        self.sshd.stop(10)
        host.down(self.world.folder / "site")

    # changes to release

    def change(self, revision: bool) -> None:
        """A commit that is not pushed: one line of a template, or one more column with its revision."""
        number = next(self.numbers)
        self.world.edit("app/templates/base.html", "</body>", f"<!-- {number} --></body>")
        if revision:
            self._add_column(number)
        self.commit(f"Change {number}", upgrade=revision)

    def _add_column(self, number: int) -> None:
        name, down = f"mood_{number}", git(self.world.laptop, "config", "--get", "--default", "d0641f33", "bench.head")
        up = f'op.add_column("comments", sa.Column("{name}", sa.String(20), nullable=True))'
        back = f'with op.batch_alter_table("comments") as batch:\n    batch.drop_column("{name}")'
        identifier = f"aa{number:06d}"
        self.world.add_revision(identifier, down, f"add {name.replace('_', ' ')}", up, back)
        posted = "    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)\n"
        self.world.edit(
            "app/models.py", posted, f"{posted}    {name}: Mapped[str | None] = mapped_column(String(20))\n"
        )
        git(self.world.laptop, "config", "bench.head", identifier)

    def commit(self, message: str, upgrade: bool) -> None:
        if upgrade:
            done = self.world.run("inv", "upgrade")
            assert done.code == 0, done.out
        git(self.world.laptop, "add", "-A")
        git(self.world.laptop, "commit", "-q", "-m", message)

    # the two ways

    def slipway(self) -> Spent:
        return self.measure("inv", "release", "--yes", "--skip-tests", "--to", "site")

    def by_hand(self) -> Spent:
        site = self.world.site
        there = (site.project, site.virtualenv, site.wsgi, site.url, site.database["name"])
        line = [site.host, self.link.port, site.user, site.key, self._known_hosts(), *there]
        return self.measure(str(ROOT / "bench" / "by_hand.sh"), *map(str, line))

    def status(self) -> Spent:
        return self.measure("fab", "site.status")

    def status_by_hand(self) -> Spent:
        """One login that asks git and flask."""
        site = self.world.site
        flask = f"FLASK_ENV=production FLASK_APP=app {site.virtualenv}/bin/flask db current"
        line = [str(shutil.which("ssh")), "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self._known_hosts()}"]
        line += ["-o", "IdentitiesOnly=yes", "-i", str(site.key), "-p", str(self.link.port), f"{site.user}@{site.host}"]
        return self.measure(*line, f"cd {site.project} && git log -1 --oneline && git status --short && {flask}")

    def release_of_a_line(self) -> Spent:
        self.change(revision=False)
        return self.slipway()

    def forget_engine(self) -> None:
        """The server does not hold Slipway's own half any more."""
        shutil.rmtree(self.world.state / "engine")

    def _known_hosts(self) -> Path:
        """A file that knows the site's host at the link's port."""
        site = self.world.site
        kind, key = site.host_key.read_text().split()[:2]
        path = self.folder / "known_hosts"
        path.write_text(f"[{site.host}]:{self.link.port} {kind} {key}\n")
        return path

    def measure(self, *command: str) -> Spent:
        """Runs a command of the laptop and counts. Raises RuntimeError where it fails."""
        (self.folder / "loads").write_text("")
        seen = len(self.log.read_text())
        self.link.take()
        began = time.monotonic()
        done = self.world.run(*command)
        seconds = time.monotonic() - began
        if done.code:
            raise RuntimeError(f"{command[:2]} ended with {done.code}:\n{done.out}")
        time.sleep(0.2)  # the last bytes, and sshd's last words
        traffic, told = self.link.take(), self.log.read_text()[seen:]
        return Spent(
            seconds=seconds,
            loads=len((self.folder / "loads").read_text().split()),
            logins=told.count("Accepted publickey"),
            channels=len(re.findall(r"Starting session", told)),
            bytes=traffic.up + traffic.down,
            out=done.out,
        )

    def one_load(self) -> float:
        """The seconds of one load of the live app by a process of its own, as `flask` loads it."""
        site = self.world.site
        code = "from flask.cli import ScriptInfo; ScriptInfo(app_import_path='app').load_app()"
        began = time.monotonic()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(site.home), **site.env}
        subprocess.run([site.virtualenv / "bin/python", "-c", code], cwd=site.project, env=environment, check=True)
        return time.monotonic() - began

    def one_reload(self) -> float:
        """The seconds from a touch of the WSGI file until new processes have loaded the app and answer."""
        counted = self.folder / "loads"
        counted.write_text("")
        began = time.monotonic()
        wsgi = Path(self.world.site.wsgi)
        gate.replace(str(wsgi), wsgi.read_bytes())
        while not (counted.read_text() and self.world.get()[0] == 200):
            time.sleep(0.02)
        return time.monotonic() - began


def has_mysql() -> bool:
    return programs.find("mysql") is not None and shutil.which("sshd", path="/usr/sbin:/usr/bin") is not None
