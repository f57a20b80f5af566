"""The real sshd as the sandbox's SSH server: own configuration, own port, run by whoever starts it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from flask_slipway.errors import WrongUse

INSTALL = "apt-get install openssh-server"
SEPARATION = Path("/run/sshd")  # where sshd, started as root, locks its unprivileged part in


def program() -> Path:
    """sshd's absolute path (it refuses another). Raises WrongUse where it is missing."""
    found = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        raise WrongUse(
            "There is no sshd on this machine", next=[INSTALL, "or use the embedded server, ssh=embedded"], changed=True
        )
    return Path(found)


def command(folder: Path, port: int, user: str, environment: Mapping[str, str]) -> list[str]:
    """Writes sshd's configuration into `folder`, which holds host_key and authorized_keys; returns its command."""
    if os.geteuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    configuration = folder / "sshd_config"
    settings = " ".join(_quoted(f"{name}={value}") for name, value in environment.items())
    configuration.write_text(
        f"""ListenAddress 127.0.0.1
Port {port}
HostKey {_quoted(str(folder / "host_key"))}
AuthorizedKeysFile {_quoted(str(folder / "authorized_keys").replace("%", "%%"))}
AllowUsers {_quoted(user)}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 100
MaxSessions 100
PidFile none
Subsystem sftp internal-sftp
SetEnv {settings}
"""
    )
    return [str(program()), "-D", "-e", "-f", str(configuration)]


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
