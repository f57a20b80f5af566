"""The database: another one, none, or another revision in it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from support.world import git

from .table import RELEASE, STATUS, away, committed, configured, fab, project, wrong


@wrong(RELEASE, 3, "two different databases", "site.sqlite", "other.sqlite", "env:")
def app_is_on_another_database(world):
    path = Path(world.site.home) / "other.sqlite"
    return configured(world, env={"FLASK_ENV": "production", "DATABASE_URL": f"sqlite:///{path}"})


@contextmanager
def database_file(world, data):
    """The SQLite file is something else."""
    path = Path(world.site.database["path"])
    with away(path):
        if data is not None:
            path.write_bytes(data)
        yield
        for suffix in ("-wal", "-shm", "-journal"):
            Path(str(path) + suffix).unlink(missing_ok=True)


@wrong(RELEASE, 3, "the database is empty", "d0641f33", "fab site.restore")
def sqlite_file_is_gone(world):
    return database_file(world, None)


@wrong(RELEASE, 3, "file is not a database", "site.sqlite.damaged", "fab site.restore")
@wrong(STATUS, 3, "file is not a database", "site.sqlite.damaged", "fab site.restore")
def sqlite_file_is_no_database(world):
    return database_file(world, b"not a database at all" * 100)


@contextmanager
def versions(world, *rows, table=True):
    """alembic_version holds these rows, or is not there."""
    (old,) = world.sql("SELECT version_num FROM alembic_version")
    world.sql("DELETE FROM alembic_version")
    for row in rows:
        world.sql("INSERT INTO alembic_version VALUES (:row)", row=row)
    if not table:
        world.sql("ALTER TABLE alembic_version RENAME TO kept_version")
    yield
    if not table:
        world.sql("DROP TABLE IF EXISTS alembic_version")
        world.sql("ALTER TABLE kept_version RENAME TO alembic_version")
    world.sql("DELETE FROM alembic_version")
    world.sql("INSERT INTO alembic_version VALUES (:row)", row=old[0])


@wrong(RELEASE, 3, "no revision in alembic_version", "flask db stamp d0641f33")
@wrong(fab("upgrade", "--yes"), 3, "no revision in alembic_version", "flask db stamp d0641f33")
def alembic_version_is_missing(world):
    return versions(world, table=False)


@wrong(RELEASE, 3, "no revision in alembic_version", "flask db stamp d0641f33")
def alembic_version_is_empty(world):
    return versions(world)


@wrong(RELEASE, 3, "tables that the revisions would make", "such as asset", "If the tables are there already")
def tables_are_there_and_the_live_code_has_no_revisions(world):
    before = git(project(world), "rev-parse", "HEAD")
    git(world.laptop, "rm", "-q", "-r", "migrations/versions")
    with committed(world, {"migrations/versions/.gitkeep": ""}), versions(world):
        git(project(world), "fetch", "-q")
        git(project(world), "reset", "-q", "--hard", "origin/main")
        git(world.laptop, "revert", "--no-edit", "HEAD")
        git(world.laptop, "push", "-q", "origin", "main")
        yield
        git(project(world), "reset", "-q", "--hard", before)


@wrong(RELEASE, 3, "8a1c5e20, which stands below it", "flask db stamp --purge d0641f33")
@wrong(fab("downgrade", "--yes"), 3, "8a1c5e20, which stands below it", "flask db stamp --purge d0641f33")
def alembic_version_has_two_rows(world):
    return versions(world, "d0641f33", "8a1c5e20")


@wrong(RELEASE, 3, "feedc0de", "does not know", "Next:")
@wrong(fab("upgrade", "--yes"), 3, "feedc0de", "does not know", "Next:")
@wrong(fab("downgrade", "--yes"), 3, "feedc0de", "does not know", "Next:")
def revision_is_unknown(world):
    return versions(world, "feedc0de")
