"""Inside the app: one process in the app's virtualenv that loads the app once and answers requests about it.

Started as `python -B -m flask_slipway.server.inside.main`: one JSON request a line in, one JSON answer a line out, both
over private copies of stdin and stdout. What the app prints goes to a file of its own, never into an answer."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from ..lib.masking import Mask, end_of
from . import load, locate, render_sql
from . import revisions as inside_revisions
from .guard import Guard, one_line, where_to

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.engine import URL

Answer = Dict[str, Any]  # a JSON object

OUTPUT_TAIL = 4000  # signs of what the app printed, told with a failure
MASKED = 1 << 16  # bytes of it that are read, so that what is cut off is masked before


class Channel:
    """JSON lines over private descriptors; the app's own stdout and stderr go to a temporary file."""

    def __init__(self) -> None:
        self.requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
        self.answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.mark = 0
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(self.printed.fileno(), 1)
        os.dup2(self.printed.fileno(), 2)

    def receive(self) -> Optional[Dict[str, Any]]:
        """The next request, or None at the end."""
        self.mark = os.fstat(self.printed.fileno()).st_size
        line = self.requests.readline()
        if not line:
            return None
        request: Dict[str, Any] = json.loads(line)
        return request

    def send(self, answer: Answer) -> None:
        """Sends one answer."""
        self.answers.write(json.dumps(answer, default=str) + "\n")
        self.answers.flush()

    def tail(self) -> str:
        """The end of what the app has printed since the request came, to be masked and only then cut."""
        sys.stdout.flush()
        sys.stderr.flush()
        size = os.fstat(self.printed.fileno()).st_size
        return os.pread(self.printed.fileno(), MASKED, max(self.mark, size - MASKED)).decode("utf-8", "replace")

    def announce(self, connection_id: int) -> None:
        """Tells a new database connection's id, and waits until it was written down."""
        mark = self.mark
        self.send({"connection": connection_id})
        answer = self.receive()
        self.mark = mark
        if answer is None:
            os._exit(1)


class Inside:
    """The app of one version of the code, and what can be asked of it. Each method `do_…` takes a request's words."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.app: Optional[Flask] = None
        self.guard: Any = None  # from the load on
        self.migrations: Any = None  # locate.Migrations, once the app is loaded
        self.folder = os.getcwd()
        self.ini: Optional[str] = None
        self.began_with = dict(os.environ)

    def answer(self, request: Dict[str, Any]) -> Answer:
        """The answer to one request; a failure of the app is one too."""
        words = {key: value for key, value in request.items() if key != "do"}
        if self.guard is not None:
            self.guard.outside = None
        try:
            method = getattr(self, "do_" + request["do"])
            if self.app is None:
                return dict(method(**words), ok=True)
            with self.app.app_context():
                try:
                    return dict(method(**words), ok=True)
                finally:
                    self.migrations.dispose()  # no connection is kept between two requests
        except (Exception, SystemExit) as error:
            return self.failure(error)

    def secrets(self) -> Mask:
        """What the app holds that is secret: of .env, in its configuration, set in the environment while it loaded."""
        mask = Mask()
        try:
            with open(os.path.join(self.folder, ".env"), encoding="utf-8", errors="replace") as file:
                mask.add_env(file.read())
        except OSError:
            pass
        mask.add_settings({name: value for name, value in os.environ.items() if self.began_with.get(name) != value})
        mask.add_settings(self.app.config if self.app is not None else {})
        return mask

    def failure(self, error: BaseException) -> Answer:
        """The answer that says what went wrong, without the app's secrets."""
        mask, answer = self.secrets(), self._described(error)
        answer.update({key: mask.texts(answer[key]) for key in ("error", "refused", "output")})
        answer["output"] = end_of(answer["output"], OUTPUT_TAIL)
        return dict(answer, database=access(self.guard.url) if answer["refused"] else None, secrets=mask.values)

    def _described(self, error: BaseException) -> Answer:
        refused = self.guard.refused if self.guard else None
        return {
            "ok": False,
            "error": one_line(error),
            "kind": "WriteRefused" if refused else type(error).__name__,
            "where": (self.guard.line if refused else None) or inside_revisions.where(error, self.folder),
            "refused": refused,
            "outside": self.guard.outside if self.guard else None,
            "output": self.channel.tail(),
        }

    def do_begin(self) -> Answer:
        """Imports what every load imports first, while the folder of no app is looked into."""
        import flask.cli
        import sqlalchemy.engine

        return {"flask": flask.cli.__name__, "sqlalchemy": sqlalchemy.__version__}

    def do_load(
        self,
        app: str,
        cwd: str,
        guard: bool = True,
        wsgi: Optional[str] = None,
        source: Optional[str] = None,
        home: Optional[str] = None,
        scratch: Sequence[Sequence[str]] = (),
        session: Sequence[str] = (),
        ini: Optional[str] = None,
        only: Optional[Answer] = None,
    ) -> Answer:
        """Loads the app as `flask` does, or by the WSGI file `wsgi`; then the working folder is `cwd`. `ini`: where
        Alembic's configuration lies, for a project that has several.
        `scratch`: [[host, database, scratch database]] sends its connections there. `session`: statements for each
        new MySQL connection. `only`: the database, as `access` tells it, that is connected to meanwhile, and no other.
        Returns the seconds it took and the folder the app's code came from."""
        started = time.monotonic()
        self.folder, self.ini = os.path.realpath(cwd), ini
        os.chdir(home or cwd)
        self.guard = Guard(self.folder)
        self.guard.reads_only = guard
        self.guard.only = place_of(only) if only else None
        self.guard.announce = None if guard else self.channel.announce
        self.guard.session = tuple(session)
        if scratch:
            self.guard.redirect = {(host, name): target for host, name, target in scratch}
        try:
            loaded = load.by_wsgi(wsgi, source) if wsgi else load.by_flask(app)
        finally:
            os.chdir(cwd)
        if self.guard.refused:
            raise RuntimeError("the app writes to its database while it loads: %s" % self.guard.refused)
        if loaded.config.get("SQLALCHEMY_BINDS"):
            raise load.NoApp("the app uses several databases (SQLALCHEMY_BINDS), which is not supported")
        with loaded.app_context():
            self.migrations = locate.of(loaded, cwd, home if wsgi else None, ini)
            self.migrations.dispose()
        self.guard.only = self.guard.announce = None
        self.guard.alone()
        self.app = loaded
        code = sys.modules.get(loaded.import_name)
        seconds = round(time.monotonic() - started, 3)
        return {"seconds": seconds, "code": getattr(code, "__file__", None), "secrets": self.secrets().values}

    def do_database(self) -> Answer:
        """Which database the app uses and how to reach it (a secret: for the caller's eyes only). With `own`, that
        of an env.py that connects by itself: the two must be proved to be one."""
        result = access(self.migrations.url())
        if isinstance(self.migrations, locate.RawAlembic):
            result["own"] = access(self.migrations.own_url())
        return result

    def do_revisions(self) -> Answer:
        """Every revision of the code, and its heads; known too where the app was stopped while it loaded."""
        return inside_revisions.revisions(self.migrations or locate.Unloaded(self.folder, self.ini))

    def do_pending(self, current: List[str]) -> Answer:
        """What a database at `current` lacks, in order of application."""
        return dict(inside_revisions.pending(self.migrations or locate.Unloaded(self.folder, self.ini), current))

    def do_related(self, current: List[str]) -> Answer:
        """Which of `current` stand below others of them."""
        return {"related": inside_revisions.related(self.migrations, current)}

    def do_way_down(self, current: List[str], target: Optional[str] = None) -> Answer:
        """What a database at `current` undoes to be at `target`."""
        return inside_revisions.way_down(self.migrations, current, target)

    def do_current(self) -> Answer:
        """The revisions that the database is at."""
        return {"revisions": inside_revisions.current(self.migrations)}

    def do_lacking(self) -> Answer:
        """The tables and columns that the models have and the database lacks; None where the models are not known."""
        return {"lacking": inside_revisions.lacking(self.migrations)}

    def do_differences(self) -> Answer:
        """Texts; None where the models are not known."""
        return {"differences": inside_revisions.differences(self.migrations)}

    def do_operations(self, revisions: List[str], direction: str) -> Answer:
        """What these revisions would do."""
        mask, rows = self.secrets(), inside_revisions.operations(self.migrations, revisions, direction)
        return {"operations": [dict(row, text=mask.text(row["text"])) for row in rows]}

    def do_unfit(self, revisions: List[str], dialect: Optional[str] = None) -> Answer:
        """What these revisions do that the database, or one of another `dialect`, has no words for."""
        return {"unfit": render_sql.unfit(self.migrations, revisions, self.folder, dialect)}

    def do_upgrade(self, to: str) -> Answer:
        """Up to a revision."""
        return self._writing(lambda: inside_revisions.move(self.migrations, "upgrade", to))

    def do_downgrade(self, to: str) -> Answer:
        """Down to a revision."""
        return self._writing(lambda: inside_revisions.move(self.migrations, "downgrade", to))

    def do_generate(self, message: str) -> Answer:
        """A revision's file from what the models have and the database lacks."""
        if self.migrations.tool == "flask db":
            return self.do_command(["db", "migrate", "-m", message])
        return self._writing(lambda: inside_revisions.generate(self.migrations, message))

    def do_stamp(self, to: str) -> Answer:
        """The database is said to be at `to`; no table but alembic_version is touched."""
        return self._writing(lambda: inside_revisions.stamp(self.migrations, to))

    def _writing(self, function: Callable[[], Optional[Answer]]) -> Answer:
        """`function` with the guard lifted; an env.py of its own reaches the database it was proved on, no other."""
        if isinstance(self.migrations, locate.RawAlembic) and not self.guard.redirect:
            self.guard.only = place(self.migrations.own_url())
        self.guard.announce = self.channel.announce
        self.guard.lift(self.migrations.dispose)
        try:
            return function() or {}
        finally:
            self.guard.only = self.guard.announce = None
            self.guard.restore(self.migrations.dispose)

    def do_command(self, args: List[str]) -> Answer:
        """Runs a `flask` command with the loaded app; a non-zero exit is a failure."""
        from flask.cli import FlaskGroup

        loaded = self.app
        assert loaded is not None
        group = FlaskGroup(create_app=lambda: loaded, load_dotenv=False, set_debug_flag=False)

        def run() -> Answer:
            try:
                status = group.main(args=list(args), prog_name="flask", standalone_mode=False)
            except SystemExit as end:
                if end.code not in (None, 0):
                    raise
                status = 0
            if isinstance(status, int) and status:
                raise RuntimeError("flask %s ended with %d" % (" ".join(args), status))
            return {"output": end_of(self.secrets().text(self.channel.tail()), OUTPUT_TAIL)}

        return self._writing(run)


def access(url: URL) -> Answer:
    """How to reach the database of a URL: its dialect, driver and parts. A secret."""
    names = ("username", "password", "host", "port", "database")
    parts = {name: getattr(url, name) for name in names}
    parts["query"] = {key: value for key, value in dict(url.query).items() if isinstance(value, str)}
    if url.get_backend_name() == "sqlite" and url.database:
        parts["database"] = os.path.realpath(url.database)
    return {"dialect": url.get_backend_name(), "driver": url.get_driver_name(), "url": parts}


def place(url: URL) -> Any:
    """Where a URL leads, comparable with where a connection does."""
    dialect = url.get_dialect()()
    return where_to(dialect, *dialect.create_connect_args(url))


def place_of(told: Answer) -> Any:
    """Where the database leads that `access` told of."""
    from sqlalchemy.engine import URL

    return place(URL.create("%s+%s" % (told["dialect"], told["driver"]), **told["url"]))


def main() -> None:
    """Answers until the requests end."""
    sys.dont_write_bytecode = True
    gc.set_threshold(50_000)  # loading an app makes many objects and little garbage
    os.environ["SLIPWAY"] = "1"
    channel = Channel()
    inside = Inside(channel)
    while True:
        request = channel.receive()
        if request is None:
            if threading.active_count() > 1:  # an app's own threads are not waited for
                os._exit(0)
            return
        channel.send(inside.answer(request))


if __name__ == "__main__":
    main()
