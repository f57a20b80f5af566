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


def pytest_collection_modifyitems(items):
    """The longest test that is in no group comes first, so that no worker is left alone with it; the groups, which
    pytest-xdist hands out by their size, come before it all the same."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")
