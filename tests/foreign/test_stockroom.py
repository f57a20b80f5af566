"""A stockroom: a package under src/, configured by FLASK_ENV; it tells its whole .env, takes its time to load, reads a
file that git ignores, and makes its tables while it loads."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support import planted, snapshot
from support.foreign import ForeignApp, dotenv_line
from support.people import Processes
from support.world import get, git

WSGI = """\
import os
import sys

sys.path.insert(0, "{project}/src")
os.environ["FLASK_ENV"] = "production"

from stockroom import create_app

application = create_app()
"""
ITEMS, SHELVES = "a26a07fba5f4", "b2a7705eac34"


STOCKROOM = ForeignApp(
    name="stockroom",
    app="src/stockroom",
    wsgi=WSGI,
    dotenv=lambda url: dotenv_line("SECRET_KEY", "not told to anybody") + dotenv_line("STOCKROOM_DB", url),
    there="READING_TAKES=2\n",
    env={"FLASK_ENV": "production"},
    files={"data/prices.csv": "nail,0.02\nhammer,19.5\n"},
)


@pytest.fixture(scope="module", params=["mysql"])
def room(request, site_of):
    made = site_of(STOCKROOM, request.param)
    made.planted = planted.plant(made)
    return made


def add(room, name):
    """Puts an item into the stockroom, as its owner does."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = get(room.site.url, "/", headers, urlencode({"name": name}).encode())
    assert status == 302, (status, body)


def shown(room):
    """What the site shows, once the host does not reload any more."""
    room.health()
    status, _, body = room.get("/")
    assert status == 200, body
    return json.loads(body)["items"]


def test_its_whole_life(room):
    """A database made by create_all, then revisions, to and fro."""
    add(room, "nail")
    add(room, "hammer")
    room.run("flask", "--app", "src/stockroom", "db", "stamp", "head")
    with snapshot.unchanged(room, laptop=False):
        refused = room.releases("Release with Slipway")
        assert refused.code == 3, refused.out
        assert "no revision in alembic_version" in refused
        assert "fab site.workon -c 'flask db stamp REVISION'" in refused
    stamped = room.workon("flask db stamp a26a07fba5f4")
    assert stamped.code == 0, stamped.out
    first = room.releases("")
    assert first.code == 0, first.out

    room.lay_over("shelves")
    room.develop()
    released = room.releases("Say where things lie")
    assert released.code == 0, released.out
    assert room.revision == SHELVES
    assert [item["shelf"] for item in shown(room)] == ["A1", "A1"]
    assert [item["price"] for item in shown(room)] == [0.02, 19.5]
    env = Path(room.site.project) / ".env"
    env.write_text(env.read_text().replace("READING_TAKES=2", "READING_TAKES=0"))  # seen that it takes its time
    backup = room.fab("backup")
    assert backup.code == 0, backup.out
    add(room, "saw")
    kept = room.contents()

    down = room.fab("downgrade", "--yes")
    assert down.code == 0, down.out
    assert room.revision == ITEMS
    assert [item["name"] for item in shown(room)] == ["nail", "hammer", "saw"]
    restored = room.fab("restore", "--yes")
    assert restored.code == 0, restored.out
    assert room.contents() == kept
    rolled = room.fab("rollback", "--yes")
    assert rolled.code == 0, rolled.out
    assert room.revision == ITEMS


def test_the_project_in_its_own_requirements_is_refused_here_and_there_and_freeze_leaves_it_out(room):
    with snapshot.unchanged(room, laptop=False):
        room.lay_over("frozen")
        here = room.releases("Freeze")
        assert here.code == 3, here.out
        assert "#egg=stockroom" in here
        assert "Next: inv freeze" in here
        git(room.laptop, "commit", "-qam", "Freeze by hand")
        git(room.laptop, "push", "-q")
        there = room.fab("pull")
        assert there.code == 3, there.out
        assert "requirements.txt lists the project itself" in there
        assert "line 1: -e git+https://git.invalid/ann/stockroom.git" in there
        assert "inv freeze" in there
    frozen = room.run("inv", "freeze")
    assert frozen.code == 0, frozen.out
    assert "stockroom" not in (room.laptop / "requirements.txt").read_text()
    released = room.releases("Freeze")
    assert released.code == 0, released.out


def test_without_the_environment_of_the_wsgi_file_both_databases_are_named(room):
    room.configure(env={})
    with snapshot.unchanged(room, laptop=False):
        refused = room.releases("Forget FLASK_ENV")
        assert refused.code == 3, refused.out
        assert "two different databases" in refused
        assert "development.db" in refused
        assert "set what the WSGI file sets under env: of site in invoke.yaml" in refused
    room.configure()


def test_create_all_of_a_new_table_is_refused_by_its_line_then_released_behind_the_gate(room):
    room.lay_over("deliveries")
    here = room.run("inv", "check")
    assert here.code == 3, here.out
    assert "CREATE TABLE deliveries" in here
    assert "in src/stockroom/__init__.py, line 21" in here
    room.run("flask", "--app", "src/stockroom", "routes")  # its owner starts it, which makes the table here
    with snapshot.unchanged(room, laptop=False):
        there = room.releases("Note deliveries")
        assert there.code == 3, there.out
        assert "CREATE TABLE deliveries" in there
        assert "in src/stockroom/__init__.py, line 21" in there
        assert "writes_on_load: true for site in invoke.yaml" in there
    room.configure(writes_on_load=True)
    released = room.releases("Note deliveries, behind the gate")
    assert released.code == 0, released.out
    assert "closed for" in released
    assert "deliveries" in room.rows()
    room.configure()


def test_it_is_read_well(room):
    wanted = {
        "check": ["same database by FLASK_APP  yes"],
        "status": ["(head)", "drift         none", "site          open, 200"],
        "current": ["shelves (head)"],
        "history": ["rollback   done", "restore    done", "downgrade  done", "release    refused"],
        "env": ["MAIL_PASSWORD", "no .env.example"],
    }
    for task, words in wanted.items():
        done = room.fab(task)
        assert done.code == 0, done.out
        assert not [word for word in words if word not in done], done.out


def test_no_secret_of_it_shows_up_anywhere(room):
    with Processes(room.planted) as processes:
        planted.telling_revision(room, "ffff00000001", SHELVES)
        here = room.run("inv", "upgrade", env={"TELL": "1"})
        assert here.code == 1, here.out
        assert "RuntimeError" in here
        room.develop()
        there = room.releases("Tell everything")
        assert there.code == 6, there.out
        assert "ffff00000001_tell.py" in there
        planted.telling_code(room, "src/stockroom/models.py")
        broken = room.releases("Tell everything while loading")
        assert broken.code == 3, broken.out
        assert "RuntimeError" in broken
        planted.log_error(room, room.planted)
        assert room.fab("logs", "--lines", "500").out.count("ValueError: ••••") > 60
        for task in ("status", "watch", "history", "check"):
            room.fab(task)
    assert not processes.seen
    leaks = planted.leaks(room, room.planted)
    assert not leaks, "\n".join(leaks)
