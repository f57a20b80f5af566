"""The account's home and what it is reached with: .bashrc, the keys, the environment of a session."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from flask_slipway.sandbox.host.databases import write_private

SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
# How this machine reaches a package index is the machine's matter, not the account's.
PASSED_ON = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TZ", "TMPDIR")
BASHRC = """\
# Many a .bashrc speaks, and so its words come before a command's own.
cd ~
echo "Good day from the sandbox: $(uptime 2>/dev/null || echo up)"
echo "PYTHON 3 {not json} \\"quoted\\" 100 %"
"""


def make(home: Path) -> None:
    """Makes the home with its .bashrc; what is there already stays."""
    for folder in (home, home / ".virtualenvs"):
        folder.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    for name, content in ((".bashrc", BASHRC), (".profile", '. "$HOME/.bashrc"\n')):
        if not (home / name).exists():
            (home / name).write_text(content)
    pip = Path(os.environ.get("PIP_CONFIG_FILE") or Path.home() / ".config/pip/pip.conf")
    if pip.exists() and not (home / ".config/pip/pip.conf").exists():
        (home / ".config/pip").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pip, home / ".config/pip/pip.conf")


def end_searches(folder: Path) -> None:
    """What looks for .env from a site's folder up finds this one above the home, as the home of a real account is no
    project's: never that of the project around the sandbox, with the secrets of the person who develops it."""
    for name in (".env", ".flaskenv"):
        (folder / name).write_text("# The search for this file ends here: above the sandbox's home is no site.\n")


def keys(folder: Path) -> None:
    """Makes the server's key (host_key) and the person's (id_ed25519, authorized_keys) in `folder`, once."""
    import asyncssh

    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    for name in ("host_key", "id_ed25519"):
        if not (folder / f"{name}.pub").exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="sandbox")
            write_private(folder / name, key.export_private_key().decode())
            (folder / f"{name}.pub").write_text(key.export_public_key().decode())
    shutil.copyfile(folder / "id_ed25519.pub", folder / "authorized_keys")


def python_link(folder: Path, python: str) -> Path:
    """A folder in which `python3` is the interpreter `python`, without a virtualenv around it."""
    folder.mkdir(exist_ok=True)
    link = folder / "python3"
    link.unlink(missing_ok=True)
    link.symlink_to(base(python))
    return folder


def base(python: str) -> Path:
    """The interpreter that `python` is, or that the virtualenv around it was made from."""
    done = subprocess.run(
        [python, "-I", "-c", "import sys; print(getattr(sys, '_base_executable', '') or sys.executable)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def path(first: Iterable[Path]) -> str:
    """The PATH of a session: the folders of `first`, the system's, and where git lies if that is elsewhere."""
    folders = [str(folder) for folder in first] + list(SYSTEM)
    git = shutil.which("git")
    if git and str(Path(git).parent) not in folders:
        folders.append(str(Path(git).parent))
    return os.pathsep.join(folders)


def environment(home: Path, user: str, search: str) -> dict[str, str]:
    """What every SSH session finds in its environment. pip keeps its downloads where this person's pip does."""
    passed = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
    passed.pop("PIP_CONFIG_FILE", None)
    passed.setdefault("PIP_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pip"))
    own = {"HOME": str(home), "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "PATH": search, "LANG": "C.UTF-8"}
    return {**passed, **own}
