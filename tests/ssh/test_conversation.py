"""The link: against a real SSH server that counts what it is asked."""

import hashlib
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from flask_slipway import errors
from flask_slipway.sandbox.host import processes
from flask_slipway.ssh import connection, conversation, engine, terminal
from flask_slipway.ui.screen import Screen
from support.ssh_host import fingerprint, know, other_key


def ask(host, task="history", show=lambda event: None, **more):
    return conversation.converse(host.site(**more), task, {}, None, show)


def test_a_conversation_is_one_connection_and_one_channel(host):
    shown = []
    end = ask(host, show=shown.append)
    assert (end["event"], end["code"], end["data"]) == ("end", 0, {"lines": []})
    assert [event["event"] for event in shown] == ["rows"]
    assert (host.count("connection"), host.count("channel")) == (1, 1)
    assert host.users == ["bob"]


def test_a_conversation_that_was_begun_goes_on_while_this_side_does_something_else(host):
    with conversation.Talk(host.site(), "history", {}) as talk:
        deadline = time.monotonic() + 60
        while host.count("received") < 2:  # the engine's name and the request, or the engine itself
            assert time.monotonic() < deadline, "nobody asked the server"
            time.sleep(0.01)
        assert talk.finish(None, lambda event: None)["data"] == {"lines": []}
    assert (host.count("connection"), host.count("channel")) == (1, 1)


@pytest.mark.parametrize("listened", [0, 0.05, 0.2, 0.5])  # seconds, in which more and more of it has come
def test_a_conversation_may_be_left_at_any_time(host, listened):
    with conversation.Talk(host.site(), "check", {}) as talk:
        while talk._line is None and talk._thread.is_alive():
            time.sleep(0.01)
        time.sleep(listened)
    assert not talk._thread.is_alive()


def test_what_goes_wrong_meanwhile_is_told_at_the_end(host):
    with conversation.Talk(host.site(python="/no/such/python"), "history", {}) as talk:
        talk._thread.join(60)
        with pytest.raises(errors.Unreachable, match="did not start"):
            talk.finish(None, lambda event: None)


def test_what_a_login_script_prints_is_never_taken_for_an_answer(host):
    said = subprocess.run(
        ["/bin/bash", "-c", "true"], env={"HOME": str(host.home), "SSH_CLIENT": "x"}, capture_output=True, text=True
    )
    assert "Good day" in said.stdout, "this machine's bash does not read .bashrc: the test would prove nothing"
    assert ask(host)["data"] == {"lines": []}


def test_what_the_server_tells_gives_no_orders_to_the_terminal(host):
    folder = host.home / ".slipway" / "sites" / "www.example.org"
    folder.mkdir(parents=True)
    line = {
        "run": "1",
        "task": "release",
        "who": "\x1b]0;owned\x07\x1b[1;31mann\x1b[0m\r\u202e\x9b2J",
        "at": 1,
        "outcome": "released",
    }
    (folder / "history.jsonl").write_text(json.dumps(line) + "\n")
    told = io.StringIO()
    ask(host, show=Screen(told).show)
    assert r"\x1b]0;owned\x07ann" in told.getvalue()
    assert told.getvalue().replace("\n", "").isprintable()


def saying(host, *events):
    """The words of invoke.yaml by which a server answers so, whatever it is asked."""
    hostile = host.home / "hostile.py"
    lines = ["", f"slipway-hello {'0' * 24} 3.11", *(f"{'0' * 24} {json.dumps(event)}" for event in events)]
    hostile.write_text(f"import sys\nprint({chr(10).join(lines)!r}, flush=True)\nsys.stdin.read()\n")
    shim = host.home / "python-shim"
    shim.write_text(f"#!/bin/sh\nexec {sys.executable} {hostile}\n")
    shim.chmod(0o755)
    return {"python": str(shim)}


FACTS = {
    **{"event": "facts", "fingerprint": "recover 1", "decision": None, "leave": False, "reached": "gate"},
    **{"interrupted": {"run": "1", "task": "release", "who": "ann", "since": 1}, "commit": None, "revisions": []},
}


def test_a_commit_that_would_be_an_option_of_git_reaches_nobody_and_nothing_is_changed(host):
    asked = []
    site = host.site(**saying(host, {**FACTS, "commit": "--output=/home/ann/.bashrc"}))
    with pytest.raises(errors.Unreachable) as caught:
        conversation.converse(site, "recover", {}, asked.append, asked.append)
    assert asked == []
    assert caught.value.message.splitlines()[0] == (
        "prod answers what cannot be true: facts.commit is '--output=/home/ann/.bashrc', not 40 hexadecimal digits."
        " Nothing was changed."
    )


def test_an_end_that_cannot_be_true_does_not_pass_for_one_and_it_is_told_that_the_run_may_go_on(host):
    site = host.site(**saying(host, FACTS, FACTS, {"event": "end", "code": 0, "outcome": "incident"}))
    asked = []

    def decide(facts):
        asked.append(facts)
        return {"go": facts["fingerprint"]}

    with pytest.raises(errors.Unreachable, match="The recover may be running") as caught:
        conversation.converse(site, "recover", {}, decide, print)
    assert "Nothing was changed" not in caught.value.message
    assert len(asked) == 1  # what was agreed to is not asked for anew


def test_the_engine_is_sent_once_and_then_kept(host):
    data, digest = engine.engine()
    ask(host)
    assert host.received > len(data)
    ready = f"{digest}.{sys.implementation.cache_tag}.zip"
    assert [path.name for path in host.engines] == sorted([f"{digest}.zip", ready, f"{ready}.sha256"])
    assert (host.engines[0].parent / f"{digest}.zip").read_bytes() == data
    first = [os.stat(path) for path in host.engines]
    host.asked.write_text("")
    ask(host)
    assert host.received < 5000 < len(data)
    again = [os.stat(path) for path in host.engines]
    assert [(one.st_ino, one.st_mtime_ns) for one in again] == [(one.st_ino, one.st_mtime_ns) for one in first]
    assert {one.st_mode & 0o777 for one in first} == {0o600}
    assert {os.stat(above).st_mode & 0o777 for above in host.engines[0].parents[:2]} == {0o700}


@pytest.mark.parametrize("damage", ["cut off", "empty", "another byte", "a part that was left"])
def test_a_damaged_engine_on_the_server_is_replaced(host, damage):
    data, digest = engine.engine()
    path = host.home / ".slipway" / "engine" / f"{digest}.zip"
    path.parent.mkdir(parents=True)
    kinds = {"cut off": data[:-100], "empty": b"", "another byte": data[:300] + b"\0" + data[301:]}
    if damage in kinds:
        path.write_bytes(kinds[damage])
    else:
        path.with_name(path.name + ".part").write_bytes(data[:50])
    assert ask(host)["code"] == 0
    assert path.read_bytes() == data
    assert not list(path.parent.glob("*.part*"))


@pytest.mark.parametrize("damage", ["cut off", "empty", "another byte", "its sum is gone", "its sum is no text"])
def test_a_damaged_compiled_engine_is_made_again_from_the_one_that_was_sent(host, damage):
    _, digest = engine.engine()
    ask(host)
    path = host.home / ".slipway" / "engine" / f"{digest}.{sys.implementation.cache_tag}.zip"
    total = path.with_name(path.name + ".sha256")
    whole = path.read_bytes()
    if damage == "its sum is gone":
        total.unlink()
    elif damage == "its sum is no text":
        total.write_bytes(b"\xff\xfe")
    else:
        path.write_bytes({"cut off": whole[:-100], "empty": b"", "another byte": b"\0" + whole[1:]}[damage])
    host.asked.write_text("")
    assert ask(host)["code"] == 0
    assert host.received < 5000
    assert path.read_bytes() == whole
    assert total.read_text() == hashlib.sha256(whole).hexdigest()


def test_what_was_compiled_is_what_runs(host):
    _, digest = engine.engine()
    ask(host)
    path = host.home / ".slipway" / "engine" / f"{digest}.zip"
    path.write_bytes(b"not read while the compiled one is whole")
    assert ask(host)["code"] == 0
    assert path.read_bytes() == b"not read while the compiled one is whole"


def test_the_same_code_is_the_same_engine():
    assert engine.engine() == engine.engine()


@pytest.mark.parametrize("name", ["json.py", "zipimport.py", "hashlib.py", "slipway_server.py", "sitecustomize.py"])
def test_a_module_of_the_home_is_not_taken_for_pythons_own(host, name):
    (host.home / name).write_text("raise SystemExit('the wrong module')\n")
    assert ask(host)["code"] == 0


def test_a_home_with_quotes_spaces_and_dollars_is_only_a_name(host):
    odd = host.home / 'it\'s $HOME "x"'
    odd.mkdir()
    assert ask(host, home=str(odd))["code"] == 0
    assert (odd / ".slipway/engine").exists()


def test_a_home_that_is_not_there_is_named(host):
    with pytest.raises(errors.WrongUse, match="no folder /home/nobody-at-all"):
        ask(host, home="/home/nobody-at-all")


REFUSED = {
    "pinned to another": lambda tmp, host: {"host_key": (fingerprint(other_key(tmp)),)},
    "pinned to another key file": lambda tmp, host: {"host_key": (str(other_key(tmp)),)},
    "not known": lambda tmp, host: {"host_key": ()},
    "known with another key": lambda tmp, host: know(tmp / "laptop", host, other_key(tmp)) or {"host_key": ()},
    "known, but another is pinned": lambda tmp, host: (
        know(tmp / "laptop", host) or {"host_key": (fingerprint(other_key(tmp)),)}
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_host_key_that_is_not_pinned_or_known_is_refused_and_nothing_is_sent(host, tmp_path, how):
    with pytest.raises(errors.Unreachable) as caught:
        ask(host, **REFUSED[how](tmp_path, host))
    assert caught.value.code == 5
    assert fingerprint(host.public) in caught.value.message
    assert (host.users, host.count("try"), host.count("channel")) == ([], 0, 0)
    assert host.engines == []


def test_what_ssh_config_says_does_not_weaken_the_check(host, tmp_path):
    (tmp_path / "laptop/.ssh/config").write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
    with pytest.raises(errors.Unreachable):
        ask(host, host_key=())
    assert host.users == []


ACCEPTED = {
    "a fingerprint": lambda tmp, host: {"host_key": (fingerprint(host.public),)},
    "one of several": lambda tmp, host: {"host_key": (fingerprint(other_key(tmp)), fingerprint(host.public))},
    "a key file": lambda tmp, host: {"host_key": (str(host.public),)},
    "known_hosts": lambda tmp, host: know(tmp / "laptop", host) or {"host_key": ()},
}


@pytest.mark.parametrize("how", ACCEPTED)
def test_a_pinned_or_known_host_key_is_accepted(host, tmp_path, how):
    assert ask(host, **ACCEPTED[how](tmp_path, host))["code"] == 0


def test_a_changed_host_key_is_told_with_the_command_that_forgets_it(host, tmp_path):
    know(tmp_path / "laptop", host, other_key(tmp_path))
    with pytest.raises(errors.Unreachable) as caught:
        ask(host, host_key=())
    named = caught.value.message.split("ssh-keygen -R ")[1].strip()
    known = tmp_path / "laptop/.ssh/known_hosts"
    done = subprocess.run(["bash", "-c", f"ssh-keygen -f {known} -R {named}"], capture_output=True)
    assert done.returncode == 0 and b"updated" in done.stdout


def test_a_wrong_login_is_tried_once_and_never_again(host, tmp_path):
    other_key(tmp_path)
    with pytest.raises(errors.Unreachable, match="does not let bob in") as caught:
        ask(host, key=str(tmp_path / "other"))
    assert caught.value.code == 5
    assert (host.count("connection"), host.users, host.count("try"), host.count("channel")) == (1, ["bob"], 1, 0)


def test_the_login_that_is_offered_to_be_typed_is_one_command_whatever_the_keys_folder_is_called(tmp_path):
    key = str(tmp_path / "it's $(id) mine/key")
    offered = connection.login(SimpleNamespace(user="bob", host="127.0.0.1", port=2222, key=key))
    assert shlex.split(offered) == ["ssh", "-i", key, "-p", "2222", "bob@127.0.0.1"]
    done = subprocess.run(["bash", "-c", f"printf '%s|' {offered}"], capture_output=True, text=True)
    assert done.stdout == f"ssh|-i|{key}|-p|2222|bob@127.0.0.1|"


@pytest.mark.parametrize(("where", "first"), [("127.0.0.1", "inv sandbox.up"), ("192.0.2.1", "correct  host_key:")])
def test_a_pinned_key_that_is_not_there_is_told_with_what_makes_it(tmp_path, where, first):
    site = SimpleNamespace(name="sandbox", host=where, host_key=str(tmp_path / "host_key.pub"))
    with pytest.raises(errors.WrongUse) as told:
        connection.fingerprints(site)
    assert next(iter(told.value.next)).startswith(first)


def test_a_key_that_is_not_there_is_named_before_anything_is_tried(host, tmp_path):
    with pytest.raises(errors.WrongUse, match="no-such-key"):
        ask(host, key=str(tmp_path / "no-such-key"))
    assert host.count("try") == 0


def test_a_port_where_nobody_listens_is_told_in_two_lines(host):
    with pytest.raises(errors.Unreachable, match="does not answer as an SSH server") as caught:
        ask(host, port=processes.free_port())
    assert len(caught.value.message.splitlines()) == 2
    assert "Nothing was changed" in caught.value.message


def test_a_python_that_is_not_there_is_named_and_what_to_set(host):
    with pytest.raises(errors.Unreachable, match=r"no-such-python[\s\S]*Next: set  python:"):
        ask(host, python="/no-such-python")


def following(host):
    """A site whose log is followed: a conversation that does not end by itself."""
    log = host.home / "error.log"
    log.write_text("one line\n")
    site = host.site()
    words = dict(site.wire(), logs={"error": str(log)})
    site.wire = lambda: words
    return site


def test_a_server_that_freezes_is_given_up(mortal, monkeypatch):
    """Not even its connection ends."""
    monkeypatch.setattr(conversation, "SILENCE", 1.0)
    with pytest.raises(errors.Unreachable, match=r"no sign of life[\s\S]*Nothing was changed"):
        conversation.converse(
            following(mortal), "logs", {"follow": True}, None, lambda event: mortal.child.send_signal(signal.SIGSTOP)
        )


def test_a_connection_that_breaks_is_told_as_lost(mortal):
    with pytest.raises(errors.Unreachable, match=r"The link to prod is lost[\s\S]*Nothing was changed") as caught:
        conversation.converse(following(mortal), "logs", {"follow": True}, None, lambda event: mortal.child.kill())
    assert caught.value.code == 5


def test_a_server_that_accepts_and_says_nothing_is_given_up(host, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 1.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(errors.Unreachable, match="does not answer as an SSH server"):
            ask(host, port=mute.getsockname()[1])


def test_an_answer_before_the_nonce_does_not_count(host):
    """A program on the server that prints what looks like an end event, on the same stdout, without the nonce."""
    shim = host.home / "python-shim"
    said = ["#!/bin/sh", """echo '{"event": "end", "code": 0}'""", "echo 'slipway-hello nonsense 3.11'"]
    shim.write_text("\n".join([*said, f'exec {sys.executable} "$@"\n']))
    shim.chmod(0o755)
    assert ask(host, python=str(shim))["data"] == {"lines": []}


@pytest.mark.parametrize(("said", "code"), [(0, 0), (3, 3), (256, 255), (1 << 31, 255), (-1, 255)])
def test_an_exit_code_that_a_shell_would_cut_to_0_is_none(said, code):
    """SSH's have 32 bits; -1 is none at all."""
    assert terminal.exit_code(SimpleNamespace(recv_exit_status=lambda: said)) == code


def test_no_secret_is_in_the_line_that_starts_the_server(host):
    assert str(host.home) not in engine.first_line(host.site())


def test_a_program_of_workon_may_be_silent_for_longer_than_a_login_may_take(host, monkeypatch, capfd):
    ask(host)
    monkeypatch.setattr(connection, "PATIENCE", 4.0)
    line = f"{sys.executable} -c 'import time; time.sleep(5); print(7)'"
    assert conversation.shell(host.site(), line) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "7"
