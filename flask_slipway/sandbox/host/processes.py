"""Processes we have started: known by pid and start time, so that none is ended that merely has the same pid."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_slipway.errors import WrongUse

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Process:
    """A process: its pid, and when it started in words that only this system and this boot give."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it is still that process, and no zombie."""
        _reap(self.pid)
        return started(self.pid) == self.started

    def writes_below(self, folder: Path) -> bool | None:
        """Whether what it prints goes into a file below `folder`, wherever that was when it was started; None where
        this system does not tell."""
        try:
            return Path(f"/proc/{self.pid}/fd/1").readlink().is_relative_to(folder.resolve())
        except OSError:
            return None

    def kill(self) -> None:
        """Ends it at once, if it is still there."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def stop(self, seconds: float = 20) -> None:
        """Asks it to end (SIGTERM), after `seconds` ends it (SIGKILL), and returns when it is gone."""
        for signal_number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
            if not self.alive:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal_number)
            wait(lambda: not self.alive, patience)


def started(pid: int) -> str | None:
    """When the process `pid` started, or None where there is none or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return f"{_boot()}/{fields[19]}"


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    return ""


def _started_by_ps(pid: int) -> str | None:
    found = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True)
    state, _, when = found.stdout.strip().partition(" ")
    return when.strip() if when and not state.startswith("Z") else None


def _reap(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)


def wait(ready: Callable[[], object], seconds: float, pause: float = 0.02) -> bool:
    """Waits until `ready()` is true, `seconds` at most; tells whether it became so."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def spawn(
    command: Sequence[str | os.PathLike[str]],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    lasting: bool = True,
) -> Process:
    """Starts `command` in the background, output appended to `log`. `lasting`: it outlives this process, else it
    ends with it (on Linux)."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=lasting,
            preexec_fn=None if lasting else end_with_parent,
        )
    process = Process(child.pid, started(child.pid) or "")
    child.returncode = 0  # Its end is watched by pid; Popen would only warn that it still runs.
    return process


def end_with_parent() -> None:
    """Asks the system to end this process when its parent ends. Only Linux has this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def port(wanted: int, purpose: str) -> int:
    """`wanted`, or a free port where it is 0. Raises WrongUse when `wanted` is taken."""
    if not wanted:
        return free_port()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, wanted))
        except OSError as error:
            raise WrongUse(
                f"Port {wanted}, wanted for the sandbox's {purpose}, cannot be had: {error.strerror}",
                ["Nothing was started for it."],
                ["end the program that has it, or give another port (0 takes a free one)"],
                changed=True,
            ) from error
    return wanted
