"""Programs, started from argument lists only, never through a shell; they end with the process that started them."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from io import BufferedReader, BufferedWriter
from typing import IO, TYPE_CHECKING, Any, Mapping, Sequence

from .masking import end_of

_LIBC: ctypes.CDLL | None = None
with contextlib.suppress(OSError, TypeError):  # elsewhere than on Linux
    _LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
LONGEST = 8000  # signs of what a program said, told where it failed
F_SETPIPE_SZ = 1031  # Linux; Python names it from 3.10 on


if TYPE_CHECKING:
    _Popen = subprocess.Popen[bytes]
else:
    _Popen = subprocess.Popen  # Python 3.8 does not know it with brackets


class Child(_Popen):
    """A started program. A stream is there where it was asked for as a pipe, and None else."""

    stdin: BufferedWriter
    stdout: BufferedReader
    stderr: BufferedReader


class Failed(Exception):
    """A program ended with a failure. `code`: its exit code, None for a time-out; `output`: the end of what it said."""

    def __init__(self, name: str, code: int | None, output: str) -> None:
        self.name, self.code, self.output = name, code, output
        lines = [line for line in output.strip().splitlines() if line.strip()]
        super().__init__("%s: %s" % (name, lines[-1].strip() if lines else _how_it_ended(code)))


def _how_it_ended(code: int | None) -> str:
    """Of a program that said nothing."""
    if code is None:
        return "took too long"
    return "died of signal %d" % -code if code < 0 else "ended with %d" % code


def die_with_parent() -> None:
    """Asks the kernel to end this process when its parent ends. Source: prctl(2)."""
    if _LIBC is not None and hasattr(_LIBC, "prctl"):
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
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


def start(
    arguments: Sequence[str], cwd: str | None = None, env: Mapping[str, str] | None = None, **streams: Any
) -> Child:
    """Starts a program that dies with this process. `streams`: stdin, stdout, stderr, bufsize and the like, as
    subprocess.Popen takes them; stdin is empty unless it is named. Raises OSError. Call it from the main thread."""
    streams.setdefault("stdin", subprocess.DEVNULL)
    return Child(arguments, cwd=cwd, env=env or environment(), preexec_fn=die_with_parent, **streams)


def widen(pipe: IO[bytes]) -> None:
    """Lets a pipe hold 1 MB where the system allows it: the programs at its ends wait less for each other.
    Source: fcntl(2), F_SETPIPE_SZ."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, F_SETPIPE_SZ, 1 << 20)


def run(
    arguments: Sequence[str],
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    check: bool = True,
    name: str | None = None,
    both: bool = False,
    data: bytes | None = None,
) -> str:
    """Runs a program to its end, with `data` on its stdin, and returns its stdout as text. `timeout`: seconds. Raises
    Failed, unless not to `check`, which calls it `name`, with the end of its stderr (`both`: behind its stdout)."""
    return run_raw(arguments, cwd, env, timeout, check, name, both, data).decode("utf-8", "replace")


def run_raw(
    arguments: Sequence[str],
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    check: bool = True,
    name: str | None = None,
    both: bool = False,
    data: bytes | None = None,
) -> bytes:
    """The same, but the bytes of its stdout."""
    words = [word for word in arguments[1:3] if not word.startswith(("-", "/"))]
    name = name or " ".join([os.path.basename(arguments[0]), *words[:1]])
    try:
        streams = {} if data is None else {"stdin": subprocess.PIPE}
        child = start(arguments, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **streams)
    except OSError as error:
        raise Failed(name, None, "%s: %s" % (arguments[0], error.strerror)) from error
    try:
        out, err = child.communicate(data, timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(child)
        raise Failed(name, None, "took longer than %d s" % timeout) from None
    if check and child.returncode:
        text, errors = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        raise Failed(name, child.returncode, end_of(text + errors if both else errors or text, LONGEST))
    return out


def stop(child: Child) -> None:
    """Ends a started program and waits until it is gone: after 5 seconds it is killed."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
    if child.poll() is None:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def machine() -> str:
    """What names this machine since its start: host name, boot id and pid namespace."""
    boot = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        boot = "%s %s" % (file.read().strip(), os.readlink("/proc/self/ns/pid"))
    return "%s %s" % (socket.gethostname(), boot)


def booted_at() -> float:
    """When this machine was started, in seconds since 1970; 0 where that cannot be told."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.time() - time.clock_gettime(clock)


def started_at(pid: int) -> int | None:
    """The start time of process `pid` in clock ticks since boot, None where it is gone. Source: proc(5), field 22."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def find(*names: str) -> str | None:
    """The path of the first of `names` on PATH, or None."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    return None
