"""The servers on the way to a site: the jump hosts that the person's SSH configuration names, and the site's own.

That configuration is read by ssh itself (ssh -G), so every line of it counts here as it counts there; but for the
sandbox, which lies on this machine and is all told by its own settings."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flask_slipway.config.keys import THIS_MACHINE
from flask_slipway.config.settings import SANDBOX
from flask_slipway.errors import WrongUse

if TYPE_CHECKING:
    from flask_slipway.config.settings import Site

PORT = 22  # where none is named
MOST_HOPS = 8
PATIENCE = 20.0  # seconds for ssh to read its configuration, which may run programs (Match exec)
USUAL = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")
FEWEST_USUAL = 4  # of these are the default of any ssh; who lists fewer has chosen

ADDRESS = re.compile(r"\[?(.*?)\]?(?::(\d+))?", re.DOTALL)  # host:port, [address]:port

ENVIRONMENT = re.compile(r"\$\{(\w+)\}")  # as ssh has it in the names of files

Options = dict[str, list[str]]  # what ssh -G prints: {option in small letters: its values}


@dataclass(frozen=True)
class Hop:
    """One server on the way. `keys`: the files of the keys to log in with, if there are; `chosen`: whether somebody
    named them, or they are ssh's usual ones; `agent`: whether other keys of an agent may be taken; `known`: the files
    of host keys, and `known_as`, the name to look for there; `command`: a program that connects, "" for none."""

    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    chosen: bool
    agent: bool
    known: tuple[Path, ...]
    known_as: str
    command: str = ""

    @property
    def address(self) -> str:
        """host:port, as a person reads it."""
        return f"{self.host}:{self.port}"


def route(site: Site) -> list[Hop]:
    """The servers on the way to the site, its own last. Raises WrongUse where ssh cannot read its configuration."""
    hops = (
        [_hop(site.host, _plain(site.host, site.user, site.port))]
        if site.name == SANDBOX and site.host in THIS_MACHINE
        else _to(site.host, site.user, site.port, ())
    )
    if site.key:
        hops[-1] = replace(hops[-1], keys=(Path(site.key).expanduser(),), chosen=True)
    return hops


def _to(name: str, user: str, port: int, before: tuple[str, ...]) -> list[Hop]:
    """The hops to `name` as it is configured, past those that its own jump host needs; `before`: whose way it is on."""
    if name in before or len(before) == MOST_HOPS:
        circle = " → ".join([*before, name])
        raise WrongUse("The jump hosts of your SSH configuration lead in a circle", [circle], [_look(before[0])])
    options = _options(name, user, port)
    hop = _hop(name, options)
    jumps = [text for text in _first(options, "proxyjump").split(",") if text not in ("", "none")]
    if not jumps:
        return [hop]
    first, *rest = (_parts(text) for text in jumps)
    hops = _to(*first, (*before, name))
    hops += [replace(_hop(place[0], _options(*place)), command="") for place in rest]
    return [*hops, replace(hop, command="")]


def _hop(name: str, options: Options) -> Hop:
    host, port = _first(options, "hostname", name), int(_first(options, "port", str(PORT)))
    user = _first(options, "user") or getpass.getuser()
    tokens = {"%h": host, "%n": name, "%p": str(port), "%r": user, "%u": getpass.getuser(), "%d": str(Path.home())}
    keys = [_place(ENVIRONMENT.sub(_variable, _filled(text, tokens))) for text in options.get("identityfile", [])]
    usual = [Path.home() / ".ssh" / one for one in USUAL]
    chosen = bool(keys) and not (len(keys) >= FEWEST_USUAL and set(keys) <= set(usual))
    alias = _first(options, "hostkeyalias")
    listed = [*options.get("userknownhostsfile", []), *options.get("globalknownhostsfile", [])]
    files = [name for text in listed for name in (text.split() if " " not in text else [*text.split(), text])]
    command = _first(options, "proxycommand", "none")
    if _first(options, "revokedhostkeys", "none") != "none":
        what = f"RevokedHostKeys is set for {name}, and Flask-Slipway does not read such a file"
        raise WrongUse(what, next=["name the revoked keys in known_hosts, each behind @revoked", _look(name)])
    return Hop(
        host=host,
        port=port,
        user=user,
        keys=tuple(key for key in keys or usual if key.exists() or key.with_name(f"{key.name}.pub").exists()),
        chosen=chosen,
        agent=_first(options, "identitiesonly") != "yes",
        known=tuple(map(_place, files)) or (Path.home() / ".ssh" / "known_hosts",),
        known_as=alias or (host if port == PORT else f"[{host}]:{port}"),
        command="" if command == "none" else _program(command, tokens),
    )


def _plain(name: str, user: str, port: int) -> Options:
    """What ssh takes for a host that no configuration names."""
    return {"hostname": [name], "port": [str(port)], "user": [user]}


def _options(name: str, user: str, port: int) -> Options:
    """What ssh takes for a host, once its configuration is read. Raises WrongUse where that cannot be."""
    program = shutil.which("ssh")
    if program is None:
        if _own_file().exists():
            what = "There is no ssh on this machine, which could read ~/.ssh/config"
            raise WrongUse(what, next=["install OpenSSH's client; what connects is still Flask-Slipway itself"])
        return _plain(name, user, port)
    line = [program, "-G", *_home(), *(["-p", str(port)] if port != PORT else []), *(["-l", user] if user else [])]
    try:
        done = subprocess.run([*line, "--", name], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        what = f"ssh did not read its configuration within {PATIENCE:.0f} s"
        raise WrongUse(what, ["a program of  Match exec  may hang"], [_look(name)]) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").splitlines()
        lines = [text for text in said if text.strip() and "terminating, " not in text]
        raise WrongUse("ssh cannot read its configuration", lines[:4], ["correct the line that is named", _look(name)])
    found: Options = {}
    for text in done.stdout.decode("utf-8", "surrogateescape").splitlines():
        option, _, value = text.partition(" ")
        found.setdefault(option.lower(), []).append(value)
    return found


def _look(name: str) -> str:
    return f"ssh -G {name}  shows what ssh makes of it"


def _own_file() -> Path:
    return Path.home() / ".ssh" / "config"


def _home() -> list[str]:
    """ssh looks into the home of the system's list of users; where HOME says another, it is told so."""
    if _account_home() in (None, Path.home()):
        return []
    return ["-F", str(_own_file()) if _own_file().exists() else "none"]


def _account_home() -> Path | None:
    """The person's home by the system's list of users, None where there is no such list."""
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        return None


def _place(text: str) -> Path:
    """A path of ssh's: ~, and the home that ssh made of it, are HOME."""
    path, home = Path(text).expanduser(), _account_home()
    return Path.home() / path.relative_to(home) if home and path.is_relative_to(home) else path


def _first(options: Options, name: str, without: str = "") -> str:
    return (options.get(name) or [without])[0]


def _filled(text: str, tokens: dict[str, str]) -> str:
    """The text with ssh's tokens filled in, such as %h."""
    parts = text.split("%%")
    for token, value in tokens.items():
        parts = [part.replace(token, value) for part in parts]
    return "%".join(parts)


def _variable(match: re.Match[str]) -> str:
    return os.environ.get(match[1], match[0])


def _program(text: str, tokens: dict[str, str]) -> str:
    """A command that connects, run as ssh runs it, by the person's shell; but where a name or the like is filled in
    that a shell would not take as it stands: then word by word, so that it stays one. Raises WrongUse."""
    try:
        words = shlex.split(text)
        told = [value for token, value in tokens.items() if token in text]
        if os.name == "posix" and all(value == shlex.quote(value) for value in told):
            return shlex.join([os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {_filled(text, tokens)}"])
        return shlex.join(_filled(word, tokens) for word in words)
    except ValueError as error:
        what = f"ProxyCommand of {tokens['%n']} cannot be read: {str(error).lower()}"
        raise WrongUse(what, [text], ["put its quotes in pairs, in ~/.ssh/config"]) from None


def _parts(text: str) -> tuple[str, str, int]:
    """Name, user and port of one jump host: [user@]host[:port], also as ssh://…; an empty user is as configured."""
    user, _, place = text.strip().removeprefix("ssh://").rstrip("/").rpartition("@")
    name, port = ADDRESS.fullmatch(place).groups()  # type: ignore[union-attr]  # it matches every text
    return name, user, int(port or PORT)
