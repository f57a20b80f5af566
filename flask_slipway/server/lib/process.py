"""Programs, started from argument lists only, never through a shell; they end with the process that started them."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
from typing import Any

_LIBC: Any = None
with contextlib.suppress(OSError, TypeError):  # elsewhere than on Linux
    _LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
F_SETPIPE_SZ = 1031  # Linux; Python names it from 3.10 on


class Failed(Exception):
    """A program ended with a failure. `code`: its exit code, None for a time-out; `output`: the end of what it said."""

    def __init__(self, name, code, output):
        self.name, self.code, self.output = name, code, output
        lines = [line for line in output.strip().splitlines() if line.strip()]
        told = lines[-1].strip() if lines else ("took too long" if code is None else "ended with %s" % code)
        super().__init__("%s: %s" % (name, told))


def die_with_parent():
    """Asks the kernel to end this process when its parent ends. Source: prctl(2)."""
    if _LIBC is not None and hasattr(_LIBC, "prctl"):
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def environment(extra=None):
    """This process's environment, quiet and without prompts, with `extra` on top."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GIT_", "VIRTUAL_ENV"))}
    kept.update(
        GIT_TERMINAL_PROMPT="0",
        GIT_OPTIONAL_LOCKS="0",
        GIT_SSH_COMMAND="ssh -o BatchMode=yes",
        PIP_NO_INPUT="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    kept.update(extra or {})
    return kept


def start(arguments, cwd=None, env=None, **streams):
    """Starts a program that dies with this process: a subprocess.Popen. Call it from the main thread."""
    streams.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(arguments, cwd=cwd, env=env or environment(), preexec_fn=die_with_parent, **streams)


def widen(pipe):
    """Lets a pipe hold 1 MB where the system allows it: the programs at its ends wait less for each other.
    Source: fcntl(2), F_SETPIPE_SZ."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, F_SETPIPE_SZ, 1 << 20)


def run(arguments, cwd=None, env=None, timeout=600, check=True, data=None, name=None, raw=False, both=False):
    """Runs a program to its end and returns its stdout (text, or bytes if `raw`). Raises Failed, which calls it
    `name`, with the end of its stderr (`both`: behind its stdout)."""
    words = [word for word in arguments[1:3] if not word.startswith(("-", "/"))]
    name = name or " ".join([os.path.basename(arguments[0]), *words[:1]])
    streams = {"stdin": subprocess.PIPE} if data is not None else {}
    try:
        child = start(arguments, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **streams)
    except OSError as error:
        raise Failed(name, None, "%s: %s" % (arguments[0], error.strerror)) from error
    try:
        out, err = child.communicate(data, timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(child)
        raise Failed(name, None, "took longer than %d s" % timeout) from None
    text = out.decode("utf-8", "replace")
    if check and child.returncode:
        told = err.decode("utf-8", "replace")
        raise Failed(name, child.returncode, (text + told if both else told or text)[-8000:])
    return out if raw else text


def stop(child, patience=5):
    """Ends a started program and waits until it is gone."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    if child.poll() is None:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def machine():
    """What names this machine since its start: host name, boot id and pid namespace."""
    boot = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        boot = "%s %s" % (file.read().strip(), os.readlink("/proc/self/ns/pid"))
    return "%s %s" % (socket.gethostname(), boot)


def started_at(pid):
    """The start time of process `pid` in clock ticks since boot, None where it is gone. Source: proc(5), field 22."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def find(*names):
    """The path of the first of `names` on PATH, or None."""
    import shutil

    for name in names:
        path = shutil.which(name)
        if path:
            return path
    return None
