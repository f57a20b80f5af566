"""The site's virtualenv, with pip and the project's requirements, and the pyuwsgi that fits its Python.

Making one takes as long as pip takes: each one is made once in the user's cache, and copied."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flask_slipway.errors import WrongUse
from flask_slipway.sandbox.host.home import base
from flask_slipway.sandbox.host.programs import kept

BUILT_AT = "built-at"


def make(target: Path, python: str, requirements: Path | None) -> None:
    """Makes the virtualenv `target` from the interpreter `python`, with `requirements` installed. Once."""
    if (target / "bin/python").exists():
        return
    interpreter = base(python)
    wanted = requirements.read_bytes() if requirements and requirements.exists() else b""
    identity = f"1 {interpreter.resolve()} {version(python)} ".encode() + wanted
    template = kept() / "virtualenvs" / hashlib.sha256(identity).hexdigest()[:20]
    if not template.exists():
        _build(template, interpreter, requirements if wanted else None)
    _copy(template, target)


def version(python: str) -> str:
    """The version of an interpreter, such as 3.11."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _build(template: Path, interpreter: Path, requirements: Path | None) -> None:
    template.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{template.name}.", dir=template.parent))
    try:
        _run([interpreter, "-m", "venv", part])
        if requirements:
            command: list[str | Path] = [part / "bin/python", "-m", "pip", "install", "--quiet", "--no-input"]
            _run([*command, "--disable-pip-version-check", "-r", requirements.name], cwd=requirements.parent)
        (part / BUILT_AT).write_text(str(part))
        try:
            part.rename(template)
        except OSError:  # another process was quicker
            if not template.exists():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy(template: Path, target: Path) -> None:
    """Copies a virtualenv, and says its new place in the files that name it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    _run(["cp", "-R", "-p", template, part])
    before = (part / BUILT_AT).read_bytes()
    (part / BUILT_AT).unlink()
    for path in [part / "pyvenv.cfg", *(part / "bin").iterdir()]:
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if before in content:
                path.write_bytes(content.replace(before, os.fsencode(target)))
    part.rename(target)


def uwsgi(modules: Path, python: str) -> None:
    """Puts the pyuwsgi for the version of `python` into `modules`/VERSION, from our own packages or the index."""
    wanted = version(python)
    folder = modules / wanted
    if folder.exists():
        return
    if wanted == "{}.{}".format(*sys.version_info):
        found = _own()
    else:
        stored = kept() / "pyuwsgi" / wanted
        if not any(stored.glob("pyuwsgi*.so")):
            _fetch(stored, wanted)
        found = next(stored.glob("pyuwsgi*.so"))
    folder.mkdir(parents=True)
    (folder / found.name).symlink_to(found)


def _own() -> Path:
    import importlib.util

    found = importlib.util.find_spec("pyuwsgi")
    if found is None or found.origin is None:
        raise WrongUse(
            "The sandbox needs pyuwsgi and asyncssh", next=["pip install 'flask-slipway[sandbox]'"], changed=True
        )
    return Path(found.origin)


def _fetch(stored: Path, wanted: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={wanted}"]
    _run([*command, f"--target={stored}", "pyuwsgi"])


def _run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        words = " ".join(map(str, command[:4]))
        said = (done.stderr or done.stdout)[-800:].splitlines()
        raise WrongUse(f"{words} … failed. Nothing was kept", ["its last words:", *said], changed=True)
