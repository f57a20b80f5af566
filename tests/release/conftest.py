"""Sites to release to, one for each kind of database: over real OpenSSH, served by uWSGI."""

import shutil
from pathlib import Path

import pytest
from servers import missing
from world import APP_FILES, ROOT, World, git

from flask_slipway import sandbox
from flask_slipway.sandbox import programs

HERE = Path(__file__).parent
DIALECTS = ("sqlite", "mariadb", "mysql")


def make_world(folder: Path, dialect: str, ssh: str = "openssh", **more) -> World:
    """A sandbox and a laptop in `folder`; the project is the reference app, in one commit."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in APP_FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    for name in ("tasks.py", "fabfile.py"):
        shutil.copy(ROOT / name, source / name)
    git(source, "init", "-q", "-b", "main")
    (source / ".gitignore").write_text((source / ".gitignore").read_text() + "\n/invoke.yaml\n")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "The app as it is")
    site = sandbox.up(folder / "site", source, ssh=ssh, database=dialect, **more)
    laptop = folder / "laptop"
    git(folder, "clone", "-q", str(site.origin), str(laptop))
    (folder / "laptop-home").mkdir()
    (folder / "laptop-home" / ".gitconfig").write_text("[user]\n\tname = Tester\n\temail = tester@example.org\n")
    return World(folder, site, laptop, git(laptop, "rev-parse", "HEAD"))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items):
    """The tests of one world run in one process, where several run side by side."""
    for item in items:
        if Path(item.fspath).parent == HERE:
            params = getattr(item, "callspec", None)
            dialect = next((p for p in params.params.values() if p in DIALECTS), "sqlite") if params else "sqlite"
            item.add_marker(pytest.mark.xdist_group(f"release-{dialect}"))


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """Worlds by dialect, made when first asked for."""
    made: dict[str, World] = {}

    def world_of(dialect: str) -> World:
        if dialect not in made:
            if dialect != "sqlite" and programs.find(dialect) is None:
                missing({"mariadb": "MariaDB", "mysql": "Oracle's MySQL"}[dialect], programs.INSTALL[dialect])
            if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
                missing("OpenSSH's server", "apt-get install openssh-server")
            made[dialect] = make_world(tmp_path_factory.mktemp(dialect), dialect)
        return made[dialect]

    yield world_of
    for world in made.values():
        sandbox.down(world.folder / "site")


@pytest.fixture(params=DIALECTS)
def world(request, worlds) -> World:
    """A site before its first release, on each kind of database."""
    made = worlds(request.param)
    made.reset()
    return made


@pytest.fixture(params=DIALECTS)
def released(request, worlds) -> World:
    """A site after its first release, on each kind of database."""
    made = worlds(request.param)
    made.reset_to_first_release()
    return made


@pytest.fixture
def sqlite_world(worlds) -> World:
    """A site on SQLite, for what does not depend on the kind of database."""
    made = worlds("sqlite")
    made.reset()
    return made


@pytest.fixture
def sqlite_released(worlds) -> World:
    """A site on SQLite after its first release, for what does not depend on the kind of database."""
    made = worlds("sqlite")
    made.reset_to_first_release()
    return made
