"""A revision that was edited after a site applied it: which edits count."""

from __future__ import annotations

import subprocess

import pytest

from flask_slipway.errors import Refusal
from flask_slipway.revisions import edited

TEXT = '''"""Add posted."""

from alembic import op

revision = "8a1c5e20"
down_revision = None


def upgrade():
    """Adds it."""
    op.add_column("comments", "posted")  # a date


def downgrade():
    op.drop_column("comments", "posted")
'''
EDITS = {
    "a comment": ("# a date", "# a day", False),
    "a docstring": ("Adds it.", "Adds the day.", False),
    "the module's docstring": ("Add posted.", "Add the day.", False),
    "layout": ('"comments", "posted")  # a date', '\n        "comments",\n        "posted",\n    )', False),
    "the way down": ("op.drop_column", "op.drop_index", False),
    "the way up": ('"posted")  #', '"written")  #', True),
    "its place in the history": ("down_revision = None", 'down_revision = "91e4b26f"', True),
    "code that does not parse": ("def upgrade():", "def upgrade(:", True),
    "the way up, on purpose": ('"posted")  # a date', '"written")  # edited on purpose', False),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_counts_where_the_way_up_differs(tmp_path, name):
    old, new, counts = EDITS[name]
    path = tmp_path / "migrations/versions/8a1c5e20_add_posted.py"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for line in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "First"]):
        subprocess.run(["git", *line], cwd=tmp_path, check=True)
    row = {"id": "8a1c5e20", "text": "add posted", "path": str(path)}
    assert edited.since(tmp_path, "HEAD", [row]) == []
    assert old in TEXT
    path.write_text(TEXT.replace(old, new))
    found = edited.since(tmp_path, "HEAD", [row])
    assert bool(found) is counts
    if counts:
        with pytest.raises(Refusal, match="was edited after prod applied it") as refused:
            edited.refuse(found, "prod", "HEAD", tmp_path)
        assert "git checkout HEAD -- migrations/versions/8a1c5e20_add_posted.py" in refused.value.message
        assert "inv migrate -m" in refused.value.message


def test_an_edit_counts_under_another_name_too(tmp_path):
    path = tmp_path / "migrations/versions/8a1c5e20_add_posted.py"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    for line in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "First"]):
        subprocess.run(["git", *line], cwd=tmp_path, check=True)
    other = path.with_name("2026_add_posted.py")
    path.rename(other)
    row = {"id": "8a1c5e20", "text": "add posted", "path": str(other)}
    assert edited.since(tmp_path, "HEAD", [row]) == []
    other.write_text(TEXT.replace('"posted")', '"written")'))
    with pytest.raises(Refusal, match="was edited after prod applied it") as refused:
        edited.refuse(edited.since(tmp_path, "HEAD", [row]), "prod", "HEAD", tmp_path)
    message = refused.value.message
    assert "8a1c5e20_add_posted.py, renamed to migrations/versions/2026_add_posted.py" in message
    assert "git checkout HEAD -- migrations/versions/8a1c5e20_add_posted.py, and remove migrations" in message
    path.write_text(TEXT.replace('"8a1c5e20"', '"91e4b26f"'))  # another revision stands under the old name now
    assert [row["was"] for row in edited.since(tmp_path, "HEAD", [row])] == [
        "migrations/versions/8a1c5e20_add_posted.py"
    ]
