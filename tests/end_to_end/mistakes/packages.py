"""The virtualenv, and the packages that a release would install."""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.world import World

from .table import RELEASE, STATUS, away, committed, holding, text, wrong


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
