"""One generation of the site's processes: a uWSGI that executes the WSGI file once, then forks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from flask_slipway.sandbox.host import processes
from flask_slipway.server.lib import wall

HERE = Path(__file__).parent
WORKERS = 2
HARAKIRI = 300  # seconds a request may take, as on PythonAnywhere


@dataclass(frozen=True)
class Layout:
    """Where the parts of the site lie, for its web server. `python`: used while there is no virtualenv; `wall`: the
    file that tells which databases lie in the sandbox (server/lib/wall.py)."""

    home: str
    virtualenv: str
    wsgi: str
    python: str
    modules: str
    run: str
    error_log: str
    server_log: str
    access_log: str
    path: str
    user: str
    wall: str


@dataclass
class Generation:
    """A running uWSGI, reached at the Unix socket `socket`."""

    process: asyncio.subprocess.Process
    socket: Path
    ready: Path

    async def comes_up(self, seconds: float = 300) -> bool:
        """Waits until its workers answer; False when it ended before that."""
        end = asyncio.get_running_loop().time() + seconds
        while not self.ready.exists():
            if self.process.returncode is not None or asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.01)
        return True

    async def stop(self) -> None:
        """Ends its workers, then its master, which would take up to a second to notice by itself. A worker that hangs,
        as one does that was forked while a thread of the app held a lock, is killed."""
        workers = _children(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        if workers:
            for _ in range(500):
                if not any(worker.alive for worker in workers):
                    break
                await asyncio.sleep(0.01)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        for worker in workers:
            worker.kill()
        for path in (self.socket, self.ready):
            path.unlink(missing_ok=True)


async def start(site: Layout, number: int) -> Generation:
    """Starts generation `number` of the site's processes; they do not answer yet."""
    run = Path(site.run)
    socket, ready = run / f"uwsgi-{number}.sock", run / f"uwsgi-{number}.ready"
    for path in (socket, ready):
        path.unlink(missing_ok=True)
    python = Path(site.virtualenv) / "bin/python"
    options = [
        *("--master", "--processes", str(WORKERS), "--socket", str(socket), "--listen", "100"),
        *("--chdir", site.home, "--wsgi-file", str(HERE / "uwsgi_site.py"), "--need-app"),
        *("--set", f"site-wsgi={site.wsgi}", "--set", f"site-error-log={site.error_log}"),
        *("--set", f"site-wall={site.wall}", "--set", f"site-wall-module={wall.__file__}"),
        *("--buffer-size", "65535", "--harakiri", str(HARAKIRI), "--die-on-term", "--no-orphans"),
        *("--disable-logging", "--logdate=%Y-%m-%d %H:%M:%S", "--ignore-sigpipe", "--ignore-write-errors"),
        *("--disable-write-exception", f"--hook-accepting1-once=write:{ready} yes"),
    ]
    with Path(site.server_log).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(python if python.exists() else site.python, "-I", HERE / "uwsgi_start.py", site.modules, *options),
            cwd=site.home,
            env=environment(site),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=processes.end_with_parent,
        )
    return Generation(process, socket, ready)


def environment(site: Layout) -> dict[str, str]:
    """What a web app finds in its environment: nothing of the person who started the sandbox."""
    return {
        "HOME": site.home,
        "USER": site.user,
        "LOGNAME": site.user,
        "PATH": site.path,
        "LANG": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }


def _children(pid: int) -> list[processes.Process]:
    with contextlib.suppress(OSError):
        found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [processes.Process(child, started) for child in found if (started := processes.started(child))]
    return []
