"""Kills a supervisor at a line of its journal."""

import os
import subprocess
import sys
import traceback

KILLER = """
import json, os, signal, sys, time
place, folder, old = sys.argv[1], sys.argv[2], set(sys.argv[3:])
while True:
    for name in set(os.listdir(folder)) - old:
        try:
            text = open(os.path.join(folder, name, "journal.jsonl")).read()
        except OSError:
            continue
        if '"what": "%s"' % place in text:
            try:
                pid = json.load(open(os.path.join(os.path.dirname(folder), "open_run")))["holder"]["pid"]
            except OSError:
                continue
            os.kill(pid, signal.SIGKILL)
            sys.exit(0)
    time.sleep(0.0005)
"""


def kill_at(world, runs, place):
    """Kills the supervisor as soon as its journal has the line; a process of its own, for speed."""
    arguments = [sys.executable, "-c", KILLER, place, str(world.site_folder / "runs"), *(path.name for path in runs)]
    subprocess.run(arguments, check=True, timeout=120, env=dict(os.environ))


def ends(act, line, *modules):
    """Whether `act()`, in a process of its own, came to its end before it reached the `line`th different line of
    `modules`, where it is killed."""
    paths, seen = {module.__file__ for module in modules}, set()
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), "it failed by itself"
        return code == 0

    def trace(frame, event, _):
        if frame.f_code.co_filename not in paths:
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) == line:
                os._exit(9)
        return trace

    try:
        sys.settrace(trace)
        act()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(2)
