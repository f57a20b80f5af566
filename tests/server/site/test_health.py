"""The site as a visitor reaches it, by a host of each kind."""

import contextlib
import http.server
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from flask_slipway.sandbox.host import processes, uwsgi_start, virtualenv
from flask_slipway.server.lib import files
from flask_slipway.server.site import gate, health
from flask_slipway.server.site.site import Site
from support.folders import ThreadingServer


class Host:
    """Answers with the statuses in turn, the last for ever."""

    def __init__(self, *statuses):
        rest = list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status = rest.pop(0) if len(rest) > 1 else rest[0]
                self.send_response(status)
                if status in (302, 303):
                    self.send_header("Location", self.path if status == 302 else "/sign-in")
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
        health.prove_own(url, health.as_usual(200), broken=0.3)


def test_a_site_that_never_answers_is_told_as_such():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        answer = health.ask(f"http://127.0.0.1:{mute.getsockname()[1]}/health", timeout=0.3)
    assert (answer.status, health.describe(answer)) == (0, "nothing in time")


def test_what_a_site_answers_is_looked_at_after_its_reload():
    with Host(302, 302, 200) as url:
        assert health.settled(url).status == 200
    with Host(302) as url:
        assert health.settled(url, patience=0.2).status == 302


def test_what_a_site_answers_as_a_rule_is_no_fault_of_a_moment_nor_its_hosts_redirect(monkeypatch):
    monkeypatch.setattr(health, "SHORTLY", 0.01)
    for statuses, usual in (((500, 302, 303), 303), ((503, 503, 200), 200), ((302, 200), 200), ((500,), 500)):
        with Host(*statuses) as url:
            assert health.usual(url).status == usual


def test_one_fault_of_a_good_site_is_not_believed(monkeypatch):
    monkeypatch.setattr(health, "SHORTLY", 0.01)
    with Host(500, 200) as url:
        assert health.prove_own(url, health.as_usual(200)).status == 200
    with Host(500) as url, pytest.raises(health.NotHealthy, match="answers 500") as found:
        health.prove_own(url, health.as_usual(200))
    assert found.value.status == 500


EXPECTED = (None, 200, 302, 404)  # the last good answer that is known
HEALTHY = {200: EXPECTED, 204: EXPECTED, 303: (None, 302), 308: (None, 302), 401: (None, 404), 404: (None, 404)}


@pytest.mark.parametrize("status", [0, 200, 204, 303, 308, 401, 404, 500, 503])
def test_healthy_is_2xx_or_the_kind_of_answer_that_the_site_gives(status):
    assert [e for e in EXPECTED if health.as_usual(e)(status)] == list(HEALTHY.get(status, ()))


def test_a_site_that_was_taken_back_is_as_before_with_any_answer_but_a_fault_it_did_not_have():
    for before in (None, 200, 302, 500):
        assert all(health.as_before(before)(status) for status in (200, 302, 404))
    assert [before for before in (None, 200, 302, 500, 503) if health.as_before(before)(502)] == [500, 503]
    assert not health.as_before(500)(0)


def test_who_takes_long_to_load_is_waited_for_longer():
    assert health.patience(0.5) == health.PATIENCE
    assert health.patience(60) == 600


SITE = """
import os
import time

time.sleep(0.3)
open(os.path.join(os.path.dirname(__file__), "loaded-%d" % os.getpid()), "w").close()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the site"]
"""
TOKEN = "t0ken"
WORKERS = 3


class Chain:
    """A host that exchanges the site's processes one after the other, at each change of the WSGI file's time."""

    def __init__(self, folder):
        self.wsgi = folder / "site_wsgi.py"
        self.wsgi.write_text(SITE)
        self.port = processes.free_port()
        self.url = f"http://127.0.0.1:{self.port}/health"
        words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
        words |= {key: str(folder) for key in ("home", "project", "virtualenv", "backups")}
        site = Site(words | {"name": "prod", "domain": "d", "wsgi": str(self.wsgi)})
        self.gate = gate.Gate(site, files.folder(str(folder / "gate's")), TOKEN)
        virtualenv.uwsgi(folder / "uwsgi", sys.executable)
        options = ["--http-socket", f"127.0.0.1:{self.port}", "--master", "--processes", str(WORKERS), "--lazy-apps"]
        options += ["--touch-chain-reload", str(self.wsgi), "--wsgi-file", str(self.wsgi), "--die-on-term"]
        line = [sys.executable, "-I", uwsgi_start.__file__, str(folder / "uwsgi"), *options]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(line, cwd=folder, stdout=self.log, stderr=self.log)

    def __enter__(self):
        health.wait_for(self.url, lambda answer: answer.status == 200)
        time.sleep(0.5 * WORKERS)  # until the last of its processes has loaded the site
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        self.process.wait()
        self.log.close()

    def answers(self, **more):
        """What visitors meet, whichever process they come to."""
        with ThreadPoolExecutor(2 * WORKERS) as visitors:
            return list(visitors.map(lambda _: health.ask(self.url, **more), range(20 * WORKERS)))


def test_where_a_host_exchanges_its_processes_one_by_one_the_last_of_them_is_proved_too(tmp_path):
    with Chain(tmp_path) as host:
        before = {*tmp_path.glob("loaded-*")}
        nonce = host.gate.put()
        health.prove_processes(host.url, TOKEN, nonce, health.as_usual(200))
        assert {answer.gate for answer in host.answers()} == {nonce}
        for _ in range(100):  # behind this gate a process loads the site when it is asked
            assert {answer.nonce for answer in host.answers(token=TOKEN)} == {nonce}
            if len({*tmp_path.glob("loaded-*")} - before) == WORKERS:
                break
        host.gate.take_away(reload=False)
        shutil.rmtree(host.gate.folder)
        assert {answer.body for answer in host.answers()} == {b"the site"}


class Recorder(Host):
    """A host of one status that keeps the token of each request."""

    def __init__(self, status, location="/"):
        super().__init__(status)
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers["X-Slipway-Token"])
                self.send_response(status)
                self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_CONNECT = do_GET

            def log_message(self, *_):
                pass

        self.server.RequestHandlerClass = Handler


def test_the_token_goes_to_the_site_itself_past_every_proxy_and_to_no_other_host(monkeypatch):
    proxy, elsewhere = Recorder(200), Recorder(200)
    site = Recorder(302, location=elsewhere.url)
    with proxy, elsewhere, site:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        health._opener.cache_clear()  # as in a process that begins there
        assert health.ask(site.url, TOKEN).status == 302
        assert health.ask(site.url.replace("http:", "https:"), TOKEN).status == 0
    assert site.seen == [TOKEN]
    assert (proxy.seen, elsewhere.seen) == ([], [])


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Reloading:
    """A host that serves the WSGI file as it was `late` seconds ago, each request by a process of its own, and keeps
    which of them were served by a gate, and bore a token."""

    def __init__(self, folder, late):
        self.wsgi, self.late, self.seen = folder / "site_wsgi.py", late, []
        self.wsgi.write_text(SITE.replace("time.sleep(0.3)", ""))
        self.texts = [(0, self.wsgi.read_text())]
        self.server = make_server("127.0.0.1", 0, self.application, ThreadingServer, Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/health"
        words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
        words |= {key: str(folder) for key in ("home", "project", "virtualenv", "backups")}
        site = Site(words | {"name": "prod", "domain": "d", "wsgi": str(self.wsgi)})
        self.gate = gate.Gate(site, files.folder(str(folder / "gate's")), TOKEN)

    def application(self, environ, start_response):
        now, text = time.monotonic(), self.wsgi.read_text()
        if text != self.texts[-1][1]:
            self.texts.append((now, text))
        text = [text for since, text in self.texts if since == 0 or now - since > self.late][-1]
        self.seen.append((gate.is_gate(text.encode()), "HTTP_X_SLIPWAY_TOKEN" in environ))
        names = {"__name__": "wsgi", "__file__": str(self.wsgi)}
        exec(compile(text, str(self.wsgi), "exec"), names)
        return names["application"](environ, start_response)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("public", [False, True])
def test_the_token_is_sent_to_the_gate_alone_neither_before_it_is_there_nor_after_it_is_gone(tmp_path, public):
    """The site's own processes answer until the host has reloaded: to them it would be a header that the app sees."""
    good = health.as_usual(200)
    with Reloading(tmp_path, late=0.3) as host:
        health.prove_gate(host.url, host.gate.put(loads=False))
        assert not any(token for _, token in host.seen), "a page alone lets nobody pass"
        host.gate.take_away()
        health.prove_own(host.url, good)
        host.texts[:] = host.texts[-1:]
        health.prove_processes(host.url, TOKEN, host.gate.put(public=public), good)
        host.gate.take_away()
        health.prove_own(host.url, good)
    assert {True, False} == {is_gate for is_gate, _ in host.seen}
    assert any(token for _, token in host.seen)
    assert [is_gate for is_gate, token in host.seen if token and not is_gate] == []
