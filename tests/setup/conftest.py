"""A project before `init`."""

from __future__ import annotations

import pytest

from support.adopting import ONE_FILE, put


@pytest.fixture
def blog(empty):
    """A one-file app in a repository with a remote."""
    put(empty, flask_app=ONE_FILE)
    empty.write("requirements.txt", "Flask\n")
    empty.git("init", "-q", "-b", "main")
    empty.git("remote", "add", "origin", "git@github.com:ann/comments.git")
    return empty
