"""Wrong input at the site's side: a row for each mistake. It is told in one message, which says what to type next; it
ends with the design's exit code; and nothing is changed, on either side."""

from __future__ import annotations

import re
import shlex

import pytest

from end_to_end.mistakes import WRONG
from support import changes, snapshot
from support.world import World


@pytest.fixture(scope="module")
def waiting(worlds):
    """Sites by kind of database: after their first release, with a commit that waits to be released. As nothing is
    changed, one of each serves all rows."""
    made: dict[str, World] = {}

    def world_of(dialect: str) -> World:
        if dialect not in made:
            made[dialect] = worlds(dialect)
            made[dialect].reset_to_first_release()
            assert made[dialect].fab("backup").code == 0
            changes.additive(made[dialect])
        return made[dialect]

    return world_of


@pytest.mark.parametrize(("dialect", "row"), [pytest.param(row.dialect, row, id=str(row)) for row in WRONG])
def test_what_is_wrong_at_the_site_is_told_and_changes_nothing(waiting, dialect, row):
    world = waiting(dialect)
    with row.mistake(world), snapshot.unchanged(world):
        done = world.run(*row.typed)
    assert done.code == row.code, done.out
    for words in row.told:
        assert words.lower() in done.out.lower(), f"{words!r} is not in:\n{done.out}"
    assert "Traceback" not in done.out and "internal error" not in done.out.lower()
    told = done.out[done.out.rfind("Nothing was changed") :].splitlines()
    assert len(told) <= 10, done.out


COMMAND = re.compile(r"fab site\.[a-z]+(?: -c '[^']*')?")
MENDED = {
    "another_branch_is_checked_out-release": 1,
    "index_is_locked-release": 1,
    "file_was_changed_by_hand-release": 2,
    "file_was_changed_and_added_by_hand-release": 2,
    "file_was_changed_and_git_told_to_overlook_it-release": 3,
    "file_was_added_by_hand-release": 2,
    "live_app_was_pulled_by_hand_and_is_broken-release": 1,
    "alembic_version_is_missing-release": 1,
    "alembic_version_has_two_rows-release": 2,
    "sqlite_file_is_no_database-release": 2,
    "database_is_read_only-release": 1,
}


@pytest.mark.parametrize(
    ("dialect", "row"), [pytest.param(row.dialect, row, id=str(row)) for row in WRONG if str(row) in MENDED]
)
def test_what_is_named_to_type_next_mends_it(waiting, dialect, row):
    """The commands of the message, typed as they stand there."""
    world, name = waiting(dialect), str(row)
    with row.mistake(world):
        told = world.run(*row.typed).out
        commands = COMMAND.findall(told[told.rfind("Next:") :])[: MENDED[name]]
        assert len(commands) == MENDED[name], told
        for command in commands:
            typed = shlex.split(command)
            done = world.run(*typed, *(["--yes"] if typed[1] == "site.restore" else []))
            assert done.code == 0, done.out
        again = world.run("inv", "release", "--to", "site", "--dry")
        assert again.code == 0, again.out
        assert "add mood" in again
