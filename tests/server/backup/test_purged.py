"""A job that removes rows while a restore is half done does not keep it from its end: on MariaDB and MySQL."""

import pytest

from flask_slipway.server.backup import make
from flask_slipway.server.backup.restore import Restorer
from flask_slipway.server.run import decide

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}


@pytest.mark.parametrize("confined", [False, True], ids=["beside", "in place"])
def test_rows_that_a_job_removed_after_the_exchange_are_no_fault(served, tmp_path, confined):
    served.fill()
    if confined:
        served.confine()
    folder, lines = str(tmp_path / "backups"), []
    manifest = make.make(served.base, folder, ABOUT, fenced=True)
    served.execute("UPDATE parents SET name = 'failed' WHERE id = 1")

    def note(what, **words):
        lines.append({"what": what, **words})

    class Killed(BaseException):
        pass

    def killed(*words):
        raise Killed

    first = Restorer(served.base, folder, "ab12r", note)
    first._define = killed
    with pytest.raises(Killed):
        first.put_back(manifest)
    served.execute("DELETE FROM children WHERE id = 1")  # a job tidies up
    begun = decide.putting_back(lines, manifest["id"])
    Restorer(served.base, folder, "ab12r", note, begun).put_back(manifest)
    assert served.execute("SELECT COUNT(*) FROM children") == [["10"]]
    assert served.execute("SELECT name FROM parents WHERE id = 1") == [["plain"]]
