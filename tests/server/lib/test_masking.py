"""Masking: a secret is in nothing that is told, however it was written there."""

import json
import re
import shlex
import urllib.parse

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flask_slipway.server.database import mysql_client
from flask_slipway.server.lib.masking import COVER, Mask

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


@given(AWKWARD)
def test_every_text_in_a_value_is_masked_keys_too(secret):
    mask = Mask()
    mask.add(secret)
    masked = mask.value({"cause": [secret, {f"x{secret}": (1, None, True, secret)}], "rows": 3})
    assert masked == {"cause": [COVER, {f"x{COVER}": [1, None, True, COVER]}], "rows": 3}


def test_a_headline_is_masked_and_our_own_words_stay_readable():
    """An app whose secret is one of our words must not make a journal unreadable, nor an error's headline safe."""
    mask = Mask()
    mask.add("release")
    mask.add("hush-hush")
    assert mask.value({"what": "release", "task": "release"}) == {"what": "release", "task": "release"}
    ending = mask.value({"event": "end", "what": "cannot log in with hush-hush", "cause": ["hush-hush"]})
    assert ending == {"event": "end", "what": f"cannot log in with {COVER}", "cause": [COVER]}


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
