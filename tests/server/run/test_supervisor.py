"""A run goes on when the connection that began it is gone, with all that belonged to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flask_slipway.server.records import lines
from support import ROOT
from support.tiny_app import Project
from support.world import git

# The channel's process: says yes, and hangs as a frozen link does. The backup begins when the file argv[2] is there.
CHANNEL = """
import json, os, sys, time
from flask_slipway.server.run import steps, supervisor

back_up = steps.back_up

def later(run):
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.01)
    return back_up(run)

steps.back_up = later
reading, writing = supervisor.start(json.loads(sys.argv[1]))
with os.fdopen(reading, "rb", buffering=0) as file:
    for line in iter(file.readline, b""):
        event = json.loads(line)
        if event["event"] == "facts":
            answer = json.dumps({"go": event["fingerprint"]}).encode()
            os.write(writing, b"%d\\n" % len(answer) + answer)
            continue
        print(line.decode(), flush=True)
        time.sleep(600)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    made = Project(tmp_path)
    made.fill()
    git(made.folder, "init", "-q", "-b", "main")
    git(made.folder, "add", "-A")
    git(made.folder, "commit", "-q", "-m", "The app")
    return made


def test_a_run_ends_well_although_all_processes_of_its_connection_were_killed(project, tmp_path):
    request = {"site": project.site().words, "task": "backup", "args": {}, "who": "ann@laptop"}
    line = [sys.executable, "-c", CHANNEL, json.dumps(request), str(tmp_path / "gone")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stdout=subprocess.PIPE, env=env, start_new_session=True) as channel:
        try:
            told = json.loads(channel.stdout.readline())
        finally:
            os.killpg(channel.pid, signal.SIGKILL)
    assert told["event"] == "follow", told
    (tmp_path / "gone").touch()
    deadline = time.monotonic() + 20
    while not (ended := [event for event in lines.read(told["path"]) if event["event"] == "end"]):
        assert time.monotonic() < deadline, "it went with its connection"
        time.sleep(0.05)
    assert ended[0]["outcome"] == "done", ended
    assert list(Path(project.site().backups).glob("*.json"))
