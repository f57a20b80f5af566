"""requirements.txt against the code and the site's Python: real deptry, real pip, and an index in a folder."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from flask_slipway.config import settings
from flask_slipway.errors import Refusal
from flask_slipway.packages import check, compatibility, freeze, imports, requirements, resolve

YAML = """\
slipway:
  app: {app}
  environments:
    prod: {{user: ann, domain: www.shop.test, project: shop, virtualenv: shop, env: {{{env}}}{more}}}
"""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
FLASK = metadata.version("flask")


class Shop:
    """A small project in a folder, with its settings."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.root / name.replace("__", "/")
            path = path.with_suffix(".txt" if name == "requirements" else ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def settings(self, app="shop", env="", python="") -> settings.Settings:
        more = f', virtualenv_python: "{python}"' if python else ""
        (self.root / "invoke.yaml").write_text(YAML.format(app=app, env=env, more=more))
        return settings.load(self.root)

    def look(self, **more: str) -> str:
        """All findings as text; those that stop begin with STOPS."""
        known = self.settings(**more)
        found = check.look(self.root, known.app, known.sites["prod"])
        return "\n".join(f"{'STOPS ' * row.stops}{row.text} {row.lines} {row.next}" for row in found)


@pytest.fixture
def shop(tmp_path):
    found = Shop(tmp_path)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=tmp_path, check=True)
    found.write(shop="import flask\n\napp = flask.Flask(__name__)\n", requirements=f"Flask=={FLASK}\n")
    return found


@pytest.fixture
def install(tmp_path_factory, monkeypatch):
    """Puts a package into a folder that comes first on Python's path: a module of its name, and its metadata."""

    def put(name: str, version: str = "1.0", needs: Sequence[str] = (), **files: str) -> Path:
        folder = tmp_path_factory.mktemp("site-packages")
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        extras = [f"Provides-Extra: {found}" for found in re.findall(r"extra == .(\w+)", " ".join(needs))]
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *extras]
        lines += [f"Requires-Dist: {need}" for need in needs]
        for file, text in {"METADATA": "\n".join([*lines, ""]), "RECORD": f"{name}.py,,\n", **files}.items():
            (info / file.replace("__", ".")).write_text(text)
        (folder / f"{name}.py").touch()
        monkeypatch.syspath_prepend(folder)
        return folder

    return put


# what the code imports


def test_an_import_that_is_not_listed_stops_with_its_place(shop):
    shop.write(shop="import flask\nimport sqlalchemy\nimport nowhere_at_all\n")
    told = shop.look()
    assert "STOPS the code imports what requirements.txt does not bring" in told
    assert "sqlalchemy (shop.py, line 2)" in told
    assert "nowhere_at_all (shop.py, line 3)" in told
    assert "flask (" not in told
    assert "inv freeze" in told


def test_what_a_listed_package_brings_is_no_fault_nor_is_what_may_fail(shop):
    shop.write(
        shop="""\
import json
from typing import TYPE_CHECKING
import flask, werkzeug.routing
if TYPE_CHECKING:
    import sqlalchemy
try:
    import nowhere_at_all
except ImportError:
    nowhere_at_all = None
"""
    )
    assert "STOPS" not in shop.look()


def test_only_the_apps_own_code_counts_wherever_it_lies(shop):
    shop.write(
        src__bank____init__="from . import models\nimport helper\n",
        src__bank__models="import flask\n",
        src__bank__tests__test_it="import pytest\n",
        src__helper="import hypothesis\n",
        scripts__plot="import nowhere_at_all\n",
        tasks="import invoke\n",
        migrations__env="import alembic\n",
        migrations__versions__one="import sqlalchemy\n",
    )
    told = shop.look(app="src/bank")
    places = (
        "hypothesis (src/helper.py, line 1)",
        "alembic (migrations/env.py, line 1)",
        "sqlalchemy (migrations/versions",
    )
    assert all(place in told for place in places), told
    assert not [name for name in ("pytest", "nowhere", "invoke (", "bank", "flask (") if name in told], told


@pytest.mark.parametrize("place", ["alembic", "src__alembic"])
def test_migrations_in_a_folder_called_alembic_do_not_hide_alembic(shop, place):
    files = {
        "env": "import os\nfrom alembic import context\n",
        "versions__one": "import json\nimport sqlalchemy\nimport shop\ntry:\n    import geo\nexcept ImportError: ...\n",
    }
    shop.write(**{f"{place}__{name}": text for name, text in files.items()})
    told, folder = shop.look(), place.replace("__", "/")
    assert "STOPS the code imports what requirements.txt does not bring" in told
    assert f"alembic ({folder}/env.py, line 2)" in told
    assert f"sqlalchemy ({folder}/versions/one.py, line 2)" in told
    assert not [name for name in ("os (", "json (", "shop (", "geo (") if name in told], told
    assert f"alembic=={metadata.version('alembic')}" in frozen(shop, "")


def test_an_own_folder_without_init_is_a_module_also_where_the_project_is_installed(shop, monkeypatch):
    monkeypatch.syspath_prepend(shop.root)
    shop.write(shop="import flask, parts.one\n", parts__one="import nowhere_at_all\n")
    told = shop.look()
    assert "nowhere_at_all (parts/one.py, line 1)" in told
    assert "parts (" not in told


def test_a_file_hides_a_missing_module_by_its_whole_name_alone(shop):
    shop.write(shop="import nowhere\nimport beside\n", tests__test_nowhere="", tools__beside="", more_nowhere__one="")
    subprocess.run(["git", "add", "-A"], cwd=shop.root, check=True)
    told = shop.look()
    assert "nowhere (shop.py, line 1)" in told
    assert "beside" not in told


def test_the_projects_pyproject_changes_nothing(shop):
    (shop.root / "pyproject.toml").write_text('[project]\nname = "shop"\n[tool.deptry]\nignore = ["DEP001"]\nodd = 1\n')
    shop.write(shop="import nowhere_at_all\n")
    assert "nowhere_at_all" in shop.look()


def test_a_driver_that_only_an_url_names_is_looked_for(shop):
    assert "STOPS env: of prod in invoke.yaml names the driver of pymysql" in shop.look(env="DB: mysql+pymysql://h/d")
    (shop.root / ".env").write_text("# DB=mysql+pymysql://h/d\nDATABASE_URL='mysql+mysqlconnector://ann:hush@h/d'\n")
    told = shop.look()
    assert "STOPS DATABASE_URL in .env names the driver of mysql-connector-python" in told
    assert "hush" not in told
    (shop.root / ".env").unlink()
    shop.write(shop="URL = 'mysql+pymysql://{}'\n")
    assert "note: shop.py, line 1 names the driver of pymysql" in shop.look()
    shop.write(requirements="PyMySQL==1.1.1\n")
    assert "driver" not in shop.look(env="DB: mysql+pymysql://h/d")


def test_what_an_extra_brings_is_listed(shop, install):
    install("slipqueue", needs=["slipwire[fast] ; extra == 'fast'"])
    install("slipwire", needs=["PyMySQL ; extra == 'fast'"])
    url = "DB: mysql+pymysql://h/d"
    shop.write(shop="import pymysql\n", requirements="slipqueue[fast]==1.0\n")
    assert "STOPS" not in shop.look(env=url)
    shop.write(requirements="slipqueue==1.0\n")
    told = shop.look(env=url)
    assert "pymysql (shop.py, line 1)" in told
    assert "STOPS env: of prod in invoke.yaml names the driver of pymysql" in told


def test_an_extra_named_like_a_driver_counts_where_its_package_is_not_installed(shop):
    shop.write(shop="", requirements="slip-nowhere[PyMySQL]==1.0\n")
    assert "driver" not in shop.look(env="DB: mysql+pymysql://h/d")
    assert "names the driver of cymysql" in shop.look(env="DB: mysql+cymysql://h/d")
    shop.write(requirements="slip-nowhere[mysql_connector]==1.0\n")
    assert "driver" not in shop.look(env="DB: mysql+mysqlconnector://h/d")


def test_an_url_without_a_driver_is_served_by_any_that_is_listed(shop):
    for url in ("DB: mysql://h/d", "DB: mariadb://h/d"):
        shop.write(shop="", requirements="Flask\n")
        assert "names the driver of mysqlclient" in shop.look(env=url)
        shop.write(requirements="PyMySQL==1.1.1\n")
        assert "driver" not in shop.look(env=url)
    assert "names the driver of mysqlclient" in shop.look(env="DB: mysql+mysqldb://h/d")


def test_tools_of_development_and_loose_lines_are_noted(shop):
    shop.write(requirements=f"flask=={FLASK}\npytest==9\nruff\n")
    told = shop.look()
    assert "STOPS" not in told
    assert "line 2: pytest==9" in told
    assert "inv freeze leaves them out" in told
    assert "not pinned" in told


def test_other_versions_here_than_the_site_gets_are_noted(shop):
    shop.write(requirements="flask==3.0.0\nClick==0.1 ; python_version < '3'\nslip-not-here==1.0\n")
    told = shop.look()
    assert "other versions are installed here than are listed" in told
    assert f"line 1: flask==3.0.0, {FLASK} here" in told
    assert "0.1" not in told
    assert "slip-not-here==1.0," not in told


def test_lines_that_a_server_cannot_use_stop(shop):
    shop.write(requirements="Flask\n-e .\n")
    assert "STOPS requirements.txt has lines that a server cannot install ('line 2: -e ." in shop.look()


# the site's Python


def wheel(folder, name, version, python, needs=()):
    lines = [
        f"Name: {name}",
        f"Version: {version}",
        f"Requires-Python: {python}",
        *(f"Requires-Dist: {n}" for n in needs),
    ]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", *lines, ""]))
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


def source(folder, name, version):
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as file:
        for path, text in (
            ("PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\n"),
            ("setup.py", "raise SystemExit(9)\n"),
        ):
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text)
            file.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def index(tmp_path_factory, monkeypatch):
    """A package index in a folder, the only one that pip knows."""
    root = tmp_path_factory.mktemp("index")
    made = [
        ("slipgood", "1.0", ">=3.8"),
        ("slipnew", "2.0", ">=3.99"),
        ("slipasks", "1.0", ">=3.8"),
        ("slipsource", "1.0", ""),
        ("slipyanked", "1.0", ">=3.7"),
        ("slipwants", "1.0", ">=3.6"),
    ]
    needs = {"slipasks": ["slipgood>=2"], "slipwants": ["slipsource"]}
    for name, version, python in made:
        folder = root / name
        folder.mkdir()
        if python:
            wheel(folder, name, version, python, needs.get(name, ()))
        else:
            source(folder, name, version)
        mark = f' data-requires-python="{python.replace(">", "&gt;")}"' if python else ""
        mark += ' data-yanked="bad"' * (name == "slipyanked")
        links = [f'<a href="{path.name}"{mark}>{path.name}</a>' for path in folder.iterdir()]
        (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", root.as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")


def fit(shop, text, version=HERE):
    shop.write(requirements=text)
    return compatibility.fit(shop.root, requirements.read(shop.root), version, False, tell=lambda line: None)


def test_a_pin_for_a_newer_python_and_one_that_is_nowhere_are_refused_and_source_is_not(shop, index):
    text = "slipgood==1.0\nslipnew==2.0\nslipgood2==1\nslipsource==1.0\n"
    found = fit(shop, text)
    assert found.refused == ("slipnew==2.0: needs Python >=3.99",)
    assert [note.split(":")[0] for note in found.notes] == ["slipgood2==1", "slipsource==1.0"]
    assert "not on the index" in found.notes[0]
    assert "only its source" in found.notes[1]
    assert fit(shop, "slipgood==7.0\n").refused == (f"slipgood==7.0: the index has no such version for Python {HERE}",)


def test_pip_is_asked_once_and_once_more_for_the_reasons_however_many_pins_are_missing(shop, index, monkeypatch):
    asked, run = [], subprocess.run
    monkeypatch.setattr(resolve.subprocess, "run", lambda *line, **how: asked.append(line) or run(*line, **how))
    lines = [f"slipgood{number}==1" for number in range(9)]
    assert len(fit(shop, "\n".join(["slipgood==1.0", *lines, "slipnew==2.0\n"])).notes) == len(lines)
    assert len([line for (line,) in asked if "pip" in line]) == 2
    asked.clear()
    assert fit(shop, "slipgood==1.0\n").notes == ()
    assert len([line for (line,) in asked if "pip" in line]) == 1
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert fit(shop, "".join(f"{line}\n" for line in lines)).summary == "not looked for: no index reached"
    assert len([line for (line,) in asked if "pip" in line]) == 2


def test_a_pin_that_was_yanked_or_has_extras_is_taken_as_pip_takes_it(shop, index):
    assert fit(shop, "slipyanked==1.0\nslipgood[fast]==1\n").summary.startswith("pip resolved 2 lines")
    assert "only its source" in fit(shop, "slipsource[fast]==1.0\n").notes[0]


@pytest.mark.parametrize("text", ["slipsource\n", "slipwants==1.0\n", "slipwants==1.0\nslipsource==1.0\n"])
def test_what_comes_as_source_alone_stops_nothing_pinned_or_not_listed_or_needed(shop, index, text):
    found = fit(shop, text)
    assert found.refused == ()
    assert len(found.notes) == 1
    assert "only its source" in found.notes[0]


def test_a_conflict_does_not_hide_a_pin_for_a_newer_python(shop, index):
    found = fit(shop, "slipasks==1.0\nslipgood==1.0\nslipnew==2.0\n")
    assert found.refused[0] == "slipnew==2.0: needs Python >=3.99"
    assert "conflicting" in found.refused[1]


def test_pins_that_exclude_each_other_are_refused_for_the_same_python_alone(shop, index):
    text = "slipasks==1.0\nslipgood==1.0\n"
    assert "slipasks==1.0 and slipgood==1.0" in "".join(fit(shop, text).refused)
    other = fit(shop, text, "3.9")
    assert other.refused == ()
    assert "slipasks==1.0 and slipgood==1.0" in "".join(other.notes)


def test_a_good_answer_is_kept_until_the_file_changes_and_a_silent_index_stops_nothing(shop, index, monkeypatch):
    text = f'slipgood==1.0\nslipnew==2.0 ; python_version < "{HERE}"\n'
    assert fit(shop, text).summary == f"pip resolved 1 line for Python {HERE}, without building anything"
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert "has not changed since" in fit(shop, text).summary
    silent = fit(shop, "slipgood==1.0\nslipsource==1.0\n")
    assert silent == compatibility.Fit("not looked for: no index reached")


def test_a_virtualenv_without_pip_stops_nothing(shop, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("without") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    monkeypatch.setattr(sys, "executable", str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"))
    assert fit(shop, "slipgood==1.0\n") == compatibility.Fit("not looked for: pip is not installed here")


def test_a_pip_that_has_no_report_stops_nothing(shop, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("old")
    (folder / "pip.py").write_text("raise SystemExit('no such option: --dry-run')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert fit(shop, "slipgood==1.0\n").summary.startswith("not looked for: pip is too old here")


def test_what_is_installed_here_tells_without_an_index_that_it_does_not_fit(shop, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    told = shop.look(python="3.6")
    assert "STOPS requirements.txt does not fit Python 3.6 of prod" in told
    assert f"line 1: Flask=={FLASK}: needs Python >=3." in told
    assert compatibility.allows(">=3.10.2", "3.10")
    assert not compatibility.allows(">=3.10.2", "3.10.1")
    assert not compatibility.allows(">=3.11", "3.10")


def test_without_the_sites_python_it_is_said_how_to_learn_it(shop):
    assert "set virtualenv_python, which fab prod.check tells" in shop.look()


# inv freeze


def test_freeze_tells_what_it_added_changed_kept_and_took_out_and_writes_nothing_when_dry(shop):
    old = (
        "# web\nFlask==1.0\npytest==9\ngone-for-good==1.0\nsix==1.0 ; python_version < '3'\n-e .\n-i https://h/simple\n"
    )
    shop.write(shop="import flask, sqlalchemy\n", requirements=old)
    known = shop.settings()
    told = " ".join("\n".join(freeze.freeze(known, dry=True)).split())
    assert (shop.root / "requirements.txt").read_text() == old
    assert "Nothing was written" in told
    assert "added: " in told and f"SQLAlchemy=={metadata.version('sqlalchemy')}" in told
    assert f"changed: Flask==1.0 → Flask=={FLASK}" in told
    assert "gone-for-good==1.0" in told.split("kept as they were")[1].split("taken out")[0]
    assert "taken out: pytest==9" in told
    assert "taken out, line 6: -e ." in told
    assert "comments and hashes are not kept" in told
    list(freeze.freeze(known))
    text = (shop.root / "requirements.txt").read_text()
    assert text.startswith("-i https://h/simple\n")
    assert {"flask", "sqlalchemy", "gone-for-good", "six"} <= requirements.read(shop.root).names
    assert 'six==1.0; python_version < "3"' in text
    assert "pytest" not in text
    assert "Nothing to do" in next(iter(freeze.freeze(known)))


def test_freeze_keeps_how_pip_chooses_files_and_tells_which_options_it_takes_out(shop):
    kept = ["--only-binary :all:", "--no-binary=slipsource", "--prefer-binary"]
    shop.write(requirements="\n".join([*kept, "--require-hashes", "--use-feature=fast-deps", f"Flask=={FLASK}\n"]))
    found = freeze.frozen(shop.root, "shop")
    assert found.text.splitlines()[:4] == [*kept, found.text.splitlines()[3]]
    assert "--" not in found.text.splitlines()[3]
    assert "taken out, line 4: --require-hashes" in found.changes
    assert "taken out, line 5: --use-feature=fast-deps" in found.changes
    assert not [line for line in found.changes if "binary" in line]


def test_freeze_writes_where_a_link_leads(shop):
    path = shop.root / "requirements.txt"
    path.unlink()
    (shop.root / "pins").mkdir()
    path.symlink_to(Path("pins", "web.txt"))
    list(freeze.freeze(shop.settings()))
    assert path.is_symlink()
    assert f"Flask=={FLASK}" in (shop.root / "pins" / "web.txt").read_text()


@pytest.mark.parametrize("target", ["../.bashrc", ".git/hooks/pre-commit"])
def test_freeze_writes_through_no_link_that_leads_out_of_the_project(shop, target):
    path, own = shop.root / "requirements.txt", shop.root / target
    own.parent.mkdir(parents=True, exist_ok=True)
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(Refusal, match=r"requirements\.txt is a link out of the project"):
        list(freeze.freeze(shop.settings()))
    assert not own.exists()
    path.unlink()
    own.write_text("own")
    path.with_name("requirements.txt.part").symlink_to(own)
    list(freeze.freeze(shop.settings()))
    assert own.read_text() == "own"


def test_freeze_refuses_what_is_not_installed_and_leaves_the_file(shop):
    shop.write(shop="import nowhere_at_all\n")
    with pytest.raises(Refusal, match=r"nowhere_at_all \(shop.py, line 1\)"):
        list(freeze.freeze(shop.settings()))
    assert (shop.root / "requirements.txt").read_text() == f"Flask=={FLASK}\n"


def frozen(shop, code: str) -> list[str]:
    shop.write(shop=code)
    return freeze.frozen(shop.root, "shop").text.splitlines()


def test_of_two_packages_with_one_name_the_one_that_python_imports_is_pinned(shop, install):
    install("slipgood", "1.0")
    install("slipgood", "2.0")
    assert "slipgood==2.0" in frozen(shop, "import slipgood\n")


ORIGINS = {
    "from a file on the web": (
        {"url": "https://h/slipgood-1.0.whl", "archive_info": {}},
        "slipgood @ https://h/slipgood-1.0.whl",
    ),
    "from a folder of a repository": (
        {"url": "https://h/x.git", "vcs_info": {"vcs": "git", "commit_id": "0a1"}, "subdirectory": "python/good"},
        "slipgood @ git+https://h/x.git@0a1#subdirectory=python/good",
    ),
    "from a folder of an archive": (
        {"url": "https://h/x.tar.gz", "archive_info": {}, "subdirectory": "good"},
        "slipgood @ https://h/x.tar.gz#subdirectory=good",
    ),
    "from a folder that is gone": ({"url": "file:///croot/slipgood_1/work", "dir_info": {}}, "slipgood==1.0"),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_freeze_names_where_a_package_came_from(shop, install, origin):
    told, line = ORIGINS[origin]
    install("slipgood", direct_url__json=json.dumps(told))
    assert line in frozen(shop, "import slipgood\n")
    shop.write(requirements="\n".join(frozen(shop, "import slipgood\n")))
    assert "STOPS" not in shop.look()


def test_freeze_leaves_out_a_folder_of_this_machine_unless_conda_built_it_there(shop, install, tmp_path):
    told = json.dumps({"url": tmp_path.as_uri(), "dir_info": {}})
    install("slipgood", direct_url__json=told, INSTALLER="pip\n")
    assert "slipgood==1.0" not in frozen(shop, "import slipgood\n")
    install("slipgood", direct_url__json=told, INSTALLER="conda\n")
    assert "slipgood==1.0" in frozen(shop, "import slipgood\n")


def test_freeze_pins_what_the_extras_of_a_package_want_of_another(shop, install):
    install("slipqueue", needs=["slipwire[fast] ; extra == 'fast'"])
    install("slipwire", needs=["slipfast ; extra == 'fast'", "slipnowhere ; extra == 'fast'"])
    install("slipfast")
    shop.write(requirements="slipqueue[fast]\n")
    assert {"slipqueue[fast]==1.0", "slipwire==1.0", "slipfast==1.0"} <= {*frozen(shop, "")}


@pytest.mark.parametrize("listed", ["", "setuptools==60.0\nslipgood==1.0\n"])
def test_freeze_keeps_a_tool_that_the_code_imports(shop, install, listed):
    install("setuptools", "70.0", RECORD="pkg_resources/__init__.py,,\n")
    shop.write(requirements=listed)
    assert "setuptools==70.0" in frozen(shop, "import pkg_resources\n")
    list(freeze.freeze(shop.settings()))
    told = shop.look()
    assert "STOPS" not in told
    assert "tools of development" not in told


def test_a_frozen_file_has_nothing_to_be_told_of(shop):
    list(freeze.freeze(shop.settings()))
    told = shop.look()
    assert "STOPS" not in told
    assert "note" not in told
    assert imports.can_look()
