"""Wrong input at the site's side: a row for each mistake. It is told in one message, which says what to type next; it
ends with the design's exit code; and nothing is changed, on either side."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import inspect
import io
import json
import os
import re
import shlex
import shutil
import socket
import socketserver
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import changes
import pytest
import sqlalchemy as sa
from world import World, git

from flask_slipway.sandbox.host import databases, programs

Mistake = Callable[[World], AbstractContextManager]
WRONG: list[Row] = []
STATUS = ("fab", "site.status")
CHECK = ("fab", "site.check")
RELEASE = ("inv", "release", "--to", "site", "--yes", "--skip-tests")


@dataclass(frozen=True)
class Row:
    """One mistake: `mistake` makes it and unmakes it, `typed` meets it, with exit code `code` and all words `told`."""

    mistake: Mistake
    typed: tuple[str, ...]
    code: int
    told: tuple[str, ...]
    dialect: str

    def __str__(self) -> str:
        return f"{self.mistake.__name__}-{self.typed[1].removeprefix('site.')}"


def wrong(typed: tuple[str, ...], code: int, *told: str, dialect: str = "sqlite") -> Callable[[Mistake], Mistake]:
    """A row of the table: `typed` meets the decorated mistake."""

    def enter(mistake: Mistake) -> Mistake:
        made = contextmanager(mistake) if inspect.isgeneratorfunction(mistake) else mistake
        WRONG.append(Row(made, typed, code, told, dialect))
        return mistake

    return enter


def fab(*words: str) -> tuple[str, ...]:
    return ("fab", f"site.{words[0]}", *words[1:])


# how mistakes are made, and unmade


@contextmanager
def configured(world: World, **more) -> Iterator[None]:
    """Other words in invoke.yaml; a None leaves the key out."""
    world.configure(**more)
    yield
    world.configure()


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Something is not where it was."""
    kept = path.with_name(path.name + ".away")
    path.rename(kept)
    try:
        yield
    finally:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        kept.rename(path)


@contextmanager
def holding(path: Path, text: str | bytes, mode: int | None = None) -> Iterator[None]:
    """A file holds something else, or is there at all; the folder above it is made where it is missing."""
    old = path.read_bytes() if path.exists() else None
    times = path.stat() if old is not None else None
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if mode is not None:
        path.chmod(mode)
    try:
        yield
    finally:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(old)
            path.chmod(times.st_mode & 0o7777)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextmanager
def committed(world: World, files: dict[str, str]) -> Iterator[None]:
    """One more commit, pushed."""
    before = git(world.laptop, "rev-parse", "HEAD")
    world.write(files)
    git(world.laptop, "add", "-A")
    git(world.laptop, "commit", "-q", "-m", "A commit too many")
    git(world.laptop, "push", "-q", "origin", "main")
    yield
    git(world.laptop, "reset", "-q", "--hard", before)
    git(world.laptop, "push", "-q", "--force", "origin", "main")


def text(world: World, name: str) -> str:
    return (world.laptop / name).read_text()


def project(world: World) -> Path:
    return Path(world.site.project)


def wsgi(world: World) -> Path:
    return Path(world.site.wsgi)


# cannot be reached, or does not let in (5)


@wrong(STATUS, 5, "no-such-host.invalid", "Next:")
def name_does_not_resolve(world):
    return configured(world, host="no-such-host.invalid")


@wrong(STATUS, 5, "nothing listens there", "port:")
def port_is_refused(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return configured(world, port=free.getsockname()[1])


def make_key(world, name, passphrase=""):
    path = world.folder / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    return path


@wrong(STATUS, 5, "does not let", "tried once", "Next: ssh -i")
def key_is_not_the_accounts(world):
    return configured(world, key=str(make_key(world, "other_key")))


@wrong(STATUS, 5, "has a passphrase", "Next: eval $(ssh-agent); ssh-add")
def key_has_a_passphrase(world):
    return configured(world, key=str(make_key(world, "locked_key", "secret words")))


@wrong(STATUS, 1, "is no private key", "Next: correct  key:")
def key_is_no_key(world):
    path = world.folder / "no_key"
    path.write_text("not a key\n")
    return configured(world, key=str(path))


@wrong(STATUS, 5, "no key to log in with", "key:")
def there_is_no_key(world):
    return configured(world, key=None)


@wrong(STATUS, 5, "does not let nobody in", "user:")
def account_is_another(world):
    return configured(world, user="nobody")


@wrong(STATUS, 5, "not the pinned one", "Nothing was sent", "host_key: SHA256:")
def host_key_is_pinned_to_another(world):
    return configured(world, host_key="SHA256:" + "A" * 43)


@wrong(STATUS, 5, "no key of it is known here", "Nothing was sent", "host_key: SHA256:")
def host_key_is_not_known(world):
    return configured(world, host_key=[])


@wrong(STATUS, 5, "another host key than the known one", "nothing was sent", "ssh-keygen -R")
def host_key_has_changed(world):
    other = make_key(world, "other_host_key").with_suffix(".pub").read_text()
    known = world.folder / "laptop-home" / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(f"[127.0.0.1]:{world.site.ssh_port} {' '.join(other.split()[:2])}\n")
    with configured(world, host_key=[]):
        yield
    known.unlink()


# the account


@wrong(STATUS, 5, "No such file or directory", "Next: set  python:")
def python_is_not_there(world):
    return configured(world, python="/no/such/python3")


@wrong(STATUS, 5, "is Python 3.6", "Next: set  python:")
def python_is_too_old(world):
    shim = world.folder / "python3.6"
    shim.write_text(
        f'#!{sys.executable}\nimport sys\nsys.version_info = (3, 6, 9)\nexec(sys.argv[sys.argv.index("-c") + 1])\n'
    )
    shim.chmod(0o755)
    with configured(world, python=str(shim)):
        yield


@wrong(STATUS, 1, "no folder /home/nobody-at-all", "Next: correct  user:  or  home:")
def home_is_not_there(world):
    return configured(world, home="/home/nobody-at-all")


def limited(world, blocks):
    """A python3 that may write files of so many blocks of 512 bytes only, as an account over its quota."""
    shim = world.folder / f"python-{blocks}"
    shim.write_text(f'#!/bin/sh\nulimit -f {blocks}\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    return configured(world, python=str(shim))


@wrong(STATUS, 3, "cannot be written to: File too large", "quota", "Next: ssh")
def home_is_over_quota(world):
    with away(world.state / "engine"), limited(world, 8):
        yield


@wrong(STATUS, 3, "cannot be written to", "Next: ssh")
def home_cannot_be_written(world):
    with away(world.state / "engine"), holding(world.state / "engine", ""):
        yield


# the project folder


@wrong(STATUS, 3, "is not there", "mysite.away", "Next: correct  project:", "git clone REPOSITORY")
@wrong(CHECK, 3, "is not there", "mysite.away", "Next: correct  project:", "git clone REPOSITORY")
@wrong(fab("workon", "-c", "ls -d mysite.away"), 0, "mysite is not there; this is", "mysite.away")
def project_folder_is_missing(world):
    return away(project(world))


@wrong(STATUS, 3, "is no git clone", "git clone REPOSITORY")
def project_folder_is_no_clone(world):
    with away(project(world) / ".git"):
        yield


@wrong(STATUS, 3, "lies inside the clone", "Next: set  project: mysite")
def project_folder_is_inside_of_a_clone(world):
    return configured(world, project=str(project(world) / "app"))


@wrong(RELEASE, 3, "app/views/__init__.py", "workon -c 'git diff'")
def file_was_changed_by_hand(world):
    path = project(world) / "app" / "views" / "__init__.py"
    return holding(path, path.read_text() + "# by hand\n")


@wrong(RELEASE, 3, "notes.txt", "Next:")
def untracked_file_is_in_the_way(world):
    with holding(project(world) / "notes.txt", "by hand"), committed(world, {"notes.txt": "ours"}):
        yield


@wrong(RELEASE, 3, "on branch experiment", "workon -c 'git switch main'")
def another_branch_is_checked_out(world):
    git(project(world), "checkout", "-q", "-b", "experiment")
    yield
    git(project(world), "checkout", "-q", "main")
    git(project(world), "branch", "-q", "-D", "experiment")


@wrong(RELEASE, 3, "detached head", "workon -c 'git switch main'")
def head_is_detached(world):
    git(project(world), "checkout", "-q", "--detach")
    yield
    git(project(world), "checkout", "-q", "main")


@contextmanager
def on_the_server(world, message, *, pushed):
    """A commit that was made there."""
    before = git(project(world), "rev-parse", "HEAD")
    (project(world) / "made_there.txt").write_text("x")
    git(project(world), "add", "made_there.txt")
    git(project(world), "commit", "-q", "-m", message)
    if pushed:
        git(project(world), "push", "-q", "origin", "HEAD:refs/heads/made-there")
        git(world.laptop, "fetch", "-q", "origin")
    yield
    git(project(world), "reset", "-q", "--hard", before)
    if pushed:
        git(project(world), "push", "-q", "origin", ":refs/heads/made-there")


@wrong(RELEASE, 3, "is not known here", "git push origin HEAD:refs/heads/made-there")
def commit_was_made_on_the_server(world):
    return on_the_server(world, "Made there", pushed=False)


@wrong(RELEASE, 3, "is not part of", "Next: git merge")
def history_has_diverged(world):
    return on_the_server(world, "Made there", pushed=True)


@wrong(RELEASE, 3, "this clone is shallow", "Next: git fetch --unshallow origin")
def clone_here_is_shallow(world):
    with committed(world, {"new.txt": "1"}), committed(world, {"new.txt": "2"}):
        git(world.laptop, "fetch", "-q", "--depth", "1", "origin", "main")
        yield
        git(world.laptop, "fetch", "-q", "--unshallow", "origin")


@wrong(fab("downgrade", "--yes"), 3, "no older commit without d0641f33", "downgrade --database-only")
def first_commit_has_the_revision(world):
    yield


@wrong(fab("downgrade", "--yes"), 3, "the site's clone is shallow", "git fetch --unshallow origin")
def clone_there_is_shallow(world):
    before = git(project(world), "rev-parse", "HEAD")
    with committed(world, {"new.txt": "1"}):
        git(project(world), "fetch", "-q", "--depth", "1", "origin", "main")
        git(project(world), "reset", "-q", "--hard", "FETCH_HEAD")
        yield
        git(project(world), "fetch", "-q", "--unshallow", "origin")
        git(project(world), "reset", "-q", "--hard", before)


@contextmanager
def fetching_from(world, url):
    """The clone fetches from `url`, or has no remote; and there is a commit that it does not have."""
    config = project(world) / ".git" / "config"
    with committed(world, {"new.txt": str(time.time())}), holding(config, config.read_text()):
        if url:
            git(project(world), "remote", "set-url", "origin", url)
        else:
            git(project(world), "remote", "rename", "origin", "elsewhere")
        yield


@wrong(RELEASE, 3, "no remote 'origin'", "git remote add origin")
def remote_is_missing(world):
    return fetching_from(world, None)


class Asking(http.server.BaseHTTPRequestHandler):
    """Asks everybody for a password, as a private repository does."""

    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Threaded(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextmanager
def serving(handler):
    server = Threaded(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@wrong(RELEASE, 3, "asks for a password", "deploy key", "git remote set-url origin")
def remote_asks_for_a_password(world):
    with serving(Asking) as url, fetching_from(world, f"{url}/me/private.git"):
        yield


@wrong(RELEASE, 3, "no such repository", "git remote set-url origin")
def remote_is_gone(world):
    with fetching_from(world, "/no/such/repository.git"):
        yield


@wrong(RELEASE, 3, "does not know the host", "Next: fab site.workon  and there  git fetch")
def remote_host_is_not_known(world):
    with fetching_from(world, f"ssh://git@127.0.0.1:{world.site.ssh_port}/me/it.git"):
        yield


@wrong(RELEASE, 3, "does not let it in", "deploy keys")
def remote_does_not_let_the_server_in(world):
    key = " ".join(Path(world.site.host_key).read_text().split()[:2])
    known = world.folder / "known"
    known.write_text(f"[127.0.0.1]:{world.site.ssh_port} {key}\n")
    url = f"ssh://git@127.0.0.1:{world.site.ssh_port}/me/it.git"
    with fetching_from(world, url):
        git(project(world), "config", "core.sshCommand", f"ssh -o UserKnownHostsFile={known} -o IdentityFile=none")
        yield


@wrong(RELEASE, 3, "index.lock", "workon -c 'rm ")
def index_is_locked(world):
    with holding(project(world) / ".git" / "index.lock", ""):
        yield


# the virtualenv and its packages


@wrong(STATUS, 3, "is not there", "mysite.away", "python3 -m venv", "virtualenv:")
def virtualenv_is_missing(world):
    return away(Path(world.site.virtualenv))


@wrong(STATUS, 3, "is of a Python that is gone", "python3.7-gone", "python3 -m venv --clear")
def virtualenv_is_of_a_dead_python(world):
    folder = Path(world.site.virtualenv) / "bin"
    with away(folder / "python"):
        (folder / "python").symlink_to("/usr/local/bin/python3.7-gone")
        yield


@wrong(STATUS, 3, "does not start", "python3 -m venv --clear")
def virtualenvs_python_does_not_start(world):
    with away(Path(world.site.virtualenv) / "bin" / "python"):
        (Path(world.site.virtualenv) / "bin" / "python").write_text("no program")
        (Path(world.site.virtualenv) / "bin" / "python").chmod(0o755)
        yield


def source(folder: Path, name: str, fault: str) -> Path:
    """A source distribution, version 1.0, whose build ends with that fault."""
    backend = f"def build_wheel(*_, **__):\n    print('checking for it')\n    raise SystemExit({fault!r})\n"
    texts = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": backend + "build_sdist = build_wheel\n",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    }
    path = folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for inner, content in texts.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{inner}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return path


def wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """A wheel of an empty package that needs other packages."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@contextmanager
def index(world: World) -> Iterator[Path]:
    """The server's pip looks here alone: yields the folder to put a package's files in, NAME/FILE."""
    folder = world.folder / "index"
    folder.mkdir()
    config = Path(world.site.home) / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    with holding(config, f"[global]\nindex-url = file://{folder}\n"):
        yield folder
    shutil.rmtree(folder)


@contextmanager
def requiring(world: World, line: str, *makers: Callable[[Path], Path]) -> Iterator[None]:
    """One more requirement, and an index that has what `makers` make."""
    name = line.split("==")[0]
    with index(world) as folder:
        place = folder / name
        place.mkdir()
        links = [f'<a href="{made.name}">{made.name}</a>' for made in (maker(place) for maker in makers)]
        (place / "index.html").write_text("<!DOCTYPE html>" + "\n".join(links))
        with committed(world, {"requirements.txt": text(world, "requirements.txt") + line + "\n"}):
            yield


@wrong(RELEASE, 3, "no steady==7.0", "versions there: 1.0", "requirements.txt")
def requirement_has_no_such_version(world):
    return requiring(world, "steady==7.0", lambda place: wheel(place, "steady", "1.0"))


@wrong(RELEASE, 3, "mysql_config: not found", "Next:")
def requirement_cannot_be_built(world):
    fault = "mysql_config: not found; install libmysqlclient-dev"
    return requiring(world, "unbuildable==1.0", lambda place: source(place, "unbuildable", fault))


@wrong(RELEASE, 3, "contradict", "choosy 1.0 depends on flask<2", "Next:")
def requirements_contradict_each_other(world):
    return requiring(world, "choosy==1.0", lambda place: wheel(place, "choosy", "1.0", "Flask<2"))


@wrong(RELEASE, 3, "pip check", "leftover 1.0 has requirement Flask<2", "Next:")
def packages_do_not_fit_together(world):
    """What is installed beside the requirements needs another version than they list."""
    (site_packages,) = Path(world.site.virtualenv).glob("lib/python*/site-packages")
    left = site_packages / "leftover-1.0.dist-info"
    left.mkdir()
    (left / "METADATA").write_text("Metadata-Version: 2.1\nName: leftover\nVersion: 1.0\nRequires-Dist: Flask<2\n")
    (left / "RECORD").write_text("")
    with requiring(world, "steady==1.0", lambda place: wheel(place, "steady", "1.0")):
        yield
    shutil.rmtree(left)


@wrong(RELEASE, 3, "has no pip", "workon -c 'python -m ensurepip'")
def virtualenv_has_no_pip(world):
    (site_packages,) = Path(world.site.virtualenv).glob("lib/python*/site-packages")
    with contextlib.ExitStack() as stack:
        for path in site_packages.glob("pip*"):
            stack.enter_context(away(path))
        stack.enter_context(requiring(world, "steady==1.0", lambda place: wheel(place, "steady", "1.0")))
        yield


# the app


def factory(world, line):
    return text(world, "app/__init__.py").replace("def create_app", f"{line}\n\n\ndef create_app", 1)


@wrong(RELEASE, 3, "No module named 'invoke'", "has invoke to requirements.txt")
def new_app_needs_a_package_that_is_not_listed(world):
    """The laptop has it, for another reason, and nobody sees the import by reading the code."""
    return committed(world, {"app/__init__.py": factory(world, '__import__("invoke")')})


@wrong(RELEASE, 3, "KeyError: 'MAIL_KEY'", "app/__init__.py, line", "Next: fab site.env")
def new_app_lacks_a_setting(world):
    line = (
        'import os\n\nif "ON_A_LAPTOP" not in os.environ and os.environ.get("FLASK_ENV"):\n    os.environ["MAIL_KEY"]'
    )
    return committed(world, {"app/__init__.py": factory(world, line)})


@wrong(RELEASE, 3, "No module named 'no_such_package'", "app/extensions.py, line 1", "pip install -r requirements.txt")
@wrong(STATUS, 3, "No module named 'no_such_package'", "app/extensions.py, line 1", "pip install -r requirements.txt")
def live_app_lacks_a_package(world):
    path = project(world) / "app" / "extensions.py"
    return holding(path, "import no_such_package\n" + path.read_text())


@wrong(RELEASE, 3, "RuntimeError: no longer", "app/extensions.py, line 1", "workon -c 'git reset --keep")
def live_app_was_pulled_by_hand_and_is_broken(world):
    path = project(world) / "app" / "extensions.py"
    with on_the_server(world, "Break it", pushed=False):
        path.write_text("raise RuntimeError('no longer')\n")
        git(project(world), "commit", "-q", "-a", "-m", "Break it more")
        yield


@wrong(RELEASE, 3, "an installed copy", "pip list --editable")
def new_app_is_hidden_by_an_installed_one(world):
    """An editable install leads to the live folder, whatever is staged."""
    (site_packages,) = Path(world.site.virtualenv).glob("lib/python*/site-packages")
    finder = (
        "import importlib.util as u, os, sys\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'app':\n"
        f"            top = {str(project(world) / 'app')!r}\n"
        "            return u.spec_from_file_location(name, os.path.join(top, '__init__.py'), "
        "submodule_search_locations=[top])\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    with (
        holding(site_packages / "__editable___app_finder.py", finder),
        holding(site_packages / "__editable__.app.pth", "import __editable___app_finder\n"),
    ):
        yield


@wrong(STATUS, 3, "SECRET_KEY and DATABASE_URL not set", "Next: fab site.env")
@wrong(CHECK, 3, "SECRET_KEY and DATABASE_URL not set", "Next: fab site.env")
def setting_is_missing_on_the_server(world):
    with away(project(world) / ".env"):
        yield


# the WSGI file


@wrong(STATUS, 3, "is not there", "Web tab", "wsgi:")
def wsgi_file_is_missing(world):
    return away(wsgi(world))


@wrong(RELEASE, 3, "SyntaxError", "line", "Next: mend the WSGI file")
@wrong(STATUS, 3, "SyntaxError", "line", "Next: mend the WSGI file")
def wsgi_file_does_not_parse(world):
    return holding(wsgi(world), wsgi(world).read_text() + "\nif:\n")


@wrong(STATUS, 3, "has no name 'application'", "Next: mend the WSGI file")
def wsgi_file_is_empty(world):
    return holding(wsgi(world), "")


@wrong(STATUS, 3, "is a folder", "wsgi:")
def wsgi_file_is_a_folder(world):
    with away(wsgi(world)):
        wsgi(world).mkdir()
        yield


@wrong(STATUS, 3, "there is no Flask app", "Next: mend the WSGI file")
def wsgi_file_is_the_hosts_own(world):
    from flask_slipway.sandbox.host.wsgi import EMPTY

    return holding(wsgi(world), EMPTY)


@wrong(RELEASE, 3, "leads to another folder", "other-app", "project:")
@wrong(CHECK, 3, "leads to another folder", "other-app", "project:")
def wsgi_file_is_of_another_app(world):
    other = Path(world.site.home) / "other-app"
    shutil.copytree(project(world), other, ignore=shutil.ignore_patterns(".git"))
    with holding(wsgi(world), wsgi(world).read_text().replace(str(project(world)), str(other))):
        yield
    shutil.rmtree(other)


# the database


@wrong(RELEASE, 3, "two different databases", "site.sqlite", "other.sqlite", "env:")
def app_is_on_another_database(world):
    path = Path(world.site.home) / "other.sqlite"
    return configured(world, env={"FLASK_ENV": "production", "DATABASE_URL": f"sqlite:///{path}"})


@contextmanager
def database_file(world, data):
    """The SQLite file is something else."""
    path = Path(world.site.database["path"])
    with away(path):
        if data is not None:
            path.write_bytes(data)
        yield
        for suffix in ("-wal", "-shm", "-journal"):
            Path(str(path) + suffix).unlink(missing_ok=True)


@wrong(RELEASE, 3, "the database is empty", "d0641f33", "fab site.restore")
def sqlite_file_is_gone(world):
    return database_file(world, None)


@wrong(RELEASE, 3, "file is not a database", "site.sqlite.damaged", "fab site.restore")
@wrong(STATUS, 3, "file is not a database", "site.sqlite.damaged", "fab site.restore")
def sqlite_file_is_no_database(world):
    return database_file(world, b"not a database at all" * 100)


@contextmanager
def versions(world, *rows, table=True):
    """alembic_version holds these rows, or is not there."""
    (old,) = world.sql("SELECT version_num FROM alembic_version")
    world.sql("DELETE FROM alembic_version")
    for row in rows:
        world.sql("INSERT INTO alembic_version VALUES (:row)", row=row)
    if not table:
        world.sql("ALTER TABLE alembic_version RENAME TO kept_version")
    yield
    if not table:
        world.sql("DROP TABLE IF EXISTS alembic_version")
        world.sql("ALTER TABLE kept_version RENAME TO alembic_version")
    world.sql("DELETE FROM alembic_version")
    world.sql("INSERT INTO alembic_version VALUES (:row)", row=old[0])


@wrong(RELEASE, 3, "no revision in alembic_version", "flask db stamp d0641f33")
@wrong(fab("upgrade", "--yes"), 3, "no revision in alembic_version", "flask db stamp d0641f33")
def alembic_version_is_missing(world):
    return versions(world, table=False)


@wrong(RELEASE, 3, "no revision in alembic_version", "flask db stamp d0641f33")
def alembic_version_is_empty(world):
    return versions(world)


@wrong(RELEASE, 3, "tables that the revisions would make", "such as asset", "If the tables are there already")
def tables_are_there_and_the_live_code_has_no_revisions(world):
    before = git(project(world), "rev-parse", "HEAD")
    git(world.laptop, "rm", "-q", "-r", "migrations/versions")
    with committed(world, {"migrations/versions/.gitkeep": ""}), versions(world):
        git(project(world), "fetch", "-q")
        git(project(world), "reset", "-q", "--hard", "origin/main")
        git(world.laptop, "revert", "--no-edit", "HEAD")
        git(world.laptop, "push", "-q", "origin", "main")
        yield
        git(project(world), "reset", "-q", "--hard", before)


@wrong(RELEASE, 3, "8a1c5e20, which stands below it", "flask db stamp --purge d0641f33")
@wrong(fab("downgrade", "--yes"), 3, "8a1c5e20, which stands below it", "flask db stamp --purge d0641f33")
def alembic_version_has_two_rows(world):
    return versions(world, "d0641f33", "8a1c5e20")


@wrong(RELEASE, 3, "feedc0de", "does not know", "Next:")
@wrong(fab("upgrade", "--yes"), 3, "feedc0de", "does not know", "Next:")
@wrong(fab("downgrade", "--yes"), 3, "feedc0de", "does not know", "Next:")
def revision_is_unknown(world):
    return versions(world, "feedc0de")


# the database server, by the clients of MySQL


def mysql(*typed_code_told):
    return wrong(*typed_code_told, dialect="mysql")


def env_with(world, old, new):
    """Other words in the server's .env."""
    path = project(world) / ".env"
    assert old in path.read_text(), path.read_text()
    return holding(path, path.read_text().replace(old, new))


def administrator(world, *statements):
    """Runs statements as the administrator of the site's database server."""
    server = databases.attach(programs.find("mysql"), world.site.folder / "data", world.site.processes["database"])
    for statement in statements:
        server.execute(statement)


@mysql(STATUS, 3, "access denied", "Next: compare name and password in .env", "fab site.workon")
def password_is_wrong(world):
    password = quote(world.site.database["password"], safe="")
    return env_with(world, password, password + "x")


@mysql(CHECK, 3, "no-such-host.invalid", "Next: correct its host in .env")
def database_host_is_unknown(world):
    return env_with(world, f"@{world.site.database['host']}:", "@no-such-host.invalid:")


@mysql(STATUS, 3, "can't connect", "Next: correct its host in .env, or start it")
def database_server_is_down(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return env_with(world, f":{world.site.database['port']}/", f":{free.getsockname()[1]}/")


@mysql(STATUS, 3, "unknown database", "Databases tab", "fab site.restore")
@mysql(RELEASE, 3, "unknown database", "Databases tab", "fab site.restore")
def database_was_dropped(world):
    name = quote(world.site.database["name"], safe="")
    path = project(world) / ".env"
    return env_with(world, name if name in path.read_text() else world.site.database["name"], f"{world.site.user}$gone")


@mysql(STATUS, 3, "max_user_connections", "Next: end consoles and tasks")
def too_many_connections_are_open(world):
    user = world.site.database["user"]
    administrator(world, f"ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 1")
    with world.engine().connect() as held:
        held.exec_driver_sql("SELECT 1")
        yield
    administrator(world, f"ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 0")


@mysql(RELEASE, 3, "refuses all writes", "Next: fab site.open")
def database_is_read_only(world):
    name = world.site.database["name"]
    world.sql(f"ALTER DATABASE `{name}` READ ONLY = 1")
    yield
    world.sql(f"ALTER DATABASE `{name}` READ ONLY = 0")


@contextmanager
def finding(world, *names, **scripts):
    """A python3 that finds these programs alone, and `scripts`: {name: text}."""
    folder = world.folder / "few-programs"
    folder.mkdir()
    there = os.pathsep.join([str(world.site.programs or ""), os.environ["PATH"]])
    for name in names:
        (folder / name).symlink_to(shutil.which(name, path=there))
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    shim = folder / "python-shim"
    shim.write_text(f'#!/bin/sh\nPATH={folder}\nexport PATH\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    with configured(world, python=str(shim)):
        yield
    shutil.rmtree(folder)


@mysql(fab("backup"), 3, "mysqldump is not installed", "Next: install the MySQL client programs")
def dump_tool_is_missing(world):
    return finding(world, "git", "mysql", "zstd")


@mysql(STATUS, 3, "mysql is not installed", "Next: install the MySQL client programs")
def client_is_missing(world):
    return finding(world, "git", "mysqldump", "zstd")


@wrong(STATUS, 3, "there is no git on the server", "Next:")
def git_is_missing(world):
    return finding(world, "ls")


# What mysqldump 8.0.32 says to a user without RELOAD, whatever it is asked for (docker-library/mysql#941).
OTHER_VERSION = """#!/bin/sh
echo "mysqldump: Error: 'Access denied; you need (at least one of) the PROCESS privilege(s) for this operation'" >&2
echo "mysqldump: Couldn't execute 'SELECT COLUMN_NAME FROM information_schema.COLUMN_STATISTICS' (1109)" >&2
exit 2
"""


@mysql(fab("backup"), 3, "the backup failed", "COLUMN_STATISTICS", "Next:")
def dump_tool_is_of_another_version(world):
    return finding(world, "git", "mysql", "zstd", mysqldump=OTHER_VERSION)


# no room


@wrong(fab("backup"), 3, "the backup failed", "Next: fab site.workon -c 'du -sh ..'")
@mysql(fab("backup"), 3, "the backup failed", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_backup(world):
    """Room for the journal, not for a dump."""
    filler = os.urandom(200_000).hex()
    world.sql(
        "CREATE TABLE filler (words LONGTEXT)" if world.dialect == "mysql" else "CREATE TABLE filler (words TEXT)"
    )
    world.sql("INSERT INTO filler VALUES (:words)", words=filler)
    with limited(world, 300):
        yield
    world.sql("DROP TABLE filler")


@wrong(RELEASE, 3, "died of signal", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_stage(world):
    """Compressed it can be fetched, checked out it has no room."""
    with committed(world, {"data.txt": "word " * 100_000}), limited(world, 300):
        yield


@wrong(RELEASE, 3, "no room for the packages", "Next: fab site.workon -c 'du -sh ..'")
def quota_is_full_during_the_packages(world):
    def heavy(place):
        path = wheel(place, "heavy", "1.0")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("heavy/data", os.urandom(300_000))
        return path

    with requiring(world, "heavy==1.0", heavy), limited(world, 300):
        yield


# health


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(self.path.strip("/").split("?")[0])
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "https://www.example.org/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def answering(status):
    @contextmanager
    def mistake(world):
        with serving(Answering) as url, configured(world, url=url, health=f"/{status}"):
            yield

    mistake.__name__ = f"health_answers_{status}"
    return mistake


HEALTH = {
    301: "answers everybody with 200",
    401: "everybody with 200",
    404: "a page that is there",
    500: "fab site.logs",
}
for status, mend in HEALTH.items():
    wrong(fab("health"), 3, f"the site answers {status}", mend)(answering(status))
wrong(RELEASE, 3, "could not be proved", "answers everybody with 200")(answering(401))


@wrong(RELEASE, 3, "Connection refused", "url:")
@wrong(fab("health"), 3, "Connection refused", "url:")
def nobody_serves_the_site(world):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with configured(world, url=f"http://127.0.0.1:{free.getsockname()[1]}"):
            yield


# what the suite keeps there


def newest_backup(world):
    return max((world.state / "backups" / world.site.domain).glob("*.json"))


def manifest(world, **more):
    path = newest_backup(world)
    return holding(path, json.dumps({**json.loads(path.read_text()), **more}))


def dump(world):
    path = newest_backup(world)
    return path.with_name(json.loads(path.read_text())["file"])


RESTORE = fab("restore", "--yes")


@wrong(RESTORE, 3, "is damaged", "Next: fab site.backups")
def backup_is_damaged(world):
    data = dump(world).read_bytes()
    return holding(dump(world), data[:100] + bytes([data[100] ^ 1]) + data[101:])


@wrong(RESTORE, 3, "its end is missing", "Next: fab site.backups")
def backup_is_cut_off(world):
    return holding(dump(world), dump(world).read_bytes()[:-50])


@wrong(RESTORE, 3, "is of www.example.org", "Next: fab site.backups")
def backup_is_of_another_site(world):
    return manifest(world, domain="www.example.org")


@wrong(RESTORE, 3, "is of mysql", "Next: fab site.backups")
def backup_is_of_another_kind_of_database(world):
    return manifest(world, dialect="mysql")


@wrong(RESTORE, 3, "its manifest is damaged", "Next: fab site.backups")
def manifest_is_broken(world):
    return holding(newest_backup(world), "{ not json")


@wrong(RESTORE, 3, "its manifest is damaged", "Next: fab site.backups")
def manifest_lacks_words(world):
    return holding(newest_backup(world), '{"id": "x"}')


@wrong(RESTORE, 3, "its manifest is not there", "Next: fab site.backups")
def manifest_is_missing(world):
    return away(newest_backup(world))


@wrong(RESTORE, 3, "its file", "is not there", "Next: fab site.backups")
def backup_file_is_missing(world):
    return away(dump(world))


@wrong(fab("restore", "--yes", "--backup", "20261120T180312Z"), 3, "no backup", "; there ", "fab site.backups")
@wrong(fab("downgrade", "--yes", "--to", "8a1c5e30"), 3, "below d0641f33", "Next: fab site.downgrade --to 8a1c5e20")
@wrong(fab("downgrade", "--yes", "--to", "nonsense"), 3, "below it: 8a1c5e20 add posted", "Next: fab site.downgrade")
@wrong(fab("logs", "--which", "errors"), 3, "access, error, server", "Next: fab site.logs --which error")
@wrong(fab("rollback", "--yes"), 3, "", "Next: fab site.downgrade")
@wrong(fab("open"), 0, "open already")
@wrong(fab("upgrade", "--yes"), 0, "the head of the live code")
@wrong(fab("recover", "--yes"), 0, "Nothing was interrupted")
def nothing_but_the_word(world):
    """What is typed is the mistake itself."""
    yield


@wrong(STATUS, 3, "open_run is damaged", "Next:")
@wrong(RELEASE, 3, "open_run is damaged", "Next:")
@wrong(fab("recover", "--yes"), 3, "open_run is damaged", "Next:")
def open_run_is_broken(world):
    return holding(world.site_folder / "open_run", "{ not json")


@wrong(STATUS, 0, "last release  none")
@wrong(fab("history"), 0, "none")
@wrong(fab("rollback", "--yes"), 3, "in the history", "Next: fab site.downgrade")
def history_is_broken(world):
    return holding(world.site_folder / "history.jsonl", "{ not json\n[1]\n\x00\xff\n")


# the test


@pytest.fixture(scope="module")
def waiting(worlds):
    """Sites by kind of database: after their first release, with a commit that waits to be released. As nothing is
    changed, one of each serves all rows."""
    made: dict[str, World] = {}

    def world_of(dialect: str) -> World:
        if dialect not in made:
            made[dialect] = worlds(dialect)
            made[dialect].reset_to_first_release()
            assert made[dialect].fab("backup").code == 0
            changes.additive(made[dialect])
        return made[dialect]

    return world_of


# What may differ: that a run was refused is written down, and a fetch brings objects. Neither is live.
NOTED = ("/.slipway/engine", "/runs/", "history.jsonl", "__pycache__", "/.virtualenvs/")
FETCHED = ("/.git/objects", "/.git/FETCH_HEAD", "/.git/refs/remotes", "/.git/logs/refs/remotes", "/.git/packed-refs")


def standing(world: World) -> dict[str, object]:
    """A fingerprint of all that must be as it was: home, WSGI files, repository, database, the laptop's files."""
    found: dict[str, object] = {}
    for top in (Path(world.site.home), Path(world.site.wsgi).parent, world.laptop):
        for path in sorted(top.rglob("*")):
            name = str(path)
            if any(word in name for word in (*NOTED, *FETCHED)) or name.startswith(str(world.laptop / ".git")):
                continue
            found[name] = os.readlink(path) if path.is_symlink() else path.is_file() and digest(path)
    found["virtualenvs"] = sorted(path.name for path in Path(world.site.virtualenv).parent.iterdir())
    found["repository"] = git(Path(world.site.origin), "for-each-ref")
    found["laptop"] = git(world.laptop, "for-each-ref", "refs/heads"), git(world.laptop, "status", "--porcelain")
    try:
        found["database"] = (world.contents(), world.revision)
    except sa.exc.DatabaseError as error:
        found["database"] = type(error)
    return found


def digest(path: Path) -> str:
    return f"{path.stat().st_mtime_ns} {path.stat().st_mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(("dialect", "row"), [pytest.param(row.dialect, row, id=str(row)) for row in WRONG])
def test_what_is_wrong_at_the_site_is_told_and_changes_nothing(waiting, dialect, row):
    world = waiting(dialect)
    with row.mistake(world):
        before = standing(world)
        done = world.run(*row.typed)
        assert standing(world) == before
    assert done.code == row.code, done.out
    for words in row.told:
        assert words.lower() in done.out.lower(), f"{words!r} is not in:\n{done.out}"
    assert "Traceback" not in done.out and "internal error" not in done.out.lower()
    told = done.out[done.out.rfind("Nothing was changed") :].splitlines()
    assert len(told) <= 10, done.out


COMMAND = re.compile(r"fab site\.[a-z]+(?: -c '[^']*')?")
MENDED = {
    "another_branch_is_checked_out-release": 1,
    "index_is_locked-release": 1,
    "live_app_was_pulled_by_hand_and_is_broken-release": 1,
    "alembic_version_is_missing-release": 1,
    "alembic_version_has_two_rows-release": 2,
    "sqlite_file_is_no_database-release": 2,
    "database_is_read_only-release": 1,
}


@pytest.mark.parametrize(
    ("dialect", "row"), [pytest.param(row.dialect, row, id=str(row)) for row in WRONG if str(row) in MENDED]
)
def test_what_is_named_to_type_next_mends_it(waiting, dialect, row):
    """The commands of the message, typed as they stand there."""
    world, name = waiting(dialect), str(row)
    with row.mistake(world):
        told = world.run(*row.typed).out
        commands = COMMAND.findall(told[told.rfind("Next:") :])[: MENDED[name]]
        assert len(commands) == MENDED[name], told
        for command in commands:
            typed = shlex.split(command)
            done = world.run(*typed, *(["--yes"] if typed[1] == "site.restore" else []))
            assert done.code == 0, done.out
        again = world.run("inv", "release", "--to", "site", "--dry")
        assert again.code == 0, again.out
        assert "add mood" in again
