"""No room in the account."""

from __future__ import annotations

import os
import zipfile

from .packages import requiring, wheel
from .table import RELEASE, committed, fab, limited, mysql, wrong


@wrong(fab("backup"), 3, "the backup failed", "Next: fab site.workon -c 'du -sh ..'")
@mysql(fab("backup"), 3, "the backup failed", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_backup(world):
    """Room for the journal, not for a dump."""
    filler = os.urandom(200_000).hex()
    world.sql(
        "CREATE TABLE filler (words LONGTEXT)" if world.dialect == "mysql" else "CREATE TABLE filler (words TEXT)"
    )
    world.sql("INSERT INTO filler VALUES (:words)", words=filler)
    with limited(world, 300):
        yield
    world.sql("DROP TABLE filler")


@wrong(RELEASE, 3, "no room for the stage", "larger than it may", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_stage(world):
    """Compressed it can be fetched, checked out it has no room."""
    with committed(world, {"data.txt": "word " * 100_000}), limited(world, 300):
        yield


@wrong(RELEASE, 3, "no room for the packages", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_packages(world):
    def heavy(place):
        path = wheel(place, "heavy", "1.0")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("heavy/data", os.urandom(300_000))
        return path

    with requiring(world, "heavy==1.0", heavy), limited(world, 300):
        yield
