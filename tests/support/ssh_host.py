"""SSH servers in processes of their own (counting_ssh.py), which write down what they are asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from types import SimpleNamespace

import asyncssh

from flask_slipway.sandbox.host import home as sandbox_home
from support import ROOT

NOISE = 'echo "Good day"; echo "{\\"event\\": \\"end\\"} 100 %"; printf "no newline at the end"\n'


class Host:
    """A server in a process of its own (counting_ssh.py): its `home` with a noisy .bashrc, its keys, what it noted."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        sandbox_home.keys(folder / "ssh")
        self.key = folder / "ssh" / "id_ed25519"
        self.public = folder / "ssh" / "host_key.pub"
        self.asked, self.orders = folder / "asked", folder / "orders"
        self.clean()
        program = ROOT / "tests" / "support" / "counting_ssh.py"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.child = subprocess.Popen(
            [sys.executable, str(program), str(folder)], stdout=subprocess.PIPE, text=True, env=environment
        )
        self.port = int(self.child.stdout.readline())

    def clean(self):
        for path in self.home.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.home / ".bashrc").write_text(NOISE)
        self.asked.write_text("")
        self.orders.write_text("")

    def count(self, word):
        return sum(line.split()[0] == word for line in self.asked.read_text().splitlines())

    @property
    def users(self):
        return [line.split()[1] for line in self.asked.read_text().splitlines() if line.startswith("user")]

    @property
    def tunnels(self):
        """The ports that it was asked to lead to."""
        return [int(line.split()[1]) for line in self.asked.read_text().splitlines() if line.startswith("tunnel")]

    @property
    def received(self):
        """Bytes that came in over all channels."""
        return sum(int(line.split()[1]) for line in self.asked.read_text().splitlines() if line.startswith("received"))

    def site(self, **more):
        words = {"task": "x", "name": "prod", "domain": "www.example.org", "url": "http://127.0.0.1:9", "health": "/"}
        words.update(branch="main", remote="origin", app="app", home=str(self.home), project=str(self.home / "app"))
        words.update(virtualenv=str(self.home / "venv"), wsgi=str(self.home / "wsgi.py"), keep=10, env={}, logs={})
        words.update(backups=str(self.home / "backups"))
        given = {"user": "bob", "host": "127.0.0.1", "port": self.port, "key": str(self.key), "python": sys.executable}
        given["host_key"] = (str(self.public),)
        given.update(more)
        words.update((name, given[name]) for name in given if name in words)
        given.update(name=words["name"], home=words["home"], wire=lambda: words, unedited=(), url=words["url"])
        return SimpleNamespace(**given)

    @property
    def engines(self):
        folder = self.home / ".slipway" / "engine"
        return sorted(folder.iterdir()) if folder.exists() else []

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


def fingerprint(public):
    """The fingerprint of a public key's file."""
    data = asyncssh.read_public_key(str(public)).public_data
    return "SHA256:" + b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def know(laptop, host, public=None, marker=""):
    """Puts a host's key, or another, into the known hosts of the person whose home is `laptop`."""
    kind, key = (public or host.public).read_text().split()[:2]
    with (laptop / ".ssh" / "known_hosts").open("a") as file:
        file.write(f"{marker}[127.0.0.1]:{host.port} {kind} {key}\n")


def other_key(tmp_path):
    """The public half of a key that nobody has."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "other").write_bytes(key.export_private_key())
    (tmp_path / "other").chmod(0o600)
    (tmp_path / "other.pub").write_bytes(key.export_public_key())
    return tmp_path / "other.pub"
