"""The server's half begins here: one request, answered by reading, or by a supervisor that is followed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import termios
import threading
import time
from typing import Any, Callable, NoReturn

from .channel.wire import Wire
from .database.mysql_client import DatabaseError
from .lib import files, outside, wall
from .lib.masking import Mask
from .lib.process import Failed as ProgramFailed
from .lib.stop import Stop
from .protocol import CODES, End, Holder, Request
from .read import reads
from .read.reading import Reading
from .records import lines, lock
from .run import endings, facts
from .site.app_process import AppFailed
from .site.site import BadRequest, Site

BEAT = 10  # seconds between signs of life
LAST_WORDS = 5  # seconds that a run which is over has for its last event


def main(nonce: str, asked: bytes, terminal: list[Any] | None = None) -> None:
    """Answers the Request in `asked` (JSON) over stdin and stdout, whose lines bear `nonce`. `terminal`: the attributes
    that a terminal at stdin had before it was made raw, or None."""
    wire = Wire(0, 1, nonce)
    request: Request = json.loads(asked.decode())
    if request["task"] == "workon":
        workon(request, terminal)
    elif request["task"] in reads.BY_TASK:
        show_life(wire)
        read(request, wire)
    else:
        follow_supervisor(request, wire)


def show_life(wire: Wire) -> None:
    """From here on the laptop hears something every BEAT seconds, and can tell a dead link from a long step."""

    def beat() -> None:
        while not wire.gone:
            time.sleep(BEAT)
            wire.send({"event": "beat"})

    threading.Thread(target=beat, name="beat", daemon=True).start()


def read(request: Request, wire: Wire) -> None:
    """A task that only reads."""
    mask = Mask()
    try:
        site = Site(request["site"])
    except BadRequest as error:
        wire.send(endings.of_wrong_use(str(error)))
        return
    reading = Reading(site, request.get("args") or {}, wire, mask)
    try:
        outside.refuse_another(wall.here(), site)
        found = reads.BY_TASK[request["task"]](reading)
        if isinstance(found, reads.Follow):
            follow_run(site, found.path, wire, _over(site, found.holder))
            return
        ending = endings.done(found)
    except Stop as stop:
        ending = endings.of_stop(stop)
    except (ProgramFailed, DatabaseError, AppFailed, OSError, files.Damaged) as error:
        ending = endings.of_error(error, site)
    except Exception as error:
        ending = endings.of_fault(error)
    finally:
        reading.facts.close()
    if ending["code"]:
        tell_interrupted(site, ending)
    wire.send(mask.event(ending))


def tell_interrupted(site: Site, ending: End) -> None:
    """Adds to a refusal that a run was interrupted there: to recover it comes first, and may mend the cause."""
    with contextlib.suppress(Stop, files.Damaged, OSError):
        run, command = facts.interrupted(site), "fab %s.recover" % site.name
        if run and command not in ending["next"]:
            ending["cause"] = [*ending["cause"], "an interrupted %s by %s stands open" % (run["task"], run["who"])]
            ending["next"] = [command, *ending["next"]]


def _over(site: Site, holder: Holder | None) -> Callable[[], bool]:
    """Tells whether a run's file is whole: its process (`holder`) is gone, which it outlives. Of a run that is not
    open any more the last event may still be under way."""
    if holder:
        gone: Holder = holder
        return lambda: not lock.is_alive(facts.lock_folder(site), gone)
    end = time.monotonic() + LAST_WORDS
    return lambda: time.monotonic() > end


def follow_supervisor(request: Request, wire: Wire) -> None:
    """Starts the supervisor, passes its facts to the laptop and the laptop's go to it, then follows its events."""
    from .run import supervisor  # here: what only reads is spared all that can change a site

    reading, writing = supervisor.start(request)
    show_life(wire)
    with os.fdopen(reading, "rb", buffering=0, closefd=False) as file:
        for line in iter(file.readline, b""):
            event = json.loads(line.decode())
            if event["event"] == "follow":
                follow_run(Site(request["site"]), event["path"], wire, lambda: _closed(reading))
                return
            wire.send(event)
            if event["event"] == "end":
                return
            if event["event"] == "facts":
                answer = wire.receive_bytes()
                if answer is None:
                    os.close(writing)
                    return
                with contextlib.suppress(OSError):
                    os.write(writing, b"%d\n" % len(answer) + answer)
    wire.send(endings.of_wrong_use("the server's process ended unexpectedly, before it changed anything"))


def _closed(descriptor: int) -> bool:
    """True when the supervisor at the other end of the pipe has gone."""
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and not os.read(descriptor, 1)


def follow_run(site: Site, path: str, wire: Wire, over: Callable[[], bool]) -> None:
    """Sends the events of a run's file as they come, up to its end. `over()` tells that nobody writes any more."""
    position, rest = 0, b""
    while True:
        finished = over()
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            file.seek(position)
            rest += file.read()
            position = file.tell()
        *whole, rest = rest.split(b"\n")
        for line in whole:
            event = lines.value(line)
            if event is None:
                continue
            wire.send(event)
            if event["event"] == "end":
                return
        if finished and not whole:
            wire.send(endings.unheard(site, path))
            return
        if wire.gone or wire.hung_up(0.05):
            return


def workon(request: Request, terminal: list[Any] | None) -> NoReturn:
    """Becomes an interactive shell, or one command, in the project folder with the virtualenv and the site's env."""
    site = Site(request["site"])
    try:
        outside.refuse_another(wall.here(), site)
    except (Stop, OSError) as stop:
        os.write(2, ("%s.\n" % "\n".join([str(stop), *getattr(stop, "lines", ())])).encode())
        os._exit(CODES["refused"])
    command = (request.get("args") or {}).get("command")
    there = os.path.isdir(site.project)
    os.chdir(site.project if there else site.home)
    if not there:
        os.write(2, ("The project folder %s is not there; this is %s.\n" % (site.project, site.home)).encode())
    path = os.path.join(site.virtualenv, "bin")
    os.environ.update(site.env, FLASK_APP=site.app, VIRTUAL_ENV=site.virtualenv)
    os.environ["PATH"] = path + os.pathsep + os.environ.get("PATH", os.defpath)
    if terminal is not None:
        termios.tcsetattr(0, termios.TCSANOW, terminal)
    if command:
        arguments = shlex.split(command)
        try:
            os.execvp(arguments[0], arguments)
        except OSError as error:
            os.write(2, ("%s: %s\n" % (arguments[0], error.strerror)).encode())
            os._exit(127)
    os.environ["PS1"] = "(%s) \\w$ " % site.name
    os.execvp("bash", ["bash", "--noprofile", "--norc", "-i"])
