"""The lines of docs/backups.md, typed as they stand: a backup is put back by the host's programs alone."""

import os
import re
import shutil
import sqlite3
import subprocess

from flask_slipway.server.backup import compress, make
from support import ROOT

DOCUMENT = ROOT / "docs" / "backups.md"
ABOUT = {"site": "prod", "domain": "www.example.com", "commit": "c" * 40, "task": "backup"}


def lines_of(dialect, **names):
    """The bash block of docs/backups.md for a kind of database, with the values of its first lines set to `names`."""
    blocks = re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    text = blocks[1 if dialect == "sqlite" else 0]
    for name, value in names.items():
        text, times = re.subn(rf"^{name}=.*$", f"{name}='{value}'", text, flags=re.M)
        assert times == 1, name
    return text


def test_a_backup_is_put_back_by_hand_as_the_document_says(site, tmp_path, monkeypatch):
    site.fill()
    home = tmp_path / "home"
    folder = home / ".slipway/backups/www.example.com"
    manifest = make.make(site.base, str(folder), ABOUT, fenced=True)
    sqlite = site.base.dialect == "sqlite"
    if sqlite:
        names = {"BESIDE": tmp_path / "beside.db"}
    else:
        account, host = site.base.url["username"], site.base.host
        names = {"ACCOUNT": account, "HOST": host, "BESIDE": f"{account}$beside"}
        site.execute(f"CREATE DATABASE `{account}$beside`")
        shutil.copy(site.base.options, home / ".my.cnf")
    text = lines_of(site.base.dialect, ID=manifest["id"], **names)
    if compress.best().suffix == "gz":
        text = text.replace("zstd -dc", "gzip -dc").replace(".zst", ".gz")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], env=os.environ | {"HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(manifest["sha256"]) == 2
    if sqlite:
        assert done.stdout.split()[-1] == "ok"
        with sqlite3.connect(names["BESIDE"]) as beside:
            counts = {name: beside.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in manifest["tables"]}
    else:
        assert done.stdout.split()[-1] == "1"
        counts = site.base.at(names["BESIDE"]).counts()
    assert counts == manifest["tables"]
