"""What all tests share: the project and `support` on the path, and the fixtures of its plugins."""

import signal
import sys
from pathlib import Path

import hypothesis
import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

pytest.register_assert_rewrite("support")

from support import memory  # noqa: E402 - only now it is found, and its asserts are told well

memory.use()
pytest_plugins = ["support.servers", "support.wheel", "support.projects"]

hypothesis.settings.register_profile("untimed", deadline=None)  # no test asserts a time
hypothesis.settings.load_profile("untimed")


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what goes on behind it, and its children
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # pytest-alembic 0.13 would add tests to this very file, which fails under pytest 9; tests/app asks for them.
    config.option.pytest_alembic_tests_path = "nowhere"


@pytest.hookimpl(trylast=True)  # when every worker, and every server that a test started, has ended
def pytest_sessionfinish(session, exitstatus):
    """Memory is given back at once, unless a test failed, whose folders one may want to see."""
    if exitstatus == 0 and not hasattr(session.config, "workerinput"):
        memory.give_back(session.config._tmp_path_factory.getbasetemp())


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items):
    """Where several workers run: the tests of one database server go to one of them, so that it is started once; as do
    those of a module whose site is made once. The longest test in no group comes first, so that no worker ends with it
    alone; groups come before it, the largest first."""
    for item in items:
        group = _shared(item)
        if group and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.path.name != "test_demo.py")


def _shared(item):
    """What the test shares with others and takes long to make: a database server, or its module's site."""
    used = {*item.fixturenames, *map(str, getattr(item, "callspec", _Plain).params.values())}
    server = next((dialect for dialect in ("mariadb", "mysql") if dialect in used), None)
    if item.path.parent.name == "sandbox" and server is None:
        return item.path.stem if {"site", "server"} & used else None
    is_long = item.path.name == "test_virtualenv.py" or item.path.parent.name == "ssh"
    return server or (item.path.stem if is_long else None)


class _Plain:
    """A test without parameters."""

    params: dict = {}
