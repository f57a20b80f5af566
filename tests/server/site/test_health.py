"""The site as a visitor reaches it, by a host of each kind."""

import http.server
import socket
import threading

import pytest

from flask_slipway.server.site import health


class Host:
    """Answers with the statuses in turn, the last for ever."""

    def __init__(self, *statuses):
        rest = list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status = rest.pop(0) if len(rest) > 1 else rest[0]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/health"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.url

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_reload_is_waited_for_and_how_the_host_told_it_is_known():
    with Host(302, 302, 200) as url:
        found = health.wait_for(url, lambda answer: answer.status == 200)
    assert (found.status, found.reloading) == (200, {302})


def test_502_is_given_up_as_soon_as_the_caller_knows_that_it_is_no_reload(monkeypatch):
    monkeypatch.setattr(health, "BROKEN", 1000)
    monkeypatch.setattr(health, "PATIENCE", 1000)
    with Host(302, 502) as url, pytest.raises(health.NotHealthy, match="last: 502"):
        health.prove_own(url, "token", 200, broken=0.3)


def test_a_site_that_never_answers_is_told_as_such():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        answer = health.ask(f"http://127.0.0.1:{mute.getsockname()[1]}/health", timeout=0.3)
    assert (answer.status, health.describe(answer)) == (0, "nothing in time")


def test_what_a_site_answers_is_looked_at_after_its_reload():
    with Host(302, 302, 200) as url:
        assert health.settled(url).status == 200
    with Host(302) as url:
        assert health.settled(url, patience=0.2).status == 302
