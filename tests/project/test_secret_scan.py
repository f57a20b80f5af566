"""What looks like a secret, and what only stands for one. The specimens are put together here, so that no line of this
file looks like one."""

from __future__ import annotations

import pytest

from flask_slipway.project import secret_scan

KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (KEY, "a private key"),
        ("-----BEGIN " + "PRIVATE KEY-----", "a private key"),
        ("token: gh" + "p_" + "a1B2" * 9, "a token"),
        ("AK" + "IA" + "ABCDEFGHIJKLMNOP", "a token"),
        ("URL = 'mysql+pymysql://bob:" + "k8dj3ks@bob.mysql.example/db'", "a password in a URL"),
        ("DB_" + 'PASSWORD = "k8dj3ksl"', "a secret's value"),
        ("app.config['SECRET_" + "KEY'] = 'f00b4rf00b4r'", "a secret's value"),
        ("SECRET_" + "KEY = 'f00b4rf00b4r'", "a secret's value"),
        ('"api_' + 'key": "9f8e7d6c5b4a"', "a secret's value"),
        ("password = os.environ['PASSWORD']", None),
        ('password = "${DB_PASSWORD}"', None),
        ('password = "change-me-please"', None),
        ("mysql+pymysql://USER:PASSWORD@USER.mysql.example/USER$db", None),
        ("url = f'mysql://{user}:{password}@{host}/x'", None),
        ("SECRET_" + "KEY = 'f00b4rf00b4r'  # not a secret", None),
        ("https://www.example.org:8000/@name", None),
        ("SECRET_KEY=", None),
    ],
)
def test_a_line_is_judged(line, why):
    assert secret_scan.of_line(line) == why


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [(".env", True), ("src/.env", True), (".env.production", True), ("prod.env", True), ("id_ed25519", True),
     (".env.example", False), (".flaskenv", False), ("env.py", False), ("id_ed25519.pub", False)],
)  # fmt: skip
def test_a_file_is_judged_by_its_name(path, is_secret):
    assert (secret_scan.of_name(path) is not None) == is_secret


def test_a_diff_is_told_by_file_and_line_and_never_by_value():
    value = "k8dj3" + "ksl"
    line = "PASS" + f'WORD = "{value}"'
    diff = f"+++ b/app/config.py\n@@ -3,0 +4,2 @@\n+import os\n+{line}\n-{line}\n"
    found = list(secret_scan.in_diff(diff))
    assert [str(secret) for secret in found] == ["app/config.py, line 5: a secret's value"]
    assert value not in repr(found)
