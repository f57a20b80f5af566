"""A clone to move."""

import os

import pytest

from flask_slipway.server.lib import process
from support.clones import AWKWARD, commit, run_git, write


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A clone with two commits; checked out is the older one. Returns (folder, older, newer)."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "bob")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "bob@example.org")
    monkeypatch.setenv("GIT_OPTIONAL_LOCKS", "0")  # as everywhere on a server: a look does not refresh the index
    monkeypatch.setattr(process, "environment", lambda extra=None: {**os.environ, **(extra or {})})
    folder = tmp_path / "it's bob$site"
    (folder / "app").mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main")
    write(folder, {"app/models.py": "one\n", "old.txt": "old\n", "same.txt": "same\n", ".gitignore": "/.env\n/data/\n"})
    older = commit(folder, "Begin")
    os.unlink(folder / "old.txt")
    write(
        folder, {"app/models.py": "two\n", "new/deep/file.txt": "new\n" * 5000, **dict.fromkeys(AWKWARD, "awkward\n")}
    )
    newer = commit(folder, "Go on")
    run_git(folder, "reset", "-q", "--hard", older)
    return folder, older, newer
