"""What all tests share: the project on the path, the database servers (servers.py), the built wheel (packages.py)."""

import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

pytest_plugins = ["servers", "packages"]


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what goes on behind it, and its children
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # pytest-alembic 0.13 would add tests to this very file, which fails under pytest 9; tests/app asks for them.
    config.option.pytest_alembic_tests_path = "nowhere"
