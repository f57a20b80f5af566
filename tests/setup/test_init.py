"""`python -m flask_slipway init` as a user types it, in projects of every shape: it looks, asks, shows, then writes."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_slipway.config import keys
from flask_slipway.config import settings as configuration
from flask_slipway.project import taskfiles
from flask_slipway.setup import answers, discover, templates
from support import ROOT

INIT = [sys.executable, "-m", "flask_slipway", "init"]
ANSWERS = ["--user", "Ann", "--domain", "ann.pythonanywhere.com", "--project", "blog", "--virtualenv", "blog_venv"]
WRITTEN = ["tasks.py", "fabfile.py", "invoke.yaml"]
# What an app does when it is loaded; never, while init looks.
TELLTALE = "import pathlib\npathlib.Path(__file__).with_name('loaded').write_text('')\n"
FLASK = f"{TELLTALE}from flask import Flask\n"
ONE_FILE = f"{FLASK}app = Flask(__name__)\n"
FACTORY = f"{FLASK}def create_app(config=None):\n    app = Flask(__name__)\n    return app\n"
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
SECRETS = ["hunter2-first", "hunter2-second", "MIIEowIBAAKCAQEA", "hunter2.example.org", "hunter2+x="]


def put(project, *names, **modules):
    """Writes empty packages of these names, and modules of the root."""
    for name in names:
        project.write(f"{name}/__init__.py", "")
    for name, text in modules.items():
        project.write(f"{name}.py", text)


def init(project, *options, code=0):
    ran = project.run(*INIT, *options)
    assert "Traceback" not in ran.out
    assert ran.code == code, ran.out
    assert not list(project.folder.rglob("loaded")), "the project's code was run"
    return ran.out


def files(project):
    """{path: bytes} of all but git's own."""
    found = (path for path in project.folder.rglob("*") if path.is_file())
    kept = (path for path in found if not {".git", "__pycache__"} & set(path.parts))
    return {path.relative_to(project.folder).as_posix(): path.read_bytes() for path in kept}


def site(project, name="prod"):
    return configuration.load(project.folder).sites[name]


@pytest.fixture
def blog(empty):
    """A one-file app in a repository with a remote."""
    put(empty, flask_app=ONE_FILE)
    empty.write("requirements.txt", "Flask\n")
    empty.git("init", "-q", "-b", "main")
    empty.git("remote", "add", "origin", "git@github.com:ann/comments.git")
    return empty


# the whole of it


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
    before = files(blog)
    out = init(blog)
    assert "Nothing to write" in out
    assert "Next: fab prod.check" in out
    assert files(blog) == before


def test_a_second_site_is_told_as_lines_and_never_written(blog):
    init(blog, *ANSWERS, "--yes")
    before = files(blog)
    out = init(blog, *ANSWERS, "--environment", "staging", "--yes", code=3)
    assert "    staging:\n" in out
    assert "fab staging.check" in out
    assert files(blog) == before


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


# without a terminal


def test_without_a_terminal_lacking_answers_are_refused_with_the_line_to_type(blog):
    before = files(blog)
    out = init(blog, "--user", "ann", code=3)
    assert "--domain --project --virtualenv" in out
    assert "--user ann --domain ann.pythonanywhere.com --project comments --virtualenv comments_venv --yes" in out
    assert files(blog) == before
    line = out.split("Next: python -m flask_slipway init ")[1].strip()
    init(blog, *line.split())
    assert site(blog).project == "/home/ann/comments"


def test_without_a_terminal_and_without_yes_nothing_is_written(blog):
    before = files(blog)
    assert "--yes" in init(blog, *ANSWERS, code=3)
    assert files(blog) == before


@pytest.mark.parametrize(
    "wrong, told",
    [
        (["--domain", "https://ann.pythonanywhere.com/"], "--domain: should be a domain without https://"),
        (["--user", "ann@example.org"], "--user: should be an account's name"),
        (["--user", "yourusername"], "--user: should be your own"),
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
    before = files(blog)
    out = init(blog, *ANSWERS, "--yes", *wrong, code=1)
    assert told in out
    assert "init --help" in out or "NAME=VALUE" in out
    assert files(blog) == before


def test_every_wrong_option_is_told_at_once(blog):
    out = init(blog, "--user", "a b", "--domain", "x/y", "--region", "z", code=1)
    assert all(f"--{name}:" in out for name in ("user", "domain", "region"))


def test_the_package_itself_tells_what_can_be_typed(empty):
    for line, told in (
        ([], "init"),
        (["--help"], "init"),
        (["--version"], "0.1"),
        (["init", "--help"], "--virtualenv"),
    ):
        ran = empty.run(sys.executable, "-m", "flask_slipway", *line)
        assert (ran.code, told in ran.out) == (0, True)
    for line, told in ((["release"], "inv release"), (["backup"], "fab prod.backup"), (["foo"], "--help")):
        ran = empty.run(sys.executable, "-m", "flask_slipway", *line)
        assert (ran.code, told in ran.out) == (1, True)


# in a terminal


@dataclass
class Terminal:
    """A command in a terminal of 80 columns, as a person sees it."""

    master: int
    child: subprocess.Popen
    seen: str = ""
    at: int = 0

    def answer(self, question, text):
        """Waits for the question, then types."""
        while question not in self.seen[self.at :]:
            assert self._more(), f"{question!r} was not asked:\n{self.seen}"
        self.at = self.seen.index(question, self.at) + len(question)
        os.write(self.master, text.encode())

    def end(self):
        """Waits for its end; the exit code, and all that it printed since the last answer."""
        while self._more():
            pass
        return self.child.wait(30), self.seen[self.at :].replace("\r\n", "\n")

    def _more(self):
        ready, _, _ = select.select([self.master], [], [], 30)
        assert ready, f"it says nothing:\n{self.seen}"
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode()
        return bool(data)


@pytest.fixture
def terminal(blog):
    """Starts init in the project, in a pseudo-terminal."""
    with contextlib.ExitStack() as stack:

        def start(*options, project=blog):
            master, slave = pty.openpty()
            stack.callback(os.close, master)
            child = subprocess.Popen(
                [*INIT, *options],
                cwd=project.folder,
                env=blog.env,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            os.close(slave)
            stack.callback(child.kill)
            return Terminal(master, child)

        yield start


def test_the_domain_that_is_offered_follows_the_region(blog, terminal):
    here = terminal()
    here.answer("Account on PythonAnywhere, case-sensitive: ", "Nora\n")
    here.answer("Region, us or eu [us]: ", "eu\n")
    here.answer("Domain, as on the Web tab [nora.eu.pythonanywhere.com]: ", "\x03")
    assert here.end()[0] == 130


def test_a_person_is_asked_and_a_wrong_answer_is_asked_for_again_with_the_reason(blog, terminal):
    put(blog, flask_app=f"{ONE_FILE}import os\nENV = os.environ.get('FLASK_ENV')\n")
    here = terminal()
    here.answer("Account on PythonAnywhere, case-sensitive: ", "\n")
    here.answer("It should be a text", "")
    here.answer("Account on PythonAnywhere, case-sensitive: ", "ann@example.org\n")
    here.answer("It should be an account's name", "")
    here.answer("Account on PythonAnywhere, case-sensitive: ", "Ann\n")
    here.answer("Region, us or eu [us]: ", "\n")
    here.answer("Domain, as on the Web tab [ann.pythonanywhere.com]: ", "https://blog.test\n")
    here.answer("It should be a domain without https://", "")
    here.answer("Domain, as on the Web tab [ann.pythonanywhere.com]: ", "blog.test\n")
    here.answer("[comments]: ", "\n")
    here.answer("[comments_venv]: ", "\n")
    here.answer("What to call this site here [prod]: ", "Production\n")
    here.answer("It should be lower-case letters", "")
    here.answer("What to call this site here [prod]: ", "live\n")
    here.answer("FLASK_ENV, if the WSGI file sets it (- if not) [production]: ", "\n")
    here.answer("invoke.yaml", "")
    assert not set(WRITTEN) & files(blog).keys()
    here.answer("Write this? [y/N] ", "y\n")
    code, out = here.end()
    assert code == 0, out
    assert "Next: fab live.check" in out
    found = site(blog, "live")
    assert (found.user, found.domain, found.project) == ("Ann", "blog.test", "/home/Ann/comments")
    assert dict(found.env) == {"FLASK_ENV": "production"}
    assert max(map(len, here.seen.replace("\r\n", "\n").splitlines())) <= 80


def test_the_run_that_readme_shows_is_a_real_one(blog, terminal):
    blog = dataclasses.replace(blog, folder=blog.folder.rename(blog.folder.with_name("comments")))
    put(blog, flask_app=f"{ONE_FILE}from flask_migrate import Migrate\nMigrate(app)\n")
    for path in ("migrations/env.py", "migrations/script.py.mako", "migrations/versions/1_add_comments.py"):
        blog.write(path, "")
    blog.write(".gitignore", "__pycache__/\n")
    blog.write(".env", "SECRET_KEY=x\n")
    blog.write("instance/comments.db", "SQLite format 3\0")
    here = terminal(project=blog)
    here.answer("case-sensitive: ", "Ann\n")
    for _ in range(5):
        here.answer("]: ", "\n")
    here.answer("Write this? [y/N] ", "y\n")
    assert here.end()[0] == 0
    shown = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("$ python -m flask_slipway init\n")[1].split("```")[0]
    )
    lines = [re.escape(line) if line != "  …" else r"(?:(?:  .*)?\n)*?" for line in shown.splitlines()]
    wanted = "".join(f"{line} *\n" if not line.startswith("(?:") else line for line in lines)
    assert re.fullmatch(wanted, here.seen.replace("\r\n", "\n")), here.seen


def test_a_no_at_the_last_question_writes_nothing(blog, terminal):
    before = files(blog)
    here = terminal(*ANSWERS)
    for _ in range(2):
        here.answer("]: ", "\n")
    here.answer("Write this? [y/N] ", "\n")
    code, out = here.end()
    assert (code, "Nothing was written." in out) == (0, True)
    assert files(blog) == before


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "end of input"])
@pytest.mark.parametrize("after", [0, 3, 6])
def test_ctrl_c_or_the_end_of_input_at_a_question_writes_nothing(blog, terminal, key, after):
    before = files(blog)
    here = terminal()
    for question in ["case-sensitive: ", "]: ", "]: ", "]: ", "]: ", "]: "][:after]:
        here.answer(question, "ann\n" if question == "case-sensitive: " else "\n")
    here.answer("Write this? [y/N] " if after == 6 else ": ", key)
    code, out = here.end()
    assert (code, "nothing was written" in out) == (130, True), out
    assert files(blog) == before


# shapes of projects


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
    before = files(empty)
    out = init(empty, *ANSWERS, "--yes", code=3)
    assert "FLASK_APP in .flaskenv cannot be read: app:create_app('production'" in out
    assert files(empty) == before


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


# git


def test_without_git_it_says_what_to_type_and_goes_on(empty):
    put(empty, app=ONE_FILE)
    out = init(empty, *ANSWERS, "--yes")
    assert "git init -b main" in out
    assert (empty.folder / ".gitignore").read_text().splitlines() == [".env", "__pycache__/"]
    assert "Nothing to write" in init(empty)


def test_without_a_remote_it_says_what_to_type_and_takes_the_folders_name(blog):
    blog.git("remote", "remove", "origin")
    out = init(blog, "--user", "ann", code=3)
    assert "git remote add origin" in out
    assert "--project project --virtualenv project_venv" in out


@pytest.mark.parametrize(
    "url, folder",
    [
        ("git@github.com:ann/comments.git", "comments"),
        ("https://github.com/ann/comments", "comments"),
        ("https://github.com/ann/comments.git/", "comments"),
        ("ssh://git@host:2222/srv/comments.git", "comments"),
        ("/srv/git/comments.git", "comments"),
        ("../comments/.git", "comments"),
        ("host:comments.git", "comments"),
        ("C:\\git\\comments.git", "comments"),
    ],
)
def test_the_folder_is_what_a_clone_of_the_remote_is_called(url, folder):
    assert discover.folder_of(url) == folder


def test_a_password_in_the_remote_is_not_shown(blog):
    blog.git("remote", "set-url", "origin", "https://ann:hunter2@host.test/ann/comments.git")
    out = init(blog, *ANSWERS, "--yes")
    assert "https://host.test/ann/comments.git" in out
    assert "hunter2" not in out


def test_another_main_branch_is_kept_and_a_side_branch_is_no_main_branch(blog):
    blog.git("add", ".")
    blog.git("commit", "-qm", "First")
    blog.git("branch", "-m", "master")
    blog.git("update-ref", "refs/remotes/origin/master", "HEAD")
    blog.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master")
    blog.git("switch", "-qc", "feature")
    init(blog, *ANSWERS, "--yes")
    assert site(blog).branch == "master"


def test_below_the_top_of_a_repository_it_refuses_and_names_the_top(blog):
    (blog.folder / "inner").mkdir()
    ran = blog.run("sh", "-c", f"cd inner && {sys.executable} -m flask_slipway init")
    assert (ran.code, f"cd {blog.folder}" in ran.out) == (3, True)


# what is there already


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
    (blog.folder / "app.sqlite").write_bytes(b"SQLite format 3\0rest")
    out = init(blog, *ANSWERS, "--yes")
    assert (blog.folder / ".gitignore").read_bytes() == b"__pycache__/\r\n*.log\n.env\n/app.sqlite\n/instance/\n"
    assert (blog.folder / ".gitignore").stat().st_mode & 0o777 == 0o640
    assert "added to  .gitignore" in out
    assert "app.sqlite" not in blog.git("status", "--porcelain", "--untracked-files=all").replace("/app.sqlite", "")


# what a person does not want to see again


def test_no_value_of_env_is_shown_or_written(blog):
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA=x\nhunter2+x=\n-----END RSA PRIVATE KEY-----"
    blog.write(
        ".env",
        f"# a comment with hunter2-first\nexport DATABASE_URL=mysql://u:hunter2-first@h/USER$db\nKEY='{key}'\n"
        'SECRET_KEY = "hunter2-second" # hunter2-first\nMAIL_SERVER=hunter2.example.org\nEMPTY=\n',
    )
    out = init(blog, *ANSWERS, "--yes")
    example = (blog.folder / ".env.example").read_text()
    assigned = [line for line in example.splitlines() if line and not line.startswith("#")]
    assert assigned == ["DATABASE_URL=", "KEY=", "SECRET_KEY=", "MAIL_SERVER=", "EMPTY="]
    written = b"".join(data for path, data in files(blog).items() if path != ".env").decode()
    for secret in SECRETS:
        assert secret not in out
        assert secret not in written


def test_after_a_line_of_env_that_does_not_parse_nothing_is_taken_for_a_name(blog):
    blog.write(".env", 'ONE=1\nKEY="-----BEGIN ' + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nhunter2+x=\nhunter2=\n")
    out = init(blog, *ANSWERS, "--yes")
    assert "line 2 of .env" in out
    example = (blog.folder / ".env.example").read_text()
    assert "ONE=" in example
    assert "hunter2" not in example
    assert "MIIE" not in example


def test_a_folder_env_and_one_that_cannot_be_read_are_none(blog):
    (blog.folder / ".env").symlink_to("/proc/self/mem")
    assert ".env.example" not in init(blog, *ANSWERS, code=3)
    (blog.folder / ".env").unlink()
    blog.write(".env/pyvenv.cfg", "")
    blog.write(".env/lib/other.py", ONE_FILE)
    assert ".env.example" not in init(blog, *ANSWERS, "--yes")


def test_an_env_example_is_never_replaced(blog):
    blog.write(".env", "A=1\n")
    blog.write(".env.example", "B=\n")
    init(blog, *ANSWERS, "--yes")
    assert (blog.folder / ".env.example").read_text() == "B=\n"


# all or nothing


def test_where_one_file_cannot_be_written_none_is(blog):
    (blog.folder / ".gitignore").mkdir()
    before = files(blog)
    out = init(blog, *ANSWERS, "--yes", code=3)
    assert ".gitignore" in out
    assert "Nothing was changed" in out
    assert files(blog) == before


# odd but valid values

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
