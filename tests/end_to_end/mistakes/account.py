"""The account: its Python, its home."""

from __future__ import annotations

import sys

from .table import STATUS, away, configured, holding, limited, wrong


@wrong(STATUS, 5, "No such file or directory", "Next: set  python:")
def python_is_not_there(world):
    return configured(world, python="/no/such/python3")


@wrong(STATUS, 5, "is Python 3.6", "Next: set  python:")
def python_is_too_old(world):
    shim = world.folder / "python3.6"
    shim.write_text(
        f'#!{sys.executable}\nimport sys\nsys.version_info = (3, 6, 9)\nexec(sys.argv[sys.argv.index("-c") + 1])\n'
    )
    shim.chmod(0o755)
    with configured(world, python=str(shim)):
        yield


@wrong(STATUS, 1, "no folder /home/nobody-at-all", "Next: correct  user:  or  home:")
def home_is_not_there(world):
    return configured(world, home="/home/nobody-at-all")


@wrong(STATUS, 3, "cannot be written to: File too large", "quota", "Next: ssh")
def home_is_over_quota(world):
    with away(world.state / "engine"), limited(world, 8):
        yield


@wrong(STATUS, 3, "cannot be written to", "Next: ssh")
def home_cannot_be_written(world):
    with away(world.state / "engine"), holding(world.state / "engine", ""):
        yield
