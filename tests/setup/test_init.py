"""`flask-slipway init` as a user types it; what is missing is a refusal."""

from __future__ import annotations

import sys

import pytest

import flask_slipway
from flask_slipway.project import taskfiles
from support import ROOT, hostile_git, snapshot
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
    line = out.split("Next: flask-slipway init ")[1].strip()
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


TRACE = "open('loaded', 'w').close()\n"


def test_no_module_of_the_project_is_taken_for_pythons_own_or_for_ours(blog, tmp_path):
    """`python -m` looks here first; of Python's own modules it has loaded some before any line of ours."""
    if sys.version_info >= (3, 11):
        for name in sys.stdlib_module_names - set(sys.builtin_module_names):
            blog.write(f"{name}.py", TRACE)
    for name in ("typing", "__future__", "argparse", "fabric", "yaml"):
        blog.write(f"{name}.py", TRACE)
    assert "the files that init writes" in init(blog, *ANSWERS, "--yes")
    blog.write("flask_slipway/__init__.py", TRACE)
    blog.write("flask_slipway/__main__.py", TRACE)
    name, _, function = scripts()["flask-slipway"].partition(":")
    program = tmp_path / "bin/flask-slipway"  # as pip writes it
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom {name} import {function}\n{function}()\n")
    program.chmod(0o755)
    ran = blog.run(str(program), "init", *ANSWERS, "--yes")
    assert (ran.code, "Nothing to write" in ran.out) == (0, True), ran.out
    assert not (blog.folder / "loaded").exists()


def scripts():
    """The programs that pyproject.toml names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.scripts]\n")[1].split("\n\n")[0]
    return {name: value.strip('"') for name, value in (line.split(" = ") for line in text.splitlines())}


def test_no_program_that_the_projects_git_names_is_run(blog, tmp_path):
    blog.git("add", ".")
    blog.git("commit", "-qm", "First")
    plain = init(blog, *ANSWERS, code=3)
    hostile = hostile_git.made(tmp_path / "hostile")
    with hostile_git.configured(hostile, tmp_path / "home", repositories=(blog.folder,)):
        assert init(blog, *ANSWERS, code=3) == plain
    assert hostile.ran() == []
    assert "branch main, remote git@github.com:ann/comments.git" in plain


def test_no_file_is_written_where_a_link_leads_out_of_the_project(blog):
    own = blog.folder.parent / ".bashrc"
    own.write_text("own\n")
    (blog.folder / ".gitignore").unlink(missing_ok=True)
    (blog.folder / ".gitignore").symlink_to(own)
    before = files(blog)
    told = init(blog, *ANSWERS, "--yes", code=3)
    assert ".gitignore is a link out of the project" in told
    assert "rm .gitignore, then the same again" in told
    assert files(blog) == before
    assert own.read_text() == "own\n"
