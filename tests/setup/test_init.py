"""`python -m flask_slipway init` as a user types it; what is missing is a refusal."""

from __future__ import annotations

import sys

import pytest

import flask_slipway
from flask_slipway.project import taskfiles
from support import snapshot
from support.adopting import ANSWERS, files, init, site


def test_init_adopts_a_one_file_app_and_the_tasks_are_there(blog):
    out = init(blog, *ANSWERS, "--yes")
    assert "Next: fab prod.check" in out
    assert site(blog).user == "Ann"
    assert (site(blog).app, site(blog).wsgi) == ("flask_app", "/var/www/ann_pythonanywhere_com_wsgi.py")
    assert {"tasks.py", "fabfile.py", "invoke.yaml", ".gitignore"} <= files(blog).keys()
    for line in (blog.folder / "invoke.yaml").read_text().splitlines():
        assert len(line) <= 80
    listed = blog.inv("--list")
    assert (listed.code, "  release " in listed.out) == (0, True)
    listed = blog.fab("--list")
    assert (listed.code, "  prod.backup" in listed.out) == (0, True)


def test_a_second_time_there_is_nothing_to_do(blog):
    init(blog, *ANSWERS, "--yes")
    with snapshot.unchanged(blog):
        out = init(blog)
        assert "Nothing to write" in out
        assert "Next: fab prod.check" in out


def test_a_second_site_is_told_as_lines_and_never_written(blog):
    init(blog, *ANSWERS, "--yes")
    with snapshot.unchanged(blog):
        out = init(blog, *ANSWERS, "--environment", "staging", "--yes", code=3)
        assert "    staging:\n" in out
        assert "fab staging.check" in out


@pytest.mark.parametrize("name", ["on", "yes", "null", "live"])
def test_a_name_that_yaml_would_take_for_another_thing_is_quoted(blog, name):
    init(blog, *ANSWERS, "--environment", name, "--yes")
    assert site(blog, name).user == "Ann"
    listed = blog.fab("--list")
    assert (listed.code, f"  {name}.backup" in listed.out) == (0, True)


def test_what_is_missing_of_the_files_is_added_without_a_question(blog):
    init(blog, *ANSWERS, "--yes")
    (blog.folder / "fabfile.py").unlink()
    out = init(blog, "--yes")
    assert "Wrote fabfile.py." in out
    assert (blog.folder / "fabfile.py").read_text() == taskfiles.TWO_LINES.format("remote")


def test_without_a_terminal_lacking_answers_are_refused_with_the_line_to_type(blog):
    with snapshot.unchanged(blog):
        out = init(blog, "--user", "ann", code=3)
        assert "--domain --project --virtualenv" in out
        assert "--user ann --domain ann.pythonanywhere.com --project comments --virtualenv comments_venv --yes" in out
    line = out.split("Next: python -m flask_slipway init ")[1].strip()
    init(blog, *line.split())
    assert site(blog).project == "/home/ann/comments"


def test_without_a_terminal_and_without_yes_nothing_is_written(blog):
    with snapshot.unchanged(blog):
        assert "--yes" in init(blog, *ANSWERS, code=3)


@pytest.mark.parametrize(
    "wrong, told",
    [
        (["--domain", "https://ann.pythonanywhere.com/"], "--domain: should be a domain without https://"),
        (["--user", "ann@example.org"], "--user: should be an account's name"),
        (["--user", "yourusername"], "--user: should be your own"),
        (["--user", "USER"], "--user: should be your own; USER stands for it"),
        (["--domain", "DOMAIN"], "--domain: should be your own; DOMAIN stands for it"),
        (["--domain", "localhost"], "--domain: should be a domain with a dot, such as www.example.org"),
        (["--project", "PROJECT"], "--project: should be your own; PROJECT stands for it"),
        (["--virtualenv", "VIRTUALENV"], "--virtualenv: should be your own; VIRTUALENV stands for it"),
        (["--region", "asia"], "--region: should be us or eu"),
        (["--environment", "Prod"], "--environment: should be lower-case letters"),
        (["--environment", "sandbox"], "--environment: should be another name: sandbox is the site on this machine"),
        (["--app", "blog.nothing"], "--app: should name a module or a package in this folder"),
        (["--app", "flask_app:create_app("], "--app: should close its brackets and quotes"),
        (["--env", "FLASK_ENV"], "--env wants NAME=VALUE"),
        (["--env", "1X=2"], "--env: has '1X'"),
        (["--branch", "a b"], "--branch: should be the name of a branch"),
        (["--acount", "ann"], "--acount"),
    ],
    ids=lambda value: value[0][2:] if isinstance(value, list) else "",
)
def test_a_wrong_option_is_told_and_nothing_is_written(blog, wrong, told):
    with snapshot.unchanged(blog):
        out = init(blog, *ANSWERS, "--yes", *wrong, code=1)
        assert told in out
        assert "init --help" in out or "NAME=VALUE" in out


def test_every_wrong_option_is_told_at_once(blog):
    out = init(blog, "--user", "a b", "--domain", "x/y", "--region", "z", code=1)
    assert all(f"--{name}:" in out for name in ("user", "domain", "region"))


def test_the_package_itself_tells_what_can_be_typed(empty):
    for line, told in (
        ([], "init"),
        (["--help"], "init"),
        (["--version"], f"Flask-Slipway {flask_slipway.__version__}"),
        (["init", "--help"], "--virtualenv"),
    ):
        ran = empty.run(sys.executable, "-m", "flask_slipway", *line)
        assert (ran.code, told in ran.out) == (0, True)
    for line, told in ((["release"], "inv release"), (["backup"], "fab prod.backup"), (["foo"], "--help")):
        ran = empty.run(sys.executable, "-m", "flask_slipway", *line)
        assert (ran.code, told in ran.out) == (1, True)


def test_where_one_file_cannot_be_written_none_is(blog):
    (blog.folder / ".gitignore").mkdir()
    with snapshot.unchanged(blog):
        out = init(blog, *ANSWERS, "--yes", code=3)
        assert ".gitignore" in out
        assert "Nothing was changed" in out
