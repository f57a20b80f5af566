"""A WSGI file that leads to a file which git tracks: refused before the gate could stand in git's place."""

import shlex
import subprocess

import pytest

from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.run import supervisor
from flask_slipway.server.site import gate, preflight
from flask_slipway.server.site.gate import Gate
from support.folders import Folders
from support.world import git

CHANGING = ("release", "pull", "install", "upgrade", "downgrade", "rollback", "seed", "reload", "restore", "close")


@pytest.fixture
def linked(tmp_path):
    """A site whose WSGI file is a link to app.py of its project."""
    database = tmp_path / "live.db"
    database.touch()
    folders = Folders(tmp_path / "home of bob", {"dialect": "sqlite", "url": {"database": str(database)}})
    folders.wsgi.unlink()
    folders.wsgi.symlink_to(folders.project / "app.py")
    return folders


def told(folders):
    with pytest.raises(Refused, match=r"git tracks the WSGI file: app\.py") as refusal:
        preflight.refuse_tracked_wsgi(folders.site)
    return refusal.value.next


def typed(line):
    """What `fab ENV.workon -c …` runs there."""
    words = shlex.split(line)
    assert words[:3] == ["fab", "prod.workon", "-c"]
    subprocess.run(["sh", "-c", words[3]], check=True)


def changes(folders):
    """What is told as changed by hand."""
    run = folders.run("release")
    run.facts.use(folders.access)
    try:
        return run.facts.quick()["changes"]
    finally:
        run.end()


@pytest.mark.parametrize("task", CHANGING)
def test_each_change_is_refused_before_anything_is_looked_at(linked, task):
    with pytest.raises(Refused, match="git tracks the WSGI file"):
        supervisor._carry(linked.run(task), None)


@pytest.mark.parametrize("task", ["open", "backup"])
def test_what_moves_no_code_and_closes_nothing_goes_on(linked, task):
    run = linked.run(task)
    with pytest.raises(Refused) as refusal:
        supervisor._carry(run, None)
    run.end()
    assert "git tracks" not in refusal.value.what


def test_what_is_told_makes_it_a_file_of_its_own_that_serves_as_before(linked):
    typed(told(linked)[0])
    preflight.refuse_tracked_wsgi(linked.site)
    assert not linked.wsgi.is_symlink()
    assert linked.wsgi.read_text() == (linked.project / "app.py").read_text() == "V = 1\n"


def test_a_gate_in_its_place_is_nobodys_edit_and_what_is_told_keeps_the_site_closed(linked):
    (linked.home / "gate").mkdir()
    standing = Gate(linked.site, str(linked.home / "gate"), "t0ken")
    standing.put(loads=False)
    assert git(linked.project, "status", "--porcelain")
    assert changes(linked) == []
    copied, *more = told(linked)
    assert more == ["then the same again"], "lines that open the site"
    typed(copied)
    assert changes(linked) == ["app.py"], "it is in the WSGI file's place no more"
    git(linked.project, "checkout", "HEAD", "--", "app.py")
    assert gate.is_gate(linked.wsgi.read_bytes())
    preflight.refuse_tracked_wsgi(linked.site)
    standing.take_away()
    assert linked.wsgi.read_text() == "V = 1\n"
    assert changes(linked) == []


def test_the_lines_that_import_from_the_one_in_git_are_told_too(linked, tmp_path):
    (linked.project / "app.py").write_text("application = 'served'\n")
    own = tmp_path / "own.py"
    own.write_text("\n".join([*told(linked)[-3:], "print(application)\n"]))
    assert subprocess.run(["python3", own], check=True, capture_output=True, text=True).stdout == "served\n"


def test_a_file_of_the_project_that_git_does_not_track_may_be_led_to(linked):
    own = linked.project / "wsgi_here.py"
    own.write_text("V = 1\n")
    linked.wsgi.unlink()
    linked.wsgi.symlink_to(own)
    preflight.refuse_tracked_wsgi(linked.site)
