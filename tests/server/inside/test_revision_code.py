"""What is asked of a revision beforehand does not run it, unless it is made of operations alone."""

import pytest

from support.tiny_app import Project

OWN = '''\
"""move the files"""
import os, pathlib
import sqlalchemy as sa
from alembic import op
revision = "cccc3333"
down_revision = "bbbb2222"
TRACE = pathlib.Path({trace!r})
users = sa.table("asset", sa.column("name", sa.String))
tables = ["asset"]


def upgrade():
    {up}


def downgrade():
    {down}
'''
PLAIN = [
    "pass",
    'op.add_column("asset", sa.Column("age", sa.Integer, server_default=sa.text("1")))',
    'op.execute(users.update().where(users.c.name == "x").values(name="y"))',
    'op.execute(f"DELETE FROM asset WHERE id > {40 + 2}")',
    'if os.environ.get: op.drop_column("asset", "mood")',
    'for name in ("a", "b"): op.add_column("asset", sa.Column(name, sa.String(20)))',
    'kind = sa.Enum("a", "b", name="kind"); op.add_column("asset", sa.Column("kind", kind))',
    'with op.batch_alter_table("asset") as batch: batch.alter_column("name", type_=sa.Text())',
    'op.bulk_insert(users, [{"name": "one"}, {"name": ", ".join(["a", "b"])}])',
]
OF_ITS_OWN = [
    "TRACE.touch()",
    "{}[TRACE.touch()] = 1",
    'op.execute("SELECT %s" % TRACE.touch())',
    "TRACE.parent.joinpath('trace').touch()",
    "[TRACE][0].touch()",
    "trace = [TRACE][0]; trace.touch()",
    "sa = TRACE; sa.touch()",
    "for trace in [TRACE]: trace.touch()",
    'op.get_bind().execute(sa.text("SELECT 1")); TRACE.touch()',
    "import shutil; TRACE.touch()",
    "with TRACE.open('w'): pass",
    "op = TRACE; op.touch()",
    "[path.touch() for path in [TRACE]]",
    "(lambda: TRACE.touch())()",
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    made = Project(tmp_path)
    made.trace = tmp_path / "trace"
    made.fill()
    yield made
    for app in made.processes:
        app.close()


def revise(project, up="pass", down="pass"):
    text = OWN.format(trace=str(project.trace), up=up, down=down)
    project.write("migrations/versions/cccc3333.py", text)
    return project.loaded()


def asked(app, direction="up"):
    rows = app.ask("operations", revisions=["cccc3333"], direction=direction)["operations"]
    assert app.ask("unfit", revisions=["cccc3333"], dialect="mysql")["unfit"] == []
    return rows


@pytest.mark.parametrize("code", PLAIN)
def test_one_of_operations_alone_is_played_through(project, code):
    rows = asked(revise(project, code))
    assert "unknown" not in [row["kind"] for row in rows]
    assert bool(rows) == (code != "pass")


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("code", OF_ITS_OWN)
def test_one_with_python_of_its_own_is_not_run_to_be_told(project, code, direction):
    words = {direction: code}
    rows = asked(revise(project, **words), direction)
    assert not project.trace.exists()
    assert rows[-1]["kind"] == "unknown"
    assert "cccc3333.py" in rows[-1]["text"]


def test_it_runs_once_when_it_goes_up_and_once_when_it_goes_down(project):
    count = "TRACE.open('a').write('{}')"
    app = revise(project, count.format("u"), count.format("d"))
    asked(app)
    asked(app, "down")
    app.ask("upgrade", to="cccc3333")
    assert project.trace.read_text() == "u"
    app.ask("downgrade", to="bbbb2222")
    assert project.trace.read_text() == "ud"


def test_what_is_dropped_is_told_of_such_a_one_too(project):
    app = revise(project, down='op.drop_column("asset", "mood")\n    op.drop_table("asset")\n    TRACE.touch()')
    rows = asked(app, "down")
    assert [(row["kind"], row["table"], row["column"]) for row in rows] == [
        ("drop_column", "asset", "mood"),
        ("drop_table", "asset", None),
        ("unknown", None, None),
    ]
