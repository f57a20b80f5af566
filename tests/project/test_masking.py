"""What programs say on this machine tells no secret of the project."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flask_slipway.errors import SlipwayError
from flask_slipway.project.git import git
from flask_slipway.project.remote_head import refuse_unpushable
from flask_slipway.release import run_tests
from support.world import git as plain_git

SECRET = "Sup3r secret of the mail"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_ASKPASS", "")
    monkeypatch.setenv("SSH_ASKPASS", "")
    plain_git(tmp_path, "init", "-q", "-b", "main")
    for name in ("name", "email"):
        plain_git(tmp_path, "config", f"user.{name}", "ann@example.org")
    (tmp_path / ".env").write_text(f"MAIL_PASSWORD='{SECRET}'\n")
    (tmp_path / ".gitignore").write_text(".env\n")
    plain_git(tmp_path, "add", "-A")
    plain_git(tmp_path, "commit", "-q", "-m", "First")
    return tmp_path


@pytest.fixture
def asking():
    """A web server that lets nobody in: its address without the scheme."""

    class Asking(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Asking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def told(act, *arguments):
    with pytest.raises(SlipwayError) as raised:
        act(*arguments)
    return "\n".join([raised.value.what, *raised.value.lines, *raised.value.next])


def test_gits_own_words_do_not_tell_the_token_of_a_remotes_address(root, asking):
    plain_git(root, "remote", "add", "origin", f"http://ghp_t0ken@{asking}/x.git")
    for act in (lambda: git(root, "push", "origin", "main"), lambda: refuse_unpushable(root, "origin", "main", False)):
        text = told(act)
        assert f"could not read Password for 'http://••••@{asking}'" in text
        assert "ghp_t0ken" not in text


def test_what_a_hook_prints_does_not_tell_the_secrets_of_env(root):
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\necho 'checked with {SECRET}' >&2\nexit 1\n")
    hook.chmod(0o755)
    text = told(lambda: git(root, "commit", "-q", "--allow-empty", "-m", "Second", terminal=True))
    assert "checked with ••••" in text


def test_what_a_failing_test_prints_does_not_tell_the_secrets_of_env(root):
    code = "print('E   login(' + open('.env').read().split(chr(39))[1] + ')'); raise SystemExit(1)"
    (root / "check.py").write_text(f"import os\nos.chdir({str(root)!r})\n{code}\n")
    text = told(run_tests.for_release, root, [sys.executable, str(root / "check.py")])
    assert "E   login(••••)" in text.splitlines()
