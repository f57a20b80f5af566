"""`inv` with a development database on a server: revisions are proved on a scratch database beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

MODEL = "    posted: Mapped[dt.datetime]"
NOTE = "    note: Mapped[str | None] = mapped_column(String(40))\n"


@pytest.fixture(params=["mariadb", "mysql"])
def served(request, project):
    """The project with its development database on a server, upgraded and seeded; and the server."""
    server = request.getfixturevalue(request.param)
    there = replace(project, env={**project.env, "DATABASE_URL": server.url()})
    ran = there.inv("setup")
    assert ran.code == 0, ran.out
    return there


def test_a_revision_is_proved_on_a_scratch_database_and_applied(served):
    served.replace("app/models.py", MODEL, NOTE + MODEL)
    ran = served.inv("migrate", "-m", "add note")
    assert ran.code == 0, ran.out
    assert "Proved on a scratch copy: up, down and up again" in ran.out
    assert "drift     none" in served.inv("current").out


def test_a_way_down_that_fails_is_said_and_the_revision_kept(served):
    served.replace("app/models.py", MODEL, NOTE + MODEL)
    mako = "migrations/script.py.mako"
    served.replace(mako, '${downgrades if downgrades else "pass"}', 'op.drop_column("comments", "nowhere")')
    ran = served.inv("migrate", "-m", "add note")
    assert ran.code == 0, ran.out
    assert "No way down: downgrade() fails" in ran.out
    assert "nowhere" in ran.out


def test_the_first_revision_is_made_beside_the_database_and_stamped_on_it(served):
    for path in (served.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    ran = served.inv("migrate", "--initial", "-m", "all tables")
    assert ran.code == 0, ran.out
    assert "stamped with" in ran.out or "they differ; it was not changed" in ran.out


def test_a_server_that_does_not_answer_is_told_without_its_password(project):
    url = "mysql+pymysql://ann:k8dj3" + "ksl@127.0.0.1:9/db"
    ran = replace(project, env={**project.env, "DATABASE_URL": url}).inv("current")
    assert ran.code == 3
    assert "Can't connect" in ran.out
    assert "k8dj3" not in ran.out
