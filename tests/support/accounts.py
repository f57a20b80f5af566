"""A site of three users: the developer, the account that owns home, project and virtualenv and is logged in to, and the
one whose processes serve the public; who may read what the account shares with a group, and write the database. None of
them needs an entry in the system's list of users; only root can play them."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from flask_slipway.sandbox.host import home, processes
from flask_slipway.sandbox.host.processes import Process
from support import ROOT
from support.servers import lacking
from support.world import World, make_world

ACCOUNT, WEB, GROUP = 61001, 61002, 61003
UMASK = 0o027
PLAYED = {
    "ssh": {"user": ACCOUNT, "group": ACCOUNT, "extra_groups": [GROUP]},
    "web": {"user": WEB, "group": WEB, "extra_groups": [GROUP]},
}


def make(folder: Path) -> World:
    """The site and its laptop in `folder`, which other users can enter. Skips the test where they cannot be played."""
    if os.geteuid() != 0:
        lacking("only root can play other users")
    python = _interpreter()
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGNAME", "ann")
        patch.setattr(processes, "spawn", lambda command, log, **how: _spawn(folder, python, command, log, **how))
        made = make_world(folder, "sqlite", ssh="embedded")
    made.configure()
    made.reset_development()
    as_account(made, "git", "update-index", "-q", "--refresh", cwd=made.site.project)  # the owners are others now
    return made


def as_account(world: World, *line: str | Path, cwd: Path) -> None:
    """Runs a program as the account does in its own login."""
    tmp = world.folder / "tmp"
    env = {"HOME": str(world.site.home), "PATH": os.environ["PATH"], "TMPDIR": str(tmp), "PIP_CACHE_DIR": f"{tmp}/pip"}
    done = subprocess.run(line, cwd=cwd, env=env, umask=UMASK, capture_output=True, text=True, **PLAYED["ssh"])
    assert done.returncode == 0, done.stdout + done.stderr


def modes(folder: Path) -> dict[str, tuple[str, int, int]]:
    """{path: (mode, owner, group)} of all in `folder`, but for what Python compiled."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        if "__pycache__" not in path.parts:
            about = path.lstat()
            found[str(path.relative_to(folder))] = (oct(about.st_mode), about.st_uid, about.st_gid)
    return found


def _interpreter() -> Path:
    """A Python of this one's version that other users can start; this one itself may lie in a folder of root's."""
    own = home.base(sys.executable)
    version = "import sys; print('python%d.%d' % sys.version_info[:2])"
    name = subprocess.run([own, "-I", "-c", version], capture_output=True, text=True, check=True).stdout.strip()
    for path in (own, *(Path(folder) / name for folder in home.SYSTEM)):
        with contextlib.suppress(OSError):
            done = subprocess.run([path, "-I", "-c", version], cwd="/", capture_output=True, text=True, **PLAYED["ssh"])
            if done.stdout.strip() == name:
                return path
    lacking(f"other users can start no {name} here")
    raise AssertionError


def _spawn(folder: Path, python: Path, command: list[str], log: Path, *, cwd: Path, env: dict[str, str]) -> Process:
    """Starts the sandbox's SSH or web server as the user that it is played by."""
    name, settings = command[3].rpartition(".")[2], Path(command[4])
    if not (folder / "handed over").exists():
        _hand_over(folder / "site", python)
        (folder / "handed over").touch()
    _give([folder / "site/wall.json"], ACCOUNT, GROUP)  # it is written anew for each of them
    (folder / "site/wall.json").chmod(0o640)
    words = json.loads(settings.read_text())
    if name == "ssh":
        words["environment"] |= {"TMPDIR": str(folder / "tmp"), "PIP_CACHE_DIR": str(folder / "tmp/pip")}
    settings.write_text(json.dumps(words))
    os.chown(settings, PLAYED[name]["user"], -1)
    modules = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    env = {**env, "PYTHONPATH": modules, "TMPDIR": str(folder / "tmp"), "HOME": str(cwd)}
    with log.open("ab") as output:
        child = subprocess.Popen(
            [python, *command[1:]],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **PLAYED[name],
        )
    child.returncode = 0  # its end is watched by pid
    return Process(child.pid, processes.started(child.pid) or "")


def _hand_over(site: Path, python: Path) -> None:
    """Gives each its own, and the web server's user what the account shares with its group: all but `.slipway`."""
    project, virtualenvs = next(path for path in (site / "home").iterdir() if (path / ".git").exists()), ".virtualenvs"
    (site / "home/.bashrc").write_text(f"umask {UMASK:03o}\n" + (site / "home/.bashrc").read_text())
    for link in [site / "bin/python3", *(site / "home" / virtualenvs).glob("*/bin/python*")]:
        if os.path.isabs(os.readlink(link)):
            link.unlink()
            link.symlink_to(python)
    for settings in (site / "home" / virtualenvs).glob("*/pyvenv.cfg"):
        lines = settings.read_text().splitlines()
        settings.write_text("".join(f"home = {python.parent}\n" if "home =" in line else f"{line}\n" for line in lines))
    _give([site / "home", *(site / "home").rglob("*"), site / "ssh", *(site / "ssh").iterdir()], ACCOUNT, ACCOUNT)
    for shared in (project, site / "home" / virtualenvs, site / "www"):
        paths = [shared, *shared.rglob("*")]
        _give(paths, ACCOUNT, GROUP)
        for path in paths:
            if not path.is_symlink():
                own = stat.S_IMODE(path.stat().st_mode) & 0o700
                path.chmod(own | (own & 0o500) >> 3 | (stat.S_ISGID if path.is_dir() else 0))
    _give([site / "home"], ACCOUNT, GROUP)
    (site / "home").chmod(0o750)
    _give([site / "data", site / "data/site.sqlite"], ACCOUNT, GROUP)
    (site / "data").chmod(0o2770)
    (site / "data/site.sqlite").chmod(0o660)
    _give([site / "run", site / "log", *(site / "log").iterdir()], WEB, GROUP)
    site.chmod(0o755)


def _give(paths: list[Path], user: int, group: int) -> None:
    for path in paths:
        os.chown(path, user, group, follow_symlinks=False)
