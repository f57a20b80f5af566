"""An SSH connection to a site's server, by Fabric, and the only module that knows Fabric.

The host key must be pinned or known, and logging in is tried once."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_slipway.config.settings import SANDBOX
from flask_slipway.errors import Unreachable, WrongUse

if TYPE_CHECKING:
    from flask_slipway.config.settings import Site

PATIENCE = 20.0  # seconds for connecting, logging in and opening the channel


@contextlib.contextmanager
def opened(site: Site) -> Iterator[Any]:
    """An open, checked SSH transport to the site's server. Raises Unreachable, WrongUse."""
    if not logging.getLogger("invoke").isEnabledFor(logging.DEBUG):
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what they say is told here in words
    connection = _strict(site)
    _open(connection, site)
    try:
        transport = connection.transport
        transport.set_keepalive(15)
        with contextlib.suppress(OSError, AttributeError):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield transport
    finally:
        connection.close()


def _strict(site: Site) -> Any:
    """A Fabric connection, not open yet, that accepts only a pinned or known host key. Fabric's own adds every unknown
    one (fabric#2071)."""
    import paramiko
    from fabric import Config, Connection

    pins = fingerprints(site)

    class Pinned(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            shown = _fingerprint(key.asbytes())
            if shown not in pins:
                raise _foreign_key(site, shown, bool(pins))

    class StrictConnection(Connection):
        def open(self) -> Any:
            if not pins:
                self.client.load_system_host_keys()
            self.client.set_missing_host_key_policy(Pinned())
            return super().open()

    options: dict[str, Any] = {"banner_timeout": PATIENCE, "auth_timeout": PATIENCE, "channel_timeout": PATIENCE}
    if site.key:
        options |= {"key_filename": str(Path(site.key).expanduser()), "look_for_keys": False, "allow_agent": False}
    patience = int(PATIENCE)
    return StrictConnection(
        site.host, user=site.user, port=site.port, config=Config(), connect_timeout=patience, connect_kwargs=options
    )


def _open(connection: Any, site: Site) -> None:
    """Connects and logs in, once; what goes wrong is told in words. Raises Unreachable, WrongUse."""
    import paramiko

    try:
        connection.open()
    except paramiko.BadHostKeyException as error:
        raise _changed_key(site, _fingerprint(error.key.asbytes())) from None
    except paramiko.PasswordRequiredException:
        raise _locked_key(site) from None
    except paramiko.AuthenticationException as error:
        raise _login_refused(site, error) from None
    except FileNotFoundError as error:
        missing = error.filename or site.key
        raise WrongUse(
            f"The key {missing} is not there", next=[f"correct  key:  of {site.name} in invoke.yaml"]
        ) from None
    except socket.gaierror:
        what = f"This machine's DNS does not know the name {site.host}"
        follow = [f"check the network, and  host:  of {site.name} in invoke.yaml"]
        raise Unreachable(what, next=follow, changed=False) from None
    except (TimeoutError, paramiko.SSHException, OSError, EOFError) as error:
        if "not a valid" in str(error) or "unpack requires" in str(error):
            raise _no_key(site) from None
        if "No authentication methods" in str(error):
            raise _login_refused(site, "there is no key to log in with") from None
        what = f"{site.host}:{site.port} does not answer as an SSH server: {_in_words(error)}"
        raise Unreachable(what, next=[_reachable(site)], changed=False) from None


def _reachable(site: Site) -> str:
    """What to type where no SSH server answers."""
    if site.name == SANDBOX:
        return "inv sandbox.up"
    return f"check the network, and  host: port:  of {site.name} in invoke.yaml"


def _fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key's bytes, as ssh-keygen -l shows it."""
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _in_words(error: Exception) -> str:
    """What a failed connection says, in words that a person knows."""
    if "No existing session" in str(error) or "banner" in str(error):
        return f"it did not greet within {PATIENCE:.0f} s, or hung up"
    if "Unable to connect" in str(error):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return f"nothing answered within {PATIENCE:.0f} s"
    return str(error) or type(error).__name__


def fingerprints(site: Site) -> list[str]:
    """The pinned fingerprints of the site's host, SHA256:…; a path of a public key file counts as the key in it."""
    pins = [site.host_key] if isinstance(site.host_key, str) else list(site.host_key or [])
    found = []
    for pin in pins:
        if pin.startswith("SHA256:"):
            found.append(pin.rstrip("="))
            continue
        try:
            key = b64decode(Path(pin).expanduser().read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):
            what = "neither SHA256:… nor a readable public key file" if Path(pin).suffix != ".pub" else "not there"
            correct = "correct  host_key:  in invoke.yaml"
            ways = ["inv sandbox.up", f"or {correct}"] if site.host == "127.0.0.1" else [correct]
            raise WrongUse(f"host_key of {site.name} is {what}: {pin}", next=ways) from None
        found.append(_fingerprint(key))
    return found


def _foreign_key(site: Site, shown: str, pinned: bool) -> Unreachable:
    reason = "which is not the pinned one" if pinned else "and no key of it is known here"
    return Unreachable(
        f"{site.host} shows the host key {shown}, {reason}",
        ["Nothing was sent."],
        [
            "compare it with what the host publishes;",
            f"if it is right, set  host_key: {shown}  for {site.name} in invoke.yaml",
        ],
        changed=False,
    )


def _changed_key(site: Site, shown: str) -> Unreachable:
    known = site.host if site.port == 22 else f"'[{site.host}]:{site.port}'"
    return Unreachable(
        f"{site.host} shows another host key than the known one: {shown}",
        ["Somebody may stand in between; nothing was sent."],
        [f"compare it with what the host publishes, then:  ssh-keygen -R {known}"],
        changed=False,
    )


def _login_refused(site: Site, error: object) -> Unreachable:
    why = str(error or "authentication failed").rstrip(".")
    return Unreachable(
        f"{site.host} does not let {site.user} in: {why}",
        ["It was tried once: a few failed logins can ban an address for an hour."],
        [
            f"{login(site)}  must work without a password;",
            f"or set  key:  or  user:  of {site.name} in invoke.yaml (PythonAnywhere: paid accounts only)",
        ],
        changed=False,
    )


def login(site: Site) -> str:
    """The command by which a person tries the same login."""
    port = "" if site.port == 22 else f" -p {site.port}"
    return f"ssh{f' -i {site.key}' if site.key else ''}{port} {site.user}@{site.host}"


def _locked_key(site: Site) -> Unreachable:
    key = site.key or "~/.ssh/id_ed25519"
    return Unreachable(
        f"The key for {site.name} has a passphrase, and nothing here can ask for it",
        next=[
            f"eval $(ssh-agent); ssh-add {key}",
            f"and take  key:  of {site.name} out of invoke.yaml, so that the agent is asked",
        ],
        changed=False,
    )


def _no_key(site: Site) -> WrongUse:
    what = f"The file {site.key or 'of your SSH key'} is no private key"
    return WrongUse(what, next=[f"correct  key:  of {site.name} in invoke.yaml: the private one, without .pub"])
