"""invoke.yaml: what it may hold, and how each fault is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_slipway.config import keys as config_keys
from flask_slipway.config import settings
from flask_slipway.errors import WrongUse
from support import ROOT

LEAST = {"user": "Bob", "domain": "Bob.pythonanywhere.com", "project": "site", "virtualenv": "venv"}


def written(folder: Path, text: str) -> Path:
    (folder / "invoke.yaml").write_text(text, encoding="utf-8")
    return folder


def configuration(folder: Path, **keys: str) -> Path:
    """A project whose prod has the least keys and those given, as YAML."""
    lines = "".join(f"      {key}: {value}\n" for key, value in {**LEAST, **keys}.items() if value is not None)
    return written(folder, f"slipway:\n  app: app\n  environments:\n    prod:\n{lines}")


def test_all_but_five_keys_is_derived(tmp_path):
    site = settings.site(configuration(tmp_path), "prod")
    assert site.host == "ssh.pythonanywhere.com"
    assert site.home == "/home/Bob"
    assert site.project == "/home/Bob/site"
    assert site.virtualenv == "/home/Bob/.virtualenvs/venv"
    assert site.wsgi == "/var/www/bob_pythonanywhere_com_wsgi.py"
    assert site.logs["error"] == "/var/log/bob.pythonanywhere.com.error.log"
    assert site.host_key == ("SHA256:zy2jmqxNg/fs6tFZK55OjHTI3B2UofzOiUvTPtcX3/Y",)
    assert (site.branch, site.remote, site.health, site.keep) == ("main", "origin", "/", 10)


def test_what_is_sent_to_the_server_holds_neither_key_nor_host(tmp_path):
    wire = settings.site(configuration(tmp_path, env="{FLASK_ENV: production, WORKERS: 2}"), "prod").wire()
    assert not {"key", "host", "host_key", "port", "user"} & set(wire)
    assert wire["env"] == {"FLASK_ENV": "production", "WORKERS": "2"}


def test_the_european_region_has_its_own_host(tmp_path):
    assert settings.site(configuration(tmp_path, region="eu"), "prod").host == "ssh.eu.pythonanywhere.com"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("domain", None, "is missing"),
        ("domain", "https://www.example.org/", "without https://"),
        ("user", "bob smith", "an account's name"),
        ("port", "ssh", "a whole number from 1 to 65535, not 'ssh'"),
        ("port", "true", "a whole number"),
        ("keep", "0", "from 1 to"),
        ("region", "asia", "us or eu"),
        ("writes_on_load", "'yes'", "true or false"),
        ("env", "[A, B]", "names and values"),
        ("env", "{A: yes}", "put it in quotes"),
        ("env", "{'A B': x}", "cannot be a variable's name"),
        ("seed", "init-currency", "a list of flask commands"),
        ("seed", "[flask init-currency]", "without 'flask'"),
        ("host_key", "MD5:ab:cd", "SHA256:"),
        ("home", "elsewhere", "an absolute path on the server"),
        ("branch", "-x", "the name of a branch"),
        ("logs", "{eror: /x}", "did you mean error?"),
        ("virtualnev", "x", "is unknown; did you mean virtualenv?"),
        ("zzz", "x", "is unknown; known here: "),
        ("url", "www.example.org", "begin with https://"),
        ("virtualenv_python", "3.10", "should stand in quotes"),
        ("virtualenv_python", "'python3'", "a version of Python"),
    ],
)
def test_a_fault_is_told_by_its_path(tmp_path, key, value, told):
    with pytest.raises(WrongUse) as fault:
        settings.load(configuration(tmp_path, **{key: value}))
    line = next(line for line in fault.value.message.splitlines() if f"slipway.environments.prod.{key}" in line)
    assert told in line


def test_every_fault_is_told_at_once_with_its_line(tmp_path):
    with pytest.raises(WrongUse) as fault:
        settings.load(configuration(tmp_path, port="x", keep="-1", rgion="eu"))
    assert "3 faults" in fault.value.message
    assert re.search(r"prod\.port: .*\(line 9\)", fault.value.message)


@pytest.mark.parametrize(
    "text",
    ["", "slipway:", "slipway: 5", "slipway: []", "slipway: {environments: 3}", "slipway: {app: app}", "[1, 2]",
     "slipway:\n  environments:\n    prod: 5\n  app: x", "slipway: {app: app, environments: {Prod: {}}}", "a: b"],
)  # fmt: skip
def test_nonsense_is_a_clean_message(tmp_path, text):
    with pytest.raises(WrongUse):
        settings.load(written(tmp_path, text))


def test_a_mistake_in_yaml_names_its_line(tmp_path):
    with pytest.raises(WrongUse, match="line 4"):
        settings.names(written(tmp_path, "slipway:\n  app: app\n  seed: [a\n  environments: {}\n"))


def test_names_are_read_whatever_the_environments_hold(tmp_path):
    assert settings.names(written(tmp_path, "slipway: {environments: {prod: 5, staging: {x: y}}}")) == [
        "prod",
        "staging",
    ]


def test_the_example_refuses_every_task_and_names_the_lines_to_edit():
    text = (ROOT / "invoke.yaml").read_text(encoding="utf-8").splitlines()
    with pytest.raises(WrongUse) as fault:
        settings.site(ROOT, "prod")
    for key, number in re.findall(r"line (\d+): (\w+):", fault.value.message):
        assert f"{number}:" in text[int(key) - 1]
    assert "invoke.yaml" in fault.value.message


def test_an_unknown_environment_offers_the_nearest():
    with pytest.raises(WrongUse, match="did you mean prod"):
        settings.site(ROOT, "pord")


def test_a_variable_has_the_last_word(tmp_path, monkeypatch):
    monkeypatch.setenv("INVOKE_SLIPWAY_ENVIRONMENTS_PROD_BRANCH", "hotfix")
    assert settings.site(configuration(tmp_path, branch="main"), "prod").branch == "hotfix"


def test_on_this_machine_paths_are_below_the_project_and_the_user_is_oneself(tmp_path):
    root = configuration(tmp_path, host="127.0.0.1", home="box/home", wsgi="box/www/x.py", key="box/id", user=None)
    site = settings.site(root, "prod")
    assert site.home == (tmp_path / "box/home").as_posix()
    assert site.wsgi == (tmp_path / "box/www/x.py").as_posix()
    assert site.key == str(tmp_path / "box/id")
    assert site.user


def test_the_example_shows_every_key_and_each_shown_line_is_valid(tmp_path):
    """The example is the manual: all of the schema is in it, and all of it may be uncommented."""
    text = (ROOT / "invoke.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"^(\s+)# ([a-z_]+: )", r"\1\2", text, flags=re.MULTILINE)
    for name in (*config_keys.TOP, *config_keys.ENVIRONMENT):
        assert re.search(rf"^\s+{name}:", shown, re.MULTILINE), f"{name} is not in invoke.yaml"
    prod, plain = settings.load(written(tmp_path, shown)).sites["prod"], settings.load(ROOT).sites["prod"]
    given = {"key", "scratch", "host_key", "virtualenv_python"}
    for name in set(vars(plain)) - given:
        assert getattr(prod, name) == getattr(plain, name), f"{name}: the default that is shown is not the default"
