"""The keys of invoke.yaml: what each may hold, and its default. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_slipway import wording
from flask_slipway.config import pythonanywhere

NAME = re.compile(r"[a-z][a-z0-9_-]*")
DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?")
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
REQUIRED = object()


@dataclass
class Faults:
    """The faults that were found, each with its path."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, text: str) -> None:
        self.found.append((path, text))

    def below(self, path: str) -> bool:
        """True where a fault lies at `path` or below it."""
        return any(where == path or where.startswith(f"{path}.") for where, _ in self.found)

    def __len__(self) -> int:
        return len(self.found)

    def lines(self, line_of: Callable[[str], int | None]) -> list[str]:
        """A line for each fault: its path, what is wrong, the line in the file."""
        lines = []
        for path, text in self.found:
            line = line_of(path)
            lines.append(f"{path}: {text}{f' (line {line})' if line else ''}")
        return lines


class Wrong(Exception):
    """A value is not what its key wants; the text says what should stand there."""


@dataclass(frozen=True)
class Key:
    """One key: `take` turns the given value into ours or raises Wrong; `default` where it is not given."""

    take: Callable[[Any], Any]
    default: Any = None


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"should be a text, not {shown(value)}")
    if not value.isprintable():
        raise Wrong("should be one line without control characters")
    return value.strip()


def ref(value: Any) -> str:
    name = text(value)
    if name.startswith("-") or re.search(r"[\s~^:?*\[\\]|\.\.", name):
        raise Wrong(f"should be the name of a branch or remote, not {name!r}")
    return name


def user(value: Any) -> str:
    name = text(value)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise Wrong(f"should be an account's name, not {name!r}")
    return name


def domain(value: Any) -> str:
    name = text(value)
    if not DOMAIN.fullmatch(name):
        raise Wrong(f"should be a domain without https:// and path, such as www.example.org, not {name!r}")
    return name


def environment_name(value: Any) -> str:
    if not NAME.fullmatch(str(value)):
        raise Wrong("should be lower-case letters, digits, - and _, beginning with a letter")
    return str(value)


def url(value: Any) -> str:
    address = text(value)
    if not re.match(r"https?://[^/]+", address):
        raise Wrong("should begin with https:// or http://")
    return address.rstrip("/")


def page(value: Any) -> str:
    path = text(value)
    return path if path.startswith("/") else f"/{path}"


def yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"should be true or false, not {shown(value)}")
    return value


def between(low: int, high: int) -> Callable[[Any], int]:
    def whole(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"should be a whole number from {low} to {high}, not {shown(value)}")
        return value

    return whole


def region(value: Any) -> str:
    if value not in pythonanywhere.HOSTS:
        raise Wrong(f"should be {' or '.join(pythonanywhere.HOSTS)}, not {shown(value)}")
    return value


def texts(value: Any) -> tuple[str, ...]:
    return tuple(text(inner) for inner in (value if isinstance(value, list) else [value]))


def pins(value: Any) -> tuple[str, ...]:
    found = texts(value)
    for pin in found:
        if pin.upper().startswith(("MD5:", "SHA1:")) or (pin.startswith("SHA256:") and len(pin) != 50):
            raise Wrong(f"should be SHA256: and 43 characters, or a public key's file, not {pin!r}")
    return found


def python_version(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise Wrong('should stand in quotes, such as "3.10": without them 3.10 is read as 3.1')
    if not re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", text(value)):
        raise Wrong(f'should be a version of Python, such as "3.10", not {shown(value)}')
    return text(value)


def command(value: Any) -> tuple[str, ...]:
    """A command line, without a shell: text or a list of words."""
    try:
        line = tuple(shlex.split(value)) if isinstance(value, str) else tuple(text(word) for word in value)
    except (TypeError, ValueError):
        raise Wrong(f"should be a command line, not {shown(value)}") from None
    if not line:
        raise Wrong("should not be empty")
    return line


def commands(value: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list):
        raise Wrong(f"should be a list of flask commands, such as [init-currency], not {shown(value)}")
    lines = tuple(command(line) for line in value)
    for line in lines:
        if line[0] in ("flask", "python", "python3"):
            raise Wrong(f"should be the command without {line[0]!r}: it is run by flask")
    return lines


def variables(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Wrong(f"should be names and values, such as {{FLASK_ENV: production}}, not {shown(value)}")
    for name, inner in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise Wrong(f"has {name!r}, which cannot be a variable's name")
        if isinstance(inner, bool) or not isinstance(inner, (str, int, float)):
            raise Wrong(f"has {name}, whose value should be a text: put it in quotes")
    return {name: str(inner) for name, inner in value.items()}


def log_files(value: Any) -> dict[str, str]:
    known = ("error", "server", "access")
    if not isinstance(value, dict):
        raise Wrong(f"should be paths by error, server, access, not {shown(value)}")
    for kind in value:
        if kind not in known:
            raise Wrong(f"has an unknown key {kind!r}{wording.nearest(str(kind), known)}")
    return {kind: text(inner) for kind, inner in value.items()}


def environments(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Wrong(f"should be environments by name, such as prod, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    """A value as a person would have written it; containers by their kind alone."""
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "nothing" if value is None or value == "" else repr(value)


TOP: dict[str, Key] = {
    "app": Key(text, REQUIRED),
    "seed": Key(commands, ()),
    "test": Key(command, ("pytest",)),
    "environments": Key(environments, REQUIRED),
}
ENVIRONMENT: dict[str, Key] = {
    "user": Key(user),
    "domain": Key(domain, REQUIRED),
    "project": Key(text, REQUIRED),
    "virtualenv": Key(text, REQUIRED),
    "env": Key(variables, {}),
    "region": Key(region, "us"),
    "host": Key(text),
    "port": Key(between(1, 65535), 22),
    "key": Key(text),
    "host_key": Key(pins),
    "home": Key(text),
    "python": Key(text, "python3"),
    "virtualenv_python": Key(python_version),
    "wsgi": Key(text),
    "url": Key(url),
    "health": Key(page, "/"),
    "branch": Key(ref, "main"),
    "remote": Key(ref, "origin"),
    "backups": Key(text),
    "keep": Key(between(1, 10_000), 10),
    "scratch": Key(text),
    "writes_on_load": Key(yes_or_no, False),
    "logs": Key(log_files),
    "app": Key(text),
    "seed": Key(commands),
}


def checked(given: Any, keys: Mapping[str, Key], path: str, faults: Faults) -> dict[str, Any]:
    """The values of `given` by `keys`, defaults filled in; what is wrong goes to `faults`."""
    if not isinstance(given, dict):
        faults.add(path, f"should hold {', '.join(_required(keys))}, not {shown(given)}")
        return {name: _default(key) for name, key in keys.items()}
    for name in given:
        if name not in keys:
            faults.add(f"{path}.{name}", _unknown(str(name), keys))
    values = {}
    for name, key in keys.items():
        values[name] = _default(key)
        if given.get(name) is None:
            if key.default is REQUIRED and not (name in given and faults.below(f"{path}.{name}")):
                faults.add(f"{path}.{name}", "is missing")
            continue
        try:
            values[name] = key.take(given[name])
        except Wrong as wrong:
            faults.add(f"{path}.{name}", str(wrong))
    return values


def _unknown(name: str, keys: Mapping[str, Key]) -> str:
    """A key that does not belong where it stands: on the wrong level, mistyped, or nothing at all."""
    if keys is TOP and name in ENVIRONMENT:
        return "should stand below an environment, such as slipway.environments.prod"
    if keys is ENVIRONMENT and name in TOP:
        return "should stand two levels up, below slipway"
    return f"is unknown{wording.nearest(name, keys)}"


def _default(key: Key) -> Any:
    return None if key.default is REQUIRED else key.default


def _required(keys: Mapping[str, Key]) -> Iterable[str]:
    return (name for name, key in keys.items() if key.default is REQUIRED)


def derive(values: Mapping[str, Any], account: str) -> dict[str, Any]:
    """What PythonAnywhere's conventions give where a key is not set."""
    given = dict(values)
    host = given["host"] or pythonanywhere.host(given["region"])
    home = given["home"] or pythonanywhere.home(account)
    return {
        "host": host,
        "host_key": given["host_key"] or pythonanywhere.host_keys(host),
        "home": home,
        "wsgi": given["wsgi"] or pythonanywhere.wsgi(given["domain"]),
        "url": given["url"] or f"https://{given['domain']}",
        "backups": given["backups"] or f".slipway/backups/{given['domain']}",
        "logs": {**pythonanywhere.logs(given["domain"]), **(given["logs"] or {})},
    }


def below(folder: str, path: str) -> str:
    """`path` as it stands when absolute, else below `folder`; `~/` is the folder's own beginning."""
    clean = path[2:] if path.startswith("~/") else path
    return clean.rstrip("/") if clean.startswith("/") else f"{folder}/{clean.rstrip('/')}"


def absolute(root: Path, path: str) -> str:
    """`path` as it stands when absolute, else below the project's root (a sandbox's own files)."""
    return path if path.startswith("/") else (root / path).as_posix()


def is_example_user(name: str) -> bool:
    return name == "yourusername"


def is_example_domain(name: str) -> bool:
    return name == "example.com" or name.endswith(".example.com") or name.startswith("yourusername.")
