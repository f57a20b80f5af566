"""A shop: Alembic alone, with an env.py that knows no Flask, plain SQLAlchemy, mysql-connector; two branches merged."""

import pytest

from support import planted, snapshot
from support.foreign import ForeignApp, dotenv_line
from support.lives import add, refused, shown, succeeds, there_and_back

WSGI = """\
import sys

sys.path.insert(0, "{project}")

from shop import app as application
"""
ITEMS, PRICE, SHELF, COLOUR = "1a00aa11bb22", "2b00aa11bb22", "3c00aa11bb22", "3d00aa11bb22"
SHOP = ForeignApp(
    name="shop",
    app="shop",
    wsgi=WSGI,
    dotenv=lambda url: dotenv_line("SHOP_DB", url.replace("+pymysql", "+mysqlconnector")),
    password='it\'s "50%" @ $HOME',
)


@pytest.fixture(scope="module")
def shop(site_of):
    """The shop on MySQL. Its tests go on where the one before has left it."""
    made = site_of(SHOP, "mysql")
    made.planted = planted.plant(made)
    return made


def test_its_whole_life(shop):
    shop.develop()
    succeeds(shop.releases("Release with Slipway"))
    assert shop.revision == ITEMS
    add(shop, "nail", "hammer")
    shop.lay_over("priced")
    shop.develop()
    succeeds(shop.releases("Say what it costs"))
    assert shop.revision == PRICE
    assert shown(shop) == [{"name": "nail", "price": 7}, {"name": "hammer", "price": 7}]
    told = {"check": "yes, and by Alembic's env.py", "status": "none: models and database agree", "history": PRICE}
    for task, words in told.items():
        assert words in succeeds(shop.fab(task)), task
    there_and_back(shop, ITEMS, PRICE)
    succeeds(shop.releases(""))
    assert f"code      {PRICE} price" in succeeds(shop.run("inv", "current"))
    assert "A release would go" in succeeds(shop.run("inv", "check"))


def test_an_env_py_that_leads_elsewhere_on_the_site_is_refused(shop):
    dotenv = shop.site.project / ".env"
    text = dotenv.read_text()
    (shop.laptop / "NOTES").write_text(f"a change of {shop.dialect}")
    before = shop.contents()
    try:
        dotenv.write_text(f"{text}HISTORY_DB=sqlite:///{shop.site.home}/other.db\n")
        refused(
            shop.releases("Change a thing"),
            "wo different databases: the WSGI file leads to",
            "Alembic's env.py to sqlite",
            "let env.py read the URL from where the app does: docs/alembic.md",
        )
        refused(shop.fab("downgrade", "--yes"), "Alembic's env.py to sqlite")
        told = shop.fab("check").out
        assert "Alembic's env.py differs: docs/alembic.md" in told, told
    finally:
        dotenv.write_text(text)
    assert shop.contents() == before
    assert not (shop.site.home / "other.db").exists()


def test_a_revision_is_made_and_proved_by_inv_migrate(shop):
    shop.edit("shop/models.py", "    price:", "    weight: Mapped[int | None]\n    price:")
    made = succeeds(shop.run("inv", "migrate", "-m", "add weight"))
    assert "add column items.weight" in made
    assert "Proved on a scratch copy: up, down and up again" in made
    succeeds(shop.run("inv", "downgrade"))
    for path in (shop.laptop / "database/history/versions").glob("*_add_weight.py"):
        path.unlink()
    shop.lay_over("priced")


def test_two_heads_are_refused_and_go_when_they_are_merged(shop):
    shop.lay_over("two_heads")
    with snapshot.unchanged(shop, laptop=False):
        heads = f"2 heads: {SHELF} (storage), {COLOUR}", f"2 heads: {COLOUR}, {SHELF} (storage)"
        for done in (shop.run("inv", "upgrade"), shop.releases("Say where it lies")):
            refused(done, "alembic merge heads -m merge")
            assert any(text in done for text in heads)
    succeeds(shop.run("alembic", "merge", "heads", "-m", "merge"))
    shop.develop()
    succeeds(shop.releases("Say where it lies"))
    merged = shop.revision
    assert merged not in (SHELF, COLOUR)
    refused(shop.fab("downgrade", "--yes"), f"{merged} merges two branches", "fab site.restore --backup 2")

    shop.sql("DELETE FROM alembic_version")
    for head in (SHELF, COLOUR):
        shop.sql("INSERT INTO alembic_version VALUES (:head)", head=head)
    current = succeeds(shop.fab("current"))
    assert SHELF in current and COLOUR in current
    refused(shop.fab("downgrade", "--yes"), "a way down needs exactly one revision", "fab site.restore --backup 2")
    succeeds(shop.releases(""))
    assert shop.sql("SELECT version_num FROM alembic_version") == [(merged,)]


def test_no_secret_got_out(shop):
    assert not planted.leaks(shop, shop.planted)
