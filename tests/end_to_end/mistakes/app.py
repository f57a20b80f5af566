"""The app: the live code, and the new one."""

from __future__ import annotations

from pathlib import Path

from support.world import git

from .table import CHECK, RELEASE, STATUS, away, committed, fab, holding, on_the_server, project, text, wrong


def factory(world, line):
    return text(world, "app/__init__.py").replace("def create_app", f"{line}\n\n\ndef create_app", 1)


@wrong(RELEASE, 3, "No module named 'invoke'", "has invoke to requirements.txt")
def new_app_needs_a_package_that_is_not_listed(world):
    """The laptop has it, for another reason, and nobody sees the import by reading the code."""
    return committed(world, {"app/__init__.py": factory(world, '__import__("invoke")')})


@wrong(
    RELEASE, 3, "KeyError: 'MAIL_KEY'", "app/__init__.py, line", "Next: fab site.workon  and set MAIL_KEY in .env there"
)
def new_app_lacks_a_setting(world):
    line = (
        'import os\n\nif "ON_A_LAPTOP" not in os.environ and os.environ.get("FLASK_ENV"):\n    os.environ["MAIL_KEY"]'
    )
    return committed(world, {"app/__init__.py": factory(world, line)})


@wrong(RELEASE, 3, "No module named 'no_such_package'", "app/extensions.py, line 1", "pip install -r requirements.txt")
@wrong(STATUS, 3, "No module named 'no_such_package'", "app/extensions.py, line 1", "pip install -r requirements.txt")
def live_app_lacks_a_package(world):
    path = project(world) / "app" / "extensions.py"
    return holding(path, "import no_such_package\n" + path.read_text())


@wrong(RELEASE, 3, "RuntimeError: no longer", "app/extensions.py, line 1", "workon -c 'git reset --keep")
def live_app_was_pulled_by_hand_and_is_broken(world):
    path = project(world) / "app" / "extensions.py"
    with on_the_server(world, "Break it", pushed=False):
        path.write_text("raise RuntimeError('no longer')\n")
        git(project(world), "commit", "-q", "-a", "-m", "Break it more")
        yield


@wrong(RELEASE, 3, "an installed copy", "pip list --editable")
def new_app_is_hidden_by_an_installed_one(world):
    """An editable install leads to the live folder, whatever is staged."""
    (site_packages,) = Path(world.site.virtualenv).glob("lib/python*/site-packages")
    finder = (
        "import importlib.util as u, os, sys\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'app':\n"
        f"            top = {str(project(world) / 'app')!r}\n"
        "            return u.spec_from_file_location(name, os.path.join(top, '__init__.py'), "
        "submodule_search_locations=[top])\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    with (
        holding(site_packages / "__editable___app_finder.py", finder),
        holding(site_packages / "__editable__.app.pth", "import __editable___app_finder\n"),
    ):
        yield


@wrong(STATUS, 3, "SECRET_KEY and DATABASE_URL not set", "Next: fab site.env")
@wrong(CHECK, 3, "SECRET_KEY and DATABASE_URL not set", "Next: fab site.env")
def setting_is_missing_on_the_server(world):
    with away(project(world) / ".env"):
        yield


@wrong(fab("reload"), 3, "KeyError: 'MAIL_KEY'", "app/extensions.py, line 3", "Next: fab site.env")
def setting_is_in_the_developers_env_alone(world):
    """The site goes on by what it loaded before; a reload would close it. The sandbox lies below the project here."""
    path, own = project(world) / "app" / "extensions.py", world.folder / ".env"
    bare = "import os, dotenv\ndotenv.load_dotenv()\nos.environ['MAIL_KEY']\n"
    with holding(path, bare + path.read_text()):
        own.write_text("MAIL_KEY=the-developers-own\n")
        yield
    own.unlink()
