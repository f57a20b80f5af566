"""A comment page: one file, a module-level app, a WSGI file wrapped in ProxyFix, a database password full of signs."""

import re
from urllib.parse import urlencode

import pytest

from support import ROOT, planted, snapshot
from support.foreign import ForeignApp, dotenv_line
from support.people import Processes
from support.world import get

WSGI = """\
import sys

path = "{project}"
if path not in sys.path:
    sys.path.insert(0, path)

from flask_app import app
from werkzeug.middleware.proxy_fix import ProxyFix

application = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)
"""
FIRST, POSTED = "5eb264d2690b", "12b98305f9ab"
COMMENT_PAGE = ForeignApp(
    name="comment_page",
    app="flask_app",
    wsgi=WSGI,
    dotenv=lambda url: dotenv_line("SECRET_KEY", "not told to anybody") + dotenv_line("COMMENTS_DB", url),
    database="comments",
    password='it\'s "50%" @ $HOME\\n `x`',
)


@pytest.fixture(scope="module", params=["mysql"])
def page(request, site_of):
    made = site_of(COMMENT_PAGE, request.param)
    made.planted = planted.plant(made)
    return made


def comment(page, text):
    """Leaves a comment on the site, as a visitor does."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = get(page.site.url, "/", headers, urlencode({"contents": text}).encode())
    assert status == 302, (status, body)


def shown(page):
    """What the site shows, once the host does not reload any more."""
    page.health()
    status, _, body = page.get("/")
    assert status == 200, body
    return re.findall(r"<p>(.*?)</p>", body)


def test_nothing_of_it_comes_from_the_source_tree(page):
    code = "import flask_slipway, flask_slipway.server as server, sys; print(server.__file__, *sys.path)"
    told = page.run("python", "-c", code).out
    assert told.startswith(str(page.installed.folder)), told
    assert str(ROOT) not in told


def test_its_whole_life(page):
    """From the first release to the way back, on one site."""
    page.develop()
    first = page.releases("Release with Slipway")
    assert first.code == 0, first.out
    assert page.revision == FIRST
    for text in ("one", "two"):
        comment(page, text)
    before = snapshot.live(page)

    page.lay_over("careless")  # as autogenerate writes it: no value for the comments that are there
    page.develop()
    returned = page.releases("Say when")
    assert returned.code == 6, returned.out
    assert "migrations/versions/12b98305f9ab_posted.py, line 21" in returned
    assert "nothing was lost" in returned
    assert snapshot.live(page) == before
    assert shown(page) == ["one", "two"]

    page.lay_over("posted")
    released = page.releases("Say when, of the old ones too")
    assert released.code == 0, released.out
    assert page.revision == POSTED
    assert shown(page) == ["2020-01-01 one", "2020-01-01 two"]
    backup = page.fab("backup")
    assert backup.code == 0, backup.out
    comment(page, "three")
    with_three = page.contents()

    down = page.fab("downgrade", "--yes")
    assert down.code == 0, down.out
    assert "column comments.posted: 3 values" in down
    assert page.revision == FIRST
    assert shown(page) == ["one", "two", "three"]
    restored = page.fab("restore", "--yes")
    assert restored.code == 0, restored.out
    assert page.revision == POSTED
    assert page.contents() == with_three
    assert len(shown(page)) == 3
    rolled = page.fab("rollback", "--yes")
    assert rolled.code == 0, rolled.out
    assert page.revision == FIRST
    assert shown(page) == ["one", "two", "three"]


def test_it_is_read_well(page):
    """After its whole life."""
    wanted = {
        "check": ["same database by FLASK_APP  yes", f"WSGI file leads to          {page.dialect}"],
        "status": [f"{FIRST} comments (head)", "drift         none", "site          open, 200"],
        "current": [f"{FIRST} comments (head)"],
        "history": ["rollback   done", "restore    done", "downgrade  done", "release    returned", POSTED],
        "backups": ["rollback", "restore", "downgrade", "release"],
        "env": ["MAIL_PASSWORD", "no .env.example"],
    }
    for task, words in wanted.items():
        done = page.fab(task)
        assert done.code == 0, done.out
        assert not [word for word in words if word not in done], done.out


def test_no_secret_of_it_shows_up_anywhere(page):
    with Processes(page.planted) as processes:
        planted.telling_revision(page, "ffff00000001", POSTED)
        here = page.run("inv", "upgrade", env={"TELL": "1"})
        assert here.code == 1, here.out
        assert "RuntimeError" in here
        page.develop()
        there = page.releases("Tell everything")
        assert there.code == 6, there.out
        assert "ffff00000001_tell.py" in there
        planted.telling_code(page, "flask_app.py")
        broken = page.releases("Tell everything while loading")
        assert broken.code == 3, broken.out
        assert "RuntimeError" in broken
        planted.log_error(page, page.planted)
        assert page.fab("logs", "--lines", "500").out.count("ValueError: ••••") > 60
        for task in ("status", "watch", "history", "check"):
            page.fab(task)
    assert not processes.seen
    leaks = planted.leaks(page, page.planted)
    assert not leaks, "\n".join(leaks)
