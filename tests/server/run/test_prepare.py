"""What a plan is made of, asked of real databases."""

import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_slipway.server.backup import make
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import prepare
from flask_slipway.server.run.run import Events, Run
from flask_slipway.server.run.target import target
from flask_slipway.server.site.site import Site


@pytest.fixture
def run(site, tmp_path):
    """A restore that is being planned, of a site whose code is at the database's own revision."""
    if site.base.dialect != "sqlite":
        pytest.skip("it is the same on each database")
    site.fill()
    project = tmp_path / "home/app"
    project.mkdir(parents=True)
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    for line in (("init", "-q"), (*identity, "commit", "-q", "--allow-empty", "-m", "The app")):
        subprocess.run(["git", *line], cwd=project, check=True)
    words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
    words.update(name="prod", domain="www.example.org", home=str(tmp_path / "home"), wsgi=str(tmp_path / "wsgi.py"))
    words.update(project=str(project), virtualenv=str(tmp_path / "venv"), backups=str(tmp_path / "backups"))
    made = Run(Site(words), "restore", {}, "ann@laptop", Events(SimpleNamespace(send=print), Mask()))
    made.facts.database, made.facts.identity = site.base, site.base.identity()
    made.facts.live = SimpleNamespace(ask=lambda do: {"heads": ["8a1c5e20"]}, close=lambda: None)
    return made


def backed_up(run, task, commit=None):
    about = {"domain": "www.example.org", "task": task, "commit": commit}
    return make.make(run.database, run.site.backups, about)


def test_a_restore_without_a_name_passes_over_what_a_return_replaced(run):
    own = backed_up(run, "release")
    failed = backed_up(run, "return")
    assert prepare.restore(run).backup["id"] == own["id"]
    run.wish["backup"] = failed["id"]
    assert prepare.restore(run).backup["id"] == failed["id"]


def test_a_backup_without_a_commit_is_put_back_below_the_code_that_fits_it_and_no_other(run):
    run.wish["backup"] = backed_up(run, "return")["id"]
    found = prepare.restore(run)
    assert target("restore", run.wish, SimpleNamespace(way=found), {"go": ""}).commit is None, "the code stays"
    run.facts.live.ask = lambda do: {"heads": ["d0641f33"]}
    with pytest.raises(Refused, match="is at 8a1c5e20, the head of its code is d0641f33"):
        prepare.restore(run)


def test_a_backup_of_another_database_is_put_back_only_where_that_is_meant(run):
    manifest = backed_up(run, "release")
    run.facts.identity = ["sqlite", "/elsewhere/live.db", "live.db"]
    with pytest.raises(Refused, match="is of another database than the site's") as refused:
        prepare.restore(run)
    assert refused.value.next[-1].endswith(f"fab prod.restore --backup {manifest['id']} --other-database")
    run.wish["other_database"] = True
    assert prepare.restore(run).backup["id"] == manifest["id"]


def test_the_newest_backup_that_fits_the_live_code_is_named_and_not_taken(run):
    fits = backed_up(run, "downgrade")
    damaged = backed_up(run, "downgrade")
    (Path(run.site.backups) / damaged["file"]).write_bytes(b"")
    with sqlite3.connect(run.database.location) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'd0641f33'")
    backed_up(run, "upgrade")
    run.facts.live.ask = lambda do: {"heads": ["8a1c5e20"], "folder": "migrations"}
    with pytest.raises(Refused, match="is at d0641f33, the head of its code is 8a1c5e20") as refused:
        prepare.restore(run)
    assert refused.value.next == [f"fab prod.restore --backup {fits['id']}  the newest that fits"]
