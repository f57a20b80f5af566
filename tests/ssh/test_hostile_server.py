"""A server that means no good: each conversation with it ends in words, within bounds, and no other one beside it."""

import contextlib
import copy
import io
import json
import os
import resource
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest
from invoke.config import Config
from invoke.context import Context

from flask_slipway import errors
from flask_slipway.project.working_copy import Relation
from flask_slipway.release import plan
from flask_slipway.release.plan import Candidate
from flask_slipway.server.channel.wire import Wire
from flask_slipway.sites import status
from flask_slipway.ssh import checked, connection, conversation, limits
from flask_slipway.tasks import remote
from flask_slipway.tasks.command import KEY
from flask_slipway.ui import confirm, screen
from support import hostile
from support.hostile import END, FACTS, STATUS
from support.ssh_host import fingerprint
from support.unbounded_ssh import Unbounded


def ask(host, code, task="history", decide=None, args=None, show=lambda event: None):
    site = host.site(python=str(hostile.python(host.home, code)))
    return conversation.converse(site, task, args or {}, decide, show)


def lost(host, code, *words, kind=errors.Unreachable, **more):
    with pytest.raises(kind) as caught:
        ask(host, code, **more)
    said = caught.value.message
    assert all(word in said for word in words), said
    assert len(said.splitlines()) <= 10
    assert max(map(len, said.splitlines())) < 1000
    return said


# Without end


BEGUN = "greet(); asked(); asked()\n"  # what is said next is an answer
BEGUN = "greet(); asked(); asked()\n"  # what is said next is an answer
FLOODS = {
    "before the greeting": ("while True: raw(b'Good day\\n' * 9000)", "it sends without end"),
    "before the greeting, no newline": ("while True: raw(b'x' * 65536)", "it sends without end"),
    "drop by drop, no greeting": ("while True: raw(b'x'); time.sleep(0.05)", "it did not greet within"),
    "a line": (BEGUN + "raw(NONCE)\nwhile True: raw(b' x' * 65536)", "a line of more than"),
    "not for us": (BEGUN + "while True: raw(b'x' * 999 + b'\\n')", "it sends without end"),
    "not for us, drop by drop": (BEGUN + "while True: raw(b'x\\n'); time.sleep(0.05)", "no sign of life"),
    "events": (BEGUN + "while True: say({'event': 'say', 'text': 'x' * 9000})", "it sends without end"),
    "the error stream": (BEGUN + "while True: os.write(2, b'x' * 65536)", "no sign of life"),
    "silence": ("greet()\nwhile os.read(0, 65536): pass", "no sign of life"),
}
LIFE = {
    "beats": BEGUN + "beats()",
    "news": BEGUN + "while True: say({'event': 'say', 'text': 'soon'}); time.sleep(0.05)",
}


@pytest.fixture
def impatient(monkeypatch):
    """The limits of time, and those of bytes that take long to reach, at a small part of what they are."""
    monkeypatch.setattr(connection, "PATIENCE", 5.0)
    monkeypatch.setattr(conversation, "SILENCE", 2.0)
    monkeypatch.setattr(limits, "CONVERSATION", 8 << 20)


@pytest.mark.parametrize("what", LIFE)
def test_signs_of_life_alone_are_not_listened_to_for_ever(host, monkeypatch, what):
    monkeypatch.setattr(limits, "ANSWER", 1.0)
    assert "Nothing was changed" in lost(host, LIFE[what], "signs of life, but no answer")


@pytest.mark.parametrize("what", FLOODS)
def test_what_never_ends_is_ended_here(host, impatient, what):
    code, words = FLOODS[what]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "Nothing was changed" in lost(host, code, words)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_server_that_keeps_to_no_window_is_left(host, impatient):
    """What nobody reads here would wait here, however much it is."""
    key = paramiko.PKey.from_path(host.key)
    server = Unbounded(key)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.Unreachable, match="it sends more than was asked for"):
        conversation.converse(
            host.site(port=server.port, host_key=(fingerprint(host.key.with_suffix(".pub")),)),
            "history",
            {},
            None,
            lambda event: None,
        )
    server.listening.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


def test_a_log_may_go_on_for_ever_and_a_reader_that_waits_keeps_no_more_than_a_little(host, impatient):
    """Its reader stops here by an error of its own, after more than any other conversation may send."""
    seen = []

    def show(event):
        seen.append(len(event["text"]))
        if sum(seen) > 2 * limits.CONVERSATION:
            raise errors.Refusal("enough")

    code = BEGUN + "while True: say({'event': 'text', 'text': 'x' * 60000})"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.Refusal, match="enough"):
        ask(host, code, "logs", args={"follow": True}, show=show)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_of_a_change_that_was_let_go_nothing_but_its_own_end_is_said_to_be_known(host, impatient, monkeypatch):
    monkeypatch.setattr(limits, "STEP", 2.0)
    code = BEGUN + "say(FACTS); asked(); say({'event': 'following', 'run': '1'}); "
    go = {"decide": lambda facts: {"go": facts["fingerprint"]}, "task": "reload"}
    said = lost(host, code + "beats()", "signs of life, but no answer", "The reload goes on, on the server", **go)
    assert "Next: fab prod.watch" in said
    said = lost(host, code + "line(b'{')", "no JSON", "The reload may be running", **go)
    assert "Nothing was changed" not in said
    lost(host, code + "say(FACTS)", "asks for the go twice", **go)


# No event of ours


STEP = "STEP = {'event': 'step', 'step': 'lock', 'state': 'done', 'text': ''}\n"
RAW = {
    "no JSON": 'line(b\'{"event": "say", \')',
    "nothing": "line(b'')",
    "no object": "line(b'[1, 2]')",
    "no UTF-8": 'line(b\'{"event": "say", "text": "\\xff\\xfe"}\')',
    "half a character": 'line(b\'{"event": "say", "text": "\\\\ud800"}\')',
    "no number": "line(json.dumps({**STEP, 'seconds': float('nan')}).encode())",
    "infinity": "line(json.dumps({**STEP, 'seconds': float('inf')}).encode())",
    "a number beyond all": "line(json.dumps({**STEP, 'seconds': 7}).encode().replace(b'7', b'1e999'))",
    "a number of a million digits": "line(b'{\"event\": \"end\", \"code\": ' + b'9' * 1000000 + b'}')",
    "lists in lists": "line(b'[' * 100000)",
    "no name": "say({'text': 'x'})",
    "a name that is none": "say({'event': ['end']})",
    "rows of other widths": "say({'event': 'rows', 'title': None, 'columns': ['a'], 'rows': [['1', '2'], []]})",
    "rows without columns": "say({'event': 'rows', 'title': None, 'columns': [], 'rows': []})",
    "an end with data that is none": "say({**END, 'data': [1]})",
    "an end without a code": "say({'event': 'end', 'outcome': 'done'})",
    "an end of another kind": "say({**END, 'outcome': 'owned'})",
}


@pytest.mark.parametrize("what", RAW)
def test_what_is_no_event_ends_the_conversation_in_words(host, what):
    said = lost(host, BEGUN + STEP + RAW[what], "prod answers what cannot be true", "Nothing was changed")
    assert "Next: ssh " in said


DECIDED = {
    "upgrade": {"pending": ["a"], "texts": [["a", "add posted"]]},
    "downgrade": {"undone": [["a", "x"]], "target": None, "target_commit": None, "losses": [], "operations": []},
    "rollback": {"undone": [], "target": "a", "target_commit": "d" * 40, "losses": [], "operations": []},
    "restore": {
        "backup": {"id": "20261120T180312Z", "commit": None, "revisions": [], "rows": 1},
        "rows_now": 1,
        "other": None,
    },
}
RECOVER = {
    "event": "facts",
    "fingerprint": "recover 1",
    "interrupted": {"run": "1", "task": "release", "who": "ann", "since": 1.0, "commit": None},
    "decision": "BACK",
    "leave": False,
    "reached": "before",
    "commit": "c" * 40,
    "revisions": ["a"],
    "last": None,
    "lock": None,
    "gate": "up",
}
HELD = {"who": "ann", "since": 1.0, "task": "release", "commit": None, "run": "1", "site": "prod", "alive": True}
OPEN_RUN = {"run": "1", "task": "release", "who": "ann", "since": 1.0}
LAST = {"commit": "c" * 40, "revision": "a", "at": 1.0, "who": "ann", "task": "pull"}
WHERE = {"commit": "c" * 40, "revision": "a", "gate": "up", "fence": "up", "lock": "ann", "healthy": True}
GIVEN = {
    "status": {**END, "data": {**STATUS, "lock": HELD, "interrupted": OPEN_RUN, "last": LAST}},
    "current": {**END, "data": {"revisions": ["a"], "heads": ["b"], "texts": {"a": "x"}}},
    "health": {**END, "data": {"url": "http://x", "status": 200, "answer": "200", "gate": False, "seconds": 0.1}},
    "reload": {**END, "seconds": 1.0, "closed": 1.0, "data": {"kept": ["x"], "back": "rollback", "apart": True}},
    "open": {**END, "code": 4, "outcome": "incident", "where": WHERE, "cause": ["x"], "next": ["fab prod.status"]},
    "step": {"event": "step", "step": "lock", "state": "done", "text": "x", "seconds": 0.1},
    "rows": {"event": "rows", "title": "t", "columns": ["a", "b"], "rows": [["1", None], [2, 3.5]]},
    "returning": {"event": "returning", "site": "prod", "to": "ccccccc"},
    "release": {**FACTS, "lock": HELD, "interrupted": OPEN_RUN, "last": LAST, "lacking": ["x.y"]},
    "close": {**FACTS},
    "recover": RECOVER,
    **{task: {**FACTS, **more} for task, more in DECIDED.items()},
}
WRONG = [None, True, 1.5, 10**19, 2**53 - 1, "", "x", [], [None], {}, {"x": None}]


def places(value, way=()):
    """The way to each value in it, and it itself."""
    yield way
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*way, key))


def crafted(event):
    """The event with one value taken out, or another in its place."""
    for *way, key in filter(None, places(event)):
        for wrong in [..., *WRONG]:
            made = copy.deepcopy(event)
            place = made
            for step in way:
                place = place[step]
            if wrong is ...:
                del place[key]
            else:
                place[key] = copy.deepcopy(wrong)
            yield made


def meet(task, found, site, root):
    """Shows what was found to whoever reads such an event."""
    if found["event"] == "end":
        screen.finish(found, site)
        views_of = {"status": screen.status, "current": screen.current, "health": screen.health}
        if task in views_of:
            views_of[task](found["data"])
        if task == "status":
            status.column_of(site, found["data"], root)
    elif task == "release":
        plan.release(site, Candidate("d" * 40, "x"), found, Relation(), lambda current: ((), ()))
    elif found["event"] == "facts":
        confirm.refuse_held(site.name, found)
        confirm.of(task, site.name, found)
    else:
        screen.Screen(io.StringIO(), live=True).show(found)


@pytest.mark.parametrize("task", GIVEN)
def test_whatever_stands_in_an_event_its_readers_meet_nothing_that_they_cannot_show(task, site, tmp_path, monkeypatch):
    """Each value of each event in turn is taken out, or another: it is refused where it comes in, or shown, and then
    nothing goes wrong but what is told in words."""
    monkeypatch.setattr(status, "apart", lambda commit, root: "")  # git's answer, which is no part of it
    assert checked.event(json.dumps(GIVEN[task]).encode(), task)
    shown = 0
    for event in crafted(GIVEN[task]):
        try:
            found = checked.event(json.dumps(event).encode(), task)
        except checked.Wrong as error:
            assert len(str(error)) < 200
            continue
        shown += 1
        with contextlib.suppress(errors.SlipwayError, plan.Nothing):
            meet(task, found, site, tmp_path)
    assert shown


def test_a_site_that_answers_nonsense_is_told_in_its_own_lines_and_the_others_are_shown(host, tmp_path, capsys):
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True, cwd=tmp_path / "project")
    nonsense = [
        "line(b'[' * 100000)",
        "say({**END, 'data': {**STATUS, 'database': 1}})",
        "say({**END, 'data': STATUS})",
    ]
    sites = [host.site(name=f"site{number}") for number in range(3)]
    for site, code in zip(sites, nonsense, strict=True):
        folder = tmp_path / site.name
        folder.mkdir()
        site.python = str(hostile.python(folder, BEGUN + code))
    with ThreadPoolExecutor(3) as pool:
        columns = list(pool.map(lambda site: status.site_column(site, tmp_path / "project"), sites))
    told = "\n".join(status.lines(columns))
    assert "site0: site0 answers what cannot be true: a line that is no JSON" in told
    assert "site1: site1 answers what cannot be true: data.database is 1, not a table" in told
    assert columns[2].rows["database"] == "sqlite, 1 B"


BAD = {
    "facts without anything": "say({'event': 'facts'})",
    "an end with half of its data": "say({**END, 'data': {'revisions': 1, 'kept': 'x', 'url': []}})",
    "a step of numbers": "say({'event': 'step', 'step': 1, 'state': 2, 'text': 3, 'seconds': 4})",
}


@pytest.mark.parametrize("what", BAD)
def test_every_task_ends_in_words(host, tmp_path, what, capsys):
    """As fab runs them, from an invoke.yaml; of history and the like the data is nobody's."""
    folder = tmp_path / "project"
    folder.mkdir()
    site = {"user": "bob", "domain": "www.example.org", "project": "app", "virtualenv": "venv", "host": "127.0.0.1"}
    site |= {"port": host.port, "key": str(host.key), "host_key": str(host.public), "home": str(host.home)}
    site |= {"python": str(hostile.python(host.home, BEGUN + BAD[what])), "wsgi": str(host.home / "wsgi.py")}
    (folder / "invoke.yaml").write_text(json.dumps({"slipway": {"app": "app", "environments": {"prod": site}}}))
    context = Context(Config(overrides={KEY: {"site": "prod", "root": str(folder)}}))
    ended = []
    for task in remote.TASKS:
        if task.name in ("workon", "pull"):  # the person's own shell; and what begins with git here
            continue
        asks = {"yes": True} if task.name in confirm.BY_TASK else {}
        try:
            task.body(context, **asks)
        except errors.SlipwayError as stop:
            assert not isinstance(stop, errors.Fault), f"{task.name}: {stop}"
            ended.append(task.name)
    assert {"status", "current", "health", "upgrade", "restore", "rollback", "recover", "close"} <= {*ended}


# The server's own side


def test_what_a_program_printed_is_sent_in_pieces_that_are_taken_here(tmp_path):
    reading, writing = os.pipe()
    text = "\n".join(["short", "x" * 200_000, "", "y" * 70_000, "the end"])
    sent = []
    thread = threading.Thread(target=lambda: sent.append(os.fdopen(reading, "rb").read()))
    thread.start()
    Wire(0, writing, "n").send({"event": "text", "text": text})
    os.close(writing)
    thread.join()
    lines = sent[0].splitlines()
    assert max(map(len, lines)) < limits.LINE / 4
    pieces = [checked.event(line[2:], "logs")["text"] for line in lines]
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")
    assert pieces[-1].endswith("\nthe end")
