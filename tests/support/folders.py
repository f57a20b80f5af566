"""A site of folders alone: clone, virtualenv, WSGI file and database, served only where that is asked for. Its runs are
made as the supervisor makes them."""

from __future__ import annotations

import runpy
import sqlite3
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from flask_slipway.server import protocol
from flask_slipway.server.lib import files
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Nothing
from flask_slipway.server.records import history
from flask_slipway.server.run import facts, recover, supervisor
from flask_slipway.server.run.run import Events, Run
from flask_slipway.server.site import clone, virtualenv
from flask_slipway.server.site.site import Site
from support.world import git

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""


class Wire:
    """Nobody listens."""

    def send(self, event):
        pass


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """Answers several requests at the same time."""

    daemon_threads = True


class Folders:
    """The site in `home`, whose database `access` leads to."""

    def __init__(self, home: Path, access: dict, **words) -> None:
        self.home, self.access = home, access
        self.project, self.virtualenv, self.wsgi = home / "app", home / "venv", home / "wsgi.py"
        self.project.mkdir(parents=True)
        git(self.project, "init", "-q", "-b", "main")
        self.commits = [self._commit(f"V = {number}\n") for number in (1, 2)]
        git(self.project, "reset", "-q", "--hard", self.commits[0])
        (self.virtualenv / "bin").mkdir(parents=True)
        (self.virtualenv / "bin" / "python").symlink_to(sys.executable)
        self.wsgi.write_text(APPLICATION)
        told = {"name": "prod", "domain": "www.example.org", "url": "http://127.0.0.1:1", "health": "/"}
        told |= {"branch": "main", "remote": "origin", "app": "app", "home": str(home), "project": str(self.project)}
        told |= {"wsgi": str(self.wsgi), "virtualenv": str(self.virtualenv), "backups": str(home / "backups"), **words}
        self.site = Site(told)

    @contextmanager
    def served(self, reloads=True, without=()):
        """Meanwhile the WSGI file answers, executed anew for each request; unless the host `reloads`, as it was.
        `without`: how the headers begin, as environ names them, that a proxy before it takes away."""
        as_it_was = {} if reloads else runpy.run_path(str(self.wsgi))

        def application(environ, start_response):
            environ = {name: value for name, value in environ.items() if not name.startswith(tuple(without))}
            found = runpy.run_path(str(self.wsgi)) if reloads else as_it_was
            return found["application"](environ, start_response)

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_):
                pass

        with make_server("127.0.0.1", 0, application, ThreadingServer, Quiet) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.site = Site({**self.site.words, "url": f"http://127.0.0.1:{server.server_port}"})
            yield
            server.shutdown()

    @classmethod
    def on_sqlite(cls, folder: Path, *statements: str, **words) -> Folders:
        """One below `folder`, on an SQLite file with the table notes; `statements` fill it."""
        path = folder / "live.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE notes (text)")
            for statement in statements:
                connection.execute(statement)
        return cls(folder / "home", {"dialect": "sqlite", "url": {"database": str(path)}}, **words)

    def _commit(self, text):
        (self.project / "app.py").write_text(text)
        git(self.project, "add", "-A")
        git(self.project, "commit", "-q", "-m", text.strip())
        return git(self.project, "rev-parse", "HEAD")

    def run(self, task: str) -> Run:
        return Run(self.site, task, {}, "bob@laptop", Events(Wire(), Mask()))

    def begun(self, task: str = "release", stage: bool = True) -> Run:
        """A run that has its lock and its journal, and a `stage` with packages."""
        run = self.run(task)
        run.facts.know_secrets()
        run.facts.use(self.access)
        supervisor.refuse_interrupted(run)
        run.say_go({"go": facts.fingerprint(run.facts.quick()), "commit": self.commits[1], "pending": []})
        run.begin()
        if not stage:
            return run
        run.commit = self.commits[1]
        run.about_to(protocol.STAGING, path=run.stage_folder, commit=run.commit)
        files.folder(str(Path(run.stage_folder).parent))
        clone.add_stage(run.site.project, run.stage_folder, run.commit)
        run.about_to(protocol.STAGING_PACKAGES, path=run.packages_folder)
        virtualenv.copy(run.site.virtualenv, run.packages_folder)
        return run

    def outcomes(self, run: str) -> list[str]:
        """How the run ended, as the history tells it."""
        return [line["outcome"] for line in history.lines(self.site) if line["run"] == run]

    def recover(self, leave: bool = False):
        """The end event of `recover`, None where nothing was interrupted."""
        this = self.run("recover")
        try:
            return supervisor.finish_interrupted(recover.find(this, leave), leave)
        except Nothing:
            return None
        finally:
            this.end()

    def left(self) -> list[str]:
        """What is there that nobody needs once no run stands open: stages, copies of packages, ways to a database, and
        what is half written."""
        state = Path(self.site.state)
        found = [*state.rglob("access.json"), *state.rglob("site.json"), *state.rglob("client.cnf")]
        found += [*Path(self.site.folder).glob("stages/*"), *self.home.glob("venv.*")]
        found += [*Path(self.site.folder).rglob("*.part*"), *self.project.glob("*.part*"), *self.home.glob("*.part*")]
        return [str(path) for path in found] + git(self.project, "worktree", "list").splitlines()[1:]
