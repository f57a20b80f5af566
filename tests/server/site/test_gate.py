"""The gate, called as WSGI calls it: what visitors, this release and a broken site's owner meet; and its way away."""

import itertools
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from flask_slipway.server.lib import files
from flask_slipway.server.lib.outcome import Refused
from flask_slipway.server.site import gate, health, preflight
from flask_slipway.server.site.site import Site
from support.kill import ends

SITE = """\
import os
# é: bytes that are no ASCII, and a line without its end
LOADED = os.environ["GATE_TEST_COUNTER"]
with open(LOADED, "a") as file:
    file.write("x")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-File", __file__)])
    return [b"the site"]"""
NOBODY = 65534  # the user id of nobody
TOKEN = "t0ken"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = int(status.split()[0]), dict(headers), body


class Hosted:
    """A site with its WSGI file, and a gate for it."""

    def __init__(self, folder):
        self.folder = folder
        self.wsgi = folder / "var www" / "it's_{www}_wsgi.py"
        self.wsgi.parent.mkdir()
        self.wsgi.write_text(SITE)
        self.wsgi.chmod(0o640)
        (folder / "home" / "app").mkdir(parents=True)
        (folder / "counter").touch()
        words = dict.fromkeys(("url", "health", "branch", "remote", "app"), "x")
        words.update(home=str(folder / "home"), project=str(folder / "home/app"), virtualenv=str(folder / "venv"))
        self.site = Site(dict(words, name="prod", domain="d", wsgi=str(self.wsgi), backups=str(folder / "backups")))
        self.gate = gate.Gate(self.site, files.folder(str(folder / "gate's")), TOKEN)

    def load(self):
        """The application of the WSGI file as it stands there now: a new process."""
        names = {"__name__": "wsgi", "__file__": str(self.wsgi)}
        exec(compile(self.wsgi.read_bytes(), str(self.wsgi), "exec"), names)
        return validator(names["application"])

    @property
    def loads(self):
        return len((self.folder / "counter").read_text())

    @property
    def time(self):
        return os.stat(self.wsgi).st_mtime_ns


def ask(application, token=None, only=None, method="GET"):
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    if token is not None:
        environ["HTTP_X_SLIPWAY_TOKEN"] = token
    if only is not None:
        environ["HTTP_X_SLIPWAY_ASK"] = only
    told = []
    found = application(environ, lambda status, headers, *_: told.extend([status, headers]))
    try:
        body = b"".join(found)
    finally:
        found.close()
    return Answer(*told, body)


@pytest.fixture
def hosted(tmp_path, monkeypatch):
    monkeypatch.setenv("GATE_TEST_COUNTER", str(tmp_path / "counter"))
    return Hosted(tmp_path)


def test_the_public_gets_503_a_page_and_when_to_come_back(hosted):
    nonce = hosted.gate.put(loads=False)
    answer = ask(hosted.load())
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Slipway-Gate"] == nonce
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"Back in a moment" in answer.body
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert hosted.loads == 0, "the site's code was run for a visitor"


@pytest.mark.parametrize("token", ["", "T0KEN", "t0ken ", "\xe9\xff", "t0ken" * 1000])
def test_a_wrong_token_is_a_visitor(hosted, token):
    hosted.gate.put()
    assert ask(hosted.load(), token).status == 503


def test_a_gate_that_is_a_page_alone_loads_nothing_and_lets_nobody_pass(hosted):
    nonce = hosted.gate.put(loads=False)
    processes = hosted.load()
    for wanted in (None, nonce):
        answer = ask(processes, TOKEN, only=wanted)
        assert (answer.status, answer.headers["X-Slipway-Gate"]) == (503, nonce)
    hosted.gate.take_away()
    assert ask(processes).status == 503, "it has not loaded the site, and is about to be reloaded"
    assert hosted.loads == 0


def test_the_token_is_not_in_the_gate(hosted):
    hosted.gate.put()
    assert TOKEN not in hosted.wsgi.read_text()


def test_the_token_holder_meets_the_site_and_which_processes_answer(hosted):
    nonce = hosted.gate.put()
    application = hosted.load()
    for _ in range(2):
        answer = ask(application, TOKEN)
        assert (answer.status, answer.body, answer.headers["X-Slipway-Nonce"]) == (200, b"the site", nonce)
    assert answer.headers["X-File"] == str(hosted.wsgi)
    assert hosted.loads == 1
    assert ask(application).status == 503


@pytest.mark.parametrize("public", [False, True])
def test_who_asks_for_other_processes_than_these_meets_the_gate_and_loads_nothing(hosted, public):
    before = hosted.gate.put(public=public)
    processes = hosted.load()
    loads = hosted.loads
    nonce = hosted.gate.put(public=public)
    for wanted in (nonce, health.ANY_BUT_GATES):
        answer = ask(processes, TOKEN, only=wanted)
        assert (answer.status, answer.headers["X-Slipway-Gate"]) == (503, before)
    assert hosted.loads == loads
    answer = ask(hosted.load(), TOKEN, only=nonce)
    assert (answer.status, answer.headers["X-Slipway-Nonce"]) == (200, nonce)


def test_a_visitor_who_asks_as_we_do_meets_a_gate_and_loads_nothing(hosted):
    nonce = hosted.gate.put()
    processes = hosted.load()
    for wanted in (nonce, health.ANY_BUT_GATES):
        assert ask(processes, only=wanted).status == 503
    assert hosted.loads == 0
    ask(processes, TOKEN)
    hosted.gate.take_away()
    assert ask(processes, only=nonce).status == 200
    answer = ask(processes, only=health.ANY_BUT_GATES)
    assert (answer.status, answer.headers["X-Slipway-Gate"]) == (503, nonce), "whether they are a gate's cannot be told"


SPY = """
import sys

def application(environ, start_response):
    frame, told = sys._getframe(), []
    while frame.f_code.co_filename == __file__:
        told.append(repr(frame.f_locals))
        frame = frame.f_back
    start_response("500 Error", [("Content-Type", "text/plain")])
    return [chr(10).join(told).encode()]
"""


@pytest.mark.parametrize("public", [False, True])
def test_the_app_is_not_shown_the_token_neither_in_its_environ_nor_in_what_called_it(hosted, public):
    """What an error page or a log shows of a request: its headers, and the variables of those that called."""
    hosted.wsgi.write_text(SPY)
    hosted.gate.put(public=public)
    shown = ask(hosted.load(), TOKEN).body.decode()
    assert len(shown.splitlines()) == 2, "the site, and the gate that called it"
    assert "REQUEST_METHOD" in shown
    assert TOKEN not in shown
    assert "HTTP_X_SLIPWAY" not in shown


def test_a_token_opens_the_gates_of_its_own_run_alone(hosted):
    hosted.gate.put()
    another = gate.Gate(hosted.site, hosted.gate.folder, "another")
    another.put()
    processes = hosted.load()
    assert ask(processes, TOKEN).status == 503
    assert ask(processes, "another").status == 200


def test_the_token_that_an_older_version_kept_for_ever_is_removed(hosted):
    kept = Path(hosted.gate.folder) / "token"
    kept.write_text(TOKEN)
    hosted.gate.put(loads=False)
    assert not kept.exists()


def test_each_gate_has_a_nonce_of_its_own(hosted):
    assert hosted.gate.put() != hosted.gate.put()


def test_once_the_sites_own_file_is_back_the_same_processes_are_open_to_all(hosted):
    hosted.gate.put()
    application = hosted.load()
    ask(application, TOKEN)
    hosted.gate.take_away()
    answer = ask(application)
    assert (answer.status, answer.body) == (200, b"the site")
    assert "X-Slipway-Nonce" not in answer.headers and "X-Slipway-Gate" not in answer.headers
    assert hosted.loads == 1


def test_what_serves_the_public_asks_for_no_file_any_more(hosted):
    """~/.slipway is removed, the home is away, the WSGI file is out of reach: who serves goes on."""
    hosted.gate.put(public=True)
    serving, idle = hosted.load(), hosted.load()
    hosted.gate.take_away(reload=False)
    assert ask(serving).status == 200
    shutil.rmtree(hosted.gate.folder)
    hosted.wsgi.unlink()
    for application in (serving, idle):
        assert ask(application).body == b"the site"
    assert hosted.loads == 2, "one load for each process, as it began"


def test_of_a_closed_sites_processes_those_that_were_proved_are_opened_and_need_no_file_then(hosted):
    hosted.gate.put()
    proved, idle = hosted.load(), hosted.load()
    ask(proved, TOKEN)
    hosted.gate.take_away()
    assert ask(proved).status == 200
    assert ask(idle).status == 503, "the host is about to reload, and would wait for it to load the site"
    shutil.rmtree(hosted.gate.folder)
    hosted.wsgi.unlink()
    assert ask(proved).body == b"the site"
    assert hosted.loads == 1


def test_a_process_that_is_started_later_is_the_sites_own(hosted):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put(public=True)
    hosted.load()
    hosted.gate.take_away(reload=False)
    shutil.rmtree(hosted.gate.folder)
    assert hosted.wsgi.read_bytes() == before
    answer = ask(hosted.load(), TOKEN)
    assert (answer.body, answer.headers.get("X-Slipway-Nonce")) == (b"the site", None)


@pytest.mark.parametrize("lost", [lambda gate: shutil.rmtree(gate.folder), lambda gate: os.unlink(gate.original)])
def test_a_closed_site_whose_kept_file_is_gone_gets_it_back_out_of_the_gate(hosted, lost):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put(loads=False)
    lost(hosted.gate)
    again = gate.Gate(hosted.site, files.folder(hosted.gate.folder), TOKEN)
    again.put()
    assert ask(hosted.load(), TOKEN).body == b"the site"
    again.take_away()
    assert hosted.wsgi.read_bytes() == before


def test_a_site_finds_itself_behind_the_gate_as_where_the_host_loads_it(hosted):
    """Such as Flask(__name__) in the WSGI file itself, which looks for its module."""
    hosted.wsgi.write_text("import sys\nfound = sys.modules[__name__]\nassert found.__file__ == __file__\n" + SITE)
    hosted.gate.put()
    assert ask(hosted.load(), TOKEN).body == b"the site"


def test_a_gate_that_is_put_again_is_shut_though_an_older_one_was_open(hosted):
    hosted.gate.put(public=True)
    assert ask(hosted.load()).status == 200
    hosted.gate.put()
    assert ask(hosted.load()).status == 503


def test_a_public_gate_loads_the_site_before_the_first_request(hosted):
    hosted.gate.put(public=True)
    hosted.load()
    assert hosted.loads == 1


BROKEN = {
    "error": "raise RuntimeError('no module for hush-hush')",
    "syntax": "def application(:",
    "exit": "raise SystemExit('hush-hush')",
    "no application": "app = 'hush-hush'",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("public", [False, True])
def test_a_broken_site_tells_only_the_token_holder(hosted, kind, public):
    hosted.wsgi.write_text(BROKEN[kind])
    nonce = hosted.gate.put(public=public)
    application = hosted.load()
    answer = ask(application, TOKEN)
    assert (answer.status, answer.headers["X-Slipway-Load"], answer.headers["X-Slipway-Nonce"]) == (
        500,
        "failed",
        nonce,
    )
    assert b"Error" in answer.body or b"Exit" in answer.body
    visitor = ask(application)
    assert visitor.status == 503
    assert b"hush" not in visitor.body and b"Error" not in visitor.body


def test_a_sites_own_maintenance_page_is_shown_byte_for_byte(hosted):
    page = '<p>{braces} \'quotes\' """ \\ é %s'.encode()
    (hosted.folder / "home/app/maintenance.html").write_bytes(page)
    hosted.gate.put()
    assert ask(hosted.load()).body == page


def test_no_link_leads_the_public_to_what_is_not_the_projects(hosted):
    page, project = hosted.folder / "home/app/maintenance.html", hosted.folder / "home/app"
    (project / "static").mkdir()
    (project / "static/closed.html").write_bytes(b"our own page")
    page.symlink_to("static/closed.html")
    hosted.gate.put()
    assert ask(hosted.load()).body == b"our own page"
    (hosted.folder / "home/key").write_bytes(b"a key")
    page.unlink()
    page.symlink_to("../key")
    hosted.gate.put()
    assert b"Back in a moment" in ask(hosted.load()).body
    if os.geteuid() != 0:
        pytest.skip("only root plays another user")
    (project / ".env").write_bytes(b"SECRET_KEY=hush")
    page.unlink()
    page.symlink_to(".env")
    os.lchown(page, NOBODY, NOBODY)
    hosted.gate.put()
    assert b"Back in a moment" in ask(hosted.load()).body


def test_a_request_without_a_body_gets_the_gate_too(hosted):
    hosted.gate.put()
    assert ask(hosted.load(), method="POST").status == 503


def test_the_original_comes_back_byte_for_byte_with_its_mode_and_a_newer_time(hosted):
    before = hosted.wsgi.read_bytes()
    times = [hosted.time]
    hosted.gate.put()
    times.append(hosted.time)
    assert stat.S_IMODE(os.stat(hosted.wsgi).st_mode) == 0o640
    hosted.gate.put(public=True)
    times.append(hosted.time)
    hosted.gate.take_away()
    times.append(hosted.time)
    assert hosted.wsgi.read_bytes() == before
    assert stat.S_IMODE(os.stat(hosted.wsgi).st_mode) == 0o640
    assert all(later - earlier >= 1_000_000_000 for earlier, later in itertools.pairwise(times))
    assert os.listdir(hosted.wsgi.parent) == [hosted.wsgi.name]


@pytest.fixture
def owner(monkeypatch):
    """A folder of an ordinary user, and the tests run as that user."""
    with tempfile.TemporaryDirectory(prefix="slipway-gate-") as name:
        monkeypatch.setenv("GATE_TEST_COUNTER", os.path.join(name, "counter"))
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield Path(name)
        finally:
            os.setresuid(0, 0, 0)


def test_where_no_file_can_be_made_beside_it_the_wsgi_file_itself_is_written(owner):
    hosted = Hosted(owner)
    before = hosted.wsgi.read_bytes() + b"# a long end\n" * 1000
    hosted.wsgi.write_bytes(before)
    hosted.wsgi.parent.chmod(0o555)
    times = [hosted.time]
    nonce = hosted.gate.put()
    times.append(hosted.time)
    assert ask(hosted.load()).headers["X-Slipway-Gate"] == nonce
    hosted.gate.take_away()
    times.append(hosted.time)
    hosted.wsgi.parent.chmod(0o755)
    assert hosted.wsgi.read_bytes() == before
    assert stat.S_IMODE(os.stat(hosted.wsgi).st_mode) == 0o640
    assert all(later - earlier >= 1_000_000_000 for earlier, later in itertools.pairwise(times))


def test_where_there_is_no_room_for_a_gate_the_wsgi_file_itself_stays_as_it_was(owner):
    """A disk, or an account, that is full: here a file may be no longer."""
    hosted = Hosted(owner)
    before, limit = hosted.wsgi.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    hosted.wsgi.parent.chmod(0o555)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 200, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            hosted.gate.put()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        hosted.wsgi.parent.chmod(0o755)
    assert hosted.wsgi.read_bytes() == before


MOUNTED = """
import ctypes, os, sys
from flask_slipway.server.site import gate
path, data = sys.argv[1], sys.stdin.buffer.read()
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x44000, None) or libc.mount(
    os.fsencode(path), os.fsencode(path), None, 0x1000, None
):
    sys.exit(77)
before = os.stat(path)
gate.replace(path, data)
after = os.stat(path)
assert after.st_ino == before.st_ino and after.st_mtime_ns - before.st_mtime_ns >= 1_000_000_000
assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
"""


def test_a_wsgi_file_that_is_mounted_there_is_written_itself(hosted):
    """No other file can be renamed over it: EBUSY. Source: rename(2). In a mount namespace of its own."""
    line = [sys.executable, "-c", MOUNTED, str(hosted.wsgi)]
    done = subprocess.run(line, input=b"another", capture_output=True)
    if done.returncode == 77:
        pytest.skip("this user may not mount")
    assert done.returncode == 0, done.stderr.decode()
    assert hosted.wsgi.read_bytes() == b"another"


def test_the_web_server_may_read_the_file_as_before_also_where_it_is_not_its_owner(hosted):
    if os.geteuid() != 0:
        pytest.skip("only root makes files of another group")
    os.chown(hosted.wsgi, NOBODY, NOBODY)
    hosted.gate.put()
    found = hosted.wsgi.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (NOBODY, NOBODY, 0o640)


def test_no_link_that_was_planted_beside_the_wsgi_file_is_written_through(hosted, monkeypatch):
    victim = hosted.folder / "home/.bashrc"
    victim.write_text("own")
    victim.chmod(0o600)
    os.symlink(victim, f"{hosted.wsgi}.part")
    hosted.gate.put()
    hosted.gate.take_away()
    assert os.path.islink(f"{hosted.wsgi}.part"), "it is another's"
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "5" * 2 * size)  # who would know the name beforehand
    os.symlink(victim, f"{hosted.wsgi}.part-{'5' * 16}")
    with pytest.raises(FileExistsError):
        hosted.gate.put()
    assert victim.read_text() == "own"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert hosted.wsgi.read_text() == SITE


def test_who_exchanges_the_new_file_while_it_is_made_changes_the_mode_of_no_other(hosted, monkeypatch):
    """In a folder where others may rename what is ours: all that is done to it is done by its descriptor."""
    victim = hosted.folder / "home/key"
    victim.write_text("own")
    victim.chmod(0o600)
    times, take_after = os.stat(victim).st_mtime_ns, files.take_after

    def exchanged(target, other):
        (part,) = hosted.wsgi.parent.glob("*.part-*")
        part.unlink()
        part.symlink_to(victim)
        return take_after(target, other)

    monkeypatch.setattr(files, "take_after", exchanged)
    hosted.gate.put()
    assert (stat.S_IMODE(victim.stat().st_mode), os.stat(victim).st_mtime_ns) == (0o600, times)
    assert victim.read_text() == "own"


def test_the_owners_link_stays_one_and_what_it_leads_to_is_replaced(hosted):
    target = hosted.folder / "home/app/wsgi.py"
    shutil.move(hosted.wsgi, target)
    hosted.wsgi.symlink_to(target)
    before = target.read_bytes()
    preflight._check_wsgi(hosted.site)
    hosted.gate.put()
    assert gate.is_gate(target.read_bytes())
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    hosted.gate.take_away()
    assert os.readlink(hosted.wsgi) == str(target)
    assert target.read_bytes() == before
    assert not list(target.parent.glob("*.part*"))


@pytest.mark.parametrize("above", [False, True])
def test_a_link_of_another_user_is_neither_executed_nor_followed(hosted, above):
    if os.geteuid() != 0:
        pytest.skip("only root plays another user")
    victim = hosted.folder / "home/.profile"
    victim.write_text("own")
    link = hosted.wsgi.parent if above else hosted.wsgi
    (victim.parent / hosted.wsgi.name).write_text("own")
    shutil.rmtree(link) if above else link.unlink()
    link.symlink_to(victim.parent if above else victim)
    os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(Refused, match="by a link of another user") as refusal:
        preflight._check_wsgi(hosted.site)
    assert "belongs to nobody, the site's account is root" in refusal.value.lines[1]
    assert "ln -sfn" in refusal.value.next[1]
    with pytest.raises(files.ForeignLink):
        gate.replace(str(hosted.wsgi), b"gate")
    assert {victim.read_text(), (victim.parent / hosted.wsgi.name).read_text()} == {"own"}
    assert not list(hosted.folder.rglob("*.part*"))


@pytest.mark.parametrize("beside", [True, False])
def test_a_gate_killed_at_any_line_of_its_way_up_or_down_gives_the_sites_file_back(hosted, monkeypatch, beside):
    """To the byte, and nothing is left beside it."""
    before = hosted.wsgi.read_bytes()
    if not beside:
        monkeypatch.setattr(gate.files, "take_after", lambda *_: False)

    def up_and_down():
        hosted.gate.put()
        hosted.gate.take_away()

    for line in itertools.count(1):
        whole = ends(up_and_down, line, gate, files)
        compile(hosted.wsgi.read_bytes(), "wsgi", "exec")
        hosted.gate.put()
        assert ask(hosted.load(), TOKEN).body == b"the site", line
        hosted.gate.take_away()
        assert hosted.wsgi.read_bytes() == before, line
        assert stat.S_IMODE(hosted.wsgi.stat().st_mode) == 0o640
        assert os.listdir(hosted.wsgi.parent) == [hosted.wsgi.name], line
        if whole:
            break
    assert line > 60


@pytest.mark.parametrize("whole", [b"short", b"long" * 3000], ids=["short", "long"])
def test_what_was_cut_off_anywhere_in_the_wsgi_file_itself_is_no_sites_own(hosted, monkeypatch, whole):
    """A kill in the middle of the one write: its pages come one after the other."""
    hosted.wsgi.write_bytes(SITE.encode() + b"\n# " + whole)
    own = hosted.wsgi.read_bytes()
    monkeypatch.setattr(gate.files, "take_after", lambda *_: False)
    for act in (hosted.gate.put, hosted.gate.take_away):
        before = hosted.wsgi.read_bytes()
        for most in itertools.count(100, 211):
            hosted.wsgi.write_bytes(before)
            with CutOff(most) as cut:
                act()
            assert hosted.gate.keep_original() == own, most
            if not cut.happened:
                break
        assert most > 3000


class CutOff(BaseException):
    """Meanwhile the WSGI file gets `most` bytes; with the next the process ends."""

    def __init__(self, most):
        self.most, self.happened, self.patch = most, False, pytest.MonkeyPatch()

    def __enter__(self):
        self.patch.setattr(gate, "_write_at", self.write)
        return self

    def __exit__(self, kind, error, _):
        self.patch.undo()
        self.happened = error is self
        return self.happened

    def write(self, descriptor, offset, data):
        os.pwrite(descriptor, data[: self.most], offset)
        self.most -= len(data)
        if self.most < 0:
            raise self


def test_a_wsgi_file_that_cannot_be_written_is_refused(owner):
    hosted = Hosted(owner)
    preflight.refuse_unwritable(hosted.site)
    hosted.wsgi.chmod(0o440)
    with pytest.raises(Refused, match="cannot be written") as refusal:
        preflight.refuse_unwritable(hosted.site)
    assert refusal.value.next


def test_without_a_reload_the_original_comes_back_with_the_gates_time(hosted):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put(public=True)
    time_of_gate = hosted.time
    hosted.gate.take_away(reload=False)
    assert hosted.time == time_of_gate
    assert hosted.wsgi.read_bytes() == before


def test_the_original_is_kept_once_and_a_gate_is_never_taken_for_it(hosted):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put()
    assert hosted.gate.keep_original() == before
    assert Path(hosted.gate.original).read_bytes() == before


def test_a_gate_that_neither_holds_the_original_nor_has_it_kept_is_never_taken_for_it(hosted):
    hosted.gate.put()
    hosted.wsgi.write_bytes(gate.MARK + b" and nothing else\n")
    os.unlink(hosted.gate.original)
    with pytest.raises(RuntimeError, match="without the site's own"):
        hosted.gate.keep_original()


@pytest.mark.parametrize("edit", [b"import os\n", b"\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("lost", [False, True])
def test_a_gate_that_somebody_has_edited_is_a_gate_still_and_never_kept_as_the_original(hosted, edit, lost):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put(loads=False)
    hosted.wsgi.write_bytes(edit + hosted.wsgi.read_bytes())
    if lost:
        os.unlink(hosted.gate.original)
    assert gate.is_gate(hosted.wsgi.read_bytes())
    hosted.gate.put()
    application = hosted.load()
    assert ask(application, TOKEN).status == 200
    hosted.wsgi.write_bytes(edit + hosted.wsgi.read_bytes())
    assert ask(application).status == 503
    hosted.gate.take_away()
    assert hosted.wsgi.read_bytes() == before
    assert ask(application).status == 200


def test_an_original_that_is_a_gate_itself_is_looked_through(hosted):
    before = hosted.wsgi.read_bytes()
    hosted.gate.put()
    shutil.copy(hosted.wsgi, hosted.gate.original)
    hosted.gate.take_away()
    assert hosted.wsgi.read_bytes() == before


def test_a_file_that_the_owner_put_there_meanwhile_is_not_replaced_by_the_kept_one(hosted):
    hosted.gate.put()
    own = hosted.wsgi.parent / "own"
    own.write_text(SITE + "\n# by hand\n")
    own.replace(hosted.wsgi)
    hosted.gate.take_away()
    assert hosted.wsgi.read_text().endswith("# by hand\n")


def test_a_wsgi_file_that_was_edited_between_two_releases_is_the_one_that_comes_back(hosted):
    hosted.gate.put()
    hosted.gate.take_away()
    edited = hosted.wsgi.read_bytes() + b"\n# a line of the owner\n"
    hosted.wsgi.write_bytes(edited)
    hosted.gate.keep_original()
    hosted.gate.put()
    assert ask(hosted.load(), TOKEN).body == b"the site"
    hosted.gate.take_away()
    assert hosted.wsgi.read_bytes() == edited


def test_a_gate_and_a_site_are_told_apart(hosted):
    assert not gate.is_gate(hosted.wsgi.read_bytes())
    assert not gate.is_gate(None)
    hosted.gate.put()
    assert gate.is_gate(hosted.wsgi.read_bytes())


def test_a_time_in_the_future_moves_on_all_the_same(hosted):
    future = time.time_ns() + 3600 * 10**9
    os.utime(hosted.wsgi, ns=(future, future))
    hosted.gate.put()
    put = hosted.time
    assert put >= future + 10**9
    hosted.gate.put()
    assert hosted.time >= put + 10**9


def test_the_way_back_is_told_in_the_gate_itself(hosted):
    hosted.gate.put()
    head = hosted.wsgi.read_text().splitlines()[:3]
    assert hosted.gate.original in head[1]
    assert "fab prod.recover" in head[2]
