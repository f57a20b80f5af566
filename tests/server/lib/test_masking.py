"""Masking: a secret is in nothing that is told, however it was written there."""

import json
import re
import shlex
import subprocess
import sys
import urllib.parse

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flask_slipway.server.database import mysql_client
from flask_slipway.server.lib.masking import COVER, Mask, end_of
from support import ROOT

AWKWARD = st.text("XY'\"$\\ %@#:/&é漢\t", min_size=4, max_size=14).map(lambda text: f"X{text}Y")

FORMS = {
    "as it is": lambda s: s,
    "repr": repr,
    "repr within a text with both quotes": lambda s: repr(f'it\'s "{s}"'),
    "repr of bytes": lambda s: repr(s.encode()),
    "JSON": json.dumps,
    "JSON that keeps letters": lambda s: json.dumps(s, ensure_ascii=False),
    "JSON in JSON": lambda s: json.dumps({"output": json.dumps(s)}),
    "URL": lambda s: f"mysql://bob:{urllib.parse.quote(s)}@host/db",
    "URL, all": lambda s: f"mysql://bob:{urllib.parse.quote(s, safe='')}@host/db",
    "URL, plus": lambda s: f"mysql://bob:{urllib.parse.quote_plus(s)}@host/db",
    "URL, as SQLAlchemy writes it": lambda s: f"mysql://bob:{urllib.parse.quote(s, safe=' +')}@host/db",
    "URL, small letters": lambda s: re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(s, safe="")),
    "shell": shlex.quote,
    "bash's own": lambda s: "'" + s.replace("'", "'\\''") + "'",
    "SQL": lambda s: mysql_client.literal(s),
    "SQL, doubled quotes": lambda s: "'" + s.replace("'", "''") + "'",
    "option file": mysql_client.quoted,
    "for configparser": lambda s: s.replace("%", "%%"),
}


@pytest.mark.parametrize("form", FORMS)
@given(AWKWARD)
@example("Xit's $5 \\ 100% @#Y\"")
@example("pX@ss w'Yrd")
@example('tabX\thereY"s')
def test_a_secret_never_appears_in_masked_text_however_it_is_written(form, secret):
    mask = Mask()
    mask.add(secret)
    written = FORMS[form](secret)
    masked = mask.text(f"(2003) cannot reach <{written}> now")
    assert secret not in masked
    inner = masked.partition("<")[2].partition(">")[0]
    assert COVER in inner
    assert not set(inner.replace(COVER, "")) & set("XY$é漢"), "a part of the secret is left"


def events(text):
    """Events as a site tells them, each of their free texts `text`."""
    database = {"dialect": "mysql", "version": "9.7.0", "name": "ann$bankroll", "host": "ann.mysql.example.org"}
    held = {"who": "ann@laptop", "since": 1.5, "task": "release", "commit": "c" * 40, "run": "r1", "site": "production"}
    facts = {"fingerprint": "f" * 64, "commit": "c" * 40, "branch": "production", "changes": ["app/models.py"]}
    facts |= {"edits": [text], "own": {".env": "environment"}, "revisions": ["create_users"], "gate": "down"}
    facts |= {"requirements": {"requirements.txt": "a" * 64}, "wsgi": "b" * 64, "packages": None, "fence": "down"}
    facts |= {"database": {**database, "bytes": 1, "tables": 2, "rows": 3}, "fence_kind": "database", "unseen": text}
    facts |= {"scratch": True, "restore_blockers": [text, text], "load_seconds": 0.5, "lock": {**held, "alive": True}}
    facts |= {"interrupted": None, "last": {**held, "at": 1.5, "revision": "create_users"}, "backups": 3}
    facts |= {"other_database": text, "lacking": [text]}
    down = {"undone": [["create_users", text]], "target": "before", "losses": [text], "operations": [text]}
    way = {"pending": ["create_users"], "texts": [["create_users", text]], "commands": [[text]]}
    where = {"commit": "c" * 40, "revision": "create_users", "gate": "down", "fence": "down", "lock": None}
    end = {"event": "end", "code": 6, "outcome": "returned", "what": text, "cause": [text, text], "next": [text]}
    end |= {"where": {**where, "healthy": True}, "seconds": 1.5, "closed": None, "commit": "c" * 40, "data": {}}
    run = {"backup": "20261126T010203Z", "back": "rollback", "run": "r1", "gate_left_up": False, "kept": ["backup x"]}
    status = {**facts, "heads": ["create_users"], "texts": {"create_users": text}, "differences": [text]}
    status |= {"subject": text, "health": text, "guarantees": [text], "next": [text]}
    return [
        {"event": "facts", **facts, **way},
        {"event": "facts", **facts, **down, "target_commit": None},
        {"event": "facts", "fingerprint": "recover r1", "decision": "BACK", "reached": "swapping", "interrupted": held},
        {"event": "step", "step": "upgrade", "state": "failed", "text": text, "seconds": 0.5},
        {"event": "returning", "site": "production", "to": "ccccccc"},
        {"event": "rows", "title": None, "columns": ["task", "outcome"], "rows": [["release", "returned"]]},
        {"event": "say", "text": text},
        {"event": "text", "text": text},
        {"event": "follow", "path": "/home/ann/.slipway/sites/production/runs/r1/events.jsonl"},
        {**end, "data": run},
        {**end, "data": status},
        {**end, "data": {"url": "https://production.example.org/", "answer": text, "status": 200}},
    ]


def words_in(value):
    """Every text of a JSON value, keys too."""
    if isinstance(value, dict):
        return {*value, *(word for inner in value.values() for word in words_in(inner))}
    if isinstance(value, list):
        return {word for inner in value for word in words_in(inner)}
    return {value} if isinstance(value, str) else set()


STRUCTURE = sorted(word for word in words_in(events("t")) if "\n" not in word)
SETTINGS = ["DB_PASSWORD", "SECRET_KEY", "API_TOKEN", "AUTH_BACKEND", "PASSENGER_APP_ENV", "AUTH_HOOK", "DATABASE_URL"]


@given(
    st.lists(st.tuples(st.sampled_from(SETTINGS), st.sampled_from(STRUCTURE)), max_size=12),
    st.lists(st.sampled_from(STRUCTURE), max_size=3).map(" ".join),
)
@example([("AUTH_BACKEND", "database")], "x")
@example([("PASSENGER_APP_ENV", "production")], "x")
@example([("DB_PASSWORD", word) for word in STRUCTURE], "x")
def test_whatever_env_holds_the_structure_of_events_stays_and_their_free_text_is_masked(env, words):
    mask = Mask()
    mask.add_env("MAIL_PASSWORD=hush-hush-3\n" + "".join(f"{name}='{value}'\n" for name, value in env))
    text = f"cannot log in with hush-hush-3 {words}"
    assert "hush-hush-3" not in mask.text(text)
    assert [mask.event(event) for event in events(text)] == events(mask.text(text))


@pytest.mark.parametrize(
    "line",
    [
        "AUTH_BACKEND=database",
        "PASSENGER_APP_ENV=production",
        "AUTH_HOOK=before",
        "SECRET_KEY=dev",
        "AUTH_REQUIRED=true",
        "API_TOKEN=true",
        "API_TOKEN=healthy",
        "APP_SECRET=released",
        "DB_PASSWORD=production",
        "KEY_TABLE=comments",
        "TOKEN_BRANCH=main",
        "CACHE_KEY_PREFIX=stockroom",
        "SESSION_COOKIE_NAME=bankroll_session",
        "AUTH_CLASS=app.auth.DatabaseBackend",
        "TOKEN_LIFETIME=86400",
        "SECURITY_PASSWORD_HASH=bcrypt",
        "BASE_URL=https://www.example.com/shop",
        "DATABASE_URL=sqlite:////home/ann/site/app.db",
        "PASSWORD_FILE=/run/secrets/password",
    ],
)
def test_short_and_common_values_hide_nothing(line):
    mask = Mask()
    mask.add_env(line)
    value = line.partition("=")[2]
    assert mask.text(f"The {value} of {line}.") == f"The {value} of {line}."


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("DB_PWD=Summer77", "Summer77"),
        ("DB_PSWD=sunshine", "sunshine"),
        ("MAIL_PW=Summer77", "Summer77"),
        ("ADMIN_PIN=482915", "482915"),
        ("SLACK_WEBHOOK=https://hooks.example.com/services/T0000000A/xyz1AbCdEf9", "/services/T0000000A/xyz1AbCdEf9"),
        ("JWT_SIGNING=sign-me-99", "sign-me-99"),
        ("AUTH_COOKIE=c00kie-monster", "c00kie-monster"),
        ("AZURE_CONNECTION_STRING=Endpoint=sb://x;Password=hush12;Key=a", "hush12"),
        ("AZURE_CONNECTION_STRING=Endpoint=sb://x;SharedAccessKey=Zm9vYmFy", "Zm9vYmFy"),
        ("REPOSITORY=https://t0ken-12345@git.example.org/x.git", "t0ken-12345"),
        ("SEARCH=https://search.example.org/?api_key=q7w8e9&size=3", "q7w8e9"),
        ("BASIC_AUTH=ann:Summer77", "Summer77"),
        ("PART=Summer77\nDB_PASSWORD=x-${PART}", "Summer77"),
        ("DB_PASSWORD=${NOT_THERE:-Summer77}", "Summer77"),
        ("PART=one-77\nDB_PASSWORD=${PART}\nDB_PASSWORD=other-88", "one-77"),
        ("STORE=mysql://ann:${PART}@host/db\nPART=late\nPART2=x", "${PART}"),
        ("oauthClientSecret=sunshine", "sunshine"),
        ("DB_PASSWORD=sunshine", "sunshine"),
    ],
)
def test_whatever_a_secrets_name_is_called_and_wherever_it_stands_in_the_value_it_is_masked(line, secret):
    mask = Mask()
    mask.add_env(line)
    assert mask.text(f"it is '{secret}'.") == f"it is '{COVER}'."


def test_what_the_host_sets_completes_env_too():
    mask = Mask()
    mask.add_env("DB_PASSWORD=${FIRST}-tail\n", {"FIRST": "Summer77"})
    assert mask.text("not Summer77-tail") == f"not {COVER}"


def test_what_the_site_is_called_by_hides_nothing():
    """Covered, it would tell which of the words around it is the password."""
    mask = Mask()
    mask.add("bankroll")
    assert mask.text("database bankroll") == f"database {COVER}"
    mask.spare(["production", None, "bankroll"])
    assert mask.text("database bankroll") == "database bankroll"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("could not read Password for 'http://ghp_aBc123@host'", "could not read Password for 'http://••••@host'"),
        ("mysql://bob:old-pass@host/db, https://u:p@x", "mysql://bob:••••@host/db, https://u:••••@x"),
        ('    os.environ["MAIL_PASSWORD"] = "old-secret"', '    os.environ["MAIL_PASSWORD"] = "••••"'),
        ("os.environ.setdefault('API_TOKEN', 'old-55')", "os.environ.setdefault('API_TOKEN', '••••')"),
        ("{'api_key': 'old-55', 'user': 'ann'}", "{'api_key': '••••', 'user': 'ann'}"),
        ("DB_PASSWORD=old-55 python x.py?token=q7w8e9&a=1", "DB_PASSWORD=•••• python x.py?token=••••&a=1"),
    ],
)
def test_an_address_and_a_secrets_name_hide_what_is_known_no_more(text, masked):
    assert Mask().text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/ann/site, http://127.0.0.1:8022/, ann@example.org",
        "set  DATABASE_URL=mysql://USER:PASSWORD@HOST/NAME  in .env",
        "Access denied for user 'ann'@'host' (using password: YES)",
        "check(password=form.password.data, token=None), missing: 'password', 'database'",
        "KeyError: 'SECRET_KEY'",
    ],
)
def test_what_only_looks_like_a_secrets_place_stays(text):
    assert Mask().text(text) == text


def test_a_long_line_is_masked_at_once():
    """Whoever sends a site a long line that its log tells again must not hold up who reads that log, or a release."""
    program = "from flask_slipway.server.lib.masking import Mask; print(Mask().text('http://' + 'a' * 300_000)[-9:])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "aaaaaaaaa\n"


def test_a_value_that_was_known_once_is_covered_where_it_stands_by_itself():
    key = bytes(32)
    before = Mask()
    before.add("old-secret 9")
    before.add("of one process alone", passing=True)
    assert len(before.digests(key)) == 1
    mask = Mask()
    mask.add_digests(key, before.digests(key))
    assert "old-secret" not in "".join(before.digests(key))
    assert mask.text("(535, 'old-secret 9') old-secret 90") == f"(535, '{COVER}') old-secret 90"


def test_the_end_of_a_text_begins_where_no_value_is_cut():
    assert end_of("whole", 5) == "whole"
    assert end_of("first half-of-it\nlast line\n", 15) == "last line\n"
    assert end_of("first half-of-it last", 9) == "last"


def test_very_short_values_are_left_and_no_value_is_no_fault():
    mask = Mask()
    for value in ("", None, "abcd"):
        mask.add(value)
    assert mask.text("abcdef") == "abcdef"


def test_a_longer_secret_is_covered_whole_though_a_shorter_one_is_in_it():
    mask = Mask()
    mask.add("hunter")
    mask.add("hunter-and-more")
    assert mask.text("it is hunter-and-more") == f"it is {COVER}"


@given(AWKWARD)
def test_a_secret_in_an_env_file_is_masked_however_it_is_quoted_there(secret):
    assume("\t" not in secret)
    escaped = secret.replace("\\", "\\\\")
    for written in ('"' + escaped.replace('"', '\\"') + '"', "'" + escaped.replace("'", "\\'") + "'"):
        mask = Mask()
        mask.add_env(f"DEBUG=1\nexport MAIL_PASSWORD = {written}  # of the mailbox\n")
        assert mask.text(f"535 {secret} is wrong") == f"535 {COVER} is wrong"


def test_a_key_of_several_lines_is_masked_whole_and_line_by_line():
    mask = Mask()
    mask.add_env('PRIVATE_KEY="-----BEGIN\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END"\nNAME=visible\n')
    assert "MIIEvQ" not in mask.text("-----BEGIN\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END")
    assert "kqhkiG9" not in mask.text("last line: kqhkiG9w0BAQ")
    assert mask.text("visible") == "visible"


@pytest.mark.parametrize(
    "url", ["mysql://bob:{}@host/db", "mysql+pymysql://bob%40x:{}@h:3306/bob$site?charset=utf8mb4", "redis://:{}@h/0"]
)
@pytest.mark.parametrize("password", ["hunter22", "p%40ss-word", "with/slash", "c%2Fd%25ef"])
def test_the_password_in_an_url_is_masked_also_where_it_stands_alone(url, password):
    mask = Mask()
    mask.add_env(f"DATABASE_URL={url.format(password)}\n")
    for form in (password, urllib.parse.unquote(password), url.format(password)):
        assert COVER in mask.text(f"password is {form}.")
        assert urllib.parse.unquote(password) not in mask.text(f"password is {form}.")


def test_values_whose_names_do_not_sound_secret_stay_readable():
    mask = Mask()
    mask.add_env("FLASK_ENV=production\nSTATIC_FOLDER='static files'\nSECRET_KEY=hidden-one\n")
    assert mask.text("production, static files, hidden-one") == f"production, static files, {COVER}"


def test_what_a_wsgi_file_sets_is_masked():
    mask = Mask()
    mask.add_python(
        "import os\n"
        'os.environ["MAIL_PASSWORD"] = "by subscript"\n'
        'os.environ.setdefault("API_TOKEN", "by setdefault")\n'
        'os.environ.update(DB_PASS="by keyword")\n'
        'os.environ.update({"SALT": "by mapping"})\n'
        'SECRET_KEY = "by name"\n'
        'os.environ["FLASK_ENV"] = "production"\n'
    )
    assert mask.values == ["by keyword", "by mapping", "by name", "by setdefault", "by subscript"]
    mask.add_python("this is ( no Python")


def test_the_password_of_an_option_file_is_masked_as_it_stands_and_as_it_is_meant():
    mask = Mask()
    mask.add_options('[client]\nuser=ann\npassword="it\\\\s \\"so\\""\n[mysqldump]\npassword = plain-one\n')
    assert mask.values == sorted(['it\\\\s \\"so\\"', 'it\\s "so"', "plain-one"])


def test_the_login_of_a_remote_is_masked_and_its_address_is_not():
    mask = Mask()
    mask.add_remotes('[remote "origin"]\n\turl = https://ann-ann:ghp%5Ftoken@example.org/ann-ann.git\n')
    assert "ghp%5Ftoken" in mask.values
    assert "ghp_token" in mask.values
    other = Mask()
    other.add_remotes("\turl = git@example.org:ann/site.git\n\turl = ssh://deploy@example.org/site.git\n")
    assert other.values == []


def test_of_what_an_app_sets_only_what_is_surely_secret_is_masked():
    mask = Mask()
    mask.add_settings({"CACHE_KEY_PREFIX": "stockroom", "PREFERRED_URL_SCHEME": "https", "LOGIN_URL": "/login"})
    assert mask.values == []
    mask.add_settings({"SECRET_KEY": "hush-hush", "DATABASE_URL": "mysql://ann:its-mine@host/base"})
    assert mask.values == ["hush-hush", "its-mine", "mysql://ann:its-mine@host/base"]


def test_the_password_of_an_url_is_masked_whatever_the_settings_name():
    mask = Mask()
    mask.add_env("SHOP_DB=mysql+pymysql://ann:it%27s%20mine@host/ann$shop\nGREETING=good day to all\n")
    assert mask.values == ["it%27s%20mine", "it's mine"]


def test_no_value_makes_a_command_that_cannot_be_typed():
    """A password may be called like one of our tasks: what to type next stays whole."""
    told = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    tasks = re.findall(r"^### (?:inv |fab ENV\.)([\w-]+)$", told, re.M)
    assert {"workon", "downgrade", "recover"} <= set(tasks)
    mask = Mask()
    for task in tasks:
        mask.add_env(f"DB_PASSWORD={task}")
    assert mask.texts([f"fab prod.{task}" for task in tasks]) == [f"fab prod.{task}" for task in tasks]
