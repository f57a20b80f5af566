"""What comes in between: a link that freezes, and Ctrl-C, at each moment. It is told truly what goes on at the site."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from flask_slipway import errors
from flask_slipway.config import settings
from flask_slipway.ssh import connection, conversation
from support import changes
from support.people import Writer


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
    monkeypatch.setattr(conversation, "SILENCE", 11.0)  # a sign of life comes every 10
    with through_a_proxy(sqlite_released) as (proxy, site):

        def decide(facts):
            proxy.frozen.set()
            raise errors.Refusal("no")

        with pytest.raises(errors.Refusal):
            conversation.converse(site, "backup", {}, decide, lambda event: None)
        with pytest.raises(errors.Unreachable, match=r"(?s)did not greet|nothing answered.*Nothing was changed"):
            monkeypatch.setattr(connection, "PATIENCE", 1.0)
            conversation.converse(site, "status", {}, None, lambda event: None)
    assert "free" in sqlite_released.fab("status")


def test_a_link_that_freezes_at_the_yes_tells_that_it_is_not_known_whether_it_runs(sqlite_released, monkeypatch):
    monkeypatch.setattr(conversation, "SILENCE", 11.0)  # a sign of life comes every 10
    with through_a_proxy(sqlite_released) as (proxy, site):

        def decide(facts):
            proxy.frozen.set()
            return {"go": facts["fingerprint"]}

        with pytest.raises(errors.Unreachable, match=r"(?s)may be running.*fab site\.watch"):
            conversation.converse(site, "backup", {}, decide, lambda event: None)


def test_a_link_that_freezes_in_the_middle_tells_that_it_goes_on_and_how_to_follow(sqlite_released, monkeypatch):
    world = sqlite_released
    monkeypatch.setattr(conversation, "SILENCE", 11.0)  # a sign of life comes every 10
    before = len(list((world.state / "backups" / world.site.domain).glob("*.json")))
    with through_a_proxy(world) as (proxy, site):
        with pytest.raises(errors.Unreachable, match=r"(?s)goes on, on the server.*fab site\.watch") as caught:
            conversation.converse(
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


RELEASE = ("inv", "release", "--to", "site", "--skip-tests")


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
