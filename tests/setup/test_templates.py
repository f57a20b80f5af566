"""What init writes: odd but valid values come back from invoke.yaml."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_slipway.config import keys
from flask_slipway.config import settings as configuration
from flask_slipway.project import taskfiles
from flask_slipway.setup import answers, discover, templates

PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=30)
ODD = st.one_of(
    PRINTABLE, st.sampled_from(["a$b", "%x", "#no", "a: b", "- a", "yes", "1e3", "'", '"', "~", "{x}", "héé 😀", "\\n"])
)


LOOKED = discover.Found(
    root=Path(),
    app=discover.App("app"),
    repository=discover.Repository(True, "main", "main", "", "blog"),
    migrations="migrations",
    revisions=1,
    flask_migrate=True,
    requirements="requirements.txt",
    tests="pytest",
    choosers={},
    seeds=("init-currency",),
    tasks=taskfiles.TaskFile("tasks"),
    fabfile=taskfiles.TaskFile("fabfile"),
    config="",
    configured=False,
    example=False,
    names=None,
    tracked_env=False,
    ignore=(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(project=ODD, virtualenv=ODD, value=ODD, branch=ODD)
def test_odd_values_come_back_from_invoke_yaml_as_they_were_given(empty, project, virtualenv, value, branch):
    rules = keys.ENVIRONMENT
    try:
        wanted = [rules["project"].take(project), rules["virtualenv"].take(virtualenv), rules["branch"].take(branch)]
    except keys.Wrong:
        return
    chosen = answers.Answers(
        "app", "ann", "a.test", "us", wanted[0], wanted[1], "prod", wanted[2], {"FLASK_ENV": value}
    )
    text = templates.configuration(LOOKED, chosen)
    assert text.isascii()
    (empty.folder / "invoke.yaml").write_text(text, encoding="ascii")
    assert load(empty) == (*wanted, value)


def load(project):
    """What the written file says, before paths are made of it."""
    from flask_slipway.config import yaml_lines

    configuration.load(project.folder)
    written = yaml_lines.slipway(project.folder)["environments"]["prod"]
    return written["project"], written["virtualenv"], written.get("branch", "main"), written["env"]["FLASK_ENV"]
