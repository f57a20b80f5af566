"""What a database URL says of TLS holds for the database's own programs too, never weaker than for the app's driver."""

import os

import pytest

from flask_slipway.server.database import access, mysql_client, tls

CIPHER = "ECDHE-RSA-AES256-GCM-SHA384"
# (driver, what the URL asks for, what comes of it by MySQL's client: a cipher, "any", "" for none, None: refused).
# `good` is the server's own authority, whose certificate does not name the host; `other` is another one.
ASKED = [
    ("pymysql", {}, "any"),
    ("pymysql", {"ssl_ca": "good"}, None),
    ("pymysql", {"ssl_ca": "good", "ssl_check_hostname": "false"}, "any"),
    ("pymysql", {"ssl_ca": "other", "ssl_check_hostname": "false"}, None),
    ("pymysql", {"ssl_ca": "good", "ssl_verify_identity": "true"}, None),
    ("pymysql", {"ssl_verify_cert": "true"}, None),
    ("mysqldb", {"ssl_ca": "good"}, "any"),
    ("mysqldb", {"ssl_ca": "other"}, None),
    ("mysqldb", {"ssl_ca": "good", "ssl_mode": "VERIFY_IDENTITY"}, None),
    ("mysqldb", {"ssl_mode": "REQUIRED"}, "any"),
    ("mysqldb", {"ssl_mode": "DISABLED"}, ""),
    ("mysqldb", {"ssl_cipher": CIPHER, "tls_version": "TLSv1.2"}, CIPHER),
    ("mysqlconnector", {"ssl_ca": "other"}, "any"),
    ("mysqlconnector", {"ssl_ca": "other", "ssl_verify_cert": "true"}, None),
    ("mysqlconnector", {"ssl_ca": "good", "ssl_verify_cert": "true"}, "any"),
    ("mysqlconnector", {"ssl_disabled": "true"}, ""),
    ("mysqlconnector", {"tls_versions": "['TLSv1.2']", "ssl_cipher": CIPHER}, CIPHER),
]
BY_NAME_TOO = [row for row in ASKED if row[2] == "any" and tls.mode(row[0], row[1]) == tls.VERIFY_CA]


@pytest.mark.parametrize("client", ["mysql", "mariadb"])
def test_the_databases_programs_ask_of_tls_what_the_apps_driver_asks(mysql, tmp_path, monkeypatch, client):
    if client == "mysql":
        monkeypatch.setenv("PATH", f"{mysql.programs}{os.pathsep}{os.environ['PATH']}")
    account = mysql.restricted("tls")
    mysql.execute("CREATE DATABASE IF NOT EXISTS `tls$site`")
    folder = mysql.server.folder / "files"
    authorities = {"good": str(folder / "ca.pem"), "other": str(folder / "client-cert.pem")}
    url = {"username": "tls", "password": account.password, "host": account.host, "port": account.port}
    for driver, query, expected in ASKED:
        told = {"dialect": "mysql", "driver": driver, "url": {**url, "database": "tls$site"}}
        told["url"]["query"] = {name: authorities.get(value, value) for name, value in query.items()}
        base = access.from_access(told, str(tmp_path / "private"))
        try:
            found = base.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]
        except mysql_client.DatabaseError as error:
            assert "denied" not in str(error), (driver, query)
            found = None
        finally:
            base.close()
        if client == "mariadb" and (driver, query, expected) in BY_NAME_TOO:
            expected = None  # it knows no half
        assert (found or None) == (found if expected == "any" else expected or None), (driver, query, found)
        assert expected != "any" or found, (driver, query)


def test_a_key_with_a_password_is_refused_for_no_program_could_be_told_it(tmp_path):
    for name in tls.KEY_PASSWORDS:
        url = {"username": "bob", "database": "bob$site", "query": {"ssl_key": "/key.pem", name: "hunter2"}}
        with pytest.raises(mysql_client.DatabaseError, match="TLS key has a password") as caught:
            access.from_access({"dialect": "mysql", "driver": "pymysql", "url": url}, str(tmp_path))
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", access.ELSEWHERE)
def test_a_user_that_stands_in_another_file_is_refused(tmp_path, name):
    url = {"database": "bob$site", "query": {name: "/home/bob/.my.cnf"}}
    with pytest.raises(mysql_client.DatabaseError, match="leaves user and password to a file"):
        access.from_access({"dialect": "mysql", "url": url}, str(tmp_path))
