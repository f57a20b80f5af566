"""A site of an account that is not the developer's own user, served by the processes of a third one: what a release
writes, all of them can use as before."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from flask_slipway.sandbox import host
from support import accounts, changes, snapshot
from support.accounts import ACCOUNT, GROUP, modes
from support.people import Writer


@pytest.fixture(scope="module")
def world():
    folder = Path(tempfile.mkdtemp(prefix="slipway-accounts-"))
    with pytest.MonkeyPatch.context() as patch:  # the developer, who is root here, looks into what is not theirs
        for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}.items():
            patch.setenv(f"GIT_CONFIG_{name}", value)
        try:
            yield accounts.make(folder)
        finally:
            host.down(folder / "site")
            shutil.rmtree(folder, ignore_errors=True)


def said(result):
    """What it printed, without its folding."""
    return " ".join(result.out.split())


def everything(world):
    """{path: (mode, owner, group)} of all that is the site's, but for what git fetched."""
    places = (
        world.site.project,
        world.site.virtualenv,
        world.site.wsgi.parent,
        Path(world.site.database["path"]).parent,
    )
    found = {place / path: about for place in places for path, about in modes(place).items()}
    return {path: about for path, about in found.items() if ".git" not in path.parts}


def posts(world, count=3):
    """The web server's user writes rows."""
    with Writer(world) as writer:
        writer.wait_for(count)
    assert writer.lost() == []


def as_git_and_pip_do(world, twin, packages):
    """The next commit and its packages, brought by hand into copies of the live folder and the virtualenv."""
    accounts.as_account(world, "git", "-c", "gc.auto=0", "pull", "-q", cwd=twin)
    pip = (packages / "bin/python", "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check")
    accounts.as_account(world, *pip, "-r", "requirements.txt", cwd=twin)


def copied(world):
    made = []
    for live in (Path(world.site.project), Path(world.site.virtualenv)):
        twin = live.with_name("twin")
        subprocess.run(["cp", "-a", live, twin], check=True)
        made.append(twin)
    return made


READS_HEAD = """\
from pathlib import Path

HEAD = (Path(__file__).parent.parent / ".git/HEAD").read_text().split(": ")[1].strip()
COMMIT = (Path(__file__).parent.parent / ".git" / HEAD).read_text().strip()
"""

FAILS = """
import os

if os.environ.get("FLASK_ENV") == "production" and "SLIPWAY" not in os.environ:
    raise RuntimeError("only where it is served")
"""


def test_what_a_release_writes_is_as_git_and_pip_of_that_account_write_it(world):
    """One story, for each release takes seconds: the first one, one of code and packages, one that fails, a restore."""
    project, virtualenv = Path(world.site.project), Path(world.site.virtualenv)
    (project / "uploads").mkdir()
    os.chown(project / "uploads", ACCOUNT, GROUP)
    (project / "uploads").chmod(0o2770)
    (project / "uploads/first").touch()
    before = everything(world)

    first = world.release()
    assert first.code == 0, first.out
    assert world.health()["http"] == 200
    posts(world)
    data = Path(world.site.database["path"])
    assert everything(world)[world.site.wsgi] == before[world.site.wsgi] == (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP)
    assert everything(world)[data] == before[data] == (oct(stat.S_IFREG | 0o660), ACCOUNT, GROUP)
    assert modes(project)["REVISION"] == (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP)

    # code and packages; the clone has a file that root's own git made, and comes from where another user owns it
    world.write(
        {"app/static/new/deep/style.css": "a {}\n", "tools/run.sh": "#!/bin/sh\n", "app/version.py": READS_HEAD}
    )
    (world.laptop / "tools/run.sh").chmod(0o755)
    world.edit("app/__init__.py", "def create_app", "from app import version  # noqa: F401\n\n\ndef create_app")
    changes.require(world, "six==1.17.0")
    commit = world.commit("Bring files, folders and a package")
    log = project / ".git/logs/HEAD"
    os.chown(log, 0, 0)
    with snapshot.unchanged(world, laptop=False):
        refused = world.release()
    assert refused.code == 3, refused.out
    assert f"Git on the server cannot write {log}. Nothing was changed." in said(refused)
    assert f"chown -R {ACCOUNT} {log}" in said(refused)
    assert re.search(r"^repository .* look$", world.fab("check").out, re.M)
    os.chown(log, ACCOUNT, GROUP)
    refused = world.release()
    assert refused.code == 3, refused.out
    assert "git does not trust the owner of the remote" in said(refused)
    line = next(line for line in refused.out.splitlines() if "safe.directory" in line).partition("fab ")[2]
    mended = world.run("fab", *shlex.split(line))
    assert mended.code == 0, mended.out
    twin, packages = copied(world)
    as_git_and_pip_do(world, twin, packages)
    done = world.release()
    assert done.code == 0, done.out
    assert world.health()["commit"] == commit
    ours, theirs = modes(project), modes(twin)
    assert ours.pop("REVISION") == theirs.pop("REVISION") == (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP)
    git = {path for path in ours.keys() ^ theirs.keys() if path.startswith(".git/")}
    assert {path: ours[path] for path in ours.keys() - git} == {path: theirs[path] for path in theirs.keys() - git}
    assert "app/static/new/deep/style.css" in ours
    ours, theirs = modes(virtualenv), modes(packages)
    assert ours.pop("slipway-release") == (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP)
    assert ours == theirs
    for made in (twin, packages):
        shutil.rmtree(made)
    posts(world)

    # a release that fails where it is served leaves all as it was, but for what the app's own command made
    standing = everything(world)
    makes = 'os.makedirs("uploads/deep")\n    open("uploads/deep/made", "w").close()'
    column = 'op.add_column("comments", sa.Column("mood", sa.String(20)))'
    world.add_revision("ee000001", changes.HEAD, "make", f"if ON_THE_SERVER:\n    {makes}\n{column}", "pass")
    world.write({"app/version.py": READS_HEAD + FAILS, "tools/more/run.sh": "#!/bin/sh\n"})
    world.edit("requirements.txt", "six==1.17.0", "six==1.16.0")
    world.commit("Make a file, and fail where it is served")
    failed = world.release()
    assert failed.code == 6, failed.out
    assert world.live_commit == commit
    assert world.fab("workon", "-c", "touch uploads/by-hand").code == 0
    made = {project / path for path in ("uploads/deep", "uploads/deep/made", "uploads/by-hand")}
    after = everything(world)
    assert {path: found for path, found in after.items() if path not in made} == standing
    assert [after[path] for path in sorted(made)] == [
        (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP),
        (oct(stat.S_IFDIR | 0o2750), ACCOUNT, GROUP),
        (oct(stat.S_IFREG | 0o640), ACCOUNT, GROUP),
    ]
    standing = after
    posts(world)

    # a backup, more rows, and back
    assert world.fab("backup").code == 0
    kept = world.contents()
    posts(world)
    back = world.fab("restore", "--yes")
    assert back.code == 0, back.out
    assert world.contents() == kept
    assert everything(world) == standing
    posts(world)

    # what is ours is the account's alone
    for path in [world.state, *world.state.rglob("*")]:
        about = path.stat()
        assert (about.st_mode & 0o077, about.st_uid) == (0, ACCOUNT), path
