"""The server cannot be reached, is not the one that is meant, or does not let in."""

from __future__ import annotations

import socket
import subprocess

from support import hostile

from .table import RELEASE, STATUS, configured, wrong


@wrong(STATUS, 5, "no-such-host.invalid", "Next:")
def name_does_not_resolve(world):
    return configured(world, host="no-such-host.invalid")


@wrong(STATUS, 5, "nothing listens there", "port:")
def port_is_refused(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return configured(world, port=free.getsockname()[1])


def make_key(world, name, passphrase=""):
    path = world.folder / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    return path


@wrong(STATUS, 5, "does not let", "tried once", "Next: ssh -i")
def key_is_not_the_accounts(world):
    return configured(world, key=str(make_key(world, "other_key")))


@wrong(STATUS, 5, "has a passphrase", "Next: eval $(ssh-agent); ssh-add")
def key_has_a_passphrase(world):
    return configured(world, key=str(make_key(world, "locked_key", "secret words")))


@wrong(STATUS, 1, "is no private key", "Next: correct  key:")
def key_is_no_key(world):
    path = world.folder / "no_key"
    path.write_text("not a key\n")
    return configured(world, key=str(path))


@wrong(STATUS, 5, "no key to log in with", "key:")
def there_is_no_key(world):
    return configured(world, key=None)


@wrong(STATUS, 5, "does not let nobody in", "user:")
def account_is_another(world):
    return configured(world, user="nobody")


@wrong(STATUS, 5, "not the pinned one", "Nothing was sent", "host_key: SHA256:")
def host_key_is_pinned_to_another(world):
    return configured(world, host_key="SHA256:" + "A" * 43)


@wrong(STATUS, 5, "no key of it is known here", "Nothing was sent", "host_key: SHA256:")
def host_key_is_not_known(world):
    return configured(world, host_key=[])


@wrong(STATUS, 5, "another host key than the known one", "nothing was sent", "ssh-keygen -R")
def host_key_has_changed(world):
    other = make_key(world, "other_host_key").with_suffix(".pub").read_text()
    known = world.folder / "laptop-home" / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(f"[127.0.0.1]:{world.site.ssh_port} {' '.join(other.split()[:2])}\n")
    with configured(world, host_key=[]):
        yield
    known.unlink()


@wrong(STATUS, 5, "answers what cannot be true: a line of more than", "Nothing was changed", "Next: ssh -i")
def what_answers_never_ends_a_line(world):
    code = "greet(); asked(); asked()\nwhile True: raw(NONCE * 999)"
    return configured(world, python=str(hostile.python(world.folder, code)))


@wrong(RELEASE, 5, "answers what cannot be true: facts.changes is {}, not a list", "Nothing was changed")
def what_answers_has_no_facts(world):
    code = "greet(); asked(); asked(); say({**FACTS, 'changes': {}}); asked()"
    return configured(world, python=str(hostile.python(world.folder, code)))
