"""All that read a .env take from it what python-dotenv takes, by the one reader."""

import io
import os
import re
from types import SimpleNamespace

import pytest
from dotenv.main import DotEnv
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from flask_slipway.project import app as project_app
from flask_slipway.project import dotenv as project_dotenv
from flask_slipway.sandbox import own_app, own_database
from flask_slipway.server.lib import dotenv
from flask_slipway.server.lib.masking import Mask, is_common, is_plain
from flask_slipway.setup import development

SECRET = re.compile("SECRET|TOKEN|URL|PASSWORD")
NAMES = st.sampled_from(["SECRET_KEY", "API_TOKEN", "DATABASE_URL", "BASE", "FLASK_APP", "'DB_PASSWORD'"])
BODIES = st.text("abXY01'\"\\$ #=:/.é", max_size=14) | st.sampled_from(
    ["sqlite:///here.db", "${BASE}/more", "${HOME_OF_TEST}-x", "${NOT_THERE:-else}", "mysql://u:its-mine@h/d", "a\nb"]
)
WRITTEN = st.one_of(
    BODIES,
    BODIES.map(lambda body: f'"{body}"'),
    BODIES.map(lambda body: f"'{body}'"),
    BODIES.map(lambda body: '"' + body.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    st.tuples(BODIES, BODIES).map(lambda two: '"' + "\n".join(two).replace('"', "") + '"'),
)
LINES = st.one_of(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["", "", "export ", "  "]),
        NAMES,
        st.sampled_from(["=", "=", " = ", ""]),
        WRITTEN,
        st.sampled_from(["", "", " # note", "#note", " rest"]),
    ),
    st.sampled_from(["", "# a comment", "#SECRET_KEY=no", "no assignment", "=x", "SECRET_KEY='not closed"]),
)
FILES = st.builds(
    lambda mark, lines, end, last: mark + end.join(line.replace("\n", end) for line in [*lines, *last]),
    st.sampled_from(["", "", "\ufeff"]),
    st.lists(LINES, max_size=5),
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.sampled_from([[], [""]]),
)
several = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
each_way = [
    example('SECRET_KEY="a\\"b-more" # note'),
    example('API_TOKEN="first line\nsecond line"\nBASE=x'),
    example("BASE=sqlite:///\nDATABASE_URL=${BASE}x.db"),
    example("\ufeffSECRET_KEY='after-a-mark'\r\nFLASK_APP=x:y\r\n"),
    example("BASE=one\nBASE=two\nFLASK_APP=${BASE}\nFLASK_APP"),
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME_OF_TEST", "from the environment")
    for name in ("SECRET_KEY", "API_TOKEN", "DATABASE_URL", "BASE", "FLASK_APP", "DB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def texts(test):
    for one in each_way:
        test = one(test)
    return several(given(FILES)(test))


def known(text, interpolate=True):
    """{name: value} as load_dotenv() takes it."""
    text = text.replace("\r\n", "\n")
    return dict(DotEnv(None, stream=io.StringIO(text), interpolate=interpolate, override=False).dict())


def write(root, text):
    (root / ".env").write_bytes(text.encode())


@texts
def test_the_reader_takes_what_load_dotenv_takes(root, text):
    assert dotenv.values(text.replace("\r\n", "\n"), os.environ) == known(text)


@texts
def test_the_mask_knows_every_value_that_the_app_gets(root, text):
    mask = Mask()
    mask.add_env(text.replace("\r\n", "\n"))
    for name, value in [*known(text).items(), *known(text, interpolate=False).items()]:
        if SECRET.search(name) and value is not None and not is_common(value) and not is_plain(value):
            assert value in mask.values


@texts
def test_the_laptop_takes_names_values_and_the_app_as_the_app_gets_them(root, text):
    write(root, text)
    expected = known(text)
    assert project_dotenv.values(root) == {name: value for name, value in expected.items() if value is not None}
    assert project_dotenv.value(root / ".env", "FLASK_APP") == (expected.get("FLASK_APP") or "")
    names = project_dotenv.names(root)
    assert names is not None
    assert set(names.names) <= set(expected)
    assert names.unread or set(names.names) == set(expected)


@texts
def test_no_secret_that_the_app_gets_is_left_in_the_laptops_messages(root, text):
    write(root, text)
    for name, value in known(text).items():
        if SECRET.search(name) and value is not None and not is_common(value.strip()) and not is_plain(value):
            assert value not in project_app.masked(f"it is <{value}>", root)


@texts
def test_the_sandboxs_env_gives_the_app_the_same_but_for_its_database_and_key(root, text):
    found = [binding.name for binding in dotenv.bindings(text)]
    assume(None not in found)  # a quote that is not closed takes the rest
    assume(len(set(found)) == len(found))
    write(root, text)
    made = SimpleNamespace(
        database_url=lambda: "sqlite:///its own's.db", database={"dialect": "sqlite", "path": "/s.db"}
    )
    before, after, named = known(text, False), known(own_app.dotenv(root, made), False), own_app.names(root)
    assume("SECRET_KEY" not in named)  # which it is anew, whatever it was
    parts = {name for name, value in before.items() if own_database.part(name, value)}
    replaced = {*(named or ["DATABASE_URL"]), "SECRET_KEY", *parts}
    assert {name for name, value in known(text).items() if str(value).startswith(("sqlite:", "mysql:"))} <= set(named)
    assert {name: after[name] for name in before if name not in replaced} == {
        name: value for name, value in before.items() if name not in replaced
    }
    assert {after[name] for name in named or ["DATABASE_URL"]} == {"sqlite:///its own's.db"}
    assert len(after["SECRET_KEY"]) == 64


@texts
def test_setup_comments_out_what_has_no_value_and_nothing_else(root, text):
    text = text.replace("\r\n", "\n")
    changed, unset = development._without_empty(text)
    before, after = known(text, False), known(changed, False)
    assert all(binding.value or binding.quote for binding in dotenv.bindings(changed) if binding.value is not None)
    assert {name: value for name, value in after.items() if name not in unset} == {
        name: value for name, value in before.items() if name not in unset
    }


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("SECRET_KEY='not-closed\n", "not-closed"),
        ("SECRET_KEY='not-closed\n", "'not-closed"),
        ("SECRET_KEY='closed-well' rest\n", "closed-well"),
        ("SECRET_KEY='two-lines\nsecond' rest\n", "two-lines\nsecond"),
        ("'SECRET_KEY=stray-quote\n", "stray-quote"),
        ('A="x\nSECRET_KEY=swallowed\nB="', "swallowed"),
        ("PASS_WORD=its-mine\nBASE=x\nDATABASE_URL=mysql://u:${PASS_WORD}@h/d", "mysql://u:its-mine@h/d"),
    ],
)
def test_what_dotenv_leaves_out_is_masked_all_the_same(root, text, hidden):
    write(root, text)
    mask = Mask()
    mask.add_env(text)
    assert hidden not in mask.text(f"<{hidden}>")
    assert hidden not in project_app.masked(f"<{hidden}>", root)
