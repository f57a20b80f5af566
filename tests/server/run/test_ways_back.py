"""Which ways back are named: only those that would not be refused."""

from types import SimpleNamespace

import pytest

from flask_slipway.server.run import ways_back

BEFORE = {"commit": "aaa", "revisions": ["r1"], "heads": ["r1"]}
MERGE = {"id": "r2", "down": ["r1", "x1"]}
BACK, RESTORE = "rollback", "restore --backup 20261126T012438Z"


def ended(before=None, backup=None, pending=(), rows=(), stage=True):
    manifest = {"id": "20261126T012438Z", **backup} if backup is not None else None
    before, go = {**BEFORE, **(before or {})}, {"revisions": list(rows)}
    return SimpleNamespace(before=before, backup=manifest, pending=list(pending), go=go, stage=stage or None)


RELEASES = {
    "code alone": ({}, "r1", BACK),
    "a revision": ({"pending": ["r2"], "rows": [{"id": "r2", "down": ["r1"]}]}, "r2", BACK),
    "the first revision of an app": ({"before": {"revisions": [], "heads": []}, "pending": ["r1"]}, "r1", BACK),
    "a site of which the heads are not known": ({"before": {"heads": None}}, "r1", BACK),
    "an empty database": ({"before": {"revisions": []}, "pending": ["r1"]}, "r1", None),
    "a database that lacked a revision of its code": ({"before": {"heads": ["r2"]}, "pending": ["r2"]}, "r2", None),
    "no code at all": ({"before": {"commit": None}}, "r1", None),
    "the same commit": ({"before": {"commit": "bbb"}}, "r1", None),
    "a merge of branches": ({"pending": ["r2"], "rows": [MERGE]}, "r2", None),
    "an app that cannot be asked": ({"pending": ["r2"], "stage": False}, "r2", None),
}


@pytest.mark.parametrize("case", RELEASES)
def test_a_rollback_is_named_after_a_release_where_it_would_go(case):
    words, revision, way = RELEASES[case]
    assert ways_back.after(ended(**words), "released", {"commit": "bbb", "revision": revision}) == way


CHANGES = {
    "code and database that fitted": ({"backup": {}}, "done", RESTORE),
    "a run left as it stands": ({"backup": {}}, "left", RESTORE),
    "pending revisions": ({"backup": {}, "before": {"heads": ["r2"]}}, "done", None),
    "a backup that cannot be put back": ({"backup": {"restore_blockers": ["a view"]}}, "done", None),
    "no backup": ({}, "done", None),
    "a run that was taken back": ({"backup": {}}, "returned", None),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_backup_is_named_after_a_change_where_it_could_be_put_back(case):
    words, outcome, way = CHANGES[case]
    assert ways_back.after(ended(**words), outcome, {"commit": "aaa", "revision": "r1"}) == way
