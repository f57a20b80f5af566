"""The guarantees that a release stands on, each seen from outside."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from flask_slipway.sandbox import host
from support import changes, snapshot
from support.people import Processes, Writer
from support.world import git, make_world

READS = ("status", "current", "history", "backups", "logs", "check", "env", "health")


def edit_factory(world, lines, message):
    """Puts `lines` of code in front of the factory of the app, only in force on the server."""
    body = "\n".join(f"    {line}" for line in lines)
    guard = f'import os\n\nif os.environ.get("FLASK_ENV") == "production":\n{body}\n\n\ndef create_app'
    world.edit("app/__init__.py", "def create_app", guard)
    return world.commit(message)


# 6: reads, refusals, plans and --dry change nothing; loading is guarded


@pytest.mark.parametrize("task", READS)
def test_a_read_changes_nothing(sqlite_released, task):
    with snapshot.unchanged(sqlite_released, noted=False):
        done = sqlite_released.fab(task)
        assert done.code == 0, done.out


def test_the_lines_of_the_sites_env_are_told_and_no_value_of_it(sqlite_released):
    world = sqlite_released
    path = Path(world.site.project) / ".env"
    good = path.read_bytes()
    try:
        path.write_bytes(good + b"MAIL_PASSWORD=hush$hush\nAPI_TOKEN='hush-\nhush\n")
        path.chmod(0o644)
        with snapshot.unchanged(world, noted=False):
            done = world.fab("env")
    finally:
        path.write_bytes(good)
        path.chmod(0o600)
    assert done.code == 3, done.out
    assert "MAIL_PASSWORD" in done.out
    assert "a shell expands $" in done.out
    assert "a quote is not closed" in done.out
    assert "chmod 600" in done.out
    assert "fab site.workon" in done.out
    assert "hush" not in done.out
    assert "Traceback" not in done.out


def no_yes(world):
    return world.run("inv", "release", "--to", "site", "--skip-tests")


def unknown_site(world):
    return world.run("inv", "release", "--to", "nowhere", "--yes", "--skip-tests")


def dirty_without_message(world):
    world.edit("app/templates/base.html", "</body>", "</body><!-- -->")
    return world.release()


REFUSALS = {
    no_yes: (3, "--yes"),
    unknown_site: (1, "site"),
    dirty_without_message: (3, "-m"),
}


@pytest.mark.parametrize("mistake", REFUSALS)
def test_a_mistake_is_told_and_changes_nothing_on_the_server(sqlite_released, mistake):
    world = sqlite_released
    code, word = REFUSALS[mistake]
    with snapshot.unchanged(world, laptop=False, noted=False):
        done = mistake(world)
    assert done.code == code, done.out
    assert word in done
    assert "Traceback" not in done


def write_while_loading(world):
    """The factory adds a currency each time it runs."""
    world.edit(
        "app/__init__.py",
        "    return app",
        '    if os.environ.get("FLASK_ENV") == "production":\n'
        "        with app.app_context():\n"
        '            db.session.execute(db.text("UPDATE currencies SET symbol = symbol"))\n'
        "            db.session.commit()\n"
        "            db.engine.dispose()\n"  # a connection is not to be shared by the processes that are forked then
        "    return app",
    )
    text = (world.laptop / "app/__init__.py").read_text()
    if "\nimport os\n" not in text:
        world.edit("app/__init__.py", "def create_app", "import os\n\n\ndef create_app")
    if "db" not in text.split("def create_app")[0]:
        world.edit("app/__init__.py", "def create_app", "from .extensions import db\n\n\ndef create_app")
    return world.commit("Write while loading")


@pytest.mark.parametrize("released", ["sqlite", "mysql"], indirect=True)  # MySQL's fence would refuse that write
def test_an_app_that_writes_while_it_loads_is_refused_by_its_line_then_released_behind_the_gate(released):
    world = released
    commit = write_while_loading(world)
    with snapshot.unchanged(world):
        done = world.release()
        assert done.code == 3, done.out
        assert "UPDATE currencies" in done
        assert "app/__init__.py" in done
        assert "writes_on_load" in done
    if world.dialect == "sqlite":
        where_it_leads_is_proved_before_it_is_loaded_unguarded(world)
    world.configure(writes_on_load=True)
    with Writer(world) as writer:
        writer.wait_for(5)
        done = world.release()
        assert done.code == 0, done.out
        writer.wait_for(5)
    assert writer.lost() == []
    assert world.health()["commit"] == commit
    # and once more, when the live app writes while it loads, too
    commit = changes.additive(world)
    done = world.release()
    assert done.code == 0, done.out
    assert world.health() == {"http": 200, "gate": False, "status": "ok", "commit": commit, "revision": "aa000001"}
    if world.dialect == "sqlite":
        its_code_and_its_database_are_compared_too(world)


def where_it_leads_is_proved_before_it_is_loaded_unguarded(world):
    """`env:` leads to a copy of the site's database, where its writes would find all that they need."""
    other = Path(world.site.home) / "other.db"
    shutil.copy(world.site.database["path"], other)
    before = other.read_bytes()
    world.configure(writes_on_load=True, env={"FLASK_ENV": "production", "DATABASE_URL": f"sqlite:///{other}"})
    with snapshot.unchanged(world):
        for done in (world.release(), world.fab("seed")):
            assert done.code == 3, done.out
            assert "two different databases" in done.out.lower()
            assert "other.db" in done
            assert Path(world.site.database["path"]).name in done
        assert other.read_bytes() == before
    other.unlink()


def its_code_and_its_database_are_compared_too(world):
    """By `fab open`, although the live app cannot be asked."""
    assert world.fab("close").code == 0
    world.sql("UPDATE alembic_version SET version_num = :older", older=changes.HEAD)
    refused = world.fab("open")
    assert refused.code == 3, refused.out
    assert f"the code's head is aa000001, the database is at {changes.HEAD}" in " ".join(refused.out.split())
    assert "inv release --to site" in refused
    assert world.health()["gate"]
    world.sql("UPDATE alembic_version SET version_num = 'aa000001'")
    opened = world.fab("open")
    assert opened.code == 0, opened.out


def test_an_app_that_upgrades_itself_while_it_loads_is_released_with_two_revisions(sqlite_released):
    world = sqlite_released
    world.edit(
        "app/__init__.py",
        "    return app",
        '    if __import__("os").environ.get("FLASK_ENV") == "production":\n'
        "        with app.app_context():\n"
        '            __import__("flask_migrate").upgrade(directory=str(ROOT / "migrations"))\n'
        "            db.engine.dispose()\n"
        "    return app",
    )
    changes.additive(world)
    changes.renaming(world, down="aa000001")
    world.configure(writes_on_load=True)
    with Writer(world) as writer:
        writer.wait_for(3)
        done = world.release()
        assert done.code == 0, done.out
        writer.wait_for(3)
    assert writer.lost() == []
    assert world.health()["revision"] == world.revision == "bb000001"


def test_a_head_without_what_its_models_need_is_no_release(sqlite_released):
    """A revision that does nothing there, though it is recorded as applied; and one that was only written there."""
    world = sqlite_released
    changes.additive(world)
    path = next((world.laptop / "migrations/versions").glob("aa000001*"))
    path.write_text(path.read_text().replace("    op.add_column", "    if not ON_THE_SERVER:\n        op.add_column"))
    world.commit("Do nothing there")
    with Writer(world) as writer:
        writer.wait_for(3)
        before = snapshot.live(world)
        done = world.release()
        assert done.code == 6, done.out
        assert "column comments.mood" in done
        assert snapshot.live(world)["revision"] == before["revision"]
        writer.wait_for(3)
    assert writer.lost() == []
    world.sql("UPDATE alembic_version SET version_num = 'aa000001'")
    with snapshot.unchanged(world):
        done = world.release()
    assert done.code == 3, done.out
    assert "column comments.mood" in done
    assert "flask db stamp" in done


# 7: no secret in an argument list, a log, the journal or on the terminal


@pytest.mark.parametrize("released", ["mariadb", "mysql"], indirect=True)  # SQLite has no password
def test_no_secret_shows_up_anywhere(released):
    world = released
    password = world.site.database["password"]
    tell = "op.get_bind().engine.url.render_as_string(hide_password=False)"
    world.add_revision(
        "ff000001", changes.HEAD, "tell all", f"if ON_THE_SERVER:\n    raise RuntimeError({tell})", "pass"
    )
    world.commit("Tell all")
    with Processes([password]) as processes:
        done = world.release()
    assert done.code == 6, done.out
    assert "ff000001_tell_all.py" in done
    shown = [done.out, *(world.fab(task).out for task in ("status", "history", "watch", "check"))]
    assert not [text for text in shown if password in text]
    assert not processes.seen
    files = [path for path in world.state.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert files == []


def test_what_the_suite_keeps_is_for_its_owner_alone(sqlite_released):
    for path in sqlite_released.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


# 9: a name is only a name


@pytest.fixture(scope="module")
def awkward_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("awkward")
    made = make_world(folder, "sqlite", project="it's $HOME `here`")
    yield made
    host.down(folder / "site")


def test_a_folder_with_dollar_space_and_quotes_is_only_a_name(awkward_world):
    world = awkward_world
    world.reset()
    assert world.release().code == 0
    commit = changes.additive(world)
    done = world.release()
    assert done.code == 0, done.out
    assert world.health()["commit"] == commit
    assert world.fab("backup").code == 0
    done = world.fab("downgrade", "--yes")
    assert done.code == 0, done.out
    assert world.health()["commit"] == world.base
    shown = world.fab("workon", "-c", "pwd")
    assert shown.out.strip().endswith("it's $HOME `here`")


# 10: the WSGI file decides which database is the site's


def test_two_ways_to_two_databases_are_refused_and_both_are_named(sqlite_released):
    world = sqlite_released
    other = Path(world.site.home) / "other.db"
    world.configure(env={"FLASK_ENV": "production", "DATABASE_URL": f"sqlite:///{other}"})
    changes.code_only(world)
    with snapshot.unchanged(world):
        done = world.release()
        assert done.code == 3, done.out
        assert "other.db" in done
        assert Path(world.site.database["path"]).name in done
    assert not other.exists()


def test_rows_come_into_another_database_only_where_that_is_meant(sqlite_released):
    """`.env` names another, empty one by mistake: both are named, and nothing is put back into it by our words."""
    world = sqlite_released
    assert world.fab("backup").code == 0
    rows = world.rows()
    live = Path(world.site.database["path"])
    other, env = live.with_name("other.sqlite"), Path(world.site.project) / ".env"
    text = env.read_text()
    assert str(live) in text
    changes.code_only(world)
    env.write_text(text.replace(str(live), str(other)))
    try:
        with snapshot.unchanged(world):
            for done in (world.release(), world.fab("restore", "--yes")):
                assert done.code == 3, done.out
                told = " ".join(done.out.split())
                assert f"sqlite {live}" in told and f"sqlite {other}" in told
                assert "fab site.workon and correct .env" in told
                assert "--other-database" in told
            status = world.fab("status")
            assert f"another than the last release left: sqlite {live}" in " ".join(status.out.split())
            assert not other.exists()
        meant = world.fab("restore", "--yes", "--other-database")
        assert meant.code == 0, meant.out
        assert f"It was made of another database: sqlite {live}." in " ".join(meant.out.split())
        with sqlite3.connect(other) as connection:
            found = {table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in rows}
        connection.close()
        assert found == rows == world.rows()
        assert "another than the last release left" not in world.fab("status").out
    finally:
        env.write_text(text)
        other.unlink(missing_ok=True)


# one connection and one channel; as few loads of the app as can be


MEETING = """
import time as _time
from pathlib import Path as _Path

if _Path(folder, "meet").exists() and "SLIPWAY" in os.environ and "/stages/" not in __file__:
    _here, _other = ("laptop", "site")[::1 if "/laptop/" in __file__ else -1]
    _Path(folder, _here + " loads").touch()
    _end = _time.monotonic() + 20
    while not _Path(folder, _other + " loads").exists() and _time.monotonic() < _end:
        _time.sleep(0.01)
    if _time.monotonic() >= _end:
        _Path(folder, _here + " loads alone").touch()
"""


def test_the_app_loads_on_both_sides_at_the_same_time(sqlite_released):
    world = sqlite_released
    factory = world.laptop / "app/__init__.py"
    factory.write_text(f"import os\n\nfolder = {str(world.folder)!r}\n{MEETING}\n{factory.read_text()}")
    world.commit("Meet")
    first = world.release()
    assert first.code == 0, first.out
    (world.folder / "meet").touch()
    git(world.laptop, "commit", "-q", "--allow-empty", "-m", "Meet again")
    second = world.release()
    (world.folder / "meet").unlink()
    assert second.code == 0, second.out
    assert {path.name for path in world.folder.glob("* loads*")} == {"laptop loads", "site loads"}


def test_a_release_is_one_connection_and_loads_each_version_once(sqlite_released):
    world = sqlite_released
    counted = world.folder / "loads"
    for message in ("Count loads", "Count loads again"):
        lines = ['if "SLIPWAY" in os.environ:', f'    open("{counted}", "a").write(__file__ + "\\n")']
        if message == "Count loads":
            edit_factory(world, lines, message)
        else:
            changes.additive(world)
        counted.unlink(missing_ok=True)
        before = world.logins()
        done = world.release()
        assert done.code == 0, done.out
        assert world.logins() == before + 1
    loads = counted.read_text().split()
    assert len(loads) == 2, loads  # the live code once for the plan, the new code once in the stage
    assert sum("/stages/" in path for path in loads) == 1


# Code and schema never part: the single steps


def test_a_pull_of_a_commit_with_a_revision_is_refused_and_leads_to_a_release(sqlite_released):
    world = sqlite_released
    changes.additive(world)
    with snapshot.unchanged(world):
        done = world.fab("pull")
    assert done.code == 3, done.out
    assert "The commit brings 1 pending revision. Nothing was changed." in done
    assert "inv release --to site" in done


def test_a_pull_is_refused_where_the_app_writes_while_it_loads_for_its_revisions_are_not_seen(sqlite_released):
    world = sqlite_released
    changes.additive(world)
    world.configure(writes_on_load=True)
    try:
        with snapshot.unchanged(world):
            done = world.fab("pull")
    finally:
        world.configure()
    assert done.code == 3, done.out
    assert "whether the commit brings revisions cannot be seen" in done
    assert "inv release --to site" in done
