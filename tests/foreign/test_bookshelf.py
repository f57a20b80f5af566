"""A bookshelf: mysqlclient, and Flask-Migrate's folder under another name; two heads."""

import shutil
import subprocess

import pytest

from support import planted, snapshot
from support.foreign import ForeignApp, dotenv_line
from support.lives import add, refused, shown, succeeds, there_and_back
from support.servers import missing

WSGI = """\
import sys

sys.path.insert(0, "{project}")

from bookshelf import app as application
"""
BOOKS, AUTHOR = "4a00aa11bb22", "4b00aa11bb22"
BOOKSHELF = ForeignApp(
    name="bookshelf",
    app="bookshelf",
    wsgi=WSGI,
    dotenv=lambda url: dotenv_line("DATABASE_URL", url.replace("mysql+pymysql:", "mysql:")),
    password='it\'s "50%" @ $HOME',
)


def can_build_mysqlclient() -> bool:
    """mysqlclient has no wheel for Linux: it needs a compiler, and the client library's headers by pkg-config."""
    if not (shutil.which("cc") and shutil.which("pkg-config")):
        return False
    names = ("mysqlclient", "mariadb", "libmariadb")
    return any(subprocess.run(["pkg-config", "--exists", name]).returncode == 0 for name in names)


@pytest.fixture(scope="module", params=["mysql"])
def shelf(request, site_of):
    if not can_build_mysqlclient():
        missing(
            "What mysqlclient is built with", "apt-get install default-libmysqlclient-dev pkg-config build-essential"
        )
    made = site_of(BOOKSHELF, request.param)
    made.planted = planted.plant(made)
    return made


def test_its_whole_life(shelf):
    shelf.develop()
    succeeds(shelf.releases("Release with Slipway"))
    assert shelf.revision == BOOKS
    add(shelf, "Emma", "Dune")
    shelf.lay_over("authors")
    shelf.develop()
    succeeds(shelf.releases("Say who wrote it"))
    assert shelf.revision == AUTHOR
    assert shown(shelf) == ["Emma", "Dune"]
    there_and_back(shelf, BOOKS, AUTHOR)
    succeeds(shelf.fab("check"))


def test_a_revision_is_made_in_its_own_folder(shelf):
    shelf.edit("bookshelf.py", "    author = ", "    pages = db.Column(db.Integer)\n    author = ")
    assert "Proved on a scratch copy" in succeeds(shelf.run("inv", "migrate", "-m", "add pages"))
    (made,) = (shelf.laptop / "db_versions/versions").glob("*_add_pages.py")
    succeeds(shelf.run("inv", "downgrade"))
    made.unlink()
    shelf.lay_over("authors")
    assert not (shelf.laptop / "migrations").exists()


def test_two_heads_are_refused_with_the_mend(shelf):
    shelf.lay_over("two_heads")
    with snapshot.unchanged(shelf, laptop=False):
        refused(shelf.releases("Two at once"), "2 heads:", "flask db merge heads -m merge")


def test_no_secret_got_out(shelf):
    assert not planted.leaks(shelf, shelf.planted)
