"""What looks like a secret, and what only stands for one. The specimens are put together here, so that no line of this
file looks like one."""

from __future__ import annotations

import pytest

from flask_slipway.project import secret_patterns, secret_scan

KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
WORD = "a1B2c3D4e5F6g7H8i9J0"

TOKENS = {
    "AWS": "AK" + "IAABCDEFGHIJKLMNOP",
    "Anthropic": "sk-" + f"ant-api03-{WORD}",
    "GitHub": "gh" + "p_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_" + "pat_" + WORD * 3,
    "GitLab": "gl" + f"pat-{WORD}",
    "Google": "AI" + f"za{WORD}abcdefghijklmno",
    "Mailgun": "ke" + "y-" + "0f3c61e9" * 4,
    "OpenAI": "sk-" + f"proj-{WORD * 3}T3BlbkFJ{WORD * 3}",
    "PyPI": "pypi-" + f"AgEIcHlwaS5vcmc{WORD * 4}",
    "SendGrid": "SG" + f".{WORD}aa.{WORD * 2}abc",
    "Slack": "xo" + "xb-123456789012-abcdefABCDEF",
    "Stripe": "sk_" + f"live_{WORD}abcd",
    "Stripe, restricted": "rk_" + f"live_{WORD}abcd",
    "Telegram": "123456789:" + "AA" + f"{WORD}abcdefghijklm",
    "Twilio": "S" + "K" + "0f3c61e9" * 4,
}

SECRETS = [
    ("keys.pem", KEY, "a private key"),
    ("keys.pem", "-----BEGIN " + "PRIVATE KEY-----", "a private key"),
    ("app.py", "URL = 'mysql+pymysql://bob:k8dj3ks@bob.mysql.example/db'", "a password in a URL"),
    ("app.py", "URL = 'postgres://ann:swordfish@db.example.org/shop'", "a password in a URL"),
    ("app.py", "URL = 'redis://:k8dj3ks@cache.example.org/0'", "a password in a URL"),
    ("app.py", 'DB_PASSWORD = "k8dj3ksl"', "a secret's value"),
    ("app.py", 'DB_PASSWORD = "Contest2024xyz"', "a secret's value"),
    ("app.py", "SECRET_KEY = b'f00b4rf00b4r'", "a secret's value"),
    ("app.py", 'PASSWORD: str = "k8dj3ksl"', "a secret's value"),
    ("app.py", 'SECRET_KEY: bytes | None = b"f00b4rf00b4r"', "a secret's value"),
    ("app.py", "app.config['SECRET_KEY'] = 'f00b4rf00b4r'", "a secret's value"),
    ("app.py", "connect(host, password='k8dj3ksl')", "a secret's value"),
    ("app.py", "MAIL_PASS = 'k8dj3ksl'", "a secret's value"),
    ("app.py", "MAIL_PASS = 'k8d(j3ksl'", "a secret's value"),
    ("app.ini", "STORAGE=AccountName=shop;AccountKey=" + "a1B2c3D4e5" * 8 + "a1B2c3==", "a token"),
    ("app.js", "const stripeApiKey = '9f8e7d6c5b4a';", "a secret's value"),
    ("app.json", '"api_key": "9f8e7d6c5b4a"', "a secret's value"),
    ("app.ini", "password = k8dj3ksl", "a secret's value"),
    ("app.yaml", "  password: k8dj3ksl  # of the shop", "a secret's value"),
    ("compose.yml", "  - MYSQL_PASSWORD=k8dj3ksl", "a secret's value"),
    (".env.example", "SECRET_KEY=f00b4rf00b4r", "a secret's value"),
    ("deploy/start.sh", "export API_TOKEN=f00b4rf00b4r", "a secret's value"),
    ("keys.asc", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----", "a private key"),
    ("app.py", 'DB_PSWD = "k8dj3ksl"', "a secret's value"),
    ("app.py", 'DB_PW = "k8dj3ksl"', "a secret's value"),
    ("app.py", 'DB_PASSWORD_PROD = "k8dj3ksl"', "a secret's value"),
    ("app.py", 'SECRET_KEY2 = r"f00b4rf00b4r"', "a secret's value"),
    ("app.py", 'DB_KEY = """f00b4rf00b4r"""', "a secret's value"),
    ("app.py", 'SECURITY_PASSWORD_SALT = "f00b4rf00b4r"', "a secret's value"),
    ("app.py", 'SECRET_KEY = os.environ.get("SECRET_KEY", "f00b4rf00b4r")', "a secret's value"),
    ("app.py", 'SECRET_KEY = os.environ.get("SECRET_KEY") or "f00b4rf00b4r"', "a secret's value"),
    ("app.py", 'KEY = config("SECRET_KEY", default="f00b4rf00b4r")', "a secret's value"),
    ("app.py", 'if password == "k8dj3ksl":', "a secret's value"),
    ("app.py", 'if "k8dj3ksl" == form.password:', "a secret's value"),
    ("app.py", 'PASSWORD = ("k8dj3ksl"', "a secret's value"),
    ("app.py", 'DSN = "Driver={x};Server=y;Uid=bob;Pwd=k8dj3ksl;"', "a secret's value"),
    ("app.py", 'headers = {"Authorization": "Bearer a1B2c3D4e5F6g7H8i9J0"}', "a secret's value"),
    ("app.js", "const password = process.env.PASSWORD || `k8dj3ksl`", "a secret's value"),
    ("users.sql", "CREATE USER bob IDENTIFIED BY 'k8dj3ksl';", "a secret's value"),
    (".flaskenv", "SECRET_KEY=f00b4rf00b4r", "a secret's value"),
    (".envrc", "export SECRET_KEY=f00b4rf00b4r", "a secret's value"),
    (".env.example~", "SECRET_KEY=f00b4rf00b4r", "a secret's value"),
    ("app.ini.bak", "password = k8dj3ksl", "a secret's value"),
    (".bashrc", "export DB_PASSWORD=k8dj3ksl", "a secret's value"),
    ("Procfile", "web: SECRET_KEY=f00b4rf00b4r gunicorn app:app", "a secret's value"),
    ("compose.yml", '  - "MYSQL_PASSWORD=k8dj3ksl"', "a secret's value"),
    ("compose.yml", "  MYSQL_PASSWORD: ${MYSQL_PASSWORD:-k8dj3ksl}", "a secret's value"),
]

CLEAN = [
    ("bootstrap.js", "  var DATA_API_KEY = '.data-api';"),
    ("tox.ini", "STORAGE=AccountName=devstoreaccount1;AccountKey=" + "Eby8vdM02xNOcqFl" + "a1B2c3D4e5" * 7 + "=="),
    ("app.js", "password: 'get_it(shop.db_1)'"),
    ("app.ini", "password = get_it(shop_1"),
    ("deploy.yml", "AWS_ACCESS_KEY_ID: AK" + "IAIOSFODNN7EXAMPLE"),  # those of all of AWS's manuals
    ("deploy.yml", "AWS_SECRET_ACCESS_KEY: wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"),
    ("app.py", "password = os.environ['PASSWORD']"),
    ("app.py", 'SECRET_KEY = config("SECRET_KEY_OF_SHOP_1")'),
    ("app.py", 'password = "${DB_PASSWORD}"'),
    ("app.py", 'password = "change-me-please"'),
    ("app.py", 'SECRET_KEY = "changeme"'),
    ("app.py", 'SECRET_KEY = "your-secret-here"'),
    ("app.py", 'SECRET_KEY = "dev-only-7"'),
    ("app.py", 'SECRET_KEY = "supersecretkey1"'),
    ("app.py", 'SECRET_KEY = "development-testing-key-42"'),
    ("app.py", 'PASSWORD = "************"'),
    ("app.py", 'SECRET_KEY = ""'),
    ("app.py", "token = 'Authorization'"),
    ("app.py", "token: str | None = None"),
    ("app.py", 'PRIVATE_KEY = "/etc/keys/site_1.pem"'),
    ("app.py", 'password_hash = db.Column(db.String(128), default="pbkdf2:sha256:1")'),
    ("app.py", "mysql+pymysql://USER:PASSWORD@USER.mysql.example/USER$db"),
    ("app.py", "url = f'mysql://{user}:{password}@{host}/x'"),
    ("app.py", "url = 'postgresql://postgres:postgres@localhost/shop'"),
    ("app.py", "SECRET_KEY = 'f00b4rf00b4r'  # not a secret"),
    ("app.py", "https://www.example.org:8000/@name"),
    ("app.py", "password = k8dj3ksl"),
    ("alembic.ini", "sqlalchemy.url = driver://user:pass@localhost/dbname"),
    ("app.ini", "password = %(DB_PASSWORD)s"),
    ("app.yaml", "password: *password_1"),
    ("app.yaml", "token: https://www.example.org/token/1"),
    ("app.yaml", "secret_name: shop-database-1"),
    ("deploy.yml", "password: ${{ secrets.DB_PASSWORD }}"),
    (".env.example", "SECRET_KEY="),
    (".env.example", "SECRET_KEY=your-secret-key-1"),
    ("tests/test_app.py", 'PASSWORD = "k8dj3ksl"'),
    ("app.py", 'SECRET_KEY = os.environ.get("SECRET_KEY", "change-me-1")'),
    ("app.py", 'SECRET_KEY = os.environ.get("SECRET_KEY") or "dev-key-1"'),
    ("app.py", 'password_hash = get("password", None)'),
    ("app.py", 'if token == "access_token":'),
    ("app.py", 'fields = ["password", "password2", "created_at_1"]'),
    ("app.py", 'headers = {"Authorization": f"Bearer {token}"}'),
    ("app.py", "# Basic authentication"),
    ("app.py", 'token = request.args.get("token") or request.form["x-token-1"]'),
    ("users.sql", "CREATE USER bob IDENTIFIED BY '${DB_PASSWORD}';"),
    ("compose.yml", "  MYSQL_PASSWORD: ${MYSQL_PASSWORD:?}"),
    (".envrc", "layout python3"),
    ("deploy.sh", 'mysql --password="$PASSWORD" shop'),
]


@pytest.mark.parametrize("service", TOKENS)
def test_a_token_is_known_by_its_form(service):
    assert secret_patterns.of_line(f"x = '{TOKENS[service]}'") == "a token"
    assert list(secret_scan.in_lines("tests/test_it.py", [(1, TOKENS[service])])) != []


@pytest.mark.parametrize(("path", "line", "why"), SECRETS, ids=[row[1] for row in SECRETS])
def test_a_line_with_a_secret_is_found(path, line, why):
    assert [found.why for found in secret_scan.in_lines(path, [(1, line)])] == [why]


@pytest.mark.parametrize(("path", "line"), CLEAN, ids=[row[1] for row in CLEAN])
def test_what_only_stands_for_a_secret_stops_nothing(path, line):
    assert list(secret_scan.in_lines(path, [(1, line)])) == []


def test_a_long_line_is_looked_at_and_one_that_no_person_wrote_is_not():
    line = 'DB_PASSWORD = "k8dj3ksl"'
    assert secret_patterns.of_line("1" * 9_900 + " " + line) == "a secret's value"
    assert secret_patterns.of_line("1" * 10_000 + line) is None


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [(".env", True), ("src/.env", True), (".env.production", True), ("prod.env", True), ("id_ed25519", True),
     (".env~", True), (".env_backup", True), (".env-prod", True), (".env2", True), ("prod.env.bak", True),
     ("#.env#", True), (".env.swp", True), (".pypirc~", True), (".git-credentials", True),
     ("site.p12", True), (".mylogin.cnf", True),
     (".envrc", False), (".environment", False), (".env.example.bak", False), ("key.pem", False),
     (".env.example", False), (".flaskenv", False), ("env.py", False), ("id_ed25519.pub", False)],
)  # fmt: skip
def test_a_file_is_judged_by_its_name(path, is_secret):
    assert (secret_scan.of_name(path) is not None) == is_secret


def test_a_secret_is_told_by_file_and_line_and_never_by_value(tmp_path):
    value = "k8dj3" + "ksl"
    line = "PASS" + f'WORD = "{value}"'
    (tmp_path / "config.py").write_text(f"import sys\nimport os\n{line}\n")
    found = list(secret_scan.in_file(tmp_path, "config.py", b"import os\n"))
    assert [str(secret) for secret in found] == ["config.py, line 3: a secret's value"]
    assert value not in repr(found)
    assert list(secret_scan.in_file(tmp_path, "config.py", f"{line}\n".encode())) == []
    (tmp_path / "config.py").write_text(f"{line}\n{line}\n")
    assert len(list(secret_scan.in_file(tmp_path, "config.py", f"{line}\n".encode()))) == 1
