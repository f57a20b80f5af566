"""Sites to release to, one for each kind of database: over real OpenSSH, served by uWSGI."""

import shutil
from pathlib import Path

import pytest

from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import programs
from support.servers import missing
from support.world import DIALECTS, World, make_world

HERE = Path(__file__).parent


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
        host.down(world.folder / "site")


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
