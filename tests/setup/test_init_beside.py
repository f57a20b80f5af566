"""`flask-slipway init` as a user types it where there are files already: a person's own are left alone."""

from __future__ import annotations

import os
import re

import pytest

from flask_slipway.project import taskfiles
from support.adopting import ANSWERS, WRITTEN, files, init, site

EXAMPLE = """\
slipway:
  app: flask_app
  environments:
    prod:
      user: yourusername
      domain: a.test
      project: a
      virtualenv: a
"""


OWN_TASKS = """\
from invoke import task

@task
def build(c):
    print("built")

@task(help={})
def clean(c):
    pass
"""


@pytest.mark.parametrize(
    "text, lines",
    [
        (
            "from invoke import Collection, task\nns = Collection()\n",
            ['ns.add_collection(flask_slipway.local(), "slipway")'],
        ),
        (
            "from invoke import Collection\nnamespace = Collection()\n",
            ["namespace.add_collection(flask_slipway.local(), "],
        ),
        (
            OWN_TASKS,
            ["namespace = Collection(build, clean)", 'namespace.add_collection(flask_slipway.local(), "slipway")'],
        ),
    ],
    ids=["ns", "namespace", "no collection"],
)
def test_own_task_files_are_left_alone_and_the_lines_that_are_shown_work(blog, text, lines):
    blog.write("tasks.py", text)
    blog.write("fabfile.py", text)
    out = init(blog, *ANSWERS, "--yes")
    assert "Next: add these lines, then  fab slipway.prod.check" in out
    assert all(line in out for line in lines)
    for path in ("tasks.py", "fabfile.py"):
        assert (blog.folder / path).read_text() == text
        block = out.split(f"{path} is yours and stays as it is. Add to its end:\n\n")[1].split("\n\n")[0]
        blog.write(path, text + "\n" + re.sub(r"^  ", "", block, flags=re.M) + "\n")
    assert "  slipway.release " in blog.inv("--list").out
    assert "  slipway.sandbox.up" in blog.inv("--list").out
    assert "  slipway.prod.backup" in blog.fab("--list").out
    if "build" in text:
        assert blog.inv("build").out == "built\n"
    out = init(blog)
    assert "Nothing to write" in out
    assert "Next: fab slipway.prod.check" in out


CELERY = "from celery import Celery\n\ncelery = Celery()\n\n@celery.task\ndef send_mail():\n    pass\n"


@pytest.mark.parametrize("path", ["tasks.py", "tasks/__init__.py"])
def test_a_tasks_file_of_the_apps_own_is_left_alone_and_the_tasks_get_another(blog, path):
    blog.write(path, CELERY)
    out = init(blog, *ANSWERS, "--yes")
    assert f"Note: {path} is the app's own" in out
    assert "inv -c slipway_tasks release" in out
    assert "Collection" not in out
    assert "inv -c slipway_tasks migrate" in out or "flask_migrate" in out
    assert (blog.folder / path).read_text() == CELERY
    assert "Nothing to write" in init(blog)
    for typed, told in (
        ("--list", "  release "),
        ("--help release", "inv[oke]"),
        ("relase", "Next: inv -c slipway_tasks release\n      inv -c slipway_tasks --list"),
        ("commit", 'Next: inv -c slipway_tasks commit -m "'),
    ):
        ran = blog.inv("-c", "slipway_tasks", *typed.split())
        assert told in ran.out, ran.out


def test_a_tasks_package_whose_modules_are_invokes_is_a_task_file(blog):
    blog.write("tasks/__init__.py", "from . import build\n")
    blog.write("tasks/build.py", OWN_TASKS)
    assert "tasks/__init__.py is yours and stays as it is. Add to its end" in init(blog, *ANSWERS, "--yes")


def test_only_functions_that_invoke_or_fabric_made_tasks_are_named(blog):
    head = "import celery, invoke\nimport invoke.tasks as it\nfrom fabric import task as job\n"
    marks = ["invoke.task", "it.task(help={})", "job", "celery.task", "task", "celery.Celery().task"]
    made = "".join(f"@{mark}\ndef made{number}(c): pass\n" for number, mark in enumerate(marks))
    blog.write("tasks.py", head + made)
    assert taskfiles.read(blog.folder, "tasks").tasks == ("made0", "made1", "made2")


def test_a_nested_suite_knows_its_project_and_names_its_commands_as_they_are_called(blog):
    imports = "import flask_slipway\nfrom invoke import Collection as C\n\n"
    blog.write("tasks.py", f'{imports}ns = C()\nns.add_collection(flask_slipway.local(), "deploy")\n')
    blog.write("fabfile/__init__.py", f"{imports}ns = C(up=flask_slipway.remote())\n")
    init(blog, *ANSWERS, "--yes")
    blog.git("add", ".")
    blog.git("commit", "-qm", "First")
    ran = blog.inv("deploy.commit")
    assert (ran.code, 'inv deploy.commit -m "' in ran.out) == (1, True), ran.out
    ran = blog.inv("deploy.migrate")
    assert (ran.code, 'inv deploy.migrate -m "' in ran.out) == (1, True), ran.out
    ran = blog.fab("up.prod.workon")
    assert (ran.code, "fab up.prod.workon -c" in ran.out) == (1, True), ran.out
    blog.replace("invoke.yaml", "user: Ann ", "user: yourusername ")
    ran = blog.fab("up.prod.backup")
    assert (ran.code, "user: yourusername" in ran.out) == (1, True), ran.out


def test_an_own_invoke_yaml_is_left_alone_and_the_lines_that_are_shown_work(blog):
    text = "run:\n  echo: false\n"
    blog.write("invoke.yaml", text)
    out = init(blog, *ANSWERS, "--yes")
    assert (blog.folder / "invoke.yaml").read_text() == text
    block = out.split("invoke.yaml is yours and stays as it is. Add to its end:\n\n")[1].split("\n\nNext: ")[0]
    blog.write("invoke.yaml", text + re.sub(r"^  ", "", block, flags=re.M) + "\n")
    assert site(blog).user == "Ann"
    assert "Nothing to write" in init(blog)


def test_an_invoke_yaml_with_the_examples_values_is_named_with_its_line(blog):
    blog.write(
        "invoke.yaml",
        EXAMPLE,
    )
    out = init(blog, "--yes")
    assert "invoke.yaml, line 5: user: yourusername" in out


def test_an_invoke_json_would_be_hidden_so_it_refuses(blog):
    blog.write("invoke.json", "{}")
    assert "invoke.json" in init(blog, *ANSWERS, "--yes", code=3)
    assert not set(WRITTEN) & files(blog).keys()


def test_a_broken_tasks_file_is_left_alone_and_told(blog):
    blog.write("tasks.py", "def (:\n")
    out = init(blog, *ANSWERS, "--yes")
    assert "tasks.py is yours" in out
    assert (blog.folder / "tasks.py").read_text() == "def (:\n"


def test_only_missing_lines_are_added_to_gitignore_whose_bytes_stay(blog):
    blog.write(".gitignore", "__pycache__/\r\n*.log")
    os.chmod(blog.folder / ".gitignore", 0o640)
    (blog.folder / "instance").mkdir()
    (blog.folder / "instance/blog.db").write_bytes(b"SQLite format 3\0rest")
    (blog.folder / "app.data").write_bytes(b"SQLite format 3\0rest")
    out = init(blog, *ANSWERS, "--yes")
    wanted = b"__pycache__/\r\n*.log\n.env\n/.venv/\n/instance/\n*.db\n*.db-*\n*.sqlite*\n.coverage\n/app.data\n"
    assert (blog.folder / ".gitignore").read_bytes() == wanted
    assert (blog.folder / ".gitignore").stat().st_mode & 0o777 == 0o640
    assert "added to  .gitignore" in out
    assert "app.data" not in blog.git("status", "--porcelain", "--untracked-files=all")
