"""The project folder: no clone, other work in it, another history."""

from __future__ import annotations

import shutil

from support.world import git

from .table import (
    CHECK,
    RELEASE,
    STATUS,
    away,
    committed,
    configured,
    fab,
    holding,
    on_the_server,
    project,
    text,
    wrong,
)


@wrong(STATUS, 3, "is not there", "mysite.away", "Next: correct  project:", "git clone REPOSITORY")
@wrong(CHECK, 3, "is not there", "mysite.away", "Next: correct  project:", "git clone REPOSITORY")
@wrong(fab("workon", "-c", "ls -d mysite.away"), 0, "mysite is not there; this is", "mysite.away")
def project_folder_is_missing(world):
    return away(project(world))


@wrong(STATUS, 3, "is no git clone", "git clone REPOSITORY")
def project_folder_is_no_clone(world):
    with away(project(world) / ".git"):
        yield


@wrong(STATUS, 3, "lies inside the clone", "Next: set  project: mysite")
def project_folder_is_inside_of_a_clone(world):
    return configured(world, project=str(project(world) / "app"))


EDITED = "app/views/__init__.py"
LOOK, UNDO = "workon -c 'git diff HEAD'", f"workon -c 'git checkout HEAD -- {EDITED}'"


@wrong(RELEASE, 3, EDITED, LOOK, UNDO)
@wrong(fab("pull"), 3, EDITED, LOOK, UNDO)
def file_was_changed_by_hand(world):
    path = project(world) / EDITED
    return holding(path, path.read_text() + "# by hand\n")


@wrong(RELEASE, 3, EDITED, LOOK, UNDO)
def file_was_changed_and_added_by_hand(world):
    path = project(world) / EDITED
    with holding(path, path.read_text() + "# by hand\n"):
        git(project(world), "add", EDITED)
        yield
    git(project(world), "reset", "-q")


@wrong(RELEASE, 3, EDITED, f"workon -c 'git update-index --no-assume-unchanged -- {EDITED}'", LOOK, UNDO)
def file_was_changed_and_git_told_to_overlook_it(world):
    path = project(world) / EDITED
    git(project(world), "update-index", "--assume-unchanged", EDITED)
    with holding(path, path.read_text() + "# by hand\n"):
        yield
    git(project(world), "update-index", "--no-assume-unchanged", EDITED)


@wrong(RELEASE, 3, "brand_new.py", "workon -c 'git rm --cached -- brand_new.py'")
def file_was_added_by_hand(world):
    with holding(project(world) / "brand_new.py", "1\n"):
        git(project(world), "add", "brand_new.py")
        yield
        git(project(world), "reset", "-q")


@wrong(fab("pull"), 3, "has a submodule: lib", "git rm --cached lib")
def commit_has_a_submodule(world):
    """As an embedded repository makes one too."""
    (world.laptop / "lib").mkdir()
    git(world.laptop / "lib", "init", "-q")
    git(world.laptop / "lib", "commit", "-q", "--allow-empty", "-m", "Another repository")
    with committed(world, {}):
        yield
    shutil.rmtree(world.laptop / "lib")


@wrong(fab("pull"), 3, "the commit holds the site's .env", "git rm --cached -r -q -- .env", "in .gitignore")
def commit_holds_the_sites_env(world):
    kept = (world.laptop / ".env").read_bytes()
    with committed(world, {".gitignore": text(world, ".gitignore").replace("\n.env\n", "\n")}):
        yield
    (world.laptop / ".env").write_bytes(kept)


@wrong(fab("pull"), 3, "the commit holds compiled files: app/__pycache__/x.pyc", "__pycache__/  in .gitignore")
def commit_holds_compiled_files(world):
    ignored = text(world, ".gitignore").replace("__pycache__/\n*.py[cod]\n", "")
    with committed(world, {".gitignore": ignored, "app/__pycache__/x.pyc": "compiled"}):
        yield


@wrong(RELEASE, 3, "notes.txt", "Next:")
def untracked_file_is_in_the_way(world):
    with holding(project(world) / "notes.txt", "by hand"), committed(world, {"notes.txt": "ours"}):
        yield


@wrong(RELEASE, 3, "on branch experiment", "workon -c 'git switch main'")
def another_branch_is_checked_out(world):
    git(project(world), "checkout", "-q", "-b", "experiment")
    yield
    git(project(world), "checkout", "-q", "main")
    git(project(world), "branch", "-q", "-D", "experiment")


@wrong(RELEASE, 3, "detached head", "workon -c 'git switch main'")
def head_is_detached(world):
    git(project(world), "checkout", "-q", "--detach")
    yield
    git(project(world), "checkout", "-q", "main")


@wrong(RELEASE, 3, "is not known here", "git push origin HEAD:refs/heads/made-there")
def commit_was_made_on_the_server(world):
    return on_the_server(world, "Made there", pushed=False)


@wrong(RELEASE, 3, "is not part of", "Next: git merge")
def history_has_diverged(world):
    return on_the_server(world, "Made there", pushed=True)


@wrong(RELEASE, 3, "this clone is shallow", "Next: git fetch --unshallow origin")
def clone_here_is_shallow(world):
    with committed(world, {"new.txt": "1"}), committed(world, {"new.txt": "2"}):
        git(world.laptop, "fetch", "-q", "--depth", "1", "origin", "main")
        yield
        git(world.laptop, "fetch", "-q", "--unshallow", "origin")


@wrong(fab("downgrade", "--yes"), 3, "no older commit without d0641f33", "downgrade --database-only")
def first_commit_has_the_revision(world):
    yield


@wrong(fab("downgrade", "--yes"), 3, "the site's clone is shallow", "git fetch --unshallow origin")
def clone_there_is_shallow(world):
    before = git(project(world), "rev-parse", "HEAD")
    with committed(world, {"new.txt": "1"}):
        git(project(world), "fetch", "-q", "--depth", "1", "origin", "main")
        git(project(world), "reset", "-q", "--hard", "FETCH_HEAD")
        yield
        git(project(world), "fetch", "-q", "--unshallow", "origin")
        git(project(world), "reset", "-q", "--hard", before)


@wrong(RELEASE, 3, "index.lock", "workon -c 'rm ")
def index_is_locked(world):
    with holding(project(world) / ".git" / "index.lock", ""):
        yield
