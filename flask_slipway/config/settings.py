"""invoke.yaml as frozen dataclasses. Every fault is told at once, each by its path; nothing is guessed.

Read by Invoke's own Config, so that INVOKE_SLIPWAY_… in the process's environment has the last word."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flask_slipway import wording
from flask_slipway.config import keys, yaml_lines
from flask_slipway.config.keys import Faults
from flask_slipway.errors import WrongUse

FILE = "invoke.yaml"
SANDBOX = "sandbox"
PLACE = {"user", "domain", "project", "virtualenv", "host", "home"}  # keys that say where a site lies
OWN_SANDBOX = Path(".sandbox/environment.json")  # its entry, where invoke.yaml has none
PATHS = ("home", "project", "virtualenv", "wsgi", "backups")
SENT = (
    "name",
    "domain",
    *PATHS,
    "url",
    "health",
    "branch",
    "remote",
    "keep",
    "scratch",
    "writes_on_load",
    "app",
    "python",
    "virtualenv_python",
)


@dataclass(frozen=True)
class Site:
    """One web app on one account. Paths are absolute, as on the server; `key` and a `host_key` file lie here."""

    name: str
    user: str
    domain: str
    host: str
    port: int
    key: str | None
    host_key: tuple[str, ...]
    home: str
    project: str
    virtualenv: str
    wsgi: str
    url: str
    health: str
    branch: str
    remote: str
    backups: str
    keep: int
    scratch: str | None
    writes_on_load: bool
    app: str
    seed: tuple[tuple[str, ...], ...]
    python: str
    virtualenv_python: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    unedited: tuple[str, ...] = ()

    def wire(self) -> dict[str, Any]:
        """What is sent to the server: no key, no host, no fingerprint."""
        sent = {name: getattr(self, name) for name in SENT}
        return {**sent, "env": dict(self.env), "logs": dict(self.logs), "seed": [list(line) for line in self.seed]}


@dataclass(frozen=True)
class Settings:
    """The whole of `slipway:` in invoke.yaml. `test`: what a release runs before it commits."""

    root: Path
    app: str
    seed: tuple[tuple[str, ...], ...]
    test: tuple[str, ...]
    sites: Mapping[str, Site]

    @property
    def edited(self) -> list[Site]:
        """The sites that no longer hold the example's values."""
        return [site for site in self.sites.values() if not site.unedited]


def load(root: Path) -> Settings:
    """The settings of the project at `root`. Raises WrongUse with every fault."""
    top = yaml_lines.slipway(root)
    faults = Faults()
    if top is None:
        raise _nothing(root)
    for path, first, second in yaml_lines.doubled(root):
        faults.add(path, f"stands there twice, in lines {first} and {second}: take one away")
    whole = keys.checked(top, keys.TOP, "slipway", faults)
    sites = {}
    environments = with_sandbox(root, whole.get("environments") or {})
    if not environments and not faults:
        faults.add("slipway.environments", "names no environment; there should be one, such as prod")
    nameless = [
        name for name, given in environments.items() if name in keys.ENVIRONMENT and not isinstance(given, dict)
    ]
    if nameless:
        shown = ", ".join(wording.listed(nameless, 3))
        faults.add("slipway.environments", f"{shown} should stand one level deeper, below a name such as prod:")
    for name, given in environments.items():
        path = f"slipway.environments.{name}"
        if name in nameless:
            continue
        try:
            keys.environment_name(name)
        except keys.Wrong as wrong:
            faults.add(path, str(wrong))
        values = keys.checked(given, keys.ENVIRONMENT, path, faults)
        if not faults.below(path):
            sites[str(name)] = _site(root, str(name), values, whole, faults)
    of_sandbox = _sandbox_keys(whole.get("environments") or {})
    if of_sandbox and SANDBOX not in environments:  # still to be made
        path = f"slipway.environments.{SANDBOX}"
        keys.checked({**dict.fromkeys(PLACE, "x"), **of_sandbox}, keys.ENVIRONMENT, path, faults)
    if faults:
        found = f"{FILE} has {wording.count(len(faults), 'fault')}"
        raise WrongUse(found, faults.lines(_line_of(root)), [f"edit {FILE}"])
    return Settings(root, whole["app"], whole["seed"], whole["test"], MappingProxyType(sites))


def site(root: Path, name: str) -> Site:
    """The environment `name`. Raises WrongUse where it is unknown, faulty, or still the example."""
    known = load(root).sites
    if name not in known:
        near = wording.near(name, known)
        if name == SANDBOX:
            raise WrongUse(no_sandbox(root), next=["inv sandbox.up"])
        what = f"{FILE} has no environment {name!r}{wording.nearest(name, known)}"
        follow = [f"the same with {near}"] if near else [f"one of these, or add {name} to {FILE}"]
        raise WrongUse(what, next=follow)
    found = known[name]
    if found.unedited:
        what = f"{name} still has the example's values"
        raise WrongUse(what, found.unedited, [f"edit {FILE}"])
    return found


def no_sandbox(root: Path) -> str:
    """Why there is no site of the sandbox's name, in words."""
    if is_made_elsewhere(root):
        return "The sandbox was made in another folder, before this one was moved or copied"
    return "There is no sandbox yet"


def names(root: Path) -> list[str]:
    """The environments' names, in order, whatever they hold. Raises WrongUse where the file is not YAML."""
    top = yaml_lines.slipway(root)
    environments = top.get("environments") if isinstance(top, dict) else None
    if not isinstance(environments, dict):
        return []
    every = with_sandbox(root, environments)
    return [name for name in every if isinstance(name, str) and keys.NAME.fullmatch(name)]


def sandbox_keys(root: Path) -> dict[str, Any] | None:
    """What invoke.yaml sets of the sandbox that `inv sandbox.up` makes; None where it names a site of that name by
    itself, with the place where it lies."""
    top = yaml_lines.slipway(root)
    return _sandbox_keys((top.get("environments") if isinstance(top, dict) else None) or {})


def _sandbox_keys(environments: dict[str, Any]) -> dict[str, Any] | None:
    given = environments.get(SANDBOX) or {}
    return given if isinstance(given, dict) and not given.keys() & PLACE else None


def is_made_elsewhere(root: Path) -> bool:
    """Whether the sandbox in .sandbox was made in another folder than this: the project was moved, or copied."""
    try:
        home = Path(json.loads((root / OWN_SANDBOX).read_text(encoding="utf-8"))["home"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return home.parent.resolve() != (root / OWN_SANDBOX).parent.resolve()


def sandbox_model(root: Path) -> str:
    """The site that the sandbox is made after, "" where invoke.yaml names the sandbox itself, or cannot be read."""
    try:
        known = None if sandbox_keys(root) is None else load(root)
    except WrongUse:
        return ""
    return model(known).name if known else ""


def model(known: Settings) -> Site:
    """The site that the sandbox is made after: the first of invoke.yaml."""
    others = [site for site in known.edited or known.sites.values() if site.name != SANDBOX]
    return next(iter(others or known.sites.values()))


def with_sandbox(root: Path, environments: dict[str, Any]) -> dict[str, Any]:
    """The environments of invoke.yaml, and last the sandbox that `inv sandbox.up` made here, where none of its name
    has a place there: with what invoke.yaml sets of it, but for `env`, which is in its WSGI file since the last up."""
    keys_of_it = _sandbox_keys(environments)
    if not environments or keys_of_it is None:
        return environments
    others = {name: given for name, given in environments.items() if name != SANDBOX}
    try:
        made = json.loads((root / OWN_SANDBOX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return others
    if is_made_elsewhere(root):
        return others
    return {**others, SANDBOX: {**made, **{key: value for key, value in keys_of_it.items() if key != "env"}}}


def _nothing(root: Path) -> WrongUse:
    """What is wrong with a project whose configuration says nothing to us."""
    path, make = yaml_lines.file(root), "flask-slipway init"
    if path is None:
        return WrongUse(f"There is no {FILE} in {root}", next=[make])
    node = yaml_lines.node(root)
    given = [str(name.value) for name, _ in node.value] if node is not None else []
    if not given:
        return WrongUse(f"{path.name} is empty", next=[make])
    near = wording.near("slipway", given)
    lines = [f"{near}: looks like it; the key is  slipway:"] if near else []
    lines += [f"{key}: should stand below  slipway:" for key in given if key in keys.TOP]
    what = f"{path.name} has no `slipway:`"
    return WrongUse(what, lines, [f"edit {path.name}"])


def _line_of(root: Path) -> Callable[[str], int | None]:
    return lambda path: yaml_lines.line_of(root, path.split("."))


def _site(root: Path, name: str, values: dict[str, Any], whole: dict[str, Any], faults: Faults) -> Site:
    """The site with all that is derived filled in."""
    path = f"slipway.environments.{name}"
    here = values["host"] in keys.THIS_MACHINE
    user = values["user"] or (getpass.getuser() if here else "")
    if not user:
        faults.add(f"{path}.user", "is missing: the account, case-sensitive")
    derived = keys.derive(values, user)

    def on_server(key: str) -> str:
        text = derived[key]
        if not text.startswith("/") and not (len(text) > 2 and text[1] == ":"):
            if not here:
                faults.add(f"{path}.{key}", f"should be an absolute path on the server, not {text!r}")
            text = (root / text).as_posix()
        return text

    home = on_server("home").rstrip("/")
    local_key = values["key"]
    return Site(
        name=name,
        user=user,
        domain=values["domain"],
        host=derived["host"],
        port=values["port"],
        key=str(_local(root, local_key)) if local_key else None,
        host_key=tuple(pin if pin.startswith("SHA256:") else str(_local(root, pin)) for pin in derived["host_key"]),
        home=home,
        project=keys.below(home, values["project"]),
        virtualenv=keys.below(f"{home}/.virtualenvs", values["virtualenv"]),
        wsgi=on_server("wsgi"),
        url=derived["url"],
        health=values["health"],
        branch=values["branch"],
        remote=values["remote"],
        backups=keys.below(home, derived["backups"]),
        keep=values["keep"],
        scratch=values["scratch"],
        writes_on_load=values["writes_on_load"],
        app=values["app"] or whole["app"],
        seed=whole["seed"] if values["seed"] is None else values["seed"],
        python=values["python"],
        virtualenv_python=values["virtualenv_python"],
        env=MappingProxyType(values["env"]),
        logs=MappingProxyType({kind: keys.absolute(root, text) for kind, text in derived["logs"].items()}),
        unedited=tuple(_unedited(root, path, values)),
    )


def _local(root: Path, text: str) -> Path:
    return root / Path(text).expanduser()


def _unedited(root: Path, path: str, values: dict[str, Any]) -> list[str]:
    """The lines of invoke.yaml that still hold the example's account or domain."""
    found = []
    for key, is_example in (("user", keys.is_example_user), ("domain", keys.is_example_domain)):
        text = values[key]
        if text and is_example(text):
            line = yaml_lines.line_of(root, [*path.split("."), key])
            found.append(f"{FILE}{f', line {line}' if line else ''}: {key}: {text}")
    return found
