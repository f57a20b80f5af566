"""What a person is told of a lock that somebody else holds."""

import pytest

from flask_slipway.server.lib import amounts, held_lock
from flask_slipway.server.lib.outcome import Refused

BOB = {"who": "bob@laptop", "task": "release", "site": "prod", "since": 1795197792.4, "commit": "9bc1f02" + "a" * 33}


def test_a_moment_is_in_utc_and_says_so(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert amounts.moment(1795197792.4) == "2026-11-20 18:03:12 UTC"
    assert amounts.moment(0) == "1970-01-01 00:00:00 UTC"


@pytest.mark.parametrize(
    ("alive", "explained", "typed"),
    [(True, [], "fab prod.watch"), (False, ["its process is gone"], "fab prod.recover")],
)
def test_it_names_who_holds_it_since_when_and_with_which_commit(alive, explained, typed):
    told = held_lock.message(BOB, alive, "prod")
    assert told.what == "prod is held by bob@laptop: release"
    assert told.lines == ["since 2026-11-20 18:03:12 UTC, commit 9bc1f02", *explained]
    assert told.next == [typed]


def test_of_a_lock_that_two_sites_share_the_holders_own_site_is_named():
    told = held_lock.message(BOB, True, "staging")
    assert told.what.startswith("prod is held by ")
    assert told.next == ["fab prod.watch"]


def test_a_holder_who_is_not_known_is_told_as_somebody():
    assert held_lock.message({}, True, "prod") == ("prod is held by somebody: a change", [], ["fab prod.watch"])
    assert held_lock.message({"who": "bob", "since": None, "commit": None}, True, "prod").lines == []


def test_a_refusal_is_made_of_its_parts():
    stop = Refused(*held_lock.message(BOB, True, "prod"))
    assert (stop.what, stop.next) == ("prod is held by bob@laptop: release", ["fab prod.watch"])
