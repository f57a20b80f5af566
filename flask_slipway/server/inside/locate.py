"""Where an app's revisions lie and how Alembic reaches them: by Flask-Migrate, by an alembic.ini whose own env.py opens
the database, or not at all. Loaded inside the app's process."""

from __future__ import annotations

import argparse
import gc
import os
from typing import TYPE_CHECKING, Any, Callable, Hashable, List, Optional, Sequence, TypeVar, Union

from .load import NoApp

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from flask import Flask
    from sqlalchemy import MetaData
    from sqlalchemy.engine import URL, Engine

T = TypeVar("T")

SKIPPED = ("node_modules", "venv", "env", "site-packages", "tests")
DEPTH = 3  # levels below the project's folder that are looked through
VERSION_TABLE = "alembic_version"  # what the server reads by SQL, without the app


class NoMigrations:
    """An app that has none: what a site may be before its first revision. `urls`: of the databases that it uses."""

    tool = "flask db"
    folder: Optional[str] = None

    def __init__(self, urls: Sequence[URL]) -> None:
        self.urls = urls

    def url(self) -> URL:
        """The URL of the one database that the app uses. Raises NoApp where that is none or several."""
        found = {database_of(url): url for url in self.urls}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise NoApp("the app uses several databases, which is not supported")
        raise NoApp(
            "the app has made no SQLAlchemy engine when it is loaded, so its database is not known; "
            "call create_engine(…) where the app is made: it opens no connection"
        )

    def script(self) -> Optional[ScriptDirectory]:
        """No revisions are known."""
        return None

    def config(self) -> Config:
        raise NoApp("the app has no migrations")

    def read(self, function: Callable[[MigrationContext, Optional[MetaData]], T]) -> Optional[T]:
        """Does nothing: no revision and no models are known."""
        return None

    def dispose(self) -> None:
        for engine in engines():
            engine.dispose()


class FlaskMigrate:
    """The revisions of Migrate(app, db); `folder` is where they lie, relative to the working folder."""

    tool = "flask db"

    def __init__(self, app: Flask, root: str) -> None:
        self.extension: Any = app.extensions["migrate"]
        table = self.extension.configure_args.get("version_table") or VERSION_TABLE
        if table != VERSION_TABLE:
            raise NoApp(other_table("Migrate(…, version_table=…)", table))
        own = self.extension.migrate.directory
        if not os.path.isfile(os.path.join(root, own, "env.py")):
            own = only(root, "env.py", "Migrate(app, db, directory=…)") or own
            self.extension.directory = self.extension.migrate.directory = own
        self.folder = own if os.path.isfile(os.path.join(root, own, "env.py")) else None

    def config(self) -> Config:
        """Alembic's configuration, as Flask-Migrate makes it. The working folder must be the project's."""
        config: Config = self.extension.migrate.get_config()
        return config

    def script(self) -> Optional[ScriptDirectory]:
        """Its revisions; None where there is no folder of them yet."""
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(self.config()) if self.folder is not None else None

    @property
    def engine(self) -> Engine:
        """The engine that migrations work on (Flask-SQLAlchemy 2.5 and newer)."""
        engine: Engine = self.extension.db.engine
        return engine

    def url(self) -> URL:
        return self.engine.url

    def dispose(self) -> None:
        self.engine.dispose()

    def read(self, function: Callable[[MigrationContext, Optional[MetaData]], T]) -> Optional[T]:
        """`function` of Alembic's MigrationContext on an open connection and the models' metadata."""
        from alembic.runtime.migration import MigrationContext

        with self.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return function(context, self.extension.db.metadata)


class RawAlembic(NoMigrations):
    """The revisions of an alembic.ini; its env.py decides which database they work on, and is executed to tell it."""

    tool = "alembic"

    folder: str

    def __init__(self, ini: str, urls: Sequence[URL], root: str) -> None:
        super().__init__(urls)
        self.ini = ini
        self.toml = tool_alembic(root)
        self.folder = os.path.dirname(os.path.join(self.script().dir, "env.py"))

    def config(self) -> Config:
        """Alembic's configuration, as its command makes it. The working folder must be the project's."""
        from alembic.config import Config

        options = argparse.Namespace(x=None, autogenerate=False, sql=False, tag=None, config=self.ini, name="alembic")
        more: Any = {"toml_file": self.toml} if self.toml else {}
        return Config(self.ini, cmd_opts=options, **more)

    def script(self) -> ScriptDirectory:
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        try:
            return ScriptDirectory.from_config(self.config())
        except CommandError as error:
            raise NoApp("%s: %s; script_location is relative to the project's folder" % (self.ini, error)) from error

    def own_url(self) -> URL:
        """The URL of the one database that env.py works on."""
        return self.read(url_of)

    def read(self, function: Callable[[MigrationContext, Optional[MetaData]], T]) -> T:
        """Executes env.py with `function` in the place of the revisions; nothing is written. Raises NoApp where env.py
        opens no connection, or several databases."""
        from alembic.runtime.environment import EnvironmentContext

        found: List[Any] = []
        script = self.script()

        def look(revisions: Any, context: MigrationContext) -> List[Any]:
            if context.as_sql or context.connection is None:
                raise NoApp("env.py opens no connection")
            if context.version_table != VERSION_TABLE or context.version_table_schema:
                raise NoApp(other_table(os.path.join(self.folder, "env.py"), context.version_table))
            found.append((database_of(context.connection.engine.url), function(context, metadata_of(context))))
            return []

        with EnvironmentContext(self.config(), script, fn=look, dont_mutate=True):
            script.run_env()
        if len({place for place, _ in found}) > 1:
            raise NoApp("%s works on several databases, which is not supported" % os.path.join(self.folder, "env.py"))
        if not found:
            raise NoApp("%s ends without context.run_migrations()" % os.path.join(self.folder, "env.py"))
        result: T = found[0][1]
        return result


class Unloaded(NoMigrations):
    """The revisions of a project whose app was stopped while it loaded: they can be walked, and no more."""

    def __init__(self, root: str, ini: Optional[str]) -> None:
        super().__init__([])
        own = ini or os.environ.get("ALEMBIC_CONFIG")
        if not own and (os.path.isfile(os.path.join(root, "alembic.ini")) or tool_alembic(root)):
            own = "alembic.ini"
        self.raw = RawAlembic(os.path.join(root, own), [], root) if own else None
        self.tool = self.raw.tool if self.raw else NoMigrations.tool
        self.folder = self.raw.folder if self.raw else _usual(root)

    def script(self) -> Optional[ScriptDirectory]:
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        if self.raw is not None:
            return self.raw.script()
        if self.folder is None:
            return None
        config = Config(os.path.join(self.folder, "alembic.ini"))  # Flask-Migrate's: it may name more folders
        config.set_main_option("script_location", self.folder.replace("%", "%%"))
        return ScriptDirectory.from_config(config)


def _usual(root: str) -> Optional[str]:
    """The folder of Flask-Migrate's revisions, by its name or as the only one there is; None where there is none."""
    if os.path.isfile(os.path.join(root, "migrations", "env.py")):
        return "migrations"
    return only(root, "env.py", "ALEMBIC_CONFIG under env: in invoke.yaml")


Migrations = Union[NoMigrations, FlaskMigrate]


def of(app: Flask, root: str, home: Optional[str] = None, ini: Optional[str] = None) -> Migrations:
    """The migrations of `app`, whose project lies at `root`. Flask-Migrate comes first, then Alembic's `ini` (or
    ALEMBIC_CONFIG), an alembic.ini in the project's folder, or the only one below it. Raises NoApp where there are
    none, unless the app is the live one, loaded in `home`: before the first release that brings them it has none."""
    known = FlaskMigrate(app, root) if "migrate" in app.extensions else None
    if known is not None and known.folder:
        return known
    ini = ini or os.environ.get("ALEMBIC_CONFIG")
    found = ini or ("alembic.ini" if os.path.isfile(os.path.join(root, "alembic.ini")) or tool_alembic(root) else None)
    found = found or (None if known else only(root, "alembic.ini", "ALEMBIC_CONFIG"))
    if found:
        return RawAlembic(os.path.join(root, found), app_urls(app, home or root), root)
    if known is None and not home:
        raise NoApp("the app has no migrations: Migrate(app, db) is missing, and there is no alembic.ini")
    return known or NoMigrations(app_urls(app, home or root))


def only(root: str, name: str, setting: str) -> Optional[str]:
    """The one `name` below `root`, as a relative path: for env.py its folder, which has versions/ too. None without
    one; raises NoApp where there are several, naming the `setting` that chooses."""
    found = []
    for folder, folders, names in os.walk(root):
        depth = 0 if folder == root else os.path.relpath(folder, root).count(os.sep) + 1
        skipped = [f for f in folders if f.startswith(".") or f in SKIPPED]
        skipped += [f for f in folders if os.path.exists(os.path.join(folder, f, "pyvenv.cfg"))]
        folders[:] = sorted(set(folders) - set(skipped)) if depth < DEPTH else []
        if name in names and (name != "env.py" or os.path.isdir(os.path.join(folder, "versions"))):
            found.append(os.path.relpath(folder if name == "env.py" else os.path.join(folder, name), root))
    if len(found) > 1:
        raise NoApp("there are several folders of migrations: %s; say which by %s" % (", ".join(found), setting))
    return found[0] if found else None


def tool_alembic(root: str) -> Optional[str]:
    """The project's pyproject.toml, where it configures Alembic (1.16 and newer), or None."""
    path = os.path.join(root, "pyproject.toml")
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        return path if any(line.strip() == "[tool.alembic]" for line in file) else None


def other_table(where: str, table: str) -> str:
    return "%s keeps the revisions in the table %s; only %s is supported" % (where, table, VERSION_TABLE)


def url_of(context: MigrationContext, metadata: Optional[MetaData]) -> URL:
    """Where the open connection leads."""
    assert context.connection is not None
    return context.connection.engine.url


def metadata_of(context: MigrationContext) -> Any:
    """The models that env.py compares with, or None."""
    return context.opts.get("target_metadata")


def app_urls(app: Flask, folder: str) -> List[URL]:
    """The URLs of the databases that a loaded app uses: Flask-SQLAlchemy's, or those of the engines it has made. A
    file's path is made absolute, as seen from the `folder` that the app was loaded in."""
    extension = app.extensions.get("sqlalchemy")
    found = [getattr(extension, "db", extension).engine] if extension is not None else engines()
    return [absolute(engine.url, folder) for engine in found]


def absolute(url: URL, folder: str) -> URL:
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":memory:", "file:")):
        return url
    return url.set(database=os.path.join(folder, url.database))


def engines() -> List[Engine]:
    """Every engine of this process. By type(), for to look at a proxy's class can run code of the app."""
    from sqlalchemy.engine import Engine

    return [thing for thing in gc.get_objects() if issubclass(type(thing), Engine)]


def database_of(url: URL) -> Hashable:
    """What tells two databases apart: dialect, host, port, socket, name (for SQLite the file)."""
    if url.get_backend_name() == "sqlite":
        return ("sqlite", os.path.realpath(url.database or ""))
    dialect = "mysql" if url.get_backend_name() == "mariadb" else url.get_backend_name()
    return (dialect, url.host or "localhost", url.port or 3306, dict(url.query).get("unix_socket"), url.database)
