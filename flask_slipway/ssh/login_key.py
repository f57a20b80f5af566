"""The one key that a server is shown: a few failed logins can ban an address, so none is tried that is not meant."""

from __future__ import annotations

import shlex
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flask_slipway.errors import SlipwayError, Unreachable, WrongUse
from flask_slipway.ssh.route import Hop

Correct = Callable[[str], str]  # what to type, so that a key counts for this server
Agent = Callable[[], Sequence[Any]]  # the keys of the SSH agent


def the_key(hop: Hop, correct: Correct, agent: Agent) -> tuple[Any, str]:
    """The key to log in to `hop` with, and what a person calls it. Somebody's choice comes first: of several files the
    first that is there. Raises Unreachable where none or more than one could be meant, WrongUse for a file that holds
    none."""
    if hop.chosen and hop.keys:
        return _of_file(hop.keys[0], correct, agent)
    usual = {_public(path) or bytes(path): path for path in hop.keys}
    others = [key for key in agent() if key.asbytes() not in usual] if hop.agent else []
    names = [*(_shown(path) for path in usual.values()), *(_of_agent(key) for key in others)]
    if not names:
        raise _none(hop, correct)
    if len(names) > 1:
        raise _several(hop, correct, names)
    return _of_file(hop.keys[0], correct, agent) if usual else (others[0], names[0])


def _of_file(path: Path, correct: Correct, agent: Agent) -> tuple[Any, str]:
    """The private key in a file. Where that cannot be read here, the agent may have it."""
    import paramiko

    stop: SlipwayError
    try:
        return paramiko.PKey.from_path(path), _shown(path)
    except FileNotFoundError:
        stop = WrongUse(f"The key {path} is not there", next=[correct("")])
    except (TypeError, paramiko.PasswordRequiredException):
        stop = _locked(path)
    except Exception:  # whatever its reader makes of a file that is no key
        what = f"The file {path} is no private key"
        stop = WrongUse(what, next=[f"{correct('')}: the private one, without .pub"])
    public = _public(path)
    held = [key for key in (agent() if public else ()) if key.asbytes() == public]
    if not held:
        raise stop
    return held[0], f"{_shown(path)}, by the agent"


def _public(path: Path) -> bytes | None:
    """The public half of a key, from the file beside it, or the file itself; None where neither tells it."""
    for place in (path, path.with_name(f"{path.name}.pub")):
        try:
            kind, key = place.read_text(encoding="ascii").split()[:2]
            if kind.startswith(("ssh-", "ecdsa-", "sk-")):
                return b64decode(key)
        except (OSError, ValueError):
            continue
    return None


def _shown(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _of_agent(key: Any) -> str:
    comment = getattr(key, "comment", "")
    return f"the agent's {key.get_name()}{f' ({comment})' if comment else ''}"


def _none(hop: Hop, correct: Correct) -> Unreachable:
    follow = [correct("~/.ssh/id_ed25519"), "or  ssh-keygen -t ed25519  makes one; its .pub belongs on the server"]
    return Unreachable(f"There is no key to log in with at {hop.host}", next=follow, changed=False)


def _several(hop: Hop, correct: Correct, names: Sequence[str]) -> Unreachable:
    shown = [*names[:5], *([f"and {len(names) - 5} more"] if len(names) > 5 else [])]
    lines = ["One key is tried, once: a few failed logins can ban an address for an hour.", *shown]
    what = f"{len(names)} keys could be meant for {hop.user} at {hop.host}, and none was tried"
    first = next((name for name in names if name.startswith(("~", "/"))), "~/.ssh/id_ed25519.pub")
    return Unreachable(what, lines, [f"{correct(first)}, or the one that is meant"], changed=False)


def _locked(path: Path) -> Unreachable:
    what = f"The key {_shown(path)} has a passphrase, and nothing here can ask for it"
    follow = [f"eval $(ssh-agent); ssh-add {shlex.quote(str(path))}", "then the same again: the agent is asked for it"]
    return Unreachable(what, next=follow, changed=False)
