"""What comes in between: a link that freezes, and Ctrl-C, at each moment. It is told truly what goes on at the site."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import changes
import pytest
from world import BIN, Writer

from flask_slipway import connection, errors, link, settings


class Proxy:
    """Passes bytes on between the laptop and the site, until it freezes: then every connection stays open, mute."""

    def __init__(self, port):
        self.frozen = threading.Event()
        self.target = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                while self.frozen.is_set():
                    time.sleep(0.05)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@contextmanager
def through_a_proxy(world):
    """The site as the laptop reaches it through a Proxy."""
    proxy = Proxy(world.site.ssh_port)
    yield proxy, replace(settings.site(world.laptop, "site"), port=proxy.port)
    proxy.server.close()


def test_a_link_that_freezes_before_the_yes_changed_nothing(sqlite_released, monkeypatch):
    monkeypatch.setattr(link, "SILENCE", 11.0)  # a sign of life comes every 10
    with through_a_proxy(sqlite_released) as (proxy, site):

        def decide(facts):
            proxy.frozen.set()
            raise errors.Refusal("no")

        with pytest.raises(errors.Refusal):
            link.converse(site, "backup", {}, decide, lambda event: None)
        with pytest.raises(errors.Unreachable, match=r"(?s)did not greet|nothing answered.*Nothing was changed"):
            monkeypatch.setattr(connection, "PATIENCE", 1.0)
            link.converse(site, "status", {}, None, lambda event: None)
    assert "free" in sqlite_released.fab("status")


def test_a_link_that_freezes_at_the_yes_tells_that_it_is_not_known_whether_it_runs(sqlite_released, monkeypatch):
    monkeypatch.setattr(link, "SILENCE", 11.0)  # a sign of life comes every 10
    with through_a_proxy(sqlite_released) as (proxy, site):

        def decide(facts):
            proxy.frozen.set()
            return {"go": facts["fingerprint"]}

        with pytest.raises(errors.Unreachable, match=r"(?s)may be running.*fab site\.watch"):
            link.converse(site, "backup", {}, decide, lambda event: None)


def test_a_link_that_freezes_in_the_middle_tells_that_it_goes_on_and_how_to_follow(sqlite_released, monkeypatch):
    world = sqlite_released
    monkeypatch.setattr(link, "SILENCE", 11.0)  # a sign of life comes every 10
    before = len(list((world.state / "backups" / world.site.domain).glob("*.json")))
    with through_a_proxy(world) as (proxy, site):
        with pytest.raises(errors.Unreachable, match=r"(?s)goes on, on the server.*fab site\.watch") as caught:
            link.converse(
                site,
                "backup",
                {},
                lambda facts: {"go": facts["fingerprint"]},
                lambda event: proxy.frozen.set(),
            )
        assert caught.value.code == 5
    watched = world.fab("watch")
    assert watched.code == 0, watched.out
    assert "verified" in watched
    assert len(list((world.state / "backups" / world.site.domain).glob("*.json"))) == before + 1


@contextmanager
def at_a_terminal(world, *command):
    """A command whose person sits at a terminal: (process, read_until(words), type_in(bytes))."""
    controller, terminal = pty.openpty()
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("INVOKE_", "FABRIC_", "FLASK_"))}
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        cwd=world.laptop,
        env={**keep, "HOME": str(world.folder / "laptop-home"), "PATH": f"{BIN}:{keep['PATH']}", "TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
    )
    os.close(terminal)
    shown = bytearray()

    def read_until(words, seconds=90):
        end = time.monotonic() + seconds
        while words is None or words.encode() not in shown:
            assert time.monotonic() < end, shown.decode("utf-8", "replace")
            if select.select([controller], [], [], 0.2)[0]:
                try:
                    data = os.read(controller, 4096)
                except OSError:  # the other end is closed
                    break
                if not data:
                    break
                shown.extend(data)
        return shown.decode("utf-8", "replace")

    try:
        yield process, read_until, lambda keys: os.write(controller, keys)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(controller)


RELEASE = ("inv", "release", "--to", "site", "--skip-tests")


@pytest.mark.parametrize("keys", [b"\x03", b"n\n", b"\n"], ids=["ctrl-c", "no", "return"])
def test_a_plan_that_is_not_agreed_to_changes_nothing(sqlite_released, keys):
    world = sqlite_released
    changes.code_only(world)
    before = world.standing()
    with at_a_terminal(world, *RELEASE) as (process, read_until, type_in):
        read_until("[y/N]")
        type_in(keys)
        shown = read_until(None)
        assert process.wait(30) == (130 if keys == b"\x03" else 3), shown
    assert "othing was changed" in shown.split("[y/N]")[1], shown
    assert "Traceback" not in shown
    assert world.standing() == before
    assert world.release().code == 0  # nothing is left that holds it


def test_a_question_of_fab_that_is_interrupted_changes_nothing(sqlite_released):
    world = sqlite_released
    assert world.fab("backup").code == 0
    before = world.standing()
    with at_a_terminal(world, "fab", "site.restore") as (process, read_until, type_in):
        read_until("Restore site?")
        type_in(b"\x03")
        shown = read_until(None)
        assert process.wait(30) == 130, shown
    assert "Nothing was changed" in shown
    assert world.standing() == before


@pytest.mark.parametrize("place", ["staging", "gate", "backup", "swapping", "reloading", "opened"])
def test_ctrl_c_at_any_step_leaves_the_release_to_the_server(sqlite_released, place):
    world = sqlite_released
    commit = changes.additive(world)
    with Writer(world) as writer:
        writer.wait_for(3)
        process = world.start(*RELEASE, "--yes")
        world.wait_for_journal(place)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 130, out
        assert "The release goes on, on the server." in out
        assert "Next: fab site.watch" in out
        watched = world.fab("watch")
        assert watched.code == 0, watched.out
        assert "Released" in watched
        writer.wait_for(3)
    assert writer.lost() == []
    assert world.health() == {"http": 200, "gate": False, "status": "ok", "commit": commit, "revision": "aa000001"}


def test_ctrl_c_while_it_connects_changes_nothing(sqlite_released):
    """A server that accepts and says nothing."""
    world = sqlite_released
    with socket.create_server(("127.0.0.1", 0)) as mute:
        world.configure(port=mute.getsockname()[1])
        process = world.start("fab", "site.backup")
        near, _ = mute.accept()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        near.close()
    assert process.returncode == 130, out
    assert "Nothing was changed" in out
    assert "Traceback" not in out
