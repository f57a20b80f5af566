"""invoke.yaml as Invoke reads it: its values, and the lines they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_slipway import words
from flask_slipway.errors import WrongUse

NAMES = ("invoke.yaml", "invoke.yml")


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
        raise WrongUse(f"a variable INVOKE_… in the environment does not fit invoke.yaml: {error}") from error


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
        found = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path.name} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise WrongUse(words.told(f"{path.name}{where} cannot be read: {problem}", next=[f"edit {path}"])) from error
    if found is not None and not isinstance(found, yaml.MappingNode):
        raise WrongUse(f"{path.name} should begin with `slipway:`")
    return found


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
