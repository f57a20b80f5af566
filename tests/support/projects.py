"""Fixtures: a small project of a user, fresh for each test (laptop.py); and the example configuration's site."""

from __future__ import annotations

import shutil

import pytest

from flask_slipway.config import settings
from support import ROOT
from support.laptop import PROD, Project, emptied, filled, published


@pytest.fixture
def ann(monkeypatch) -> None:
    """Who commits, where a project's own git is asked."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.org")


@pytest.fixture
def empty(tmp_path) -> Project:
    """An empty folder, without git, called project."""
    return emptied(tmp_path)


@pytest.fixture
def bare(empty) -> Project:
    """The project's files, without git."""
    return filled(empty)


@pytest.fixture
def project(bare) -> Project:
    """The project committed on main, pushed to a bare origin."""
    return published(bare)


@pytest.fixture
def ready(project) -> Project:
    """The project with its development database at the head."""
    ran = project.inv("upgrade")
    assert ran.code == 0, ran.out
    return project


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Project:
    """A project that would be released: committed, pushed, its development database at the head."""
    parent = tmp_path_factory.mktemp("wrong")
    made = filled(emptied(parent))
    made.write("invoke.yaml", PROD)
    published(made)
    ran = made.inv("upgrade")
    assert ran.code == 0, ran.out
    return made


@pytest.fixture
def here(pristine, tmp_path) -> Project:
    """A copy of it."""
    parent = tmp_path / "copy"
    shutil.copytree(pristine.folder.parent, parent, symlinks=True)
    return Project(parent / "project", {**pristine.env, "HOME": str(parent / "home")})


@pytest.fixture
def site() -> settings.Site:
    """prod of the example configuration."""
    return settings.load(ROOT).sites["prod"]
