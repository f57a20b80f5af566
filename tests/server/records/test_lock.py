"""The lock: processes that take it at once, holders that died, sites that share something."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from flask_slipway.server import main
from flask_slipway.server.lib import files, process
from flask_slipway.server.lib.masking import Mask
from flask_slipway.server.records import lines, lock
from flask_slipway.server.run import facts as server_facts
from flask_slipway.server.run import run as server_run
from flask_slipway.server.site.site import Site

# Waits for the starting shot (the file `go`), tries once, tells what it got, and lives until its stdin ends.
RUNNER = """
import json, os, sys, time
from flask_slipway.server.records import lock
folder, keys, who, how, dead, go = json.loads(sys.argv[1])
mine = lock.Lock(folder, keys, {"who": who, "task": "release", "commit": "9bc1f02", "run": "r1"})
print("ready", flush=True)
while not os.path.exists(go):
    pass
try:
    mine.take_over(dead) if how == "take over" else mine.acquire()
    print("got it", flush=True)
except lock.Held as held:
    print("held by %s, %s" % (held.holder.get("who"), "alive" if held.alive else "dead"), flush=True)
sys.stdin.read()
"""


class Runner:
    """A process that takes the lock, or tries to."""

    def __init__(self, folder, keys, who, how="acquire", dead=None, go=None):
        words = json.dumps([str(folder), keys, who, how, dead, str(go or __file__)])
        self.child = subprocess.Popen(
            [sys.executable, "-c", RUNNER, words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.child.stdout.readline() == "ready\n"

    def told(self):
        return self.child.stdout.readline().strip()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def end(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.kill()
        self.child.wait()


@pytest.fixture
def runner(tmp_path):
    made = []

    def start(*arguments, **words):
        made.append(Runner(tmp_path / "locks", *arguments, **words))
        return made[-1]

    yield start
    for one in made:
        one.end()


def mine(tmp_path, keys, **words):
    return lock.Lock(str(tmp_path / "locks"), keys, {"who": "carol@desk", "task": "pull", "run": "r2", **words})


def dead_holder(tmp_path, runner, keys):
    """The holder's dict of a process that took the lock and was killed."""
    victim = runner(keys, "bob@laptop")
    assert victim.told() == "got it"
    victim.kill()
    return lock.holders(str(tmp_path / "locks"), keys)[0]


def test_of_processes_that_take_it_at_once_exactly_one_gets_it(tmp_path, runner):
    for number in range(3):
        go = tmp_path / f"go{number}"
        keys = [f"domain www{number}.example.org", f"project /home/bob/app{number}"]
        racers = [runner(keys, f"racer{n}", go=go) for n in range(4)]
        go.touch()
        told = sorted(racer.told() for racer in racers)
        winner = lock.holders(str(tmp_path / "locks"), keys)
        assert told[0] == "got it"
        assert told[1:] == [f"held by {winner[0]['who']}, alive"] * 3
        assert len(winner) == 1


def test_a_refusal_names_the_holder_since_when_and_its_commit(tmp_path, runner):
    before = time.time()
    assert runner(["project /a"], "bob@laptop").told() == "got it"
    with pytest.raises(lock.Held) as caught:
        mine(tmp_path, ["project /a"]).acquire()
    holder = caught.value.holder
    assert caught.value.alive
    assert (holder["who"], holder["task"], holder["commit"]) == ("bob@laptop", "release", "9bc1f02")
    assert before <= holder["since"] <= time.time()


def test_who_is_refused_leaves_nothing_behind(tmp_path, runner):
    assert runner(["project /b"], "bob@laptop").told() == "got it"
    there = sorted(os.listdir(tmp_path / "locks"))
    with pytest.raises(lock.Held):
        mine(tmp_path, ["project /a", "project /b", "project /c"]).acquire()
    assert sorted(os.listdir(tmp_path / "locks")) == there


def test_a_dead_holder_on_this_machine_is_seen_at_once(tmp_path, runner):
    dead_holder(tmp_path, runner, ["project /a"])
    with pytest.raises(lock.Held) as caught:
        mine(tmp_path, ["project /a"]).acquire()
    assert caught.value.alive is False


def test_a_process_that_got_the_dead_ones_number_is_not_taken_for_it(tmp_path):
    holder = {"machine": process.machine(), "pid": os.getpid(), "started": process.started_at(os.getpid()) - 1}
    assert not lock.is_alive(str(tmp_path), holder)


def test_a_holder_on_another_machine_lives_while_its_heartbeat_moves(tmp_path):
    """Its pid means nothing here, so its heartbeat is watched."""
    held = mine(tmp_path, ["project /a"])
    held.acquire()
    far = dict(held.holder, machine="another one", pid=os.getpid(), started=-1)
    threading.Timer(0.3, held._beat).start()
    assert lock.is_alive(str(tmp_path / "locks"), far, patience=20)
    held.release()
    assert not lock.is_alive(str(tmp_path / "locks"), far, patience=0.2)


def test_a_holder_in_another_pid_namespace_of_this_machine_lives_while_its_heartbeat_moves(tmp_path):
    """Its pid means nothing here either, though host and boot are the same."""
    held = mine(tmp_path, ["project /a"])
    held.acquire()
    host, boot, _ = process.machine().split(" ")
    inside = dict(held.holder, machine=f"{host} {boot} pid:[1]", pid=2, started=1)
    threading.Timer(0.3, held._beat).start()
    assert lock.is_alive(str(tmp_path / "locks"), inside, patience=20)
    held.release()
    assert not lock.is_alive(str(tmp_path / "locks"), inside, patience=0.2)


def test_a_holder_of_this_host_name_that_beats_since_our_start_is_not_taken_for_one_before_it(tmp_path):
    held = mine(tmp_path, ["project /a"])
    held.acquire()
    far = dict(held.holder, machine=f"{process.machine().split(' ')[0]} another-boot pid:[1]")
    threading.Timer(0.3, held._beat).start()
    assert lock.is_alive(str(tmp_path / "locks"), far, patience=20)
    held.release()


def test_the_heartbeat_needs_no_room_on_the_disk(tmp_path):
    held = mine(tmp_path, ["project /a"])
    held.acquire()
    before = lock._last_beat(held._beat_path(held.token))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        time.sleep(0.05)
        held._beat()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert lock._last_beat(held._beat_path(held.token)) != before
    held.release()


def test_a_holder_from_before_this_machines_restart_is_dead_at_once(tmp_path):
    host = process.machine().split(" ")[0]
    holder = {"machine": f"{host} another-boot", "pid": os.getpid(), "started": process.started_at(os.getpid())}
    assert not lock.is_alive(str(tmp_path), holder)


def test_of_processes_that_take_a_dead_holders_lock_over_exactly_one_gets_it(tmp_path, runner):
    keys = ["domain www.example.org", "project /a"]
    for number in range(3):
        dead = dead_holder(tmp_path, runner, keys)
        go = tmp_path / f"go{number}"
        racers = [runner(keys, f"racer{n}", how="take over", dead=dead, go=go) for n in range(4)]
        go.touch()
        told = sorted(racer.told() for racer in racers)
        winner = lock.holders(str(tmp_path / "locks"), keys)
        assert len(winner) == 1
        assert told[0] == "got it"
        assert all(line.startswith("held by racer") and line.endswith("alive") for line in told[1:])
        for racer in racers:
            racer.kill()
        for name in os.listdir(tmp_path / "locks"):
            os.unlink(tmp_path / "locks" / name)


def test_who_died_while_taking_over_can_be_taken_over(tmp_path, runner):
    keys = ["domain www.example.org", "project /a"]
    dead = dead_holder(tmp_path, runner, keys)
    second = runner(keys, "bob@laptop", how="take over", dead=dead)
    assert second.told() == "got it"
    second.kill()  # before it could write down that the run is its own now
    third = mine(tmp_path, keys, run="r1")
    third.take_over(dead)
    third.check()
    third.release()
    mine(tmp_path, keys).acquire()


def test_who_died_in_the_middle_of_taking_over_can_be_taken_over(tmp_path, runner):
    keys = ["domain www.example.org", "project /a"]
    dead = dead_holder(tmp_path, runner, keys)
    second = dict(dead, token="b" * 32, who="second")
    claim, part = (tmp_path / "locks" / lock.path_name(keys[0])), (tmp_path / "locks" / f"{dead['token']}.taken")
    files.write_json(str(part), second)
    files.write_json(str(claim), second)
    third = mine(tmp_path, keys, run="r1")
    third.take_over(dead)
    third.check()
    third.release()
    assert [name for name in os.listdir(tmp_path / "locks") if name.endswith((".taken", ".lock", ".part"))] == []


def test_the_lock_of_a_dead_holder_that_had_begun_nothing_is_free(run, tmp_path):
    """Killed between its lock and its first line: nothing is open, so no recover could ever free it."""
    this = run()
    folder, keys = server_facts.lock_folder(this.site), this.facts.keys()
    gone = {"who": "dave@desk", "run": "r1", "open_run": this.site.open_run}
    left = lock.Lock(folder, keys[:2], gone)
    left.holder.update(started=-1)
    left.acquire()
    assert this.facts.lock() is None
    this.lock.acquire()
    this.lock.check()


def test_two_who_died_one_after_the_other_leave_a_lock_that_is_free(run, tmp_path):
    """The second died in the middle of taking over what the first had left, who had begun nothing."""
    this = run()
    folder, keys = server_facts.lock_folder(this.site), this.facts.keys()
    dead = {"who": "dave@desk", "open_run": this.site.open_run}
    first, second = (lock.Lock(folder, keys, {**dead, "run": name}) for name in ("r1", "r2"))
    for left in (first, second):
        left.holder.update(started=-1)
    first.acquire()
    files.write_json(os.path.join(folder, f"{first.token}.taken"), second.holder)
    files.write_json(first.paths[0], second.holder)
    this.lock.acquire()
    this.lock.check()
    assert [name for name in os.listdir(folder) if name.endswith(".taken")] == []


def test_recover_gets_the_lock_though_another_who_begun_nothing_died_holding_a_part(run, tmp_path):
    this = run()
    folder, keys = server_facts.lock_folder(this.site), this.facts.keys()
    files.folder(this.site.folder)
    files.write_json(this.site.open_run, {"run": "r1"})
    other = lock.Lock(folder, keys[-1:], {"who": "erin@desk", "run": "r9", "open_run": str(tmp_path / "other")})
    own = lock.Lock(folder, keys[:-1], {"who": "dave@desk", "run": "r1", "open_run": this.site.open_run})
    for left in (other, own):
        left.holder.update(started=-1)
        left.acquire()
    this.lock.take_over(own.holder)
    this.lock.check()


def test_the_lock_of_a_dead_holder_whose_run_stands_open_is_not_free(run, tmp_path):
    this = run()
    files.folder(this.site.folder)
    files.write_json(this.site.open_run, {"run": "r1"})
    left = lock.Lock(server_facts.lock_folder(this.site), this.facts.keys()[:2], {"who": "dave@desk", "run": "r1"})
    left.holder.update(started=-1, open_run=this.site.open_run)
    left.acquire()
    assert (this.facts.lock()["who"], this.facts.lock()["alive"]) == ("dave@desk", False)
    with pytest.raises(lock.Held, match="dave@desk"):
        this.lock.acquire()


def test_a_lock_that_somebody_else_got_meanwhile_is_not_taken_over(tmp_path, runner):
    dead = dead_holder(tmp_path, runner, ["project /a"])
    os.unlink(tmp_path / "locks" / lock.path_name("project /a"))
    assert runner(["project /a"], "dave@desk").told() == "got it"
    taker = mine(tmp_path, ["domain www.example.org", "project /a"])
    with pytest.raises(lock.Held, match="dave@desk"):
        taker.take_over(dead)
    assert [holder["who"] for holder in lock.holders(str(tmp_path / "locks"), ["project /a"])] == ["dave@desk"]
    assert lock.holders(str(tmp_path / "locks"), ["domain www.example.org"]) == []


def test_letting_go_twice_finds_nothing_to_do_and_spares_a_new_holder(tmp_path):
    first, second = mine(tmp_path, ["project /a"]), mine(tmp_path, ["project /a"], who="dave@desk")
    first.acquire()
    first.release()
    second.acquire()
    first.release()
    second.check()
    second.release()
    assert os.listdir(tmp_path / "locks") == []


def site(tmp_path, **words):
    home = tmp_path / "home"
    told = {"name": "prod", "domain": "www.example.org", "url": "http://127.0.0.1", "health": "/", "branch": "main"}
    told.update(remote="origin", app="app", home=str(home), project=str(home / "app"), wsgi=str(tmp_path / "wsgi.py"))
    told.update(virtualenv=str(home / "venv"), backups=str(home / "backups"))
    return Site(dict(told, **words))


class Wire:
    def send(self, event):
        pass


@pytest.fixture
def run(tmp_path):
    """Runs as the supervisor makes them, each with the lock over its site's keys."""
    made = []

    def make(database="live.db", **words):
        mask = Mask()
        made.append(server_run.Run(site(tmp_path, **words), "release", {}, "bob@laptop", server_run.Events(Wire, mask)))
        made[-1].facts.use({"dialect": "sqlite", "url": {"database": str(tmp_path / database)}})
        folder, keys = server_facts.lock_folder(made[-1].site), made[-1].facts.keys()
        made[-1].lock = lock.Lock(folder, keys, {"who": "bob@laptop"})
        return made[-1]

    yield make
    for one in made:
        one.end()


OTHER = {"domain": "two.example.org", "project": "/elsewhere/app", "virtualenv": "/elsewhere/venv"}


@pytest.mark.parametrize("shared", ["project", "virtualenv", "database", "domain"])
def test_sites_that_share_only_one_thing_exclude_each_other(run, tmp_path, shared):
    (tmp_path / "live.db").touch()
    (tmp_path / "other.db").touch()
    other = {key: value for key, value in OTHER.items() if key != shared}
    run().lock.acquire()
    with pytest.raises(lock.Held):
        run("live.db" if shared == "database" else "other.db", **other).lock.acquire()


def test_a_project_folder_reached_by_a_link_is_the_same_one(run, tmp_path):
    (tmp_path / "home" / "app").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "home" / "app")
    run().lock.acquire()
    with pytest.raises(lock.Held):
        run("other.db", **dict(OTHER, project=str(tmp_path / "link"))).lock.acquire()


def test_sites_that_share_nothing_do_not_wait_for_each_other(run):
    run().lock.acquire()
    run("other.db", **OTHER).lock.acquire()


def test_a_supervisor_whose_token_is_gone_stops_before_its_next_change(run):
    this = run()
    this.lock.acquire()
    this.open_folder()
    this.about_to("fence")
    for path in this.lock.paths:
        files.write_json(path, dict(this.lock.holder, token="of another", who="dave@desk"))
    with pytest.raises(lock.Held, match="dave@desk"):
        this.about_to("changing database", by="upgrade")
    assert [line["what"] for line in lines.read(this.journal.path)] == ["fence"]


def test_a_supervisor_whose_lock_was_removed_by_hand_stops_too(run):
    this = run()
    this.lock.acquire()
    this.open_folder()
    os.unlink(this.lock.paths[1])
    with pytest.raises(lock.Held):
        this.about_to("changing database", by="upgrade")


def test_a_run_that_is_watched_is_over_when_its_process_is_gone_though_it_is_not_open_any_more(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as child:
        holder = {"machine": process.machine(), "pid": child.pid, "started": process.started_at(child.pid)}
        over = main._over(SimpleNamespace(state=str(tmp_path)), holder)
        assert not over()
        child.kill()
    assert over()
    assert not main._over(SimpleNamespace(state=str(tmp_path)), None)(), "its last event is under way"
