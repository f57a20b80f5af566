"""The plan: a table of refusals, and what holds for any facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_slipway.errors import Refusal
from flask_slipway.project.working_copy import Relation
from flask_slipway.release import plan
from flask_slipway.release.plan import Candidate, Nothing
from flask_slipway.ui import confirm, table

NEW, LIVE = "9bc1f02" + "0" * 33, "3f2a6d1" + "0" * 33
REVISIONS = (
    {"id": "d0641f33", "down": ["8a1c5e20"], "text": "add display_order"},
    {"id": "8a1c5e20", "down": ["c3f7d058"], "text": "add posted"},
    {"id": "c3f7d058", "down": [], "text": "add comments"},
)
CANDIDATE = Candidate(NEW, "Let assets be reordered", ("d0641f33",), REVISIONS)
ALTER = [{"kind": "alter_column", "table": "assets", "column": "display_order", "text": "alter column"}]


def release(site, candidate, found, relation, *more, **words):
    """The plan, where what is pending is what stands above the database's revision in a line of revisions."""

    def lacking(current):
        line = [row["id"] for row in reversed(candidate.revisions)]
        unknown = [identifier for identifier in current if identifier not in line]
        return ([], unknown) if unknown else (line[max(map(line.index, current), default=-1) + 1 :], [])

    return plan.release(site, candidate, found, relation, lacking, *more, **words)


def facts(**changed):
    """The facts of a site that is well, one revision behind."""
    return {
        "fingerprint": "f1",
        "commit": LIVE,
        "branch": "main",
        "changes": [],
        "edits": [],
        "own": {".env": ".env", "data.db": "database"},
        "database": {"dialect": "mysql", "bytes": 4_100_000},
        "revisions": ["8a1c5e20"],
        "requirements": {"requirements.txt": "sha"},
        "gate": "down",
        "fence_kind": "database",
        "scratch": True,
        "load_seconds": 1.5,
        "lock": None,
        "interrupted": None,
        **changed,
    }


def test_a_plan_shows_now_and_then_side_by_side_in_80_columns(site):
    made = release(site, CANDIDATE, facts(), Relation(ahead=1), lambda ids: ALTER)
    assert made.lines() == [
        "prod        www.example.com  now                  then",
        "  code                       3f2a6d1              9bc1f02  (1 commit)",
        "  database  mysql, 4.1 MB    8a1c5e20 add posted  d0641f33 add display_order",
        "  packages                   unchanged",
        "The site will be closed for about 4 s: the revision changes a column.",
    ]
    assert made.go() == {"go": "f1", "commit": NEW, "pending": ["d0641f33"]}


HOLDER = {"who": "ann@laptop", "since": 1795197792, "task": "release", "commit": LIVE, "alive": True}


@pytest.mark.parametrize(
    ("changed", "relation", "told", "next_line"),
    [
        ({"lock": HOLDER}, Relation(), "prod is held by ann@laptop: release", "fab prod.watch"),
        ({"lock": {**HOLDER, "alive": False}}, Relation(), "its process is gone", "fab prod.recover"),
        ({"interrupted": {"who": "ann", "since": 0, "task": "release"}}, Relation(), "stands open", "fab prod.recover"),
        (
            {"changes": ["app/models.py"], "edits": ["fab prod.workon -c 'git diff HEAD'"]},
            Relation(),
            "changed by hand",
            "fab prod.workon",
        ),
        ({"branch": "hotfix"}, Relation(), "on branch hotfix, not on main", "git switch main"),
        ({"branch": ""}, Relation(), "on no branch", "git switch main"),
        ({}, Relation(known=False, ancestor=False), "not known here", "git fetch origin"),
        ({}, Relation(known=False, ancestor=False, remote="sandbox"), "not known here", "git fetch sandbox"),
        ({}, Relation(known=False, ancestor=False, shallow=True), "clone is shallow", "git fetch --unshallow origin"),
        ({}, Relation(ancestor=False, shallow=True), "clone is shallow", "git fetch --unshallow origin"),
        ({}, Relation(ancestor=False), "not part of 9bc1f02", "git merge 3f2a6d1"),
        ({}, Relation(ancestor=False, newer=True), "newer than 9bc1f02", "fab prod.rollback"),
        ({"revisions": ["ffff0000"]}, Relation(), "ffff0000, a revision that this code does not know", "git fetch"),
    ],
)
def test_what_makes_a_release_unsafe_is_refused_and_says_what_to_type(site, changed, relation, told, next_line):
    with pytest.raises(Refusal) as refused:
        release(site, CANDIDATE, facts(**changed), relation)
    assert told in refused.value.message
    assert next_line in refused.value.message.split("Next:")[1]
    assert "Nothing was changed" in refused.value.message


@pytest.mark.parametrize("refuse", [plan.refuse, lambda site, facts: confirm.refuse_held(site.name, facts)])
def test_a_held_lock_is_told_in_the_same_words_before_every_change(site, refuse):
    with pytest.raises(Refusal) as refused:
        refuse(site, facts(lock={**HOLDER, "site": "staging", "alive": False}))
    assert refused.value.message.splitlines() == [
        "staging is held by ann@laptop: release. Nothing was changed.",
        "  since 2026-11-20 18:03:12 UTC, commit 3f2a6d1",
        "  its process is gone",
        "Next: fab staging.recover",
    ]


def test_several_heads_are_refused(site):
    with pytest.raises(Refusal, match="2 heads"):
        release(site, Candidate(NEW, "", ("a", "b"), REVISIONS), facts(), Relation())


def test_a_site_that_serves_the_commit_already_has_nothing_to_do(site):
    with pytest.raises(Nothing, match="prod serves 9bc1f02 already"):
        release(site, CANDIDATE, facts(commit=NEW, revisions=["d0641f33"]), Relation())


def test_a_commit_that_was_pulled_and_not_reloaded_is_not_said_to_be_served(site):
    pulled = {"commit": NEW, "revision": None, "at": 0.0, "who": "ann", "task": "pull"}
    with pytest.raises(Nothing, match=r"prod has 9bc1f02 already; .* fab prod\.reload"):
        release(site, CANDIDATE, facts(commit=NEW, revisions=["d0641f33"], last=pulled), Relation())


def test_a_site_with_the_commit_but_a_revision_behind_is_brought_up(site):
    assert release(site, CANDIDATE, facts(commit=NEW), Relation()).pending == ("d0641f33",)


def test_without_pending_revisions_the_site_stays_open(site):
    made = release(site, CANDIDATE, facts(revisions=["d0641f33"]), Relation(ahead=2))
    assert made.closed is None
    assert "The site stays open." in made.lines()


def test_a_database_of_which_no_backup_could_be_put_back_is_refused_where_a_release_would_change_it(site):
    blocked = facts(restore_blockers=["trigger t: the server logs binary and lets no user of yours make it (1419)"])
    with pytest.raises(Refusal, match="could not be put back") as refused:
        release(site, CANDIDATE, blocked, Relation(ahead=1))
    assert "1419" in refused.value.message
    assert "fab prod.check" in refused.value.message
    up_to_date = facts(restore_blockers=["trigger t"], revisions=list(CANDIDATE.heads))
    assert release(site, CANDIDATE, up_to_date, Relation(ahead=1)).closed is None


def test_lost_values_and_weaker_guarantees_are_said_beforehand(site):
    drop = [{"kind": "drop_column", "table": "assets", "column": "note", "text": "drop column assets.note"}]
    weak = facts(scratch=False, fence_kind="watched")
    told = "\n".join(release(site, CANDIDATE, weak, Relation(), lambda ids: drop).lines())
    for words in ("lost: drop column assets.note", "put back in place", "cannot refuse writes"):
        assert words in told


def test_another_database_what_it_lacks_and_who_is_unseen_are_said_beforehand(site):
    found = facts(other_database="mysql ann$site on db", lacking=["column assets.note"], unseen="programs elsewhere")
    found["database"]["name"] = "ann$empty"
    own = [{"kind": "unknown", "table": None, "column": None, "text": "Python of its own, line 7 of x.py"}]
    told = "\n".join(release(site, CANDIDATE, found, Relation(), lambda ids: own).lines())
    for words in (
        "another than the last release left: mysql ann$empty, not mysql ann$site on db",
        "lacks already what the live code needs: column assets.note",
        "Not known beforehand: Python of its own, line 7 of x.py",
        "if they have the database open: programs elsewhere",
    ):
        assert words in told


def test_changed_packages_are_named(site):
    lines = release(site, CANDIDATE, facts(), Relation(), packages=True).lines()
    assert "  packages                   changed              as in requirements.txt" in lines


@given(size=st.integers(0, 10**12), seconds=st.floats(0, 600))
def test_the_time_closed_grows_with_the_app_and_the_database(size, seconds):
    about = plan.seconds_closed({"load_seconds": seconds, "database": {"bytes": size}})
    assert about >= 1
    assert about == max(1, round(2 * seconds + size / 20e6 + 1))


@given(st.lists(st.tuples(*[st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)] * 4), min_size=1))
def test_a_table_never_is_wider_than_80_columns_unless_its_first_columns_are(rows):
    first = max(len(row[0]) for row in rows) + max(len(row[1]) for row in rows)
    if first < 40:
        assert all(len(line) <= 80 for line in table.table(rows))


def test_a_closed_site_is_not_said_to_stay_open(site):
    shown = "\n".join(release(site, CANDIDATE, facts(gate="up"), Relation()).lines())
    assert "stays closed" in shown and "stays open" not in shown and "will be closed" not in shown


@pytest.mark.parametrize(
    ("tracked", "told"),
    [
        (["data.db"], "The commit holds the site's database: data.db"),
        ([".env"], "The commit holds the site's .env: .env"),
        (["app/__pycache__/a.pyc"], "The commit holds compiled files: app/__pycache__/a.pyc"),
    ],
)
def test_what_is_the_sites_own_is_refused_in_a_commit_and_stays_there(site, tracked, told):
    with pytest.raises(Refusal) as stopped:
        release(site, CANDIDATE, facts(), Relation(ahead=1), tracked=["app/models.py", *tracked])
    assert stopped.value.what == told
    assert stopped.value.next[0].startswith("git rm --cached")
    assert release(site, CANDIDATE, facts(), Relation(ahead=1), tracked=["app/models.py", "app/data.db"])
