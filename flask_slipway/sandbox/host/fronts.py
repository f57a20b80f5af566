"""The two servers that a site is reached by, SSH and web: their ports, their start, and whether they answer."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flask_slipway.errors import WrongUse
from flask_slipway.sandbox.host import home, openssh, processes, state
from flask_slipway.sandbox.host.databases import write_private
from flask_slipway.sandbox.host.processes import Process
from flask_slipway.sandbox.host.state import Sandbox
from flask_slipway.sandbox.host.worker import Layout
from flask_slipway.server.lib import wall

HERE = Path(__file__).parent
SHORT = "slipway-sockets-"  # how the name of such a folder begins
WALL = "wall.json"  # tells which databases lie in the sandbox: server/lib/wall.py
ELSEWHERE = "elsewhere"  # a file that names where the sockets are when the folder's own name is too long for them


def with_ports(site: Sandbox, ssh_port: int, web_port: int) -> Sandbox:
    """The site with a port for each server that has to be started: the one wanted, the one of before, or a free one."""
    if "ssh" not in site.processes:
        site = replace(site, ssh_port=processes.port(ssh_port or site.ssh_port, "SSH server"))
    if "web" not in site.processes:
        port = processes.port(web_port or site.web_port, "web server")
        site = replace(site, web_port=port, url=f"http://{site.host}:{port}")
    return site


def _wall(site: Sandbox) -> Path:
    """The file of its wall, written anew: of where it lies now."""
    path, base = site.folder / WALL, site.database
    around = wall.Wall(str(site.folder), str(site.home), base.get("host") or "", base.get("port") or 0, site.own())
    write_private(path, json.dumps(around._asdict()) + "\n")
    return path


def _search(site: Sandbox) -> str:
    return home.path([site.folder / "bin", *([site.programs] if site.programs else [])])


def with_web(site: Sandbox, python: str) -> Sandbox:
    """The site with its web server running; `python` runs the app while there is no virtualenv."""
    if "web" in site.processes:
        return site
    run = site.folder / "run"
    if len(str(run)) > 80 or " " in str(run):  # a socket's path has 107 bytes at most
        run = _short(run)
    layout = Layout(
        home=str(site.home),
        virtualenv=str(site.virtualenv),
        wsgi=str(site.wsgi),
        python=str(home.base(python)),
        modules=str(site.folder / "uwsgi"),
        run=str(run),
        error_log=site.logs["error"],
        server_log=site.logs["server"],
        access_log=site.logs["access"],
        path=_search(site),
        user=site.user,
        wall=str(_wall(site)),
    )
    (run / "web.state").unlink(missing_ok=True)
    return _start(site, "web", {"port": site.web_port, "site": asdict(layout)})


def _short(run: Path) -> Path:
    """A folder for sockets with a short name, remembered in `run`."""
    found = sockets(run)
    if found is None:
        found = Path(tempfile.mkdtemp(prefix=SHORT))
        write_private(run / ELSEWHERE, str(found))
    return found


def sockets(run: Path) -> Path | None:
    """The folder that the note in `run` names, None where there is none of ours: of what came with a project, such a
    note may name any folder."""
    try:
        found = Path((run / ELSEWHERE).read_text())
        status = found.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == 0o700
    return found if ours and found.name.startswith(SHORT) else None


def with_ssh(site: Sandbox) -> Sandbox:
    """The site with its SSH server running, the embedded one or sshd."""
    if "ssh" in site.processes:
        return site
    environment = {**home.environment(site.home, site.user, _search(site)), wall.VARIABLE: str(_wall(site))}
    if site.ssh == "openssh":
        folder = site.folder / "ssh"
        command = openssh.command(folder, site.ssh_port, site.user, environment)
        return _started(site, "ssh", processes.spawn(command, site.folder / "log/ssh.log", cwd=site.home))
    configuration = {
        "port": site.ssh_port,
        "home": str(site.home),
        "user": site.user,
        "host_key": str(site.host_key.with_suffix("")),
        "authorized_keys": str(site.folder / "ssh/authorized_keys"),
        "environment": environment,
    }
    return _start(site, "ssh", configuration)


def _start(site: Sandbox, name: str, configuration: dict[str, Any]) -> Sandbox:
    """Starts our own server `name` (web, ssh) with its configuration in a private file."""
    path = site.folder / "run" / f"{name}.json"
    write_private(path, json.dumps(configuration, indent=2) + "\n")
    command = [sys.executable, "-B", "-m", f"flask_slipway.sandbox.host.{name}", str(path)]
    modules = [str(HERE.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(modules)}
    return _started(site, name, processes.spawn(command, site.folder / f"log/{name}.log", cwd=site.home, env=env))


def _started(site: Sandbox, name: str, process: Process) -> Sandbox:
    site = replace(site, processes={**site.processes, name: process})
    state.save(site)
    return site


def wait(site: Sandbox) -> None:
    """Waits until both servers answer and the site's first processes are up, or have failed to come up."""
    for name, ready in (("ssh", lambda: _greets(site.ssh_port)), ("web", lambda: _web_state(site) is not None)):
        process = site.processes[name]
        processes.wait(lambda ready=ready, process=process: ready() or not process.alive, 120)  # type: ignore[misc]
        if not process.alive or not ready():
            log = site.folder / f"log/{name}.log"
            end = log.read_text(errors="replace").splitlines()[-5:]
            for started in site.processes.values():
                started.stop()
            raise WrongUse(f"The sandbox's {name} server does not start", [f"the end of {log}:", *end], changed=True)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection((processes.LOOPBACK, port), timeout=5) as link:
            return link.recv(4) == b"SSH-"
    except OSError:
        return False


def _web_state(site: Sandbox) -> str | None:
    """What the web server says of itself once its first processes have come up, or failed to."""
    run = json.loads((site.folder / "run/web.json").read_text())["site"]["run"]
    try:
        word = (Path(run) / "web.state").read_text().split()[0]
    except (OSError, IndexError):
        return None
    return None if word == "starting" else word
