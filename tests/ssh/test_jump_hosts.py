"""Jump hosts, and the person's SSH configuration that names them: against real SSH servers that count what they are
asked."""

import contextlib
import os
import subprocess
import time

import pytest

from flask_slipway import errors
from flask_slipway.ssh import connection, conversation
from support.ssh_host import Host, fingerprint, know, other_key


@pytest.fixture(scope="module")
def jumps(tmp_path_factory):
    made = [Host(tmp_path_factory.mktemp("jump")) for _ in range(2)]
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def jump(jumps):
    """A jump host that has noted nothing."""
    for one in jumps:
        one.clean()
    return jumps[0]


def section(name, host, *lines):
    """A host's part of ~/.ssh/config, with its own key."""
    return (
        "\n  ".join([f"Host {name}", "HostName 127.0.0.1", f"Port {host.port}", f"IdentityFile {host.key}", *lines])
        + "\n"
    )


def configure(laptop, *sections):
    (laptop / ".ssh" / "config").write_text("".join(sections))


def ask(server, **more):
    """A task on the site behind the name `target`, whose port is the configuration's."""
    given = {"host": "target", "port": 22, **more}
    return conversation.converse(server.site(**given), "history", {}, None, lambda event: None)


def direct(host):
    """How a site is named without any configuration of ssh's."""
    return {"host": "127.0.0.1", "port": host.port}


def refused(server, kind=errors.Unreachable, **more):
    with pytest.raises(kind) as caught:
        ask(server, **more)
    assert "Nothing was changed" in caught.value.message
    assert "Traceback" not in caught.value.message
    return caught.value


def test_each_host_on_the_way_is_logged_in_to_once_with_its_own_key(host, jump, jumps, laptop):
    last = jumps[1]
    target = section("target", host, f"ProxyJump ann@first,ssh://second:{last.port}")
    configure(laptop, section("first", jump, "User carl"), section("second", last, "User dora"), target)
    for one in (jump, last, host):
        know(laptop, one)
    assert ask(host, host_key=())["code"] == 0
    assert (jump.users, last.users, host.users) == (["ann"], ["dora"], ["bob"])
    assert (jump.tunnels, last.tunnels) == ([last.port], [host.port])
    assert [one.count("try") for one in (jump, last, host)] == [1, 1, 1]
    assert [one.count("channel") for one in (jump, last, host)] == [0, 0, 1]


def test_the_sandbox_is_reached_past_a_configuration_that_sends_every_host_through_a_jump_host(host, jump, laptop):
    configure(laptop, section("jump", jump, "ProxyJump none"), "Host *\n  ProxyJump jump\n  HostName nowhere.invalid\n")
    assert ask(host, name="sandbox", **direct(host))["code"] == 0
    assert (host.users, jump.count("connection")) == (["bob"], 0)


def test_a_site_elsewhere_that_is_called_sandbox_is_reached_as_it_is_configured(host, laptop):
    configure(laptop, section("target", host))
    assert ask(host, name="sandbox")["code"] == 0


FOREIGN = {
    "not known": (lambda laptop, jump, tmp: None, "no key of it is known here"),
    "known with another key": (
        lambda laptop, jump, tmp: know(laptop, jump, other_key(tmp)),
        "another host key than the known one",
    ),
    "revoked": (lambda laptop, jump, tmp: know(laptop, jump, marker="@revoked "), "a host key that is revoked"),
    "known, and revoked": (
        lambda laptop, jump, tmp: know(laptop, jump) or know(laptop, jump, marker="@revoked "),
        "a host key that is revoked",
    ),
}


@pytest.mark.parametrize("how", FOREIGN)
def test_a_jump_host_whose_key_is_not_known_is_named_and_gets_nothing(host, jump, laptop, tmp_path, how):
    """Also where the configuration would take any key, and the site's own is pinned."""
    prepare, words = FOREIGN[how]
    prepare(laptop, jump, tmp_path)
    configure(
        laptop, "Host *\n  StrictHostKeyChecking no\n", section("jump", jump), section("target", host, "ProxyJump jump")
    )
    said = refused(host).message
    assert f"jump host 127.0.0.1:{jump.port} shows" in said
    assert words in said
    assert fingerprint(jump.public) in said
    assert "nothing was sent" in said.lower()
    assert (jump.count("connection"), jump.users, jump.count("try")) == (1, [], 0)
    assert host.count("connection") == 0


def test_a_jump_host_that_leads_elsewhere_meets_the_check_of_the_sites_own_key(host, jump, jumps, laptop):
    jump.orders.write_text(str(jumps[1].port))
    configure(laptop, section("jump", jump), section("target", host, "ProxyJump jump"))
    know(laptop, jump)
    said = refused(host).message
    assert fingerprint(jumps[1].public) in said
    assert "not the pinned one" in said
    assert (jumps[1].users, host.count("connection")) == ([], 0)


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ("closed", "opens no way there"),
        ("mute", "does not answer as an SSH server: it did not greet within 5 s"),
        ("flood", "does not answer as an SSH server: it sent more than 256 kB before the login"),
    ],
)
def test_a_jump_host_that_leads_nowhere_is_told_in_words(host, jump, laptop, monkeypatch, orders, words):
    monkeypatch.setattr(connection, "PATIENCE", 5.0)
    jump.orders.write_text(orders)
    configure(laptop, section("jump", jump), section("target", host, "ProxyJump jump"))
    know(laptop, jump)
    assert words in refused(host).message
    assert host.count("connection") == 0


def test_a_jump_host_that_lets_nobody_in_is_tried_once_and_named(host, jump, laptop, tmp_path):
    other_key(tmp_path)
    way = section("jump", jump).replace(str(jump.key), str(tmp_path / "other"))
    configure(laptop, way, section("target", host, "ProxyJump jump"))
    know(laptop, jump)
    said = refused(host).message
    assert f"jump host 127.0.0.1:{jump.port} does not let" in said
    assert f"tried once, with {tmp_path / 'other'}" in said
    assert (jump.count("connection"), jump.count("try"), host.count("connection")) == (1, 1, 0)


CIRCLES = {
    "of everything": ("Host *\n  ProxyJump jump\n", "jumphost loop via jump"),
    "of two": ("Host target\n  ProxyJump jump\nHost jump\n  ProxyJump target\n", "target → jump → target"),
}


@pytest.mark.parametrize("what", CIRCLES)
def test_jump_hosts_that_lead_in_a_circle_are_told(host, laptop, what):
    text, words = CIRCLES[what]
    configure(laptop, text)
    assert words in refused(host, errors.WrongUse).message
    assert host.count("connection") == 0


def connector(place, host):
    """A program that connects, and writes down what it was given."""
    place.write_text(
        "#!/usr/bin/env python3\n"
        "import os, socket, sys, threading\n"
        f"open({str(place.parent / 'given')!r}, 'w').write(repr(sys.argv[1:]))\n"
        f"link = socket.create_connection(('127.0.0.1', {host.port}))\n"
        "def up():\n    while data := os.read(0, 65536): link.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := link.recv(65536): os.write(1, data)\n"
    )
    place.chmod(0o755)
    return place


def test_a_program_that_connects_gets_host_and_port_as_words(host, laptop):
    program = connector(laptop / "connect it", host)
    configure(laptop, f'Host target\n  HostName 192.0.2.1\n  Port 2\n  ProxyCommand "{program}" %h %p %r "at %n"\n')
    assert ask(host, user="bob it is")["code"] == 0
    assert (laptop / "given").read_text() == repr(["192.0.2.1", "2", "bob it is", "at target"])


@pytest.mark.parametrize(
    "line",
    ["~/connect %h %p", "${HOME}/connect %h %p 2>/dev/null", "sh -c '$HOME/connect %h %p'", "~/connect %h %p | cat"],
)
def test_a_program_that_connects_is_run_by_the_persons_shell_as_ssh_runs_it(host, laptop, line):
    connector(laptop / "connect", host)
    configure(laptop, f"Host target\n  HostName 192.0.2.1\n  Port 2\n  ProxyCommand {line}\n")
    assert ask(host)["code"] == 0
    assert (laptop / "given").read_text() == repr(["192.0.2.1", "2"])


# What ~/.ssh/config may say


def test_a_key_that_is_known_of_the_hosts_name_alone_counts_at_each_port_as_it_does_for_ssh(
    host, jump, laptop, tmp_path
):
    configure(laptop, section("jump", jump), section("target", host, "ProxyJump jump"))
    kind, key = jump.public.read_text().split()[:2]
    other = other_key(tmp_path).read_text().split()[1]
    known = laptop / ".ssh" / "known_hosts"
    known.write_text(f"127.0.0.1 {kind} {key}\n")
    assert ask(host)["code"] == 0
    known.write_text(f"127.0.0.1 {kind} {other}\n")
    assert "no key of it is known here" in refused(host).message
    known.write_text(f"127.0.0.1 {kind} {key}\n[127.0.0.1]:{jump.port} {kind} {other}\n")
    assert "another host key than the known one" in refused(host).message
    known.write_text(f"@revoked 127.0.0.1 {kind} {key}\n[127.0.0.1]:{jump.port} {kind} {key}\n")
    assert "is revoked" in refused(host).message


def test_files_are_found_by_a_variable_and_with_a_blank_in_their_names(host, laptop, monkeypatch):
    (laptop / "my files").mkdir()
    (laptop / "my files" / "mine").write_bytes(host.key.read_bytes())
    know(laptop, host)
    (laptop / ".ssh" / "known_hosts").rename(laptop / "my files" / "known")
    files = f'UserKnownHostsFile "{laptop}/my files/known"'
    configure(laptop, section("target", host, files).replace(str(host.key), '"${HOME}/my files/mine"'))
    assert ask(host, key=None, host_key=())["code"] == 0


READ = {
    "an agent's path to forward": "ForwardAgent /run/user/agent\n",
    "a match that only ssh knows": "Match localuser nobody-here\n  ProxyJump nowhere\n",
    "a match of everything": "Match all\n  ForwardAgent yes\n",
    "no value that counts here": "SetEnv A=1\nLocalForward 9 localhost:9\nPermitLocalCommand no\n",
}


@pytest.mark.parametrize("what", READ)
def test_what_ssh_reads_is_read_and_no_agent_is_forwarded(host, laptop, what):
    configure(laptop, READ[what], section("target", host))
    assert ask(host)["code"] == 0
    assert host.count("agent") == 0


def test_what_another_file_says_is_read_where_it_is_included(host, laptop):
    (laptop / ".ssh" / "sites").write_text(section("target", host))
    configure(laptop, f"Include {laptop}/.ssh/sites\n")
    assert ask(host)["code"] == 0


FAULTY = {
    "an option that is none": ("Host *\n  Foo bar\n", 2),
    "a word without a value": ("Host *\n  User ann\n  Port\n", 3),
    "a match that is none": ("\nMatch blah x\n  User ann\n", 2),
    "a port that is none": ("Port many\n", 1),
    "a quote that never ends": ('Host *\n  User "ann\n', 2),
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_line_that_ssh_cannot_read_is_told_with_file_and_line(host, laptop, what):
    text, line = FAULTY[what]
    configure(laptop, text)
    said = refused(host, errors.WrongUse).message
    assert str(laptop / ".ssh" / "config") in said
    assert f"line {line}" in said
    assert host.count("connection") == 0


def test_where_no_ssh_can_read_the_configuration_it_is_not_passed_over(host, laptop, monkeypatch):
    monkeypatch.setenv("PATH", str(laptop))
    configure(laptop, section("target", host))
    assert "no ssh on this machine" in refused(host, errors.WrongUse).message
    (laptop / ".ssh" / "config").unlink()
    assert ask(host, **direct(host))["code"] == 0


# Known hosts


def test_a_revoked_key_of_the_site_is_refused_even_where_it_is_pinned(host, laptop):
    know(laptop, host, marker="@revoked ")
    said = refused(host, **direct(host)).message
    assert "revoked" in said
    assert (host.users, host.count("try")) == ([], 0)


def test_lines_of_other_hosts_and_lines_that_cannot_be_read_change_nothing(host, laptop, tmp_path):
    known = laptop / ".ssh" / "known_hosts"
    kind, key = other_key(tmp_path).read_text().split()[:2]
    lines = [
        "",
        "# [127.0.0.1]",
        f"@revoked elsewhere {kind} {key}",
        f"@cert-authority * {kind} {key}",
        "@revoked",
        "a b",
    ]
    known.write_text(
        "\n".join([*lines, f"[127.0.0.1]:{host.port} ssh-ed25519 ¡no-base64!", "a ssh-ed25519 x\\\xff", ""])
    )
    know(laptop, host)
    assert ask(host, **direct(host), host_key=())["code"] == 0


def test_a_host_is_known_by_a_hash_a_pattern_and_the_name_that_ssh_looks_for(host, laptop):
    known = laptop / ".ssh" / "known_hosts"
    know(laptop, host)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert "|1|" in known.read_text()
    assert ask(host, **direct(host), host_key=())["code"] == 0
    kind, key = host.public.read_text().split()[:2]
    known.write_text(f"[127.0.?.*]:{host.port},!elsewhere {kind} {key}\n")
    assert ask(host, **direct(host), host_key=())["code"] == 0
    known.write_text(f"[127.0.0.*]:*,![127.0.0.1]:{host.port} {kind} {key}\n")
    refused(host, **direct(host), host_key=())
    (laptop / "elsewhere").write_text(f"our-site {kind} {key}\n")
    configure(laptop, section("target", host, "HostKeyAlias our-site", f"UserKnownHostsFile {laptop}/elsewhere"))
    assert ask(host, host_key=())["code"] == 0


# One key, once


@contextlib.contextmanager
def agent(folder, *keys):
    """An SSH agent that holds the keys."""
    sock = folder / "agent"
    child = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not sock.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for key in keys:
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(sock)})
    yield str(sock)
    child.kill()
    child.wait()


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six keys that nobody knows."""
    folder = tmp_path_factory.mktemp("keys")
    paths = [folder / f"key{number}" for number in range(6)]
    for path in paths:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True)
    return paths


def test_of_several_keys_in_the_agent_none_is_tried_until_one_is_named(host, laptop, six, tmp_path, monkeypatch):
    with agent(tmp_path, *six, host.key) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        said = refused(host, **direct(host), key=None).message
        assert "7 keys could be meant" in said
        assert "set  key:" in said
        assert host.count("connection") == 0
        public = laptop / "the.pub"
        public.write_bytes(host.key.with_suffix(".pub").read_bytes())
        assert ask(host, **direct(host), key=str(public))["code"] == 0
        assert host.count("try") == 1
        host.asked.write_text("")
        configure(laptop, section("target", host).replace(str(host.key), str(public)))
        assert ask(host, key=None)["code"] == 0
        assert host.count("try") == 1


def test_a_usual_key_that_the_configuration_names_is_chosen(host, laptop, six, tmp_path, monkeypatch):
    usual = laptop / ".ssh" / "id_ed25519"
    usual.write_bytes(host.key.read_bytes())
    usual.chmod(0o600)
    configure(laptop, section("target", host).replace(str(host.key), "~/.ssh/id_ed25519"))
    with agent(tmp_path, *six) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        assert ask(host, key=None)["code"] == 0
    assert host.count("try") == 1


def test_a_named_key_is_the_only_one_that_is_tried_also_at_a_jump_host(host, jump, laptop, six, tmp_path, monkeypatch):
    with agent(tmp_path, *six) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        way = section("jump", jump, f"IdentityFile {six[0]}", "IdentitiesOnly no")
        configure(laptop, way, section("target", host, f"IdentityFile {six[1]}", "ProxyJump jump"))
        know(laptop, jump)
        assert ask(host)["code"] == 0
        assert (jump.count("try"), host.count("try")) == (1, 1)
        jump.asked.write_text("")
        no_key = "\n".join(line for line in way.splitlines() if "IdentityFile" not in line) + "\n"
        configure(laptop, no_key, section("target", host, "ProxyJump jump"))
        said = refused(host).message
        assert "6 keys could be meant" in said
        assert "at 127.0.0.1, and none was tried" in said
        assert jump.count("connection") == 0


def test_the_agents_only_key_and_the_usual_file_are_found_by_themselves(host, laptop, six, tmp_path, monkeypatch):
    usual = laptop / ".ssh" / "id_ed25519"
    usual.write_bytes(host.key.read_bytes())
    usual.chmod(0o600)
    assert ask(host, **direct(host), key=None)["code"] == 0
    with agent(tmp_path, host.key) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        usual.with_name("id_ed25519.pub").write_bytes(host.key.with_suffix(".pub").read_bytes())
        assert ask(host, **direct(host), key=None)["code"] == 0, "the same key, twice"
        usual.unlink()
        usual.with_name("id_ed25519.pub").unlink()
        assert ask(host, **direct(host), key=None)["code"] == 0
    assert host.count("try") == 3


def test_a_key_with_a_passphrase_is_taken_from_the_agent(host, laptop, tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.write_bytes(host.key.read_bytes())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret words", "-f", str(locked)], check=True, capture_output=True)
    (tmp_path / "locked.pub").write_bytes(host.key.with_suffix(".pub").read_bytes())
    assert "passphrase" in refused(host, **direct(host), key=str(locked)).message
    assert host.count("connection") == 0
    with agent(tmp_path, host.key) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        assert ask(host, **direct(host), key=str(locked))["code"] == 0
