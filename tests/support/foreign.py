"""Other people's apps: each a small project below apps/, on a laptop where the built wheel is installed, and on a site
that was there before Slipway came.

apps/NAME/first is the project as it was; the other folders beside it are changes, laid over it one by one."""

from __future__ import annotations

import email
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import virtualenv
from flask_slipway.sandbox.host.state import Sandbox
from support import ROOT
from support.wheel import Virtualenv
from support.world import Result, World, git

APPS = ROOT / "tests" / "foreign" / "apps"
TASK_FILES = {
    "tasks.py": "import flask_slipway\n\nnamespace = flask_slipway.local()\n",
    "fabfile.py": "import flask_slipway\n\nnamespace = flask_slipway.remote()\n",
}


@dataclass(frozen=True)
class ForeignApp:
    """A project of somebody's. `app`: as FLASK_APP names it. `wsgi`: the text of the site's WSGI file, with {project}.
    `dotenv`: the text of .env for a database's URL, there and here; `there`: more lines for the site's. `env`: what
    invoke.yaml repeats of the WSGI file.
    `database`, `password`: of the site's database, USER$database. `files`: what git ignores, there and here."""

    name: str
    app: str
    wsgi: str
    dotenv: Callable[[str], str]
    there: str = ""
    env: dict[str, str] = field(default_factory=dict)
    database: str | None = None
    password: str | None = None
    health: str = "/"
    keys: dict[str, object] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return APPS / self.name


def dotenv_line(name: str, value: str) -> str:
    """A line of .env that python-dotenv reads back as it is."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"


@dataclass
class Foreign(World):
    """A site of a foreign app, and its owner's laptop."""

    its: ForeignApp = field(kw_only=True)
    installed: Virtualenv = field(kw_only=True)
    said: list[str] = field(default_factory=list)
    planted: list[str] = field(default_factory=list)

    @property
    def bin(self) -> Path:
        return self.installed.bin

    def environment(self) -> dict[str, str]:
        return self.installed.environment(self.folder / "laptop-home")

    def configure(self, **more) -> None:
        super().configure(**{"env": self.its.env, **self.its.keys, **more})

    def run(self, *arguments, **more) -> Result:
        """A command of the laptop; what ours say is kept, to be searched for secrets."""
        done = super().run(*arguments, **more)
        if arguments[0] in ("inv", "fab"):
            self.said.append(f"$ {' '.join(arguments)}\n{done.out}")
        return done

    def workon(self, command: str) -> Result:
        """A command in the person's own shell on the server, where nothing is masked."""
        return super().run("fab", "site.workon", "-c", command)

    def lay_over(self, change: str) -> None:
        """Puts the files of apps/NAME/`change` over the laptop's; not committed."""
        shutil.copytree(self.its.folder / change, self.laptop, dirs_exist_ok=True)

    def develop(self) -> None:
        """Brings the development database to the head, as its owner does before a release."""
        done = self.run("inv", "upgrade")
        assert done.code == 0, done.out

    def releases(self, message: str, *more: str, **env):
        """`inv release -m …`, with all that it looks at."""
        return self.run("inv", "release", "--to", "site", "--yes", "-m", message, *more, **env)


def laptop_virtualenv(folder: Path, wheel: Path, requirements: Path, extra: str = "") -> Virtualenv:
    """A virtualenv with a foreign app's requirements and the wheel in it, with its extra `extra`; what a package index
    gave, for the app and for the wheel, is made once in the user's cache, and copied."""
    wanted = folder.parent / "requirements.txt"
    wanted.write_text("\n".join([requirements.read_text(), *_required(wheel, extra), ""]))
    virtualenv.make(folder, sys.executable, wanted)
    made = Virtualenv(folder)
    made.install(f"{wheel}[{extra}]" if extra else wheel)
    return made


def _required(wheel: Path, extra: str) -> list[str]:
    """What the wheel says that it requires, with `extra`."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    found = [Requirement(line) for line in told]
    wanted = [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]
    return [f"{one.name}{one.specifier}" for one in wanted]


def make(folder: Path, app: ForeignApp, dialect: str, installed: Virtualenv) -> Foreign:
    """The site as it was before Slipway: the code there, `.env` and WSGI file written by hand; and the laptop, with the
    two task files and invoke.yaml, not committed yet."""
    source = folder / "source"
    shutil.copytree(app.folder / "first", source)
    git(source, "init", "-q", "-b", "main")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "The app as it is")

    def by_hand(made: Sandbox) -> str:
        for name, text in app.files.items():
            (made.project / name).parent.mkdir(parents=True, exist_ok=True)
            (made.project / name).write_text(text)
        return app.dotenv(made.database_url()) + app.there

    site = host.up(
        folder / "site",
        source,
        ssh="openssh",
        database=dialect,
        app=app.app,
        project=app.name,
        wsgi_text=app.wsgi,
        dotenv=by_hand,
        name=app.database,
        password=app.password,
    )
    laptop = folder / "laptop"
    git(folder, "clone", "-q", str(site.origin), str(laptop))
    (folder / "laptop-home").mkdir()
    (folder / "laptop-home" / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.org\n")
    base = git(laptop, "rev-parse", "HEAD")
    world = Foreign(folder, site, laptop, base, [], app.app, app.health, its=app, installed=installed)
    world.write({**TASK_FILES, **app.files, ".env": app.dotenv(f"sqlite:///{folder / 'development.db'}")})
    world.configure()
    return world
