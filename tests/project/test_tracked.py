"""What no site may get from git: a database, compiled files, a repository inside, a file without its filter,
a conflict. Each is refused before anything is committed, and what is typed against it loses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from support.mistakes import RELEASE, SAID, also, committed, conflict, git, prove, put, row, wrote


def database(path):
    """A database with a row, at `path`."""

    def make(project):
        place = project.folder / path
        place.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute("CREATE TABLE visits (day TEXT)")
            connection.execute("INSERT INTO visits VALUES ('2026-11-25')")

    return make


def raw(path, data):
    def make(project):
        place = project.folder / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)

    return make


def repository(path):
    """A repository of its own, with a commit, at `path`."""

    def make(project):
        project.write(f"{path}/parts.py", "PARTS = 3\n")
        for line in ("init -q -b main", "add .", "commit -qm Parts"):
            project.git("-C", path, *line.split())

    return make


def submodule(project):
    repository("../parts")(project)
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(project.folder.parent / "parts"), "lib"
    )
    project.git("commit", "-qm", "Add lib")


def popped(project):
    """A stash that meets a commit."""
    project.write("requirements.txt", "Flask==1\n")
    project.git("stash", "push", "-q")
    project.write("requirements.txt", "Flask==2\n")
    project.git("commit", "-qam", "Mine")
    assert project.run("git", "stash", "pop").code == 1


def squashed(project):
    conflict(project)
    assert project.run("git", "merge", "--squash", "other").code == 1


def autostashed(project):
    """`git pull --rebase --autostash`, as a release advises it; a colleague has changed the same line."""
    project.git("clone", "-q", "../origin.git", "../colleague")
    project.write("../colleague/requirements.txt", "Flask==1\n")
    for line in ("commit -qam Theirs", "push -q"):
        project.git("-C", "../colleague", *line.split())
    project.write("requirements.txt", "Flask==2\n")
    project.run("git", "pull", "-q", "--rebase", "--autostash")
    assert "<<<<<<<" in (project.folder / "requirements.txt").read_text()


MARKED = "body {\n<<<<<<< HEAD\n  color: red;\n=======\n  color: blue;\n>>>>>>> Blue\n}\n"
LFS = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
CACHE = also(raw("app/__pycache__/models.cpython-311.pyc", b"\xa7\r\r\n"), committed)
ROWS = [
    row(
        "tracked",
        also(database("data/app.db"), committed),
        RELEASE,
        3,
        "Files: data/app.db is a database, and tracked by git. Nothing",
        next="git rm --cached data/app.db",
    ),
    row(
        "told by check",
        also(database("data/app.db"), committed, git("push -q")),
        "inv check",
        3,
        "stops a release: data/app.db is a database",
        "untracked, it stays here and on the site",
        "name /data/app.db in .gitignore, and commit that",
    ),
    row(
        "with compiled files, told at once",
        also(database("shelf.db"), raw("app/__pycache__/models.cpython-311.pyc", b"\xa7\r\r\n"), committed),
        RELEASE,
        3,
        "Files: shelf.db is a database, and tracked by git. Nothing was changed.\n"
        "  its rows would replace the site's, or stop each release there\n"
        "  untracked, it stays here and on the site\n"
        "  files: app/__pycache__/models.cpython-311.pyc is compiled by Python, and tracked by git\n",
        "Next: git rm --cached shelf.db\n"
        "      name /shelf.db in .gitignore, and commit that\n"
        "      or, if only read:  shelf.db slipway=data  in .gitattributes\n"
        "      git rm -r -q --cached app/__pycache__\n",
    ),
    row(
        "with compiled files, to commit",
        also(
            database("shelf.db"),
            raw("app/__pycache__/models.cpython-311.pyc", b"\xa7\r\r\n"),
            git("add --force shelf.db app/__pycache__"),
        ),
        "inv commit -m x",
        3,
        "git rm --cached shelf.db\n",
        "git rm -r -q --cached app/__pycache__\n",
    ),
    row(
        "named otherwise",
        also(database("data/visits"), committed),
        RELEASE,
        3,
        "data/visits is a database",
        next="git rm",
    ),
    row(
        "before its first table",
        also(wrote("data/app.db", ""), committed),
        RELEASE,
        3,
        "data/app.db is a database",
        next="git rm",
    ),
    row(
        "its log",
        also(raw("data/app.log", b"\x37\x7f\x06\x82rest"), committed),
        RELEASE,
        3,
        "data/app.log is a database",
        next="git rm",
    ),
    row(
        "the development database",
        put("/instance/\n", "", ".gitignore"),
        SAID,
        3,
        "is a database, and not ignored by git. Nothing",
        next="name /instance/",
    ),
    row(
        "the development database, said to be data",
        also(put("/instance/\n", "", ".gitignore"), wrote(".gitattributes", "*.db slipway=data\n")),
        SAID,
        3,
        "is a database, and not ignored by git. Nothing",
        next="name /instance/",
    ),
    row(
        "a new one",
        database("app.db"),
        "inv commit -m x",
        3,
        "app.db is a database, and not ignored",
        next="name /app.db in .gitignore",
    ),
    row(
        "compiled",
        CACHE,
        RELEASE,
        3,
        "is compiled by Python, and tracked",
        next="git rm -r -q --cached app/__pycache__",
    ),
    row(
        "secrets of another name",
        also(wrote("deploy/prod.env", "A=b\n"), committed),
        RELEASE,
        3,
        "holds the environment's secrets\nNext: git reset --soft",
        next="git rm --cached deploy/prod.env\n      name deploy/prod.env in .gitignore\n      inv commit -m",
    ),
    row(
        "a submodule", submodule, RELEASE, 3, "lib is a submodule, which no release brings", next="git rm --cached lib"
    ),
    row(
        "a repository inside",
        repository("lib"),
        SAID,
        3,
        "lib is a git repository of its own",
        next="move lib/.git out of",
    ),
    row(
        "a repository inside, committed",
        also(repository("lib"), git("add lib", "commit -qm Lib")),
        RELEASE,
        3,
        "lib is a git repository of its own",
        next="git rm --cached lib",
    ),
    row(
        "without its filter",
        also(wrote(".gitattributes", LFS), raw("app/film.bin", b"film" * 999)),
        SAID,
        3,
        "app/film.bin would be committed without its filter: lfs is not set up here",
        next="git lfs install",
    ),
    row(
        "committed without its filter",
        also(wrote(".gitattributes", LFS), raw("app/film.bin", b"film" * 999), committed),
        RELEASE,
        3,
        "app/film.bin was committed without its filter, lfs",
        next="git lfs install",
    ),
    row(
        "a pointer",
        also(
            wrote(".gitattributes", LFS),
            raw("app/film.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"),
            committed,
        ),
        RELEASE,
        3,
        "app/film.bin is here as git-lfs's pointer alone",
        next="git lfs install",
    ),
    row(
        "a stash that was popped",
        popped,
        SAID,
        3,
        "requirements.txt has conflicts that are open",
        next="git add requirements.txt",
    ),
    row(
        "a stash that was popped, to commit",
        popped,
        "inv commit -m x",
        3,
        "requirements.txt has conflicts",
        next="git stash drop",
    ),
    row(
        "a squashed merge",
        squashed,
        SAID,
        3,
        "requirements.txt has conflicts that are open",
        next="git add requirements.txt",
    ),
    row(
        "a pull with its stash",
        autostashed,
        SAID,
        3,
        "requirements.txt has conflicts that are open",
        next="git add requirements.txt",
    ),
    row(
        "a conflict that was only added",
        also(popped, git("add requirements.txt")),
        SAID,
        3,
        "requirements.txt has lines of a conflict",
        next="edit requirements.txt",
    ),
    row(
        "a conflict that was committed",
        also(wrote("app/static/site.css", MARKED), committed),
        RELEASE,
        3,
        "app/static/site.css has lines of a conflict",
        next="edit app/static/site.css",
    ),
]


@pytest.mark.parametrize("wrong", ROWS, ids=lambda wrong: wrong.name)
def test_what_no_site_may_get_from_git_is_refused_before_it_is_committed(here, wrong):
    prove(here, wrong)


def test_what_is_typed_against_it_keeps_every_file_and_lets_the_release_go(here):
    also(database("data/app.db"), wrote(".env", "TOKEN=x\n"), repository("lib"), CACHE)(here)
    kept = {path: (here.folder / path).read_bytes() for path in ("data/app.db", ".env", "lib/parts.py")}
    assert "4 things stop a release" in here.inv("check").out
    here.git("rm", "-q", "--cached", "data/app.db", ".env", "lib")
    here.git("rm", "-r", "-q", "--cached", "app/__pycache__")
    (here.folder / "lib/.git").rename(here.folder.parent / "lib.git")
    here.write(".gitignore", (here.folder / ".gitignore").read_text() + "/data/app.db\n")
    ran = here.inv("commit", "-m", "Leave the site's own to the site")
    assert ran.code == 0, ran.out
    here.git("push", "-q")
    ran = here.inv("check")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "A release would go."), ran.out
    assert {path: (here.folder / path).read_bytes() for path in kept} == kept
    assert here.git("ls-files", "data", ".env", "lib", "*.pyc") == "lib/parts.py"


@pytest.mark.parametrize(
    "make",
    [
        also(database("data/cities.db"), wrote(".gitattributes", "data/cities.db slipway=data\n")),
        also(wrote("docs/git.css", MARKED), wrote(".gitattributes", "docs/git.css conflict-marker-size=32\n")),
        raw("app/only.pyc", b"\xa7\r\r\n"),
    ],
    ids=["a database that is only read", "the lines of a conflict as text", "a module without source"],
)
def test_what_is_meant_so_goes_along(here, make):
    also(make, committed, git("push -q"))(here)
    ran = here.inv("check")
    assert ran.code == 0, ran.out


def test_a_file_that_git_is_told_to_overlook_is_named_where_it_differs(here):
    here.git("update-index", "--assume-unchanged", "requirements.txt", "app/forms.py")
    assert "overlook" not in here.inv("check").out
    here.write("app/forms.py", (here.folder / "app/forms.py").read_text() + "# mine\n")
    ran = here.inv("check")
    assert (ran.code, "note: 1 file changed here, and git is told to overlook" in ran.out) == (0, True), ran.out
    assert "  app/forms.py\n" in ran.out and "  requirements.txt\n" not in ran.out


def test_what_was_looked_at_is_committed_and_what_the_tests_make_is_named_and_stays(here):
    writes = (
        "import pathlib; pathlib.Path('.coverage').write_text('x'); pathlib.Path('invoke.yaml').open('a').write('#')"
    )
    here.replace("invoke.yaml", "print('3 passed')", writes)
    here.git("commit", "-qam", "Cover")
    here.write("app/new.py", "X = 1\n")
    ran = here.inv("release", "--yes", "-m", "A change")
    assert ran.code == 5, ran.out  # prod is not there; the commit was made and pushed before that shows
    assert here.git("show", "--format=", "--name-only", "HEAD") == "app/new.py"
    assert "2 files came since, and stayed out of the commit" in ran.out
    assert here.git("status", "--porcelain").split("\n") == ["M invoke.yaml", "?? .coverage"]


def test_a_list_of_what_is_committed_says_what_leaves_git_and_what_comes(here):
    here.write("shelf.db", "")
    here.write("film.bin", "")
    (here.folder / "film.bin").open("wb").truncate(61_000_000)
    here.git("add", "--force", "shelf.db", "film.bin")
    here.git("commit", "-qm", "A mistake")
    here.git("rm", "-q", "--cached", "shelf.db", "film.bin", "app/forms.py")
    here.write(".gitignore", (here.folder / ".gitignore").read_text() + "/shelf.db\n/film.bin\n")
    (here.folder / ".flaskenv").unlink()
    here.git("mv", "requirements.txt", "needed.txt")
    here.write("app/added.py", "X = 1\n")
    here.git("add", "app/added.py")
    here.write("app/new.py", "X = 1\n")
    here.write("app/forms.py", (here.folder / "app/forms.py").read_text() + "# mine\n")
    ran = here.inv("commit", "-m", "A list")
    assert ran.code == 0, ran.out
    rows, last = [line for line in ran.out.splitlines() if line.startswith("  ")], ran.out.splitlines()[-2]
    assert sorted(rows) == [
        "  changed  .gitignore",
        "  changed  app/forms.py",
        "  new      app/added.py",
        "  new      app/new.py",
        "  removed  .flaskenv",
        "  removed  film.bin",
        "  removed  shelf.db",
        "  renamed  needed.txt, from requirements.txt",
    ]
    assert last.endswith(": 8 files."), ran.out


def test_no_advice_on_what_git_tracks_is_wider_than_a_terminal(here):
    here.write("shelf.db", "")
    here.write(".env", "A=b\n")
    here.write("app/__pycache__/x.pyc", "x")
    here.git("add", "--force", "shelf.db", ".env", "app/__pycache__")
    here.git("commit", "-qm", "A mistake")
    ran = here.inv("check")
    assert "git rm --cached shelf.db" in ran.out and "git rm --cached .env" in ran.out
    assert [line for line in ran.out.splitlines() if len(line) > 84] == []


def test_what_changes_while_it_is_tested_is_not_committed(here):
    writes = "import pathlib; pathlib.Path('app/new.py').write_text('X = 2')"
    here.replace("invoke.yaml", "print('3 passed')", writes)
    here.git("commit", "-qam", "Change it")
    here.write("app/new.py", "X = 1\n")
    before = here.git("rev-parse", "HEAD", "origin/main")
    ran = here.inv("release", "--yes", "-m", "A change")
    assert (ran.code, "1 file changed while it was looked at" in ran.out) == (3, True), ran.out
    assert here.git("rev-parse", "HEAD", "origin/main") == before
    assert here.git("status", "--porcelain") == "?? app/new.py"


def test_migrate_says_that_the_database_it_changes_is_tracked(here):
    here.git("add", "--force", "instance")
    here.git("commit", "-qm", "A mistake")
    here.replace("app/models.py", "    posted: Mapped", "    note: Mapped[str | None]\n    posted: Mapped")
    ran = here.inv("migrate", "-m", "add note")
    assert ran.code == 0, ran.out
    assert "is a database, and tracked by git. A release refuses that:\n  git rm --cached instance/" in ran.out


def test_a_commit_keeps_modes_links_and_what_was_renamed_or_removed(here):
    here.git("mv", "requirements.txt", "needed.txt")
    (here.folder / ".flaskenv").unlink()
    here.write("run", "#!/bin/sh\n")
    (here.folder / "run").chmod(0o755)
    (here.folder / "also").symlink_to("run")
    here.git("add", "run")
    here.write("run", "#!/bin/sh\nexit\n")
    assert here.inv("commit", "-m", "Much").code == 0
    assert here.git("status", "--porcelain") == ""
    assert here.git("ls-tree", "HEAD", "run", "also").split("\n")[0].startswith("120000 blob")
    assert here.git("show", "HEAD:run") == "#!/bin/sh\nexit"
    assert here.git("ls-tree", "--name-only", "HEAD", "requirements.txt", "needed.txt", ".flaskenv") == "needed.txt"
