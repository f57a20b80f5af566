"""A sandbox whose folder was copied or moved, with the project around it; and one that could not be made."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from flask_slipway.config import settings
from flask_slipway.errors import Refusal, WrongUse
from flask_slipway.sandbox import commands, host, own_app
from flask_slipway.sandbox.host import origin, state
from support.sandbox_web import ask
from support.world import git

INVOKE = """\
slipway:
  app: app
  environments:
    prod: {user: Ann, domain: www.shop.test, project: shop, virtualenv: shop_venv}
"""


@pytest.fixture
def owner(tmp_path, project) -> Path:
    """A project with the tiny app, of somebody who has no sandbox yet."""
    folder = tmp_path / "shop"
    git(tmp_path, "clone", "-q", str(project), str(folder))
    (folder / "invoke.yaml").write_text(INVOKE)
    (folder / ".env").write_text("DATABASE_URL=sqlite:////nowhere/dev.db\n")
    yield folder
    for place in tmp_path.iterdir():
        host.down(place / own_app.FOLDER, remove=True)


def up(root: Path, **words) -> tuple[host.Sandbox, str]:
    told = "\n".join(commands.up(root, database="sqlite", **words))
    made = host.load(root / own_app.FOLDER)
    assert made is not None
    return made, told


def alive(site: host.Sandbox) -> set[str]:
    return {name for name, process in site.processes.items() if process.alive}


def test_a_copied_project_neither_controls_nor_removes_the_sandbox_of_its_original(owner, tmp_path):
    site, _ = up(owner, openssh=True)
    copy = tmp_path / "copy"
    shutil.copytree(owner, copy, symlinks=True)
    with pytest.raises(WrongUse, match=r"made in another folder(.|\n)*Next: inv sandbox.up"):
        settings.site(copy, "sandbox")
    with pytest.raises(Refusal, match=r"is a copy of the one in(.|\n)*Next: inv sandbox.down --remove"):
        list(commands.up(copy))
    (told,) = commands.down(copy)
    assert str(owner / own_app.FOLDER) in told
    assert alive(site) == {"ssh", "web"}
    assert "goes on" in list(commands.down(copy, remove=True))[-1]
    assert git(copy, "remote") == "origin"
    assert not (copy / own_app.FOLDER).exists()
    assert alive(site) == {"ssh", "web"}
    assert ask(site).status == 200


def test_a_moved_project_takes_its_sandbox_along(owner, tmp_path, ssh):
    site, _ = up(owner)
    (site.project / "note.txt").write_text("mine")
    moved, last = tmp_path / "else#where", tmp_path / "at last"
    owner.rename(moved)
    (moved / "invoke.yaml").write_text(INVOKE + "    sandbox: {env: {MODE: here}}\n")
    again, told = up(moved, openssh=True)
    assert f"It was made in {owner / own_app.FOLDER}; what named that place names this one now." in told
    assert not alive(site)
    assert ask(again).status == 200
    assert (again.web_port, again.ssh_port) == (site.web_port, site.ssh_port)
    assert (again.project / "note.txt").read_text() == "mine"
    assert git(moved, "remote", "get-url", "sandbox") == str(again.origin) == str(moved / ".sandbox" / origin.FOLDER)
    assert git(again.project, "remote", "get-url", "origin") == str(again.origin)
    git(again.project, "fetch", "-q", "origin")
    assert again.database["path"] in (again.project / ".env").read_text()
    assert str(again.virtualenv) in ssh(again, f"{again.virtualenv}/bin/pip --version").out
    assert settings.site(moved, "sandbox").env == {"MODE": "here"}
    assert "os.environ['MODE'] = 'here'" in again.wsgi.read_text()
    assert [path for path in again.folder.rglob("*") if names(path, owner)] == []

    moved.rename(last)
    assert list(commands.down(last)) == ["The sandbox is stopped; its data stays."]
    assert not alive(again)


def names(path: Path, place: Path) -> bool:
    """Whether a file names a place, but for logs, git's too, and for what the server read that does not run now."""
    if (
        not path.is_file()
        or path.is_symlink()
        or path.suffix in (".log", ".pyc")
        or path.name == "ssh.json"
        or "logs" in path.parts
    ):
        return False
    return f"{place}/".encode() in path.read_bytes()


def test_a_sandbox_elsewhere_is_that_of_the_project_that_made_it(owner, tmp_path):
    """By an absolute `home:`, which a copy of the project names as well."""
    entry = {"user": host.site.getpass.getuser(), "domain": "s.localhost", "project": "shop", "virtualenv": "shop"}
    entry |= {"home": str(tmp_path / "homes/home"), "host": "127.0.0.1"}
    made = host.up(tmp_path / "homes", owner, database="sqlite")
    copy = tmp_path / "copy"
    shutil.copytree(owner, copy)
    (copy / "invoke.yaml").write_text(INVOKE + f"    sandbox: {entry}\n")
    try:
        for story in (commands.up(copy), commands.down(copy), commands.down(copy, remove=True)):
            with pytest.raises(Refusal, match="that of the project in"):
                list(story)
        assert alive(made) == {"ssh", "web"}
    finally:
        host.down(tmp_path / "homes", remove=True)


def test_what_could_not_be_made_leaves_nothing_and_what_was_mended_arrives(owner):
    """With all that was committed at first, such as a requirements.txt that cannot be installed."""
    folder = owner / own_app.FOLDER
    (folder / "demo").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(WrongUse) as stop:
        host.up(folder, owner, database="sqlite", web_port=taken.getsockname()[1])
    assert stop.value.changed is False
    assert [path.name for path in folder.iterdir()] == ["demo"]
    git(owner, "commit", "-q", "--allow-empty", "-m", "Mend it")
    site, _ = up(owner)
    assert git(site.project, "rev-parse", "HEAD") == git(owner, "rev-parse", "HEAD")

    host.down(site.folder)  # as when the machine was turned off: what was done may be half done
    site.wsgi.unlink()
    state.save(replace(site, url="", web_port=0, processes={}))
    git(owner, "commit", "-q", "--allow-empty", "-m", "Later")
    again, _ = up(owner)
    assert git(again.project, "rev-parse", "HEAD") == git(owner, "rev-parse", "HEAD")
    assert state.read(again.folder) == again


def test_a_sandbox_whose_wsgi_file_is_gone_gets_one_and_keeps_rows_and_settings(owner):
    """It was moved aside by hand, or is a link to a file of the project that a commit took away."""
    site, _ = up(owner)
    host.down(site.folder)
    kept = (site.home / ".slipway/backups/1.json", Path(site.database["path"]), site.project / ".env")
    kept[0].parent.mkdir(parents=True)
    for path in kept:
        path.write_text("theirs")
    site.wsgi.unlink()
    again, _ = up(owner)
    assert [path.read_text() for path in kept] == ["theirs"] * 3
    assert str(site.project) in again.wsgi.read_text()


def test_a_folder_that_is_a_link_is_refused_and_what_it_leads_to_stays(owner, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/note.txt").write_text("mine")
    (owner / own_app.FOLDER).symlink_to(tmp_path / "other")
    for typed in (lambda: commands.up(owner), lambda: commands.down(owner, remove=True)):
        with pytest.raises(Refusal, match=r"is a link, and a sandbox is a folder(.|\n)*Next: rm "):
            list(typed())
    assert (tmp_path / "other/note.txt").read_text() == "mine"
    (owner / own_app.FOLDER).unlink()
