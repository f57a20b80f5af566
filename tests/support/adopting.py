"""`flask-slipway init` as it is typed, and the parts of projects that it looks at."""

from __future__ import annotations

import sys

from flask_slipway.config import settings as configuration

INIT = [sys.executable, "-m", "flask_slipway", "init"]
ANSWERS = ["--user", "Ann", "--domain", "ann.pythonanywhere.com", "--project", "blog", "--virtualenv", "blog_venv"]
WRITTEN = ["tasks.py", "fabfile.py", "invoke.yaml"]
# What an app does when it is loaded; never, while init looks.
TELLTALE = "import pathlib\npathlib.Path(__file__).with_name('loaded').write_text('')\n"
FLASK = f"{TELLTALE}from flask import Flask\n"
ONE_FILE = f"{FLASK}app = Flask(__name__)\n"
FACTORY = f"{FLASK}def create_app(config=None):\n    app = Flask(__name__)\n    return app\n"


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
