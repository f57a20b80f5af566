"""A project of one's own, adopted and tried on this machine, by the very commands of README: the comment page again."""

import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from flask_slipway.sandbox.host import programs
from support import ROOT, foreign
from support.laptop import Ran
from support.servers import missing
from support.wheel import Virtualenv
from support.world import git

FIRST = foreign.APPS / "comment_page" / "first"
ANSWERS = ["--user", "Ann", "--domain", "ann.pythonanywhere.com", "--project", "comments"]
ANSWERS += ["--virtualenv", "comments_venv", "--yes"]
OWN_KEY = "only-for-development"


@dataclass(frozen=True)
class Owner:
    """A person in the folder of their project, its virtualenv active."""

    project: Path
    env: dict[str, str]

    def type(self, line: str, *more: str, code: int = 0) -> str:
        """Runs a line of README; `more`: arguments that follow it. Returns what it printed."""
        assert line in README, f"README does not say: {line}"
        done = subprocess.run(
            [*line.split(), *more], cwd=self.project, env=self.env, stdin=subprocess.DEVNULL, capture_output=True
        )
        ran = Ran(done.returncode, (done.stdout + done.stderr).decode())
        assert ran.code == code, ran.out
        assert "Traceback" not in ran.out
        return ran.out


README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel) -> Virtualenv:
    folder = tmp_path_factory.mktemp("newcomer") / "venv"
    return foreign.laptop_virtualenv(folder, wheel, FIRST / "requirements.txt", "sandbox")


@pytest.fixture(params=["sqlite", "server"])
def owner(request, tmp_path, installed):
    """Their project: one file, its migrations, a .env, a bare repository by path as origin."""
    if request.param != "sqlite" and not (programs.find("mysql") or programs.find("mariadb")):
        missing("MariaDB", programs.INSTALL["mariadb"])
    project = tmp_path / "comments"
    shutil.copytree(FIRST, project)
    if request.param == "sqlite":
        listed = (project / "requirements.txt").read_text()
        (project / "requirements.txt").write_text(re.sub(r"(?m)^PyMySQL.*\n", "", listed))
    (project / ".env").write_text(f"SECRET_KEY={OWN_KEY}\nCOMMENTS_DB=sqlite:///{tmp_path / 'development.db'}\n")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.org\n")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(project, "init", "-q", "-b", "main")
    git(project, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "Comments")
    git(project, "push", "-q", "-u", "origin", "main")
    kept = {"FLASK_SLIPWAY_KEPT": str(programs.kept())}
    made = Owner(project, installed.environment(tmp_path) | kept)
    yield made
    subprocess.run([installed.bin / "inv", "sandbox.down", "--remove"], cwd=project, env=made.env, check=True)


def page(url: str) -> list[str]:
    with urllib.request.urlopen(url) as answer:
        return re.findall(r"<p>(.*?)</p>", answer.read().decode())


def test_an_app_is_adopted_and_released_to_the_sandbox_by_readme_alone(owner):
    dialect = "sqlite" if "PyMySQL" not in (owner.project / "requirements.txt").read_text() else "server"
    adopted = owner.type("flask-slipway init", *ANSWERS)
    assert "Next: fab prod.check" in adopted
    before = (owner.project / "invoke.yaml").read_bytes()

    assert "Next: inv sandbox.up" in owner.type("inv demo", code=1)
    up = owner.type("inv sandbox.up")
    assert (", sqlite, SSH on port" in up) == (dialect == "sqlite")
    assert "COMMENTS_DB" in up
    assert "sandbox" not in git(owner.project, "status", "--short", "--untracked-files=all")
    site = owner.project / ".sandbox/home/comments"
    told = (site / ".env").read_text()
    assert OWN_KEY not in told
    assert ("mysql+pymysql://" in told) == (dialect == "server")

    checked = owner.type("fab sandbox.check")
    assert "same database by FLASK_APP  yes" in checked
    owner.type("inv setup")
    plan = owner.type("inv release --to sandbox", "--dry")
    assert "Would commit    5 files, and push to sandbox/main" in plan
    released = owner.type("inv release --to sandbox", "-m", "Adopt Flask-Slipway", "--yes")
    assert "To go back" not in released, "its database was empty"
    url = next(word for word in released.split() if word.startswith("http://"))
    data = urlencode({"contents": "one"}).encode()
    with urllib.request.urlopen(url, data) as answer:
        assert answer.status == 200

    shutil.copytree(FIRST.parent / "posted", owner.project, dirs_exist_ok=True)
    owner.type("inv setup")
    owner.type("inv release --to sandbox", "-m", "Say when", "--yes")
    assert page(url) == ["2020-01-01 one"]
    assert "(as here)" in owner.type("inv status")
    assert git(owner.project, "status", "--short") == ""
    assert (owner.project / "invoke.yaml").read_bytes() == before

    owner.type("inv sandbox.down --remove")
    assert not (owner.project / ".sandbox").exists()
    assert git(owner.project, "remote") == "origin"
    gone = owner.type("inv release --to sandbox", "--dry", code=1)
    assert "Next: inv sandbox.up" in gone
