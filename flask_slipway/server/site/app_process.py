"""The app of one version of the code, asked through its process inside the virtualenv (inside.py)."""

import contextlib
import json
import os
import signal
import threading

from ..lib import process

LOADER = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "import importlib; importlib.import_module(sys.argv[2] + '.inside.main').main()"
)
LIMIT = 300  # seconds that an answer may take before the process is ended
# What every connection of a migration is told: not to wait a year for a lock of a forgotten session.
SESSION = ("SET SESSION lock_wait_timeout = 30", "SET SESSION innodb_lock_wait_timeout = 30")


class AppFailed(Exception):
    """The app could not be loaded, or a request to it failed. `kind`: the exception's name; `where`: file:line or
    None; `output`: the end of what the app printed; `refused`: the write that the guard refused, or None, and then
    `database`: the database it was meant for."""

    def __init__(self, answer):
        super().__init__(answer.get("error") or "the app's process ended unexpectedly")
        self.kind = answer.get("kind") or "Ended"
        self.where = answer.get("where")
        self.output = answer.get("output") or ""
        self.refused = answer.get("refused")
        self.database = answer.get("database")


class App:
    """One long-lived process for the code at `folder`, run by `python` (the virtualenv's). Loads the app once.
    `as_host`: without the environment of invoke.yaml, for there the WSGI file alone decides. `mask`: learns the secrets
    that the app holds."""

    def __init__(self, python, folder, site, as_host=False, mask=None):
        self.folder, self.site, self.mask = folder, site, mask
        self.seconds = 0.0
        package = __name__.rsplit(".", 2)[0]  # of the server's half
        top = os.path.dirname(os.path.dirname(__file__))
        for _ in package.split("."):
            top = os.path.dirname(top)
        extra = {"SLIPWAY": "1"} if as_host else dict(site.env, FLASK_APP=site.app, SLIPWAY="1")
        extra["PATH"] = os.path.dirname(python) + os.pathsep + os.environ.get("PATH", os.defpath)
        self.child = process.start(
            [python, "-B", "-I", "-c", LOADER, top, package],
            cwd=folder,
            env=process.environment(extra),
            stdin=-1,
            stdout=-1,
            stderr=-1,
            start_new_session=True,
        )
        self._unread = 0  # answers that nobody waits for
        self._errors = b""
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()

    def _read_errors(self):
        for block in iter(lambda: self.child.stderr.read1(65536), b""):
            self._errors = (self._errors + block)[-4000:]

    def begin(self):
        """Lets the process import what every load imports first, while this one does something else."""
        with contextlib.suppress(OSError):
            self._send({"do": "begin"})
            self._unread += 1

    def at(self, folder):
        """The same process, for the code at `folder`. Nothing was loaded in it yet."""
        self.folder = folder
        return self

    def ask(self, do, connected=None, timeout=LIMIT, **words):
        """Sends a request and returns the answer. `connected` is called with the id of each database connection that
        the request opens, before it is used. After `timeout` seconds the process is ended. Raises AppFailed."""
        timer = threading.Timer(timeout, self._kill)
        timer.daemon = True
        timer.start()
        try:
            self._send(dict(words, do=do))
            while True:
                line = self.child.stdout.readline()
                if not line:
                    raise AppFailed(self._ended(timer.finished.is_set(), timeout))
                if self._unread:
                    self._unread -= 1
                    continue
                answer = json.loads(line.decode())
                for secret in answer.pop("secrets", ()):
                    if self.mask is not None:
                        self.mask.add(secret)
                if "connection" not in answer:
                    break
                if connected is not None:
                    connected(answer["connection"])
                self._send({"do": "continue"})
        except (BrokenPipeError, ValueError):
            raise AppFailed(self._ended(False, timeout)) from None
        finally:
            timer.cancel()
        if not answer.get("ok"):
            raise AppFailed(answer)
        return answer

    def _send(self, request):
        self.child.stdin.write(json.dumps(request).encode() + b"\n")
        self.child.stdin.flush()

    def _ended(self, late, timeout):
        if late:
            return {"error": "it took longer than %d s and was ended" % timeout, "kind": "Timeout"}
        self.child.wait()
        self._drain.join(2)
        text = self._errors.decode("utf-8", "replace").strip()
        return {"error": text.splitlines()[-1] if text else None, "kind": "Ended", "output": text}

    def load_live(self, source=None, guard=True):
        """Loads the live app by the WSGI file, as the host does; `source`: where its text lies behind a gate."""
        words = {"wsgi": self.site.wsgi, "source": source, "home": self.site.home}
        return self._load(guard, words)

    def load_code(self, guard=True):
        """Loads the app of `folder` as `flask` does, with the site's environment."""
        return self._load(guard, {})

    def _load(self, guard, words):
        words["ini"] = self.site.env.get("ALEMBIC_CONFIG")  # where the revisions lie is no matter of the WSGI file
        answer = self.ask("load", app=self.site.app, cwd=self.folder, guard=guard, session=SESSION, **words)
        self.seconds = answer["seconds"]
        code = answer.get("code")
        folder = os.path.realpath(self.folder)
        if code and not os.path.realpath(code).startswith(folder + os.sep):
            raise AppFailed(
                {"error": "the app is loaded from %s, not from %s" % (code, self.folder), "kind": "ForeignCode"}
            )
        return answer

    def _kill(self):
        """Ends the process and whatever it started."""
        with contextlib.suppress(OSError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def close(self):
        """Ends the process and whatever it started."""
        self._kill()
        process.stop(self.child)
