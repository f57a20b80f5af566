"""The sandbox's web app: it answers, reloads and fails as on PythonAnywhere."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from flask_slipway.sandbox.host import Sandbox, processes
from support.sandbox_web import ask, log, reloaded, touch, until


@pytest.fixture(scope="module")
def site(raise_sandbox) -> Sandbox:
    return raise_sandbox()


def in_background(function, *words):
    """Calls it in a thread; returns a function that waits for its result, or raises what it raised."""
    got: dict = {}

    def call():
        try:
            got["result"] = function(*words)
        except Exception as error:
            got["error"] = error

    thread = threading.Thread(target=call)
    thread.start()

    def result():
        thread.join(60)
        if "error" in got:
            raise got["error"]
        return got["result"]

    return result


def wait_for_line(site: Sandbox, kind: str, part: str) -> str:
    end = time.monotonic() + 20
    while part not in log(site, kind):
        assert time.monotonic() < end, f"no {part!r} in the {kind} log"
        time.sleep(0.02)
    return next(line for line in log(site, kind).splitlines() if part in line)


def test_the_app_runs_in_the_sites_virtualenv_and_home_and_sees_nothing_of_ours(site):
    about = ask(site, "/about").json()
    assert about["prefix"] == str(site.virtualenv)
    assert [path for path in about["path"] if path.endswith("site-packages")] == [
        str(next(site.virtualenv.glob("lib/*/site-packages")))
    ]
    assert not any("flask_slipway" in path for path in about["path"])
    assert about["cwd"] == str(site.home) == about["env"]["HOME"]
    assert about["env"]["FLASK_ENV"] == "production"
    assert about["env"]["DATABASE_URL"] == site.database_url()
    assert not {"VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "PYTHONPATH"} & set(about["env"])


def test_the_site_reaches_its_own_database_and_no_other(site, tmp_path):
    """Whatever its code, its .env and its WSGI file say."""
    assert ask(site, f"/reach?url={site.database_url()}").json() == {"found": 1}
    developers = tmp_path / "development.db"
    assert ask(site, f"/reach?url=sqlite:///{developers}").status == 500
    told = wait_for_line(site, "error", "Outside: the app leads to")
    assert str(developers) in told and site.database["path"] in told
    assert not developers.exists()


def test_a_path_a_query_and_the_host_arrive_as_they_were_sent(site):
    answer = ask(site, "/echo/a%20b%2Fc%C3%A4?q=1%26%3D", Host="www.example.com").json()
    assert answer == {"text": "a b/cä", "query": "1&=", "host": "www.example.com", "remote": "127.0.0.1"}


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_body_arrives_whole_in_one_piece_or_in_chunks(site, size):
    assert ask(site, "/length", "POST", b"x" * size).json() == {"length": size}
    pieces = (b"x" * min(70_000, size - start) for start in range(0, size, 70_000))
    assert ask(site, "/length", "POST", pieces, **{"Transfer-Encoding": "chunked"}).json() == {"length": size}


def test_a_client_that_leaves_disturbs_nobody(site):
    for said in (
        b"",
        b"GET / HT",
        b"POST /length HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        b"GET /big HTTP/1.1\r\n\r\n",
    ):
        link = socket.create_connection((site.host, site.web_port))
        link.sendall(said)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()
    assert ask(site, "/big").body == b"x" * 30_000_000
    assert ask(site).status == 200


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n"])
def test_nonsense_is_a_bad_request(site, said):
    with socket.create_connection((site.host, site.web_port)) as link:
        link.sendall(said)
        assert link.recv(100).startswith(b"HTTP/1.1 400 ")


def test_until_the_new_workers_answer_every_request_is_sent_to_itself(site):
    before = ask(site).json()["generation"]
    touch(site)
    sent = until(site, 302, "/echo/x?y=1")
    assert sent.headers["Location"] == f"http://{site.host}:{site.web_port}/echo/x?y=1"
    assert until(site, 200).json()["generation"] != before


def test_a_running_request_finishes_and_its_processes_stay_until_then(site):
    before = ask(site).json()["generation"]
    slow = in_background(ask, site, "/slow?seconds=1.5")
    time.sleep(0.3)
    touch(site)
    until(site, 302)
    assert os.path.exists(f"/proc/{before}") or not os.path.exists("/proc")
    assert slow().json() == {"generation": before}
    assert until(site, 200).json()["generation"] != before
    assert not os.path.exists(f"/proc/{before}")


def test_a_queued_request_is_dropped_by_a_reload(site):
    running = [in_background(ask, site, "/slow?seconds=1.5") for _ in range(2)]
    time.sleep(0.3)
    queued = in_background(ask, site, "/")
    time.sleep(0.3)
    touch(site)
    with pytest.raises(ConnectionError):
        queued()
    assert [result().status for result in running] == [200, 200]
    until(site, 200)


def test_a_queued_request_gets_its_turn_without_a_reload(site):
    running = [in_background(ask, site, "/slow?seconds=0.5") for _ in range(6)]
    assert [result().status for result in running] == [200] * 6


def test_the_wsgi_file_is_executed_once_for_all_workers(site):
    original = site.wsgi.read_text()
    counted = site.folder / "executions"
    site.wsgi.write_text(f"{original}\nwith open({str(counted)!r}, 'a') as file:\n    print('x', file=file)\n")
    try:
        reloaded(site)
        workers = {ask(site, "/slow?seconds=0.01").status for _ in range(5)}
        assert workers == {200}
        assert counted.read_text() == "x\n"
    finally:
        site.wsgi.write_text(original)
        reloaded(site)


def test_a_broken_wsgi_file_is_a_502_until_it_is_mended(site):
    original = site.wsgi.read_bytes()
    site.wsgi.write_bytes(b"raise RuntimeError('no application here')\n")
    touch(site)
    assert until(site, 502).status == 502
    wait_for_line(site, "error", "RuntimeError: no application here")
    site.wsgi.write_bytes(original)
    touch(site)
    assert until(site, 200).status == 200


def test_the_logs_hold_what_pythonanywhere_puts_there(site):
    assert ask(site, "/fail", **{"User-Agent": "tester"}).status == 500
    wait_for_line(site, "error", "LookupError: asked to fail")
    line = wait_for_line(site, "error", "Exception on /fail [GET]")
    assert line[:4].isdigit() and line[19] == ","
    line = wait_for_line(site, "access", '"tester"')
    assert '"GET /fail HTTP/1.1" 500 ' in line and "response-time=" in line
    assert "*** Starting uWSGI" in log(site, "server")
    assert "loading on stdout" in log(site, "server")
    assert "Starting uWSGI" not in log(site, "error")


def test_workers_that_were_killed_come_back(site):
    before = ask(site).json()["generation"]
    os.kill(before, 9)
    end = time.monotonic() + 30
    while True:
        answer = ask(site)
        if answer.status == 200 and answer.json()["generation"] != before:
            break
        assert time.monotonic() < end
        time.sleep(0.05)


def test_code_that_changes_without_a_reload_changes_nothing(site):
    app = site.project / "app.py"
    original = app.read_text()
    app.write_text(original.replace("worker=", "renamed="))
    try:
        assert "worker" in ask(site).json()
        touch(site)
        until(site, 302)
        assert "renamed" in until(site, 200).json()
    finally:
        later = Path(app).stat().st_mtime + 2
        app.write_text(original)
        os.utime(app, (later, later))
        reloaded(site)


def test_a_worker_that_hangs_is_gone_after_a_reload(raise_sandbox):
    site = raise_sandbox()
    worker = processes.Process(pid := ask(site).json()["worker"], processes.started(pid))
    os.kill(pid, signal.SIGSTOP)
    touch(site)
    try:
        assert processes.wait(lambda: not worker.alive, 60), "it is still there"
    finally:
        worker.kill()
    until(site, 200)
