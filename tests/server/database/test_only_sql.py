"""The database's own programs do what we tell them, and nothing else: whatever a dump holds, it is SQL; whatever else
lies in the account's home or environment, they reach the site's database."""

import contextlib
import io
import os

import pytest

from flask_slipway.server.backup import compress, make, store
from flask_slipway.server.backup.restore import Restorer
from flask_slipway.server.database import mysql_client, mysql_dump
from flask_slipway.server.lib import files
from support import login_path

ABOUT = {"site": "prod", "domain": "www.example.org", "commit": "c" * 40, "task": "backup"}

# Commands of a client's own, of MySQL's or MariaDB's, as a planted dump may hold them; {m} must not be made, and {f}
# holds SQL that must not run.
COMMANDS = (
    "\\! touch {m}\n",
    "-- Table structure for table `x\n\\! touch {m}\n`\n",
    "SELECT 1 \\! touch {m}\n;\n",
    "/*!50003 \\! touch {m} */;\n",
    "/*M!999999\\- enable the sandbox mode */\n\\! touch {m}\n",
    "/*!999999\\- enable the sandbox mode */\n\\! touch {m}\n",
    "system touch {m}\n",
    "system touch {m};\n",
    "DELIMITER ;;\n\\! touch {m}\n;;\nDELIMITER ;\n",
    "delimiter \\!\nSELECT 1\\! touch {m}\n\\!\n",
    "DELIMITER system\nsystem touch {m}\n",
    "source {f}\n",
    "source {f};\n",
    "\\. {f}\n",
    "SELECT 1 \\. {f}\n;\n",
    "tee {m}\nSELECT 1;\n",
    "\\T {m}\nSELECT 1;\n",
    "pager touch {m}\nSELECT 1;\n",
    "\\P touch {m}\nSELECT 1;\n",
    "edit\n",
    "\\e\n",
    "\\r mysql\nCREATE TABLE ran (n INT);\n",
    "LOAD DATA LOCAL INFILE '{f}' INTO TABLE notes;\n",
)


@pytest.fixture(params=["own", "other"])
def either_client(request, served, monkeypatch):
    """The site on a server, reached by that server's own client, and by the one that comes first on the PATH."""
    if request.param == "other":
        if served.server.programs is None:
            pytest.skip("there is no other client")
        folders = os.environ["PATH"].split(os.pathsep)
        monkeypatch.setenv("PATH", os.pathsep.join(path for path in folders if path != str(served.server.programs)))
    return served


def test_a_dump_is_sql_whatever_it_holds(either_client, tmp_path, monkeypatch):
    base, mark, file = either_client.base, tmp_path / "mark", tmp_path / "file"
    monkeypatch.setenv("EDITOR", f"touch {mark};")
    base.rows("CREATE TABLE notes (text VARCHAR(200))")
    file.write_text("CREATE TABLE ran (n INT);\n")
    for command in COMMANDS:
        lines = command.format(m=mark, f=file).encode().splitlines(keepends=True)
        with contextlib.suppress(mysql_client.DatabaseError):
            mysql_dump.load(base.options, lines, base.name)
        assert not mark.exists(), command
        assert base.counts() == {"notes": 0}, command


def test_the_first_line_of_mariadbs_dumps_is_loaded_by_every_client(either_client):
    base = either_client.base
    for number, sign in enumerate((b"M!", b"!")):
        first = b"/*%s999999\\- enable the sandbox mode */ \n" % sign
        mysql_dump.load(base.options, [first, b"CREATE TABLE t%d (n INT);\n" % number], base.name)
    assert base.tables() == ["t0", "t1"]


def test_a_planted_backup_runs_nothing_and_replaces_nothing(served, tmp_path):
    served.fill()
    folder, mark = tmp_path / "backups", tmp_path / "mark"
    manifest = make.make(served.base, str(folder), ABOUT, fenced=True)
    path = store.path_of(str(folder), manifest)
    way = compress.for_file(path)
    with way.reader(path) as dump:
        lines = dump.read().replace(b"CREATE TABLE `parents`", b"\\! touch %s\nCREATE TABLE `parents`" % bytes(mark))
    with way.writer(path) as planted:
        planted.write(lines)
    manifest |= {"bytes": os.path.getsize(path), "sha256": files.sha256_file(path)}
    served.execute("DELETE FROM children WHERE id = 1")
    standing = served.base.contents()
    with pytest.raises(mysql_client.DatabaseError):
        Restorer(served.base, str(folder), "ab12r", lambda what, **words: None).put_back(manifest)
    assert not mark.exists()
    assert served.base.contents() == standing


def test_neither_a_login_path_nor_the_environment_leads_elsewhere(served, tmp_path, monkeypatch):
    other = served.server.restricted("elsewhere")
    served.server.execute("CREATE DATABASE IF NOT EXISTS `elsewhere$site`")
    login = {"user": other.user, "password": other.password, "host": "127.0.0.1", "database": "elsewhere$site"}
    login_path.write(tmp_path / ".mylogin.cnf", **login)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MYSQL_PWD", "of-another")
    served.base.close()
    user = served.base.url["username"]
    assert served.base.rows("SELECT CURRENT_USER(), DATABASE()") == [[f"{user}@%", served.base.name]]
    served.fill()
    dump = io.BytesIO()
    mysql_dump.write(served.base.options, served.base.name, dump, mysql_dump.Wanted())
    scratch = served.base.scratch_name("x")
    served.base.create(scratch)
    mysql_dump.load(served.base.options, dump.getvalue().splitlines(keepends=True), scratch)
    assert served.base.at(scratch).counts() == served.base.counts()
