"""What a return and a recover do, over every place where every story can be cut off: in milliseconds, on a site that is
only a few values. Real servers prove a few of these (tests/end_to_end/test_failures.py)."""

from dataclasses import dataclass, field, replace

import pytest

from flask_slipway.server.run import decide, take_back
from flask_slipway.server.run.decide import Act, Recovery

STAGE = ["staging", "staging packages"]
CLOSE = ["gate", "fence"]
SWAP = ["swapping packages", "swapping"]
OPEN = ["opened", "gate gone"]
CHANGE = "changing database"


def upgrade(*more):
    return [f"{CHANGE}:upgrade", "revision", "connection", "revision", "fence", *more]


BACK_UP = ["backing up", "backup"]
EXCHANGE = ["scratch", "scratch", "replacing", "replaced"]
# The journal of each story, in order. "before" comes first and "complete" last; `:` parts who changes the database.
STORIES = {
    "release of code": [*STAGE, *SWAP, "reloading", "gate gone"],
    "release with a revision": [*STAGE, *CLOSE, *BACK_UP, *upgrade(), *SWAP, "reloading", *OPEN],
    "release with seeds": [*STAGE, *CLOSE, *BACK_UP, *upgrade(f"{CHANGE}:seed", "fence"), *SWAP, "reloading", *OPEN],
    "release that writes on load": [*STAGE, *CLOSE, *BACK_UP, f"{CHANGE}:load", "fence", *SWAP, "reloading", *OPEN],
    "pull": [*STAGE, "swapping"],
    "install": [*STAGE, "swapping packages", "reloading", "gate gone"],
    "upgrade": [*CLOSE, *BACK_UP, *upgrade(), "reloading", *OPEN],
    "downgrade": [*STAGE, *CLOSE, *BACK_UP, f"{CHANGE}:downgrade", "fence", *SWAP, "reloading", *OPEN],
    "downgrade of the database alone": [*CLOSE, *BACK_UP, f"{CHANGE}:downgrade"],
    "seed": [*CLOSE, *BACK_UP, f"{CHANGE}:seed", "fence", "reloading", *OPEN],
    "restore": [*STAGE, *CLOSE, *BACK_UP, f"{CHANGE}:restore", *EXCHANGE, "fence", *SWAP, "reloading", *OPEN],
    "backup": ["backing up", "backup"],
    "reload": ["reloading", "gate gone"],
    "close": ["gate", "fence"],
    "open": ["reloading", *OPEN],
    "open of a fence alone": ["lifting"],
}


def journal(names):
    """The lines of a journal: a word, with who changed the database behind a colon."""
    return [dict(zip(("what", "by"), name.split(":"), strict=False)) for name in names]


def before(closed):
    return {"gate": "up" if closed else "down", "commit": "old", "revisions": ["r1"]}


def story(name, closed):
    """A story's journal; on a site that was closed before no gate is put up, and nothing is opened but by open."""
    names = list(STORIES[name])
    if closed and name != "open":
        names = [what for what in names if what not in ("gate", "opened")]
        if "reloading" in names and "fence" in names:
            names = [what for what in names if what != "gate gone"]
    return ["before", *names, "complete"]


EACH = [(name, closed) for name in STORIES for closed in (False, True)]
every_story = pytest.mark.parametrize(
    ("name", "closed"), EACH, ids=[f"{name}, {'closed' if closed else 'open'} before" for name, closed in EACH]
)


def cuts(name, closed):
    """The journal of a story that was cut off, at each of its lines in turn."""
    whole = story(name, closed)
    return [whole[:length] for length in range(1, len(whole) + 1)]


def by_hand(names, closed):
    """What the steps of a return were when each asked the journal for itself, before there was a decision."""
    has = {what.split(":")[0] for what in names}
    changes = [what for what in names if what.split(":")[0] in (CHANGE, "database returned")]
    changed = bool(changes) and changes[-1].startswith(CHANGE)
    done = []
    if "opened" in has and changed:
        good = all(what.split(":")[1] in ("upgrade", "seed", "return") for what in names if what.startswith(CHANGE))
        done.append("down" if good else "close again; a person")
    elif changed or "fence" in has:
        done.append("fence down" if not changed else "backup" if "backup" in has else "no backup; a person")
    if "swapping" in has or "swapping packages" in has:
        done.append("code")
    if "gate" in has or "reloading" in has:
        done.append("stay closed" if closed else "open")
    return done


NAMED = {
    Act.LIFT_FENCE: "fence down",
    Act.PUT_BACKUP_BACK: "backup",
    Act.NO_BACKUP: "no backup; a person",
    Act.WAY_DOWN: "down",
    Act.NO_WAY_DOWN: "close again; a person",
    Act.CODE_BACK: "code",
    Act.OPEN: "open",
    Act.STAY_CLOSED: "stay closed",
}


@every_story
def test_every_cut_off_story_is_taken_back_as_it_always_was(name, closed):
    later = ([], ["returning"], ["recovering", "returning", "database returned"])
    for names in [[*names, *more] for names in cuts(name, closed) for more in later]:
        acts = decide.take_back(journal(names), before(closed))
        assert [NAMED[act] for act in acts] == by_hand(names, closed)


@every_story
def test_where_the_gate_is_all_that_moved_the_site_is_left_as_it_was(name, closed):
    """A site that is sick for its own reasons is then no matter of the run."""
    alone = name in ("reload", "close", "open", "backup", "open of a fence alone")
    assert decide.touched(journal(story(name, closed))) is not alone
    for names in cuts(name, closed):
        moved = {what.split(":")[0] for what in names} & {CHANGE, "swapping", "swapping packages"}
        assert decide.touched(journal(names)) is bool(moved)


@every_story
def test_a_recover_goes_forward_only_where_it_was_proved(name, closed):
    for names in cuts(name, closed):
        decision = decide.recover(journal(names))
        if "complete" in names:
            assert decision is Recovery.FINISHED
        elif {"opened", "gate gone"} & set(names):
            assert decision is (Recovery.FINISHED if "gate gone" in names else Recovery.OPEN)
            back = decide.recover(journal([*names, "returning"]))
            assert back is Recovery.BACK, "once a return has begun, nothing goes forward any more"
        else:
            needed = any(what.split(":")[0] in decide.CHANGES for what in names)
            assert decision is (Recovery.BACK if needed else Recovery.NOTHING)
            assert needed or not decide.take_back(journal(names), before(closed)), "nothing was changed"


@every_story
def test_a_run_whose_end_is_settled_is_only_ended(name, closed):
    for names in cuts(name, closed):
        for outcome in ("released", "done", "returned", "refused", "nothing", "left"):
            lines = [*journal([*names, "returning"]), {"what": "end", "outcome": outcome}, *journal(["recovering"])]
            assert decide.recover(lines) is Recovery.ENDED
            assert decide.ended(lines) == outcome


@every_story
def test_rows_of_an_open_site_are_never_replaced_by_a_backup_and_a_closed_site_never_opened(name, closed):
    for names in cuts(name, closed):
        acts = decide.take_back(journal(names), before(closed))
        if "opened" in names:
            assert Act.PUT_BACKUP_BACK not in acts
        if closed:
            assert Act.OPEN not in acts
        database = [act for act in acts if act not in (Act.CODE_BACK, Act.OPEN, Act.STAY_CLOSED)]
        assert len(database) <= 1
        assert acts == database + [act for act in acts if act not in database], "the database comes before the code"
        assert acts[-1:] in ([], [Act.OPEN], [Act.STAY_CLOSED]) or not {"gate", "reloading"} & set(names)


@dataclass
class FakeSite:
    """A site that is only values, and the journal of the run that changes it."""

    closed: bool
    code: str = "old"
    packages: str = "old"
    rows: str = "old"
    gate: str = ""
    fence: str = "down"
    incident: bool = False
    journal: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.gate = self.gate or ("up" if self.closed else "down")

    def is_as_before(self):
        return (self.code, self.packages, self.rows, self.fence, self.gate) == (
            *("old", "old", "old", "down"),
            "up" if self.closed else "down",
        )

    def write(self, name, done=True):
        """A line of the journal, and then what it names, unless the run was killed in between."""
        self.journal.append(name)
        if done:
            self._do(name.split(":")[0])

    def _do(self, what):
        match what:
            case "gate":
                self.gate = "up"
            case "fence":
                self.fence = "up"
            case "changing database" | "revision" | "replacing":
                self.fence, self.rows = "down", "new"
            case "reloading":
                self.fence = "down"
            case "swapping":
                self.code = "new"
            case "swapping packages":
                self.packages = "new"
            case "lifting":
                self.fence = "down"
            case "gate gone":
                self.gate = "down"

    def take_back(self):
        """A return, as its acts are described."""
        self.journal.append("returning")
        for act in decide.take_back(journal(self.journal), before(self.closed)):
            match act:
                case Act.LIFT_FENCE:
                    self.fence = "down"
                case Act.PUT_BACKUP_BACK | Act.WAY_DOWN:
                    assert self.fence == "down" or self.gate == "up"
                    self.rows, self.fence = "old", "down"
                    self.journal.append("database returned")
                case Act.NO_BACKUP | Act.NO_WAY_DOWN:
                    self.gate, self.incident = "up", True
                    return
                case Act.CODE_BACK:
                    self.code = self.packages = "old"
                case Act.OPEN:
                    assert (self.code, self.rows) == ("old", "old"), "never code on a schema it was not made for"
                    self.gate = "down"
                    self.journal.append("gate gone")
                case Act.STAY_CLOSED:
                    self.gate = "up"


@pytest.mark.parametrize("done", [True, False], ids=["after it was done", "before it was done"])
@every_story
def test_a_story_cut_off_anywhere_ends_as_before_or_with_a_person_and_twice_is_once(name, closed, done):
    if name == "open of a fence alone":
        return  # it takes away what an earlier run left, and has nothing of its own to take back
    for names in cuts(name, closed):
        site = FakeSite(closed)
        for what in names[:-1]:
            site.write(what)
        site.write(names[-1], done)
        if decide.recover(journal(site.journal)) in (Recovery.FINISHED, Recovery.NOTHING):
            continue
        site.take_back()
        if site.incident:
            assert site.gate == "up"
            assert "opened" in names
            assert {"changing database:load", "changing database:downgrade", "changing database:restore"} & set(names)
        else:
            assert site.is_as_before(), (names, site)
        first = replace(site, journal=[])
        site.take_back()
        assert replace(site, journal=[]) == first


@pytest.mark.parametrize("by", ["upgrade", "downgrade", "load", "seed", "restore"])
def test_a_changed_database_without_a_backup_is_a_matter_for_a_person(by):
    assert decide.take_back(journal(["before", f"{CHANGE}:{by}"]), before(False)) == [Act.NO_BACKUP]


def test_each_act_has_somebody_who_does_it():
    assert set(take_back.ACTS) == set(Act)


def exchange(backup, kept="old", done=True, saved=True):
    """The lines of an exchange for `backup`."""
    made = [{"what": "scratch", "database": name} for name in ("new", kept)]
    begun = [*made, {"what": "replacing", "backup": backup, "kept": kept}]
    return [*begun, {"what": "replaced", "backup": backup, "kept": kept, "saved": saved}] if done else begun


def test_an_exchange_is_done_where_the_journal_says_so_and_nothing_changed_the_database_since():
    change = {"what": CHANGE, "by": "upgrade"}
    assert decide.put_back([change, *exchange("b1")], "b1")
    assert decide.put_back([change, *exchange("b1"), {"what": "fence"}], "b1")
    for lines in (
        [],
        [change],
        [change, *exchange("b1", done=False)],
        [change, *exchange("of the restore")],
        [*exchange("b1"), change],
    ):
        assert decide.put_back(lines, "b1") is None, lines


def test_an_exchange_may_be_done_from_its_first_line_until_a_new_attempt_makes_its_scratch_anew():
    change = {"what": CHANGE, "by": "upgrade"}
    begun = exchange("b1", done=False)
    assert decide.putting_back([change, *begun], "b1")["kept"] == "old"
    assert decide.putting_back([change, *begun[:2]], "b1") is None
    assert decide.putting_back([change, *begun, begun[0]], "b1") is None
    assert decide.putting_back([change, *exchange("of the restore", done=False)], "b1") is None
    assert decide.putting_back([*begun, change], "b1") is None


@pytest.mark.parametrize(
    ("lines", "droppable"),
    [
        ([], set()),
        (exchange("b1"), {"new", "old"}),
        (exchange("b1", saved=False), {"new"}),
        (exchange("b1", done=False), {"new"}),
        ([*exchange("b1", "old t", done=False), *exchange("b2", "old r")], {"new", "old r"}),
    ],
)
def test_a_scratch_database_is_dropped_only_where_a_backup_has_all_of_it(lines, droppable):
    assert decide.scratch([{**line, "format": 2} for line in lines]) == droppable
    assert decide.scratch(lines) == {line["database"] for line in lines if line["what"] == "scratch"}, "format 1"


def test_a_run_is_forgotten_after_as_many_of_its_kind_and_never_before_its_scratch_databases_are_dropped():
    kept_aside = journal(["before", "gate", f"{CHANGE}:upgrade"]) + exchange("b1")
    journals = {"1": kept_aside, "2": journal(["before", "gate"]), "3": journal(["before", "swapping"])}
    journals |= {str(number): journal(["before", "backing up", "backup"]) for number in range(4, 9)} | {"9": []}
    assert decide.forgotten(journals, 2) == ["4", "5", "6", "7"]
    assert decide.forgotten(journals, 1) == ["2", *"45678"]
    journals["1"] = [*kept_aside, {"what": "scratch gone"}]
    assert decide.forgotten(journals, 2) == ["1", "4", "5", "6", "7"]
