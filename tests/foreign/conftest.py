"""The sites of foreign apps, made when first asked for; a laptop's virtualenv is made once for each app."""

import shutil
from pathlib import Path

import pytest

from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import programs
from support import foreign
from support.servers import missing

HERE = Path(__file__).parent
collect_ignore = ["apps"]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items):
    """The tests of one app run in one process, where several run side by side."""
    for item in items:
        if Path(item.fspath).parent == HERE:
            item.add_marker(pytest.mark.xdist_group(Path(item.fspath).stem))


@pytest.fixture(scope="module")
def site_of(tmp_path_factory, wheel):
    """Makes the site of a foreign app on a kind of database: site_of(app, dialect)."""
    laptops, made = {}, []

    def make(app, dialect):
        if dialect != "sqlite" and programs.find(dialect) is None:
            missing({"mariadb": "MariaDB", "mysql": "Oracle's MySQL"}[dialect], programs.INSTALL[dialect])
        if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
            missing("OpenSSH's server", "apt-get install openssh-server")
        if app.name not in laptops:
            folder = tmp_path_factory.mktemp("laptop") / "venv"
            laptops[app.name] = foreign.laptop_virtualenv(folder, wheel, app.folder / "first" / "requirements.txt")
        folder = tmp_path_factory.mktemp(app.name)
        made.append(folder / "site")
        return foreign.make(folder, app, dialect, laptops[app.name])

    yield make
    for folder in made:
        host.down(folder, remove=True)
