"""Option files: whatever a password holds, the real clients read it back, and log in with it."""

import os
import shutil
import stat
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flask_slipway.server.database import access, mysql_client
from flask_slipway.server.lib import files
from support import servers

PASSWORDS = st.text(
    st.one_of(
        st.sampled_from("'\"\\ #%$;=[]!`nrtsb0"),
        st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"),
    ),
    min_size=1,
    max_size=20,
)
AWKWARD = "it's \"$HOME\" \\ 100% #1; [client] = é漢 \\n\\s`!' "


@pytest.fixture(scope="module")
def read_back():
    """What MariaDB's or MySQL's clients read in an option file: a function of its path, text of --name=value lines."""
    program = shutil.which("my_print_defaults")
    if program is None:
        servers.missing("my_print_defaults", "apt-get install mariadb-client-core")
    show = ["--show"] if b"--show" in subprocess.run([program, "--help"], capture_output=True).stdout else []

    def read(path):
        line = [program, f"--defaults-file={path}", *show, "client"]
        return subprocess.run(line, capture_output=True, check=True).stdout.decode()

    return read


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(PASSWORDS)
@example(AWKWARD)
@example("\\")
@example("'")
@example('"')
@example("\\'")
@example("#")
@example(" ")
@example("\n\r\t\x08")
@example("100%")
@example("ends in a backslash\\")
def test_any_password_is_read_back_by_the_real_client(read_back, tmp_path, password):
    path = str(tmp_path / "client.cnf")
    url = {"username": "bob", "password": password, "host": "127.0.0.1", "port": 3307, "database": "bob$site"}
    files.write(path, mysql_client.option_file(url).encode())
    told = f"--user=bob\n--password={password}\n--host=127.0.0.1\n--port=3307\n--protocol=TCP\n"
    assert read_back(path) == told


def test_nothing_in_a_url_can_add_an_option(read_back, tmp_path):
    path = str(tmp_path / "client.cnf")
    url = {"username": "bob\ninit-command=DROP", "password": 'x"\n[client]\nplugin-dir=/tmp', "host": "h\n!include /x"}
    files.write(path, mysql_client.option_file(url).encode())
    told = '--user=bob\ninit-command=DROP\n--password=x"\n[client]\nplugin-dir=/tmp\n--host=h\n!include /x\n'
    assert read_back(path) == told + "--port=3306\n--protocol=TCP\n"


def test_a_socket_is_used_where_the_url_names_one(read_back, tmp_path):
    path = str(tmp_path / "client.cnf")
    url = {"username": "bob", "password": None, "query": {"unix_socket": "/run/my sql.sock"}}
    files.write(path, mysql_client.option_file(url).encode())
    assert read_back(path) == "--user=bob\n--host=localhost\n--socket=/run/my sql.sock\n"


@pytest.mark.parametrize("dialect", ["mariadb", "mysql"])
def test_an_awkward_password_logs_in_and_is_in_no_argument_list(dialect, request, tmp_path, monkeypatch):
    server = request.getfixturevalue(dialect)
    if server.programs:
        monkeypatch.setenv("PATH", f"{server.programs}{os.pathsep}{os.environ['PATH']}")
    user, password = "awkward", AWKWARD.strip()
    server.execute(
        f"SET NAMES utf8mb4; CREATE USER '{user}'@'%' IDENTIFIED BY {mysql_client.literal(password)};"
        f"GRANT ALL ON `{user}$%`.* TO '{user}'@'%'; CREATE DATABASE `{user}$site`;"
    )
    url = {"username": user, "password": password, "host": server.host, "port": server.port}
    base = access.from_access(
        {"dialect": "mysql", "url": dict(url, database=f"{user}$site", query={})}, str(tmp_path / "private")
    )
    try:
        assert base.rows("SELECT CURRENT_USER()")[0][0].startswith(user)
        pid = base._session.child.pid
        arguments = files.read(f"/proc/{pid}/cmdline") + files.read(f"/proc/{pid}/environ")
        assert password.encode() not in arguments and b'HOME" \\' not in arguments
        assert stat.S_IMODE(os.stat(base.options).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(tmp_path / "private").st_mode) == 0o700
    finally:
        base.close()


@pytest.mark.parametrize("dialect", ["mariadb", "mysql"])
def test_a_wrong_password_is_told_in_the_servers_words_without_the_password(dialect, request, tmp_path, monkeypatch):
    server = request.getfixturevalue(dialect)
    if server.programs:
        monkeypatch.setenv("PATH", f"{server.programs}{os.pathsep}{os.environ['PATH']}")
    account = server.restricted("wrong")
    url = {"username": "wrong", "password": "not-it-at-all", "host": account.host, "port": account.port}
    base = access.from_access({"dialect": "mysql", "url": dict(url, database="wrong$site")}, str(tmp_path / "private"))
    with pytest.raises(mysql_client.DatabaseError, match="Access denied") as caught:
        base.identity()
    base.close()
    assert caught.value.code == 1045
    assert "not-it" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12),
        min_size=1,
        max_size=4,
    )
)
@example(["\\n", "\n", "\t", "\\", "'", "';--", "NULL", ""])
def test_any_text_comes_back_through_a_session_as_it_was(mariadb, values):
    base = session_of(mariadb)
    assert base.rows("SELECT " + ", ".join(map(mysql_client.literal, values))) == [values]


made = []


def session_of(server):
    if not made:
        url = {"username": server.user, "password": server.password, "host": server.host, "port": server.port}
        folder = files.folder(str(server.server.folder / "client"))
        made.append(access.from_access({"dialect": "mysql", "url": dict(url, database=server.database())}, folder))
    return made[0]


@pytest.fixture(scope="module", autouse=True)
def sessions_end():
    yield
    for base in made:
        base.close()
