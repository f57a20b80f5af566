"""What pip says when it cannot install, in a few lines: its real words for an index that does not answer."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

from flask_slipway.sandbox.host import processes
from flask_slipway.server.lib import process
from flask_slipway.server.site import pip_errors

SITE = SimpleNamespace(name="prod", virtualenv="/home/ann/.virtualenvs/site", home="/home/ann")


def refused(tmp_path, *options):
    line = [sys.executable, "-m", "pip", "install", "--target", str(tmp_path), "--no-cache-dir", "--retries", "1"]
    done = subprocess.run([*line, *options, "no-such-package-of-ours==9.9"], capture_output=True, text=True)
    assert done.returncode
    return pip_errors.refusal(SITE, process.Failed("pip", done.returncode, done.stdout + done.stderr))


def test_an_index_that_does_not_answer_is_told_apart_from_a_package_that_is_not_there(tmp_path):
    gone = refused(tmp_path, "--index-url", f"http://127.0.0.1:{processes.free_port()}/simple")
    assert gone.what == "the package index does not answer"
    assert "wait a little" in gone.next[0]
    empty = refused(tmp_path, "--no-index", "--find-links", str(tmp_path))
    assert empty.what == "there is no no-such-package-of-ours==9.9 for the site's Python"
