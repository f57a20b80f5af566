"""Programs of the host that are older, newer or less allowed than ours."""

import os
import shutil

import pytest

from flask_slipway.server.backup import make, store

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}
# What mysqldump 8.0.32 says to a user without that right, where it is to dump in one transaction.
SAID = (
    "mysqldump: Couldn't execute 'FLUSH TABLES': Access denied; you need (at least one of) the RELOAD or FLUSH_TABLES "
    "privilege(s) for this operation (1227)"
)
DEMANDING = f"""#!/bin/sh
for word in "$@"; do
  if [ "$word" = --single-transaction ]; then echo "-- half a dump"; echo "{SAID}" >&2; exit 2; fi
done
exec REAL "$@"
"""
CUT_OFF = """#!/bin/sh
REAL "$@" | grep -v "^-- Dump completed"
"""


def program(folder, monkeypatch, text):
    """Another mysqldump, found before the real one."""
    real = shutil.which("mysqldump") or shutil.which("mariadb-dump")
    folder.mkdir()
    path = folder / "mysqldump"
    path.write_text(text.replace("REAL", f'"{real}"'))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("served", ["mariadb"], indirect=True)
def test_a_mysqldump_that_wants_a_right_for_one_transaction_dumps_without_it(served, tmp_path, monkeypatch):
    served.fill()
    program(tmp_path / "programs", monkeypatch, DEMANDING)
    manifest = make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert (manifest["rows"], manifest["compared"]) == (23, "equal")


@pytest.mark.parametrize("served", ["mariadb"], indirect=True)
def test_a_dump_without_the_line_that_ends_it_is_none(served, tmp_path, monkeypatch):
    served.fill()
    program(tmp_path / "programs", monkeypatch, CUT_OFF)
    with pytest.raises(Exception, match="without the line that ends a whole dump"):
        make.make(served.base, str(tmp_path / "backups"), ABOUT, fenced=True)
    assert store.usable(str(tmp_path / "backups")) == []
