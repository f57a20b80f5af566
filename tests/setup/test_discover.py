"""`flask-slipway init` as a user types it in projects of every shape: the app is found by looking."""

from __future__ import annotations

import sys

import pytest

from support import snapshot
from support.adopting import ANSWERS, FACTORY, FLASK, ONE_FILE, TELLTALE, WRITTEN, files, init, put, site


def under_src(project):
    project.write("src/total/__init__.py", FACTORY)
    put(project, setup="")


def under_src_named_in_flaskenv(project):
    under_src(project)
    project.write(".flaskenv", "FLASK_APP=total\n")


def package(project):
    project.write("blog/__init__.py", FACTORY)


def one_file(project):
    put(project, app=ONE_FILE)


def package_with_tests(project):
    project.write("app/__init__.py", FACTORY)
    project.write("app/config.py", "")
    project.write("tests/test_app.py", ONE_FILE)


def module_of_a_package(project):
    put(project, "blog")
    project.write("blog/web.py", ONE_FILE)


def flaskenv(project):
    put(project, app=ONE_FILE, other=ONE_FILE)
    project.write(".flaskenv", "FLASK_DEBUG=1\nFLASK_APP='other.py'\n")


def flaskenv_with_a_call(project):
    put(project, app=FACTORY)
    project.write(".flaskenv", "FLASK_APP=gone\nexport FLASK_APP=\"app:create_app('production')\" # live\n")


def flaskenv_with_a_call_unquoted(project):
    put(project, app=FACTORY)
    project.write(".flaskenv", "FLASK_APP = app:create_app('a') # live\n")


def flaskenv_with_escapes(project):
    put(project, app=FACTORY)
    project.write(".flaskenv", 'FLASK_APP="app:create_app(\\"production\\")"\n')


def env_before_flaskenv(project):
    put(project, one=ONE_FILE, two=ONE_FILE)
    project.write(".flaskenv", "FLASK_APP=one\n")
    project.write(".env", "FLASK_APP=two:app\n")


def flaskenv_of_another(project):
    put(project, app=ONE_FILE)
    project.write(".flaskenv", "FLASK_APP=gone\n")


def wsgi_beside_a_package(project):
    package(project)
    put(project, wsgi=f"{TELLTALE}from blog import create_app\napp = create_app()\n")


def factory_with_arguments_and_a_runner(project):
    project.write("blog/__init__.py", FACTORY.replace("=None", ""))
    put(project, run=f"{TELLTALE}from blog import create_app\napp = create_app('x')\n")


def factory_of_another_name(project):
    put(project, server=f"{FLASK}def build():\n    return Flask('x')\n")


def script_beside_a_package(project):
    package(project)
    put(project, run="from blog import create_app\nif __name__ == '__main__':\n    app = create_app()\n    app.run()\n")


def folder_that_is_no_package(project):
    project.write("backend/app.py", ONE_FILE)


def not_all_is_python(project):
    put(project, app=ONE_FILE, old="print 'two'\n", null="\0")


SHAPES = [
    (package, "blog"),
    (one_file, "app"),
    (package_with_tests, "app"),
    (under_src, "src/total"),
    (under_src_named_in_flaskenv, "src/total"),
    (module_of_a_package, "blog.web"),
    (flaskenv, "other"),
    (flaskenv_with_a_call, "app:create_app('production')"),
    (flaskenv_with_a_call_unquoted, "app:create_app('a')"),
    (flaskenv_with_escapes, 'app:create_app("production")'),
    (env_before_flaskenv, "two:app"),
    (flaskenv_of_another, "app"),
    (wsgi_beside_a_package, "wsgi"),
    (factory_with_arguments_and_a_runner, "run"),
    (factory_of_another_name, "server:build"),
    (script_beside_a_package, "blog"),
    (folder_that_is_no_package, "backend/app"),
    (not_all_is_python, "app"),
]


@pytest.mark.parametrize("shape, name", SHAPES, ids=[shape.__name__ for shape, _ in SHAPES])
def test_the_app_is_found_where_flask_finds_it(empty, shape, name):
    shape(empty)
    init(empty, *ANSWERS, "--yes")
    assert site(empty).app == name
    load = f"from flask.cli import ScriptInfo; ScriptInfo({name!r}).load_app()"
    shown = empty.run(sys.executable, "-c", load)
    assert shown.code == 0, shown.out


def test_a_flask_app_whose_brackets_stay_open_is_a_refusal(empty):
    put(empty, app=FACTORY)
    empty.write(".flaskenv", "FLASK_APP=app:create_app('production'\n")
    with snapshot.unchanged(empty):
        out = init(empty, *ANSWERS, "--yes", code=3)
        assert "FLASK_APP in .flaskenv cannot be read: app:create_app('production'" in out


def test_two_apps_are_a_question_and_without_a_terminal_a_refusal(empty):
    for name in ("one", "two"):
        empty.write(f"{name}/__init__.py", FACTORY)
    out = init(empty, *ANSWERS, "--yes", code=3)
    assert "it may also be two" in out
    assert "--app one" in out
    init(empty, *ANSWERS, "--yes", "--app", "two")
    assert site(empty).app == "two"


def test_no_app_is_a_refusal_that_says_how_to_name_one(empty):
    empty.write("blog/__init__.py", FACTORY.replace("config=None", "config"))
    out = init(empty, *ANSWERS, "--yes", code=3)
    assert "no Flask app was found by looking" in out
    assert "blog:create_app wants arguments" in out
    assert not set(WRITTEN) & files(empty).keys()
    init(empty, *ANSWERS, "--yes", "--app", "blog:create_app('production')")
    assert site(empty).app == "blog:create_app('production')"


def test_migrations_of_another_name_are_found_and_missing_ones_are_told(blog):
    out = init(blog, *ANSWERS, code=3)
    assert "nothing here imports flask_migrate" in out
    put(blog, flask_app=f"{ONE_FILE}from flask_migrate import Migrate\nMigrate(app, None, directory='moves')\n")
    assert 'inv migrate --initial -m "first tables"' in init(blog, *ANSWERS, code=3)
    blog.write("moves/versions/1_first.py", "")
    assert "moves/, 1 revision" in init(blog, *ANSWERS, code=3)


def test_alembic_alone_is_found_and_not_complained_of(blog):
    for path in ("alembic.ini", "db/env.py", "db/script.py.mako", "db/versions/1_first.py", "db/versions/2_more.py"):
        blog.write(path, "")
    out = init(blog, *ANSWERS, code=3)
    assert "db/, 2 revisions" in out
    assert "flask_migrate" not in out


def test_modules_of_the_project_are_never_taken_for_pythons_own(blog):
    for name in ("secrets", "shlex", "argparse", "yaml", "fabric", "textwrap", "ast", "json"):
        put(blog, **{name: TELLTALE})
    init(blog, *ANSWERS, "--yes")
