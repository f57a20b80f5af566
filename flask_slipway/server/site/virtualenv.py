"""The site's virtualenv: packages are installed in a hard-linked copy beside it, which then takes its place."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
from typing import Any, Iterable

from ..lib import files, process

AT_FDCWD = -100
RENAME_EXCHANGE = 2
MOVING = ".moving"  # what the name of a virtualenv ends with in the middle of an exchange by renames
FILE = "requirements.txt"
INCLUDE = re.compile(r"\s*(?:-[rc]|--requirement|--constraint)[\s=]*[\"']?(.+?)[\"']?\s*(?:\s#.*)?$")

SELF_REFERENCE = re.compile(
    r"\s*(?:(?:-e|--editable)(?:\s+|=))?"
    r"(?:(?P<here>\./?|\.\[.*)|(?P<name>[\w.-]+)\s*(?:\[.*?\])?\s*@\s*\S+|\S*\#(?:\S*&)?egg=(?P<egg>[\w.-]+)\S*)"
    r"\s*(?:\#.*|;.*)?$"
)


def requirement_files(folder: str) -> dict[str, str | None]:
    """What the code in `folder` asks for: {path: sha256} of its requirements.txt and of all that it includes, None
    for a file that is not there."""
    hashes: dict[str, str | None] = {}
    paths = [FILE]
    for path in paths:
        data = read(folder, path)
        hashes[path] = files.sha256(data)
        for line in (data or b"").decode("utf-8", "replace").splitlines():
            match = INCLUDE.match(line)
            other = match and os.path.normpath(os.path.join(os.path.dirname(path), match.group(1)))
            if other and other not in paths and not other.startswith(("/", "..")):
                paths.append(other)
    return hashes


def read(folder: str, path: str) -> bytes | None:
    """The bytes of one of these files; None where they cannot be read."""
    try:
        return files.read(os.path.join(folder, path))
    except (OSError, ValueError):
        return None


def self_reference(text: str, names: Iterable[str]) -> str | None:
    """The line of the requirements `text` that lists the project itself, one of `names`, as `pip freeze` writes it
    where the project is installed editable; None where there is none. Its code comes by git."""
    known = {_normal(name) for name in names if name}
    for number, line in enumerate(text.splitlines(), 1):
        match = SELF_REFERENCE.match(line)
        if match and (match.group("here") or _normal(match.group("name") or match.group("egg")) in known):
            return "line %d: %s" % (number, line.strip())
    return None


def _normal(name: str) -> str:
    """A package's name in its one spelling. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(python: str) -> list[str]:
    """What is installed, a line of `pip freeze` each. Raises process.Failed."""
    return process.run([python, "-B", "-I", "-m", "pip", "freeze", "--all"]).split("\n")[:-1]


def copy(live: str, beside: str) -> None:
    """Makes `beside` a copy of the virtualenv `live` that shares its files by hard links; its folders have the modes
    and the groups that they have there."""
    discard(beside)
    shutil.copytree(live, beside, symlinks=True, copy_function=_link)
    for top, _, _ in os.walk(live):
        files.take_after(os.path.join(beside, os.path.relpath(top, live)), top)


def _link(source: str, target: str, **_: Any) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        files.take_after(target, source)
    return target


def install(beside: str, live: str, requirements: str, folder: str) -> None:
    """Installs the file `requirements` into the copy `beside`, checks it, and makes its scripts start `live`.
    `folder`: where relative lines of the requirements start. Raises process.Failed."""
    pip = [os.path.join(beside, "bin", "python"), "-B", "-I", "-m", "pip"]
    env = process.environment({"VIRTUAL_ENV": beside})
    process.run(
        [*pip, "install", "--no-input", "--no-compile", "--requirement", requirements],
        cwd=folder,
        env=env,
        timeout=1800,
        both=True,
    )
    process.run([*pip, "check"], cwd=folder, env=env)
    point_scripts(beside, live)


def point_scripts(beside: str, live: str) -> None:
    """Scripts in `beside`/bin that name `beside` name `live` afterwards. The files are replaced, never written over:
    the live virtualenv shares them."""
    folder = os.path.join(beside, "bin")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        data = files.read(path) or b""
        if data.startswith(b"#!") and beside.encode() in data[:512]:
            files.rewrite(path, data.replace(beside.encode(), live.encode()))


def exchange(one: str, other: str) -> None:
    """Exchanges the names of two folders in one step where the kernel can (renameat2(2)); else by three renames."""
    libc = process._LIBC
    if libc is not None and hasattr(libc, "renameat2"):
        done = libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), ctypes.c_uint(RENAME_EXCHANGE))
        if done == 0:
            return
    middle = other + MOVING
    os.rename(other, middle)
    os.rename(one, other)
    os.rename(middle, one)


def finish_exchange(beside: str, live: str) -> None:
    """Ends an exchange by renames that was cut off: `live` is there again, and what was replaced is `beside`."""
    if is_half_exchanged(live):
        os.rename(live + MOVING, beside if os.path.isdir(live) else live)


def is_half_exchanged(live: str) -> bool:
    """True where an exchange by renames was cut off: until it is ended, there may be nothing in the live place."""
    return os.path.isdir(live + MOVING)


def mark(folder: str, name: str) -> None:
    """Writes into a virtualenv whose it is, so that it can be told apart after an exchange."""
    files.write_shared(os.path.join(folder, "slipway-release"), name.encode())


def marked(folder: str) -> str | None:
    """The name that `mark` wrote, or None."""
    data = files.read(os.path.join(folder, "slipway-release"))
    return data.decode() if data is not None else None


def discard(folder: str) -> None:
    """Removes a copy; nothing to do where there is none."""
    if os.path.isdir(folder):
        shutil.rmtree(folder)


def is_satisfied(python: str, requirements: str) -> bool:
    """True where a dry run of pip finds nothing to install for the file `requirements`."""
    pip = [python, "-B", "-I", "-m", "pip", "install", "--dry-run", "--no-input", "--quiet", "--report", "-"]
    try:
        report = json.loads(process.run([*pip, "--requirement", requirements], timeout=600) or "{}")
    except (process.Failed, ValueError):
        return False
    return not report.get("install")
