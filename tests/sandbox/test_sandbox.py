"""The sandbox as a whole: up, in by SSH, down, up again; on either SSH server and every database."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flask_slipway.errors import WrongUse
from flask_slipway.sandbox import host
from flask_slipway.sandbox.host import Sandbox, fronts, processes, state
from flask_slipway.sandbox.host import site as story
from support.sandbox_web import ask, reloaded

KINDS = [("embedded", "sqlite"), ("openssh", "sqlite"), ("embedded", "mariadb"), ("openssh", "mysql")]


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def site(request, raise_sandbox) -> Sandbox:
    ssh, database = request.param
    return raise_sandbox(ssh=ssh, database=database)


@pytest.fixture(scope="module", params=["embedded", "openssh"])
def server(request, raise_sandbox) -> Sandbox:
    return raise_sandbox(ssh=request.param)


def python(version: str) -> str:
    """A Python of that version on this machine."""
    places = [Path.home() / ".pyenv/versions"]
    found = next((path for place in places for path in place.glob(f"{version}.*/bin/python{version}")), None)
    found = found or shutil.which(f"python{version}", path="/usr/local/bin:/usr/bin")
    if not found:
        pytest.skip(f"Python {version} is not on this machine: install it, for example with pyenv")
    return str(found)


def gone(pids) -> bool:
    return processes.wait(lambda: not any(processes.started(pid) for pid in pids), 10)


def alive_below(folder: Path) -> list[str]:
    """The command lines of processes that name `folder`, or are one of ours started for it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and processes.started(int(pid)):
            found.append(words)
    return found


# what a site's owner has done by hand is done


def test_up_leaves_a_site_that_answers_with_everything_its_owner_does_by_hand(site):
    assert ask(site).status == 200
    where = ["git", "-C", site.project]
    assert subprocess.check_output([*where, "branch", "--show-current"], text=True) == "main\n"
    assert subprocess.check_output([*where, "status", "--porcelain", "app.py"], text=True) == ""
    assert subprocess.check_output([*where, "remote", "get-url", "origin"], text=True).strip() == str(site.origin)
    env = site.project / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert site.database_url() in env.read_text()
    assert site.wsgi.name == site.domain.replace(".", "_") + "_wsgi.py"
    pip = subprocess.run([site.virtualenv / "bin/pip", "--version"], capture_output=True, text=True, check=True)
    assert str(site.virtualenv) in pip.stdout
    subprocess.run([site.virtualenv / "bin/flask", "--version"], check=True, capture_output=True)
    assert f"{site.virtualenv}/bin/python" in (site.virtualenv / "bin/flask").read_text()


def test_a_session_begins_with_noise_in_the_sites_home(site, ssh):
    said = ssh(site, 'echo; echo "$HOME|$PWD|$USER"; echo aside >&2; exit 7')
    noise, _, rest = said.out.partition("\n\n")
    assert noise.startswith("Good day")
    assert rest == f"{site.home}|{site.home}|{site.user}\n"
    assert (said.code, said.err) == (7, "aside\n")


def test_a_search_for_env_ends_at_its_home_and_takes_nothing_of_the_project_around_it(site):
    """An app that calls load_dotenv() and has no .env there: a real account's home lies in no project."""
    above = site.folder.parent / ".env"
    probe = site.home / "probe.py"
    above.write_text("SECRET_KEY=the-developers-own\n")
    probe.write_text("import dotenv, os\ndotenv.load_dotenv()\nprint(os.environ.get('SECRET_KEY'))\n")
    done = subprocess.run([sys.executable, probe], env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
    above.unlink()
    probe.unlink()
    assert done.stdout == "None\n"


def test_a_second_up_changes_nothing_and_stops_nothing(site, project):
    again = host.up(site.folder, project, ssh=site.ssh, database=site.database["dialect"])
    assert again == site == host.load(site.folder)


def test_the_database_is_there_empty_and_its_user_keeps_to_their_prefix(site, ssh):
    if site.database["dialect"] == "sqlite":
        assert Path(site.database["path"]).read_bytes() == b""
        return
    assert site.database["name"] == f"{site.user}$mysite"
    client = "mysql --batch --skip-column-names -e"
    tables = ssh(site, f"{client} 'SHOW TABLES FROM `{site.database['name']}`'")
    assert (tables.code, tables.err) == (0, "")
    mine = ssh(site, f"{client} 'CREATE DATABASE `{site.user}$x`; DROP DATABASE `{site.user}$x`'")
    assert (mine.code, mine.err) == (0, "")
    other = ssh(site, f"{client} 'CREATE DATABASE other'")
    assert other.code != 0 and "1044" in other.err
    assert ssh(site, f"{client} 'SHOW GRANTS'").out.count("ALL PRIVILEGES") == 1


def test_its_environment_is_accepted_by_the_settings(site, tmp_path):
    settings = pytest.importorskip("flask_slipway.config.settings")
    yaml = json.dumps({"slipway": {"app": "app", "environments": {"sandbox": site.environment()}}})
    (tmp_path / "invoke.yaml").write_text(yaml)
    found = settings.load(tmp_path).sites["sandbox"]
    assert (found.project, found.virtualenv) == (str(site.project), str(site.virtualenv))
    assert (found.wsgi, found.home, found.port) == (str(site.wsgi), str(site.home), site.ssh_port)


# SSH


def test_a_command_reads_binary_input_to_its_end(server, ssh):
    data = bytes(range(256)) * 20_000
    assert ssh(server, "sha256sum", data).out.split("\n")[-2].split()[0] == hashlib.sha256(data).hexdigest()


def test_paramiko_streams_both_ways_on_one_channel(server, connect):
    channel = connect(server).get_transport().open_session()
    channel.settimeout(30)
    channel.exec_command("python3 -I -c 'import sys\nfor line in sys.stdin: print(line.upper(), end=\"\", flush=True)'")
    stream = channel.makefile("rb")
    for word in (b"one\n", b"two\n"):
        channel.sendall(word)
        while (line := stream.readline()) != word.upper():
            assert line, "the channel closed too early"
    channel.shutdown_write()
    assert channel.recv_exit_status() == 0


def test_a_shell_on_a_terminal(server, connect):
    channel = connect(server).get_transport().open_session()
    channel.settimeout(30)
    channel.get_pty("xterm", 100, 40)
    channel.invoke_shell()
    channel.sendall(b'stty size; tty; echo "at $PWD"; exit 5\n')
    said = b""
    while block := channel.recv(65536):
        said += block
    assert b"40 100" in said and f"at {server.home}".encode() in said and b"/dev/pts/" in said
    assert channel.recv_exit_status() == 5


def test_files_go_by_sftp_too_and_a_tunnel_reaches_the_web_server(server, connect):
    client = connect(server)
    with client.open_sftp() as sftp:
        with sftp.open(f"{server.home}/sent", "wb") as file:
            file.write(b"x" * 100_000)
        assert sftp.stat(f"{server.home}/sent").st_size == 100_000
    tunnel = client.get_transport().open_channel("direct-tcpip", (server.host, server.web_port), ("127.0.0.1", 1))
    tunnel.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert tunnel.makefile("rb").readline().endswith(b" 200 OK\r\n")


@pytest.mark.parametrize("detached", [True, False])
def test_a_lost_connection_kills_no_command(server, connect, detached):
    done = server.home / f"done-{detached}"
    command = f"sleep 1; touch {done}"
    if detached:
        command = f"setsid sh -c '{command}' </dev/null >/dev/null 2>&1 & sleep 30"
    client = connect(server)
    channel = client.get_transport().open_session()
    channel.exec_command(f"echo started; {command}")
    assert processes.wait(lambda: channel.recv_ready() and b"started" in channel.recv(65536), 10)
    client.get_transport().sock.close()
    assert processes.wait(done.exists, 10)


def test_another_key_is_refused(server, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    words = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    words += ["-o", "IdentitiesOnly=yes", "-F", "none", "-i", tmp_path / "other", "-p", str(server.ssh_port)]
    said = subprocess.run(["ssh", *words, "-l", server.user, server.host, "true"], capture_output=True, text=True)
    assert said.returncode == 255 and "Permission denied" in said.stderr


# down, and what comes after it


def test_down_leaves_no_process_and_a_new_up_finds_everything_as_it_was(raise_sandbox, tmp_path):
    site = raise_sandbox(database="mariadb", folder=tmp_path / "site")
    login = {word: site.database[word] for word in ("host", "port", "user", "password")}
    client = ["mysql", f"--defaults-file={site.home / '.my.cnf'}", site.database["name"]]
    subprocess.run([*client, "-e", "CREATE TABLE kept (a int)"], check=True)
    ask(site)
    host.down(site.folder)
    assert gone(site.pids.values())
    assert alive_below(site.folder) == []
    assert host.load(site.folder) is None
    host.down(site.folder)
    again = raise_sandbox(database="mariadb", folder=tmp_path / "site")
    assert (again.ssh_port, again.web_port, again.url) == (site.ssh_port, site.web_port, site.url)
    assert {word: again.database[word] for word in login} == login
    assert "kept" in subprocess.check_output([*client, "-e", "SHOW TABLES"], text=True)
    assert ask(again).status == 200
    host.down(site.folder, remove=True)
    assert not site.folder.exists()


def test_what_has_ended_by_itself_is_started_again_and_the_rest_is_left_alone(raise_sandbox, tmp_path):
    site = raise_sandbox(folder=tmp_path / "site")
    os.kill(site.pids["ssh"], 9)
    assert gone([site.pids["ssh"]])
    assert host.load(site.folder) is None
    again = raise_sandbox(folder=tmp_path / "site")
    assert again.pids["web"] == site.pids["web"] and again.pids["ssh"] != site.pids["ssh"]
    os.kill(site.pids["web"], 9)
    assert processes.wait(lambda: not alive_below(site.folder / "home"), 10)
    assert ask(raise_sandbox(folder=tmp_path / "site")).status == 200


def test_a_state_from_before_a_reboot_ends_no_stranger(raise_sandbox, tmp_path):
    site = raise_sandbox(folder=tmp_path / "site")
    host.down(site.folder)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        path = site.folder / "state.json"
        state = json.loads(path.read_text())
        state["processes"] = {name: {"pid": stranger.pid, "started": "another boot/1"} for name in ("web", "ssh")}
        path.write_text(json.dumps(state))
        assert host.load(site.folder) is None
        assert ask(raise_sandbox(folder=tmp_path / "site")).status == 200
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_ssh_server_can_be_changed_and_the_database_cannot(raise_sandbox, tmp_path):
    site = raise_sandbox(folder=tmp_path / "site")
    other = raise_sandbox(folder=tmp_path / "site", ssh="openssh")
    assert (other.ssh, other.pids["web"]) == ("openssh", site.pids["web"])
    with pytest.raises(WrongUse, match=r"data in sqlite, not in mariadb"):
        raise_sandbox(folder=tmp_path / "site", database="mariadb")


def test_a_port_that_is_taken_is_named(raise_sandbox, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WrongUse, match=rf"Port {port}, wanted for the sandbox's web server"):
            raise_sandbox(folder=tmp_path / "site", web_port=port)
    assert raise_sandbox(folder=tmp_path / "site", web_port=port).web_port == port


# other accounts


def test_a_new_account_has_no_code_but_a_page(raise_sandbox):
    site = raise_sandbox(source=None)
    assert b"Hello, World!" in ask(site).body
    assert not site.project.exists() and not site.virtualenv.exists()
    assert subprocess.check_output(["git", "-C", site.origin, "branch", "--list"]) == b""


def test_a_folder_with_an_odd_and_a_long_name(raise_sandbox, tmp_path, ssh):
    site = raise_sandbox(folder=tmp_path / ("a long %d $HOME name " * 5) / "site", ssh="openssh")
    assert reloaded(site).status == 200
    assert ssh(site, "pwd").out.endswith(f"\n{site.home}\n")


@pytest.mark.parametrize(("of_the_site", "of_the_session"), [("3.13", "3.8")])
def test_the_site_and_the_sessions_can_have_pythons_of_their_own(raise_sandbox, ssh, of_the_site, of_the_session):
    site = raise_sandbox(python=python(of_the_site), server_python=python(of_the_session))
    assert ask(site, "/about").json()["version"][:2] == [int(part) for part in of_the_site.split(".")]
    said = ssh(site, "python3 -I -c 'import sys; print(sys.version_info[:2], sys.prefix == sys.base_prefix)'").out
    assert said.endswith("({}, {}) True\n".format(*of_the_session.split(".")))


def test_two_sandboxes_do_not_meet(raise_sandbox):
    one, two = raise_sandbox(), raise_sandbox()
    assert len({one.ssh_port, one.web_port, two.ssh_port, two.web_port}) == 4
    reloaded(one)
    assert ask(two).status == 200


@pytest.mark.parametrize("prefix", ["home", "slipway-sockets-"])
def test_no_folder_is_removed_for_a_note_that_came_with_a_project(tmp_path, prefix):
    """Of a project that was fetched with a `.sandbox` in it: the note names what somebody else wants to be gone."""
    folder, other = tmp_path / ".sandbox", tmp_path / prefix
    (folder / "run").mkdir(parents=True)
    other.mkdir()
    (other / "own").write_text("own")
    if prefix == fronts.SHORT:
        other = tmp_path / f"{prefix}link"
        other.symlink_to(tmp_path / prefix)
    state.save(story._new(folder, "app", "mysite", "mysite", None, "mysite"))
    (folder / "run" / fronts.ELSEWHERE).write_text(str(other))
    assert fronts.sockets(folder / "run") is None
    made = fronts._short(folder / "run")
    assert (made.is_dir(), fronts.sockets(folder / "run")) == (True, made)
    (folder / "run" / fronts.ELSEWHERE).write_text(str(other))
    host.down(folder, remove=True)
    made.rmdir()
    assert (other / "own").read_text() == "own"
    assert not folder.exists()
