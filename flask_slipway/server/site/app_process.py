"""The app of one version of the code, asked through its process inside the virtualenv (inside/main.py)."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

from ..lib import outside, process, wall
from ..lib.app_client import CHANGE_LIMIT, LIMIT, Answer, AppClient

if TYPE_CHECKING:
    from ..lib.masking import Mask
    from .site import Site

LOADER = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "import importlib; importlib.import_module(sys.argv[2] + '.inside.main').main()"
)
# What every connection of a migration is told: not to wait a year for a lock of a forgotten session.
SESSION = ("SET SESSION lock_wait_timeout = 30", "SET SESSION innodb_lock_wait_timeout = 30")


class AppFailed(Exception):
    """The app could not be loaded, or a request to it failed. `kind`: the exception's name; `where`: file:line or
    None; `output`: the end of what the app printed; `refused`: the write that the guard refused, or None, and then
    `database`: the database it was meant for."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(answer.get("error") or "the app's process ended unexpectedly")
        self.kind: str = answer.get("kind") or "Ended"
        self.where: Optional[str] = answer.get("where")
        self.output: str = answer.get("output") or ""
        self.refused: Optional[str] = answer.get("refused")
        self.database: Optional[Dict[str, Any]] = answer.get("database")


class App:
    """One long-lived process for the code at `folder`, run by `python` (the virtualenv's). Loads the app once.
    `as_host`: without the environment of invoke.yaml, for there the WSGI file alone decides. `mask`: learns the secrets
    that the app holds. `loaded`: it was, to its end; of one that the guard stopped its revisions can be asked."""

    def __init__(
        self, python: str, folder: str, site: Site, as_host: bool = False, mask: Optional[Mask] = None
    ) -> None:
        self.folder, self.site, self.mask = folder, site, mask
        self.seconds, self.loaded = 0.0, False
        package = __name__.rsplit(".", 2)[0]  # of the server's half
        top = os.path.dirname(os.path.dirname(__file__))
        for _ in package.split("."):
            top = os.path.dirname(top)
        extra = {"SLIPWAY": "1"} if as_host else dict(site.env, FLASK_APP=site.app, SLIPWAY="1")
        extra["PATH"] = os.path.dirname(python) + os.pathsep + os.environ.get("PATH", os.defpath)
        child = process.start(
            [python, "-B", "-I", "-c", LOADER, top, package],
            cwd=folder,
            env=process.environment(extra),
            stdin=-1,
            stdout=-1,
            stderr=-1,
            start_new_session=True,
        )
        self._client = AppClient(child, lambda: kill_group(child.pid))

    def begin(self) -> None:
        """Lets the process import what every load imports first, while this one does something else."""
        self._client.tell({"do": "begin"})

    def at(self, folder: str) -> App:
        """The same process, for the code at `folder`. Nothing was loaded in it yet."""
        self.folder = folder
        return self

    def ask(
        self, do: str, connected: Optional[Callable[[int], None]] = None, timeout: float = LIMIT, **words: Any
    ) -> Any:
        """Sends a request and returns the answer, a JSON object of that request's shape. `connected` is called with the
        id of each database connection that the request opens, before it is used. After `timeout` seconds the process is
        ended. Raises AppFailed, Refused where the app would leave its sandbox."""
        answer = self._client.ask(dict(words, do=do), connected, timeout)
        for secret in answer.pop("secrets", ()):
            if self.mask is not None:
                self.mask.add(secret)
        if not answer.get("ok"):
            around = wall.here()
            if around is not None and answer.get("outside"):
                raise outside.refusal(around, answer["outside"])
            raise AppFailed(answer)
        return answer

    def load_live(self, source: Optional[str] = None) -> Answer:
        """Loads the live app by the WSGI file, as the host does, guarded; `source`: where its text lies behind a
        gate."""
        words = {"wsgi": self.site.wsgi, "source": source, "home": self.site.home}
        return self._load(True, words)

    def load_code(self) -> Answer:
        """Loads the app of `folder` as `flask` does, with the site's environment, guarded."""
        return self._load(True, {})

    def load_writing(self, proved: Mapping[str, Any], connected: Callable[[int], None]) -> Answer:
        """The same for an app that writes while it loads: to the database `proved` and to no other. `connected` is
        called with the id of each connection before it is used."""
        return self._load(False, {"only": proved}, connected)

    def _load(self, guard: bool, words: Dict[str, Any], connected: Optional[Callable[[int], None]] = None) -> Answer:
        words["ini"] = self.site.env.get("ALEMBIC_CONFIG")  # where the revisions lie is no matter of the WSGI file
        words.update(app=self.site.app, cwd=self.folder, guard=guard, session=SESSION)
        answer = self.ask("load", connected, LIMIT if guard else CHANGE_LIMIT, **words)
        self.seconds = answer["seconds"]
        code = answer.get("code")
        folder = os.path.realpath(self.folder)
        if code and not os.path.realpath(code).startswith(folder + os.sep):
            raise AppFailed(
                {"error": "the app is loaded from %s, not from %s" % (code, self.folder), "kind": "ForeignCode"}
            )
        self.loaded = True
        return answer

    def close(self) -> None:
        """Ends the process and whatever it started."""
        self._client.kill()
        self._client.close()


def kill_group(leader: int) -> None:
    """Ends the process `leader` and what it started in its group."""
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)
