"""The site's own files, which git once tracked: whatever is released, returned, rolled back, they stay as they are."""

import contextlib
import re
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support import changes
from support.world import git

VISITORS = "theirs"


class Tracked:
    """A site in whose repository its database, its .env and its uploads once were committed, as the live commit has it
    still. The site has written to all of them since."""

    def __init__(self, world, env, name, url):
        self.world, self.name = world, name
        self.project, self.laptop = Path(world.site.project), world.laptop
        self.database = self.project / name
        self.ignored = (self.laptop / ".gitignore").read_text()
        self._track()
        git(self.project, "fetch", "-q", "origin")
        git(self.project, "reset", "-q", "--hard", "origin/main")
        shutil.copy(world.site.database["path"], self.database)
        text = re.sub(r"^DATABASE_URL=.*\n", "", env, flags=re.M)
        (self.project / ".env").write_text(f"{text}DATABASE_URL={url.format(self.database)}\nOURS=of production\n")
        self.upload = self.project / "uploads" / "cat.jpg"
        self.upload.write_text(VISITORS)
        self.upload.with_name("new.jpg").write_text(VISITORS)
        with self.open() as connection:
            connection.execute("INSERT INTO currencies (code, name, symbol) VALUES ('XTS', 'a visitor wrote it', 'x')")
        self.own = self.look()
        world._reset_wsgi()

    def _track(self):
        """What the developer once committed."""
        path = self.laptop / self.name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(self.world.folder / "development.db", path)
        (self.laptop / ".gitignore").write_text("__pycache__/\n/REVISION\n/invoke.yaml\n")
        (self.laptop / "uploads").mkdir()
        for name in ("cat.jpg", "dog.jpg"):
            (self.laptop / "uploads" / name).write_text("ours")
        git(self.laptop, "add", "-A")
        git(self.laptop, "commit", "-q", "-m", "Track too much")
        git(self.laptop, "push", "-q", "origin", "main")

    @contextlib.contextmanager
    def open(self):
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            yield connection

    def look(self):
        """All that is the site's own: rows, .env and uploads."""
        with self.open() as connection:
            rows = connection.execute("SELECT code, name FROM currencies ORDER BY 1").fetchall()
        uploads = {path.name: path.read_text() for path in self.upload.parent.iterdir()}
        return rows, (self.project / ".env").read_text(), uploads

    def untrack(self):
        """What the developer does about it; not committed."""
        git(self.laptop, "rm", "-r", "-q", "--cached", self.name, ".env", "uploads")
        (self.laptop / ".gitignore").write_text(f"{self.ignored}/{self.name}*\n/uploads/\n")


PLACES = [("site.db", "sqlite:///{}"), ("instance/site.db", "sqlite:///site.db")]


@pytest.fixture(params=PLACES, ids=["absolute", "relative"])
def tracked(request, sqlite_released):
    world, project = sqlite_released, Path(sqlite_released.site.project)
    kept = {path: path.read_text() for path in (project / ".env", world.laptop / ".env")}
    yield Tracked(world, kept[project / ".env"], *request.param)
    world.reset()
    for path, text in kept.items():
        path.write_text(text)
    for name in ("uploads", "instance"):
        shutil.rmtree(project / name, ignore_errors=True)
    (project / "site.db").unlink(missing_ok=True)
    world._reset_wsgi()


def test_it_is_refused_and_the_release_that_untracks_it_keeps_every_row_and_every_file(tracked):
    world = tracked.world
    assert re.search(rf"tracked by git +the site's own: .*{tracked.name} +look", world.fab("check").out)
    changes.code_only(world)
    refused = world.fab("pull")
    assert refused.code == 3, refused.out
    assert f"git rm --cached -r -q -- {tracked.name}" in refused.out
    assert tracked.look() == tracked.own
    tracked.untrack()
    done = world.release() if not git(world.laptop, "status", "--porcelain") else released_with(world)
    assert done.code == 0, done.out
    assert tracked.look() == tracked.own
    assert world.health()["http"] == 200
    assert git(tracked.project, "status", "--porcelain") == ""
    assert git(tracked.project, "ls-files", "--", ".env", "uploads", tracked.name) == ""
    back = world.fab("rollback", "--yes")
    assert back.code == 0, back.out
    assert tracked.look() == tracked.own
    assert world.health()["http"] == 200
    again = world.release()
    assert again.code == 0, again.out
    assert tracked.look() == tracked.own


def test_a_release_that_untracks_it_and_fails_is_returned_with_every_row_and_every_file(tracked):
    world = tracked.world
    before = world.live_commit
    tracked.untrack()
    world.edit(
        "app/__init__.py",
        "def create_app",
        'import os\n\nif "SLIPWAY" not in os.environ:\n    raise RuntimeError("only in the stage")\n\n\ndef create_app',
    )
    done = released_with(world)
    assert done.code == 6, done.out
    assert world.live_commit == before
    assert tracked.look() == tracked.own
    assert world.health()["http"] == 200


def released_with(world):
    return world.run(
        "inv", "release", "--to", "site", "--yes", "--skip-tests", "-m", "Leave the site's own files to the site"
    )


def test_what_was_edited_on_the_server_can_be_taken_home_by_a_pipe(sqlite_released):
    world = sqlite_released
    name = "app/templates/base.html"
    path = Path(world.site.project) / name
    path.write_text(path.read_text().replace("</body>", "<!-- by hand --></body>"))
    git(path.parents[2], "add", name)
    refused = world.release()
    assert refused.code == 3, refused.out
    take = next(line for line in refused.out.splitlines() if "git diff HEAD" in line).strip().removeprefix("Next: ")
    patch = subprocess.run(
        [str(world.bin / "fab"), *shlex.split(take)[1:]],
        cwd=world.laptop,
        env=world.environment(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert patch.returncode == 0, patch.stderr
    subprocess.run(["git", "apply"], cwd=world.laptop, input=patch.stdout, check=True)
    assert "by hand" in (world.laptop / name).read_text()
    assert git(world.laptop, "status", "--porcelain") == f"M {name}"
