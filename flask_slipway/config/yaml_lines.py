"""invoke.yaml as Invoke reads it: its values, and the lines they stand on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_slipway.errors import WrongUse

NAMES = ("invoke.yaml", "invoke.yml")
TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


def slipway(root: Path) -> Any:
    """What stands under `slipway`, as plain dicts and lists; None where there is nothing. Raises WrongUse."""
    from invoke.config import Config
    from invoke.exceptions import AmbiguousEnvVar, UncastableEnvVar

    node(root)
    try:
        config = Config(project_location=root)
        config.load_project()
        config.load_shell_env()
        return _plain(config["slipway"]) if "slipway" in config else None
    except (AmbiguousEnvVar, UncastableEnvVar) as error:
        raise WrongUse(f"A variable INVOKE_… in the environment does not fit invoke.yaml: {error}") from error


def _plain(value: Any) -> Any:
    """Invoke's own wrappers taken off."""
    from invoke.config import DataProxy

    if isinstance(value, DataProxy):
        return {key: _plain(value[key]) for key in value.keys()}  # noqa: SIM118
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def file(root: Path) -> Path | None:
    """The configuration file, or None."""
    return next((root / name for name in NAMES if (root / name).is_file()), None)


def node(root: Path) -> Any:
    """The file's YAML nodes, with their lines; None for no file. Raises WrongUse with the line of a mistake."""
    from invoke.util import yaml

    path = file(root)
    if path is None:
        return None
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        found = loader.get_single_node()
        if found is not None:
            loader.construct_document(copy.deepcopy(found))  # into the node itself it would work its merge keys
    except (OSError, ValueError) as error:
        what = f"{path.name} cannot be read: {error}"
        raise WrongUse(what, next=[f"edit {path.name}"]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = _in_words(getattr(error, "problem", None) or "it is not YAML")
        what = f"{path.name}{where} cannot be read: {problem}"
        raise WrongUse(what, next=[f"edit {path.name}"]) from error
    if found is not None and not isinstance(found, yaml.MappingNode):
        raise WrongUse(f"{path.name} should begin with `slipway:`", next=[f"edit {path.name}"])
    _refuse_loops(path, found, [])
    _refuse_invokes_own(path, found)
    _refuse_odd_names(path, found)
    return found


# A part of what the parser says → what it means.
PROBLEMS = {
    "'\\t'": "YAML wants spaces for indentation, not a tab",
    "cannot start any token": "{problem}: such a value wants quotes",
    "mapping values are not allowed": "a value that holds a colon wants quotes, or the line is indented too far",
    "expected <block end>": "its indentation does not fit the lines above",
    "could not find expected ':'": "a key wants a colon after it",
    "unexpected end of stream": "a quote or a bracket is never closed",
    "unexpected character": "a quote or a bracket is never closed: {problem}",
}


def _in_words(problem: str) -> str:
    """What YAML's parser complains of, as a person would say it."""
    return next((meaning.format(problem=problem) for part, meaning in PROBLEMS.items() if part in problem), problem)


def _refuse_loops(path: Path, here: Any, above: list[Any]) -> None:
    """Raises WrongUse where an alias stands for what it stands in: it would never end."""
    if here in above:
        what = f"{path.name}, line {here.start_mark.line + 1}: an alias (*) within its own anchor (&)"
        raise WrongUse(what, next=[f"edit {path.name}"])
    for inner in here.value if hasattr(here, "value") and isinstance(here.value, list) else ():
        for below in inner if isinstance(inner, tuple) else (inner,):
            _refuse_loops(path, below, [*above, here])


def _refuse_invokes_own(path: Path, found: Any) -> None:
    """Raises WrongUse where one of Invoke's own keys, such as run or tasks, holds no keys and values."""
    from invoke.config import Config
    from invoke.util import yaml

    for name, value in found.value if found is not None else ():
        if isinstance(Config.global_defaults().get(name.value), dict) and not isinstance(value, yaml.MappingNode):
            what = f"{path.name}, line {name.start_mark.line + 1}: `{name.value}` is a key of Invoke's own"
            raise WrongUse(f"{what}, and should hold keys and values", next=[f"edit {path.name}"])


def _refuse_odd_names(path: Path, here: Any) -> None:
    """Raises WrongUse where a name is no text to YAML, such as on, which is true, or 5: Invoke fails on it."""
    from invoke.util import yaml

    if isinstance(here, yaml.SequenceNode):
        for inner in here.value:
            _refuse_odd_names(path, inner)
    for name, value in here.value if isinstance(here, yaml.MappingNode) else ():
        if name.tag not in TEXTS:
            what = f"{path.name}, line {name.start_mark.line + 1}: {name.value} is no text to YAML as a name"
            fix = f'another name, or quotes: "{name.value}":'
            raise WrongUse(what, next=[f"edit {path.name}: {fix}"])
        _refuse_odd_names(path, value)


def doubled(root: Path) -> list[tuple[str, int, int]]:
    """(path, first line, second line) of each key below `slipway` that is there twice: YAML would take the last."""
    top = node(root)
    return list(_doubled(top, "")) if top is not None else []


def _doubled(here: Any, path: str) -> Iterator[tuple[str, int, int]]:
    from invoke.util import yaml

    seen: dict[str, int] = {}
    for name, value in here.value if isinstance(here, yaml.MappingNode) else ():
        key, line = str(name.value), name.start_mark.line + 1
        below = f"{path}.{key}" if path else key
        if below.partition(".")[0] == "slipway":
            if key in seen:
                yield below, seen[key], line
            yield from _doubled(value, below)
        seen.setdefault(key, line)


def line_of(root: Path, path: list[str]) -> int | None:
    """The line (from 1) on which the value at `path` stands, else that of the deepest key on the way; None."""
    from invoke.util import yaml

    here, line = node(root), None
    for key in path:
        if not isinstance(here, yaml.MappingNode):
            return line
        for name, value in here.value:
            if name.value == key:
                line, here = name.start_mark.line + 1, value
                break
        else:
            return line
    return line
