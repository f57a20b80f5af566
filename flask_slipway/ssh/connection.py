"""SSH connections to a site's server, by paramiko, over the jump hosts that the person's SSH configuration names.

Each server on the way is held to the same: its host key must be pinned or known and not revoked, one key of ours is
shown to it, once, and no agent is forwarded to it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shlex
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_slipway.config.settings import SANDBOX
from flask_slipway.errors import SlipwayError, Unreachable, WrongUse
from flask_slipway.ssh import known_hosts, limits, login_key
from flask_slipway.ssh.route import PORT, Hop, route

if TYPE_CHECKING:
    from flask_slipway.config.settings import Site

PATIENCE = 20.0  # seconds for connecting, for the handshake, for logging in, for opening the channel
LONGEST = 200  # signs of what a server says when it fails
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a host proves that it has an ssh-rsa key


@contextlib.contextmanager
def opened(site: Site) -> Iterator[Any]:
    """An open, checked SSH transport to the site's server. Raises Unreachable, WrongUse."""
    if not logging.getLogger("invoke").isEnabledFor(logging.DEBUG):
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what they say is told here in words
    pins = fingerprints(site)
    hops = route(site)
    with contextlib.ExitStack() as stack:
        agent = _Agent(stack)
        keys = [login_key.the_key(hop, _corrector(site, hop is hops[-1]), agent.keys) for hop in hops]
        transport: Any = None
        for hop, (key, name) in zip(hops, keys, strict=True):
            way = _Way(site, hop, hop is hops[-1], pins if hop is hops[-1] else [])
            transport = way.log_in(transport, key, name, stack)
        yield transport


class _Agent:
    """The person's SSH agent, asked at most once, and only where its keys may count."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._keys: list[Any] | None = None

    def keys(self) -> list[Any]:
        import paramiko

        if self._keys is None:
            self._keys = []
            with contextlib.suppress(paramiko.SSHException, OSError):
                agent = paramiko.Agent()
                self._stack.callback(agent.close)
                self._keys = list(agent.get_keys())
        return self._keys


def _corrector(site: Site, is_last: bool) -> login_key.Correct:
    """What to type so that a key, "" for the one that is named, counts for a server on the way."""

    def correct(key: str) -> str:
        if is_last:
            words = f"set  key: {key}" if key else "correct  key:"
            return f"{words}  of {site.name} in invoke.yaml"
        words = f"set  IdentityFile {key}" if key else "correct  IdentityFile"
        return f"{words}  for it in ~/.ssh/config"

    return correct


class _Way:
    """One server on the way to a site. `is_last`: the site's own; `pins`: fingerprints that its host key must have."""

    def __init__(self, site: Site, hop: Hop, is_last: bool, pins: list[str]) -> None:
        self.site, self.hop, self.is_last, self.pins = site, hop, is_last, pins

    @property
    def name(self) -> str:
        """What a person calls it, at the beginning of a sentence."""
        return self.hop.host if self.is_last else f"The jump host {self.hop.address}"

    @property
    def place(self) -> list[str]:
        """Where it stands, for the lines of a message."""
        return [] if self.is_last else [f"It stands on the way to {self.site.host}, by your SSH configuration."]

    def log_in(self, before: Any, key: Any, key_name: str, stack: contextlib.ExitStack) -> Any:
        """Connects, through the transport `before` if there is one, and logs in, once; what goes wrong is told in
        words. Raises Unreachable."""
        import paramiko

        sock = limits.Measured(self._connect(before))
        stack.callback(sock.close)
        try:
            transport = paramiko.Transport(sock)
            stack.callback(transport.close)
            transport.auth_timeout = transport.channel_timeout = transport.banner_timeout = PATIENCE
            known = known_hosts.known(self.hop.known, self.hop.known_as)
            _prefer(transport, known)
            transport.start_client(timeout=PATIENCE)
            self._check(transport.get_remote_server_key(), known)
            more = transport.auth_publickey(self.hop.user, key)
        except SlipwayError:
            raise
        except paramiko.AuthenticationException as error:
            raise self._refused(str(error), key_name) from None
        except Exception as error:  # whatever comes of what a server sends that nobody has vouched for yet
            raise self._no_answer(error) from None
        if more or not transport.is_authenticated():
            raise self._refused(f"beside the key it asks for {', '.join(more)[:LONGEST] or 'more'}", key_name)
        sock.logged_in()
        transport.set_keepalive(15)
        return transport

    def _connect(self, before: Any) -> Any:
        import paramiko

        hop = self.hop
        try:
            if before is not None:
                return before.open_channel("direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=PATIENCE)
            if hop.command:
                return paramiko.ProxyCommand(hop.command)
            sock = socket.create_connection((hop.host, hop.port), timeout=PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except socket.gaierror:
            what = f"This machine's DNS does not know the name {hop.host}"
            where = f"host:  of {self.site.name} in invoke.yaml" if self.is_last else "ProxyJump  in ~/.ssh/config"
            raise Unreachable(what, next=[f"check the network, and  {where}"], changed=False) from None
        except paramiko.ChannelException as error:
            what = f"The jump host before {hop.address} opens no way there: {str(error)[:LONGEST]}"
            raise Unreachable(what, next=[self._reachable()], changed=False) from None
        except (OSError, EOFError, ValueError, paramiko.SSHException, limits.Exceeded) as error:
            raise self._no_answer(error) from None

    def _check(self, key: Any, known: known_hosts.Known) -> None:
        """Raises Unreachable for a host key that is revoked, or neither pinned nor known."""
        blob = key.asbytes()
        shown = _fingerprint(blob)
        if blob in known.revoked:
            raise self._revoked(shown)
        if self.pins and shown not in self.pins:
            raise self._foreign(shown, "which is not the pinned one")
        if self.pins or blob in {**known.keys, **known.otherwise}:
            return
        if known.keys:
            raise self._changed(shown)
        raise self._foreign(shown, "and no key of it is known here")

    def _foreign(self, shown: str, why: str) -> Unreachable:
        follow = [
            "compare it with what the host publishes;",
            f"if it is right, set  host_key: {shown}  for {self.site.name} in invoke.yaml",
        ]
        if not self.is_last:
            follow = [f"compare it with what its owner publishes;  {self._login()}  asks whether to keep it"]
        what = f"{self.name} shows the host key {shown}, {why}"
        return Unreachable(what, [*self.place, "Nothing was sent."], follow, changed=False)

    def _changed(self, shown: str) -> Unreachable:
        return Unreachable(
            f"{self.name} shows another host key than the known one: {shown}",
            [*self.place, "Somebody may stand in between; nothing was sent."],
            [f"compare it with what the host publishes, then:  ssh-keygen -R {shlex.quote(self.hop.known_as)}"],
            changed=False,
        )

    def _revoked(self, shown: str) -> Unreachable:
        return Unreachable(
            f"{self.name} shows a host key that is revoked: {shown}",
            [*self.place, "It stands behind @revoked in known_hosts; nothing was sent."],
            ["ask its owner for the new one: somebody else may have the old one"],
            changed=False,
        )

    def _refused(self, why: str, key_name: str) -> Unreachable:
        why = (why or "authentication failed").rstrip(".")[:LONGEST]
        follow = [f"{self._login()}  must work without a password;"]
        if self.is_last:
            names = f"key:  or  user:  of {self.site.name} in invoke.yaml"
            follow.append(f"or set  {names} (PythonAnywhere: paid accounts only)")
        else:
            follow.append("or set  IdentityFile  or  User  for it in ~/.ssh/config")
        tried = f"It was tried once, with {key_name}: a few failed logins can ban an address for an hour."
        return Unreachable(
            f"{self.name} does not let {self.hop.user} in: {why}", [*self.place, tried], follow, changed=False
        )

    def _no_answer(self, error: Exception) -> Unreachable:
        name = self.hop.address if self.is_last else self.name
        what = f"{name} does not answer as an SSH server: {_in_words(error)}"
        return Unreachable(what, self.place, [self._reachable()], changed=False)

    def _reachable(self) -> str:
        """What to type where no SSH server answers."""
        if self.hop.command:
            return f"check the network, and  ProxyCommand  in ~/.ssh/config:  {self._login()}"
        if not self.is_last:
            return f"check the network, and  ProxyJump  in ~/.ssh/config:  {self._login()}"
        if self.site.name == SANDBOX:
            return "inv sandbox.up"
        return f"check the network, and  host: port:  of {self.site.name} in invoke.yaml"

    def _login(self) -> str:
        hop = self.hop
        port = "" if hop.port == PORT else f" -p {hop.port}"
        return login(self.site) if self.is_last else f"ssh{port} {hop.user}@{hop.host}"


def _prefer(transport: Any, known: known_hosts.Known) -> None:
    """Asks the server first for a host key of a kind that is known of it."""
    kinds = [
        name for kind in {**known.keys, **known.otherwise}.values() for name in (RSA if kind == "ssh-rsa" else [kind])
    ]
    options = transport.get_security_options()
    ours = list(options.key_types)
    options.key_types = sorted(ours, key=lambda kind: (kind not in kinds, ours.index(kind)))


def _fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key's bytes, as ssh-keygen -l shows it."""
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _in_words(error: Exception) -> str:
    """What a failed connection says, in words that a person knows."""
    text = " ".join(str(error).split())[:LONGEST]
    if isinstance(error, limits.Exceeded):
        return text
    if "it sen" in text and "banner" in text:  # Exceeded, as paramiko hands it on while it waits for the banner
        return text[text.index("it sen") :]
    if "No existing session" in text or "banner" in text or isinstance(error, EOFError):
        return f"it did not greet within {PATIENCE:.0f} s, or hung up"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError) or "Timeout" in text:
        return f"nothing answered within {PATIENCE:.0f} s"
    return text or type(error).__name__


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


def login(site: Site) -> str:
    """The command by which a person tries the same login."""
    port = "" if site.port == 22 else f" -p {site.port}"
    key = f" -i {shlex.quote(site.key)}" if site.key else ""
    return f"ssh{key}{port} {site.user}@{site.host}"
