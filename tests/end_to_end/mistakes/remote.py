"""The remote that the clone fetches from."""

from __future__ import annotations

import http.server
import time
from contextlib import contextmanager
from pathlib import Path

from support.world import git

from .table import RELEASE, committed, holding, project, serving, wrong


@contextmanager
def fetching_from(world, url):
    """The clone fetches from `url`, or has no remote; and there is a commit that it does not have."""
    config = project(world) / ".git" / "config"
    with committed(world, {"new.txt": str(time.time())}), holding(config, config.read_text()):
        if url:
            git(project(world), "remote", "set-url", "origin", url)
        else:
            git(project(world), "remote", "rename", "origin", "elsewhere")
        yield


@wrong(RELEASE, 3, "no remote 'origin'", "git remote add origin")
def remote_is_missing(world):
    return fetching_from(world, None)


class Asking(http.server.BaseHTTPRequestHandler):
    """Asks everybody for a password, as a private repository does."""

    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@wrong(RELEASE, 3, "asks for a password", "deploy key", "git remote set-url origin")
def remote_asks_for_a_password(world):
    with serving(Asking) as url, fetching_from(world, f"{url}/me/private.git"):
        yield


@wrong(RELEASE, 3, "no such repository", "git remote set-url origin")
def remote_is_gone(world):
    with fetching_from(world, "/no/such/repository.git"):
        yield


@wrong(RELEASE, 3, "does not know the host", "Next: fab site.workon  and there  git fetch")
def remote_host_is_not_known(world):
    with fetching_from(world, f"ssh://git@127.0.0.1:{world.site.ssh_port}/me/it.git"):
        yield


@wrong(RELEASE, 3, "does not let it in", "deploy keys")
def remote_does_not_let_the_server_in(world):
    key = " ".join(Path(world.site.host_key).read_text().split()[:2])
    known = world.folder / "known"
    known.write_text(f"[127.0.0.1]:{world.site.ssh_port} {key}\n")
    url = f"ssh://git@127.0.0.1:{world.site.ssh_port}/me/it.git"
    with fetching_from(world, url):
        git(project(world), "config", "core.sshCommand", f"ssh -o UserKnownHostsFile={known} -o IdentityFile=none")
        yield
