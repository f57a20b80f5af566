"""A tiny app to run in the sandbox, and sandboxes that run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import openssh, programs
from support import ROOT, servers

APP = """\
import os
import sys
import time

import sqlalchemy
from flask import Flask, jsonify, request

print("loading on stdout")


def create_app():
    app = Flask(__name__)

    @app.get("/")
    def home():
        return jsonify(worker=os.getpid(), generation=os.getppid())

    @app.get("/slow")
    def slow():
        time.sleep(float(request.args["seconds"]))
        return jsonify(generation=os.getppid())

    @app.post("/length")
    def length():
        return jsonify(length=len(request.get_data()))

    @app.get("/fail")
    def fail():
        raise LookupError("asked to fail")

    @app.get("/about")
    def about():
        return jsonify(
            path=sys.path, cwd=os.getcwd(), env=dict(os.environ), version=list(sys.version_info), prefix=sys.prefix
        )

    @app.get("/big")
    def big():
        return (b"x" * 100_000 for _ in range(300))

    @app.get("/reach")
    def reach():
        with sqlalchemy.create_engine(request.args["url"]).connect() as connection:
            return jsonify(found=connection.exec_driver_sql("SELECT 1").scalar())

    @app.get("/echo/<path:text>")
    def echo(text):
        return jsonify(text=text, query=request.args.get("q"), host=request.host, remote=request.remote_addr)

    return app
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git project with the tiny app, on another branch than main."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "app.py").write_text(APP)
    shutil.copyfile(ROOT / "requirements.txt", folder / "requirements.txt")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], [*who, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


@pytest.fixture(scope="session")
def raise_sandbox(tmp_path_factory: pytest.TempPathFactory, project: Path):
    """Starts sandboxes, and removes them at the end."""
    raised: list[Path] = []

    def start(source: Path | None = project, folder: Path | None = None, **words) -> host.Sandbox:
        if words.get("ssh") == "openssh" and not shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin"):
            servers.missing("sshd", openssh.INSTALL)
        dialect = words.setdefault("database", "sqlite")
        if dialect != "sqlite" and programs.find(dialect) is None:
            servers.missing(dialect, programs.INSTALL[dialect])
        folder = folder or tmp_path_factory.mktemp("sandbox") / "site"
        raised.append(folder)
        return host.up(folder, source, **words)

    yield start
    for folder in raised:
        host.down(folder, remove=True)


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def ssh():
    """Runs a command in a sandbox by the `ssh` program, which knows the host key."""

    def run(site: host.Sandbox, command: str, data: bytes = b"") -> Said:
        known = site.folder / "known_hosts"
        known.write_text(f"[{site.host}]:{site.ssh_port} {site.host_key.read_text()}")
        key, listed = (str(path).replace("%", "%%") for path in (site.key, known))  # to ssh, %d is a home
        words = ["ssh", "-T", "-F", "none", "-p", str(site.ssh_port), "-o", f'IdentityFile="{key}"', "-l", site.user]
        options = ["BatchMode=yes", f'UserKnownHostsFile="{listed}"', "GlobalKnownHostsFile=none", "IdentitiesOnly=yes"]
        words += [word for option in options for word in ("-o", option)]
        done = subprocess.run([*words, site.host, command], input=data, capture_output=True, timeout=60)
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def connect():
    """Opens paramiko connections to a sandbox."""
    opened: list[paramiko.SSHClient] = []

    def open_(site: host.Sandbox) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        kind, key = site.host_key.read_text().split()[:2]
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"[{site.host}]:{site.ssh_port} {kind} {key}")
        client.get_host_keys().add(entry.hostnames[0], kind, entry.key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            site.host,
            site.ssh_port,
            site.user,
            key_filename=str(site.key),
            look_for_keys=False,
            allow_agent=False,
        )
        opened.append(client)
        return client

    yield open_
    for client in opened:
        client.close()
