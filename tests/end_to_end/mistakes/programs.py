"""The programs that the server's half needs."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager

from .table import STATUS, configured, fab, mysql, wrong


@contextmanager
def finding(world, *names, **scripts):
    """A python3 that finds these programs alone, and `scripts`: {name: text}."""
    folder = world.folder / "few-programs"
    folder.mkdir()
    there = os.pathsep.join([str(world.site.programs or ""), os.environ["PATH"]])
    for name in names:
        (folder / name).symlink_to(shutil.which(name, path=there))
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    shim = folder / "python-shim"
    shim.write_text(f'#!/bin/sh\nPATH={folder}\nexport PATH\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    with configured(world, python=str(shim)):
        yield
    shutil.rmtree(folder)


@mysql(fab("backup"), 3, "mysqldump is not installed", "Next: install the MySQL client programs")
def dump_tool_is_missing(world):
    return finding(world, "git", "mysql", "zstd")


@mysql(STATUS, 3, "mysql is not installed", "Next: install the MySQL client programs")
def client_is_missing(world):
    return finding(world, "git", "mysqldump", "zstd")


@wrong(STATUS, 3, "there is no git on the server", "Next:")
def git_is_missing(world):
    return finding(world, "ls")


# What mysqldump 8.0.32 says to a user without RELOAD, whatever it is asked for (docker-library/mysql#941).
OTHER_VERSION = """#!/bin/sh
echo "mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation'" >&2
echo "mysqldump: Couldn't execute 'SELECT COLUMN_NAME FROM information_schema.COLUMN_STATISTICS' (1109)" >&2
exit 2
"""


@mysql(fab("backup"), 3, "the backup failed", "COLUMN_STATISTICS", "Next:")
def dump_tool_is_of_another_version(world):
    return finding(world, "git", "mysql", "zstd", mysqldump=OTHER_VERSION)
