"""A notebook with a scheduler that is started at import and ignores SLIPWAY=1; on SQLite its file lies in instance/,
which git ignores; its revisions were made on SQLite."""

from dataclasses import replace

import pytest

from support import planted, snapshot
from support.foreign import ForeignApp, dotenv_line
from support.lives import add, refused, shown, succeeds, there_and_back

WSGI = """\
import sys

sys.path.insert(0, "{project}")

from ticker import app as application
"""
NOTES, PINNED = "5a00aa11bb22", "5b00aa11bb22"
TICKER = ForeignApp(
    name="ticker",
    app="ticker",
    wsgi=WSGI,
    # On SQLite it has no URL: the app's own default counts, here and there.
    dotenv=lambda url: dotenv_line("NOTES_DB", url) if url.startswith("mysql") else "GREETING=hello\n",
)


@pytest.fixture(scope="module", params=["sqlite", "mysql"])
def notebook(request, site_of):
    made = site_of(TICKER, request.param)
    if request.param == "sqlite":
        file = made.site.project / "instance" / "app.db"
        made.site = replace(made.site, database={**made.site.database, "path": str(file)})
    made.planted = planted.plant(made)
    return made


def ticks(notebook):
    """How often the scheduler has written, by the kind of process."""
    return dict(notebook.sql("SELECT process, COUNT(*) FROM tick GROUP BY process"))


def test_its_whole_life(notebook):
    notebook.develop()
    if notebook.dialect == "mysql":
        with snapshot.unchanged(notebook, laptop=False):
            refused(
                notebook.releases("Release with Slipway"),
                f"{NOTES} cannot be run on mysql",
                "VARCHAR requires a length",
                "migrations/versions/5a00aa11bb22_notes.py, line 13",
                "write a length in the revision and in the model, such as String(255)",
            )
        notebook.lay_over("sized")
    succeeds(notebook.releases("Release with Slipway"))
    assert notebook.revision == NOTES
    add(notebook, "one", "two")
    if notebook.dialect == "sqlite":
        assert not notebook.site.project.joinpath("app.db").exists()
    notebook.lay_over("pinned")
    notebook.develop()
    succeeds(notebook.releases("Pin a note"))
    assert notebook.revision == PINNED
    assert shown(notebook) == ["one", "two"]
    there_and_back(notebook, NOTES, PINNED)
    succeeds(notebook.fab("check"))


def test_its_scheduler_ran_on_the_site_and_in_no_process_of_ours(notebook):
    for _ in range(5):
        shown(notebook)
    assert list(ticks(notebook)) == ["site"]


def test_a_revision_that_only_sqlite_takes_is_warned_of(notebook):
    """The development database of both is SQLite."""
    notebook.edit("ticker.py", "    pinned = ", "    colour = db.Column(db.String)\n    pinned = ")
    made = succeeds(notebook.run("inv", "migrate", "-m", "add colour"))
    assert "on MySQL it cannot be run: " in " ".join(made.split())
    assert "VARCHAR requires a length" in " ".join(made.split())


def test_no_secret_got_out(notebook):
    assert not planted.leaks(notebook, notebook.planted)
