"""A small project of a user, fresh for each test (laptop.py)."""

from __future__ import annotations

import pytest
from laptop import Project, emptied, filled, published


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
