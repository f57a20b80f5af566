"""Programs that the server's half starts."""

import os
import signal
import subprocess
import sys
import time

from support import ROOT

STARTING = """
import sys, time
from flask_slipway.server.lib import process
print(process.start(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def test_a_program_ends_with_the_process_that_started_it_however_that_ended():
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", STARTING], stdout=subprocess.PIPE, env=env) as parent:
        program = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    try:
        while os.path.exists(f"/proc/{program}"):
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.02)
    finally:
        if os.path.exists(f"/proc/{program}"):
            os.kill(program, signal.SIGKILL)
