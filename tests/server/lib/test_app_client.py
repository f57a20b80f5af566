"""The one client of an app's process: what it says of a process that answers, ends, hangs or announces connections."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flask_slipway.project import app as project_app
from flask_slipway.server.lib.app_client import AppClient

ANSWERING = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    for number in request.get("connections", ()):
        print(json.dumps({"connection": number}), flush=True)
        assert json.loads(sys.stdin.readline()) == {"do": "continue"}
    print(json.dumps({"ok": True, "heard": request["do"]}), flush=True)
"""


@contextlib.contextmanager
def client(code):
    line = [sys.executable, "-c", code]
    child = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    made = AppClient(child, child.kill)
    try:
        yield made
    finally:
        child.kill()
        made.close()


def test_each_request_gets_its_own_answer_also_after_one_that_nobody_waited_for():
    with client(ANSWERING) as asked:
        asked.tell({"do": "begin"})
        assert asked.ask({"do": "one"}) == {"ok": True, "heard": "one"}
        assert asked.ask({"do": "two"}) == {"ok": True, "heard": "two"}
        asked.leave()
        assert asked.child.wait(30) == 0


FORKING = """
import os, sys, time
if os.fork() == 0:
    {leave}
    time.sleep(300)
os._exit(3)
"""


@pytest.mark.parametrize("leave", ["pass", "os.setsid()"], ids=["a worker", "a daemon"])
def test_a_process_that_ended_has_ended_whoever_else_holds_its_pipes(leave, tmp_path):
    code = FORKING.format(leave=f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); {leave}")
    try:
        with client(code) as asked:
            assert asked.ask({"do": "load"}, limit=120)["kind"] == "Ended"
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_connections_are_announced_and_what_the_caller_raises_comes_back():
    seen = []
    with client(ANSWERING) as asked:
        assert asked.ask({"do": "x", "connections": [7, 8]}, seen.append)["heard"] == "x"
        assert seen == [7, 8]
        assert asked.ask({"do": "y", "connections": [9]})["heard"] == "y", "they need not be heard"

        def full(number):
            raise OSError("no space left on device")

        with pytest.raises(OSError, match="no space"):
            asked.ask({"do": "z", "connections": [1]}, full)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys; sys.stdin.readline(); print('first\\nlast words', file=sys.stderr)", "last words"),
        ("import sys; print('x' * 300000, 'the end', file=sys.stderr); sys.exit('why')", "why"),
        ("import os; os._exit(3)", None),
        ("print('this is no answer', flush=True); import time; time.sleep(90)", None),
    ],
)
def test_a_process_that_ended_or_speaks_otherwise_is_told_with_its_last_words(code, error):
    with client(code) as asked:
        answer = asked.ask({"do": "x"})
        assert (answer["ok"], answer["kind"], answer["error"]) == (False, "Ended", error)
        assert asked.ask({"do": "again"})["kind"] == "Ended"


def test_a_process_that_hangs_is_ended_and_the_limit_named():
    with client("import time; time.sleep(90)") as asked:
        answer = asked.ask({"do": "x"}, limit=0.5)
        assert answer == {"ok": False, "error": "it took longer than 0.5 s and was ended", "kind": "Timeout"}
        assert asked.child.wait(30) != 0


def test_the_laptop_names_the_limit_of_an_app_that_hangs(tmp_path: Path):
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(90)\n")
    with pytest.raises(project_app.NotRead) as caught, project_app.loaded(tmp_path, "hanging", limit=1):
        pass
    message = str(caught.value)
    assert "The app 'hanging' cannot be loaded. Nothing was changed." in message
    assert "it took longer than 1 s and was ended" in message
    assert "Next: see what the app waits for" in message


def test_the_laptop_tells_why_the_process_of_the_app_could_not_begin(tmp_path: Path):
    (tmp_path / "flask_slipway.py").write_text("raise RuntimeError('another package of this name')\n")
    with pytest.raises(project_app.NotRead, match="another package of this name"), project_app.loaded(tmp_path, "app"):
        pass
