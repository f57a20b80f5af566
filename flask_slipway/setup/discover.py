"""What `init` finds in a project, by looking alone: nothing of the project is run or imported."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from flask_slipway.config import yaml_lines
from flask_slipway.errors import Refusal
from flask_slipway.project import dotenv, source, taskfiles, tracked
from flask_slipway.project.git import quietly, succeeds
from flask_slipway.project.taskfiles import TaskFile

# A file that a project will have → the line of .gitignore that leaves it out.
TO_COME = {
    ".env": ".env",
    "__pycache__/x.pyc": "__pycache__/",
    ".venv/pyvenv.cfg": "/.venv/",
    "instance/x": "/instance/",
    "x.db": "*.db",
    "x.db-wal": "*.db-*",
    "x.sqlite": "*.sqlite*",
    ".coverage": ".coverage",
}
ALWAYS = (".env", "__pycache__/")  # also where git tracks such a file: it should not


@dataclass(frozen=True)
class Repository:
    """`remote`: where it is pushed, without any password in it; `folder`: what a clone of it is called."""

    there: bool
    branch: str
    current: str
    remote: str
    folder: str


@dataclass(frozen=True)
class App:
    """`name`: as FLASK_APP names it, "" where none was found; `what`: where it was found; `others`: where it may be
    another; `needs_arguments`: factories that want arguments."""

    name: str
    what: str = ""
    others: tuple[str, ...] = ()
    needs_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A project as it stands. `config`: the file that Invoke reads here, "" for none; `configured`: it has `slipway:`;
    `names`: those of .env, None without it; `ignore`: lines that .gitignore lacks; `tests`: the command in words."""

    root: Path
    app: App
    repository: Repository
    migrations: str
    revisions: int
    flask_migrate: bool
    requirements: str
    tests: str
    choosers: dict[str, str]
    seeds: tuple[str, ...]
    tasks: TaskFile
    fabfile: TaskFile
    config: str
    configured: bool
    example: bool
    names: dotenv.Names | None
    tracked_env: bool
    ignore: tuple[str, ...]


def find(root: Path) -> Found:
    """Looks at the project in `root`. Raises Refusal in a wrong folder, WrongUse where invoke.yaml is no YAML."""
    refuse_elsewhere(root)
    every = source.modules(root)
    folder = source.migrations(root, every)
    config = yaml_lines.file(root)
    return Found(
        root=root,
        app=app(root, every),
        repository=repository(root),
        migrations=folder if folder and (root / folder).is_dir() else "",
        revisions=len(list((root / folder / "versions").glob("[!_]*.py"))) if folder else 0,
        flask_migrate=source.uses(every, "flask_migrate"),
        requirements=next((name for name in ("requirements.txt",) if (root / name).is_file()), ""),
        tests=tests(root),
        choosers=source.choosers(every),
        seeds=tuple(source.seeds(every)),
        tasks=taskfiles.read(root, "tasks"),
        fabfile=taskfiles.read(root, "fabfile"),
        config=config.name if config else "",
        configured=yaml_lines.slipway(root) is not None,
        example=(root / ".env.example").is_file(),
        names=dotenv.names(root),
        tracked_env=succeeds(root, "ls-files", "--error-unmatch", ".env"),
        ignore=tuple(lacking(root)),
    )


def refuse_elsewhere(root: Path) -> None:
    """Raises Refusal in a folder that cannot be a project's: below the repository's top, or a home."""
    top = quietly(root, "rev-parse", "--show-toplevel")
    if top and not Path(top).samefile(root):
        what = "This folder lies inside a git repository, and a site is a clone of the whole"
        raise Refusal(what, [f"the repository: {top}"], [f"cd {top}", "flask-slipway init"])
    if root == Path.home():
        what = "This is your home folder, not a project"
        raise Refusal(what, next=["cd to the project, then  flask-slipway init"])
    for name in ("invoke.json", "invoke.py"):
        if (root / name).is_file() and yaml_lines.file(root) is None:
            what = f"There is {name}, and Invoke reads only one such file"
            raise Refusal(what, next=[f"put what {name} says into invoke.yaml, remove {name}, then again"])


# the app


def app(root: Path, every: Sequence[source.Module]) -> App:
    """The app: as FLASK_APP names it, else where flask would find one."""
    needs_arguments = tuple(source.needs_arguments(root, every))
    given, where = flask_app(root)
    if not closed(given):
        what = f"FLASK_APP in {where} cannot be read: {given}"
        lines = ["What stands after the colon is a name or a call, with its brackets closed."]
        raise Refusal(what, lines, ["FLASK_APP=\"app:create_app('production')\", or as it is called here"])
    if given and (name := existing(root, given)):
        return App(name, f"FLASK_APP in {where}")
    row = source.candidates(root, every)
    if not row:
        return App("", needs_arguments=needs_arguments)
    equals = [one for one in row if one.rank == row[0].rank and one.rank > 0]
    return App(row[0].name, row[0].what, tuple(one.name for one in equals[1:]), needs_arguments)


def flask_app(root: Path) -> tuple[str, str]:
    """FLASK_APP and where it is set; flask's own order: environment, .env, .flaskenv."""
    if os.environ.get("FLASK_APP"):
        return os.environ["FLASK_APP"], "the environment"
    for name in (".env", ".flaskenv"):
        if value := dotenv.value(root / name, "FLASK_APP"):
            return value, name
    return "", ""


def _halves(given: str) -> tuple[str, str, str]:
    """What FLASK_APP holds: the place, the colon, the app in it; the colon of C:\\ is none."""
    return (given, "", "") if re.match(r"[A-Za-z]:[\\/]", given) else given.partition(":")


def closed(given: str) -> bool:
    """Whether the app that FLASK_APP names after its colon is a whole, such as create_app('production')."""
    try:
        ast.parse(_halves(given)[2].strip() or "app", mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def existing(root: Path, given: str) -> str:
    """`given` as invoke.yaml should name it, where there is such a module or package; an empty text where not."""
    path, colon, attribute = _halves(given)
    place = path.replace("\\", "/").removesuffix(".py").removesuffix("/__init__").rstrip("/").removeprefix("./")
    if place.startswith("/"):
        place = os.path.relpath(place, root).replace("\\", "/")
    if not place or place.startswith(".."):
        return ""
    for name in (place, f"src/{place}"):
        file = root / name.replace(".", "/")
        if file.with_name(f"{file.name}.py").is_file() or (file / "__init__.py").is_file():
            return f"{name}{colon}{attribute}"
    return ""


# git


def repository(root: Path) -> Repository:
    """The repository: its main branch as the remote names it, else the one that is checked out."""
    there = succeeds(root, "rev-parse", "--git-dir")
    current = quietly(root, "symbolic-ref", "--short", "--quiet", "HEAD") if there else ""
    remotes = quietly(root, "remote").split() if there else []
    name = "origin" if "origin" in remotes else next(iter(remotes), "")
    url = quietly(root, "remote", "get-url", name) if name else ""
    head = quietly(root, "symbolic-ref", "--short", "--quiet", f"refs/remotes/{name}/HEAD") if name else ""
    branch = head.removeprefix(f"{name}/") or current or "main"
    return Repository(there, branch, current, shown(url), folder_of(url) or root.name)


def shown(url: str) -> str:
    """A remote without what stands before @ in https://user:token@host."""
    return re.sub(r"^(\w+://)[^/]*@", r"\1", url) if not url.startswith("ssh://") else re.sub(r":[^/@]*@", "@", url)


def folder_of(url: str) -> str:
    """What `git clone` would call its folder: project for git@host:me/project.git and /srv/git/project.git/."""
    last = re.split(r"[/:\\]", url.rstrip("/\\"))[-1]
    return last.removesuffix(".git") or PurePosixPath(url.rstrip("/")).parent.name


# the rest


def tests(root: Path) -> str:
    """The command that runs the tests, in words of `test:`; an empty text where there are none."""
    every = [path for path in source.files(root, ".py") if re.search(r"(^|/)(test_\w+|\w+_test|tests)\.py$", path)]
    if not every:
        return ""
    files = [
        *root.glob("*requirements*.txt"),
        *root.glob("requirements/*.txt"),
        *root.glob("*.toml"),
        *root.glob("*.ini"),
    ]
    named = any("pytest" in path.read_text(encoding="utf-8", errors="replace") for path in files)
    if named or (root / "conftest.py").is_file() or importlib.util.find_spec("pytest"):
        return "pytest"
    return "python -m unittest discover"


def lacking(root: Path) -> list[str]:
    """The lines that .gitignore lacks, so that no commit takes a secret, a database, a virtualenv, a compiled file or
    what tests leave: what is here, and what the first upgrade or test makes."""
    wanted = {path: line for path, line in TO_COME.items() if line in ALWAYS or not _holds(root, line)}
    for path in sorted([*root.glob("*.*"), *root.glob("instance/*"), *root.glob("*/*.db")]):
        named = any(fnmatch(path.name, line) for line in wanted.values())
        if not named and tracked.is_sqlite(path):
            place = path.relative_to(root).as_posix()
            wanted[place] = "/instance/" if place.startswith("instance/") else f"/{place}"
    for path in sorted(root.glob("*/pyvenv.cfg")):
        wanted[path.relative_to(root).as_posix()] = f"/{path.parent.name}/"
    lines = [line for path, line in wanted.items() if not _ignored(root, path, line) and not _tracked(root, path)]
    return list(dict.fromkeys(lines))


def _holds(root: Path, line: str) -> bool:
    """Whether git tracks a file that this line of a .gitignore fits: it is there on purpose."""
    return bool(quietly(root, "ls-files", "--cached", "--ignored", "-x", line))


def _ignored(root: Path, path: str, line: str) -> bool:
    """Whether the project's own .gitignore leaves `path` out: a person's global one is not everybody's."""
    if succeeds(root, "rev-parse", "--git-dir"):
        return succeeds(root, "-c", f"core.excludesFile={os.devnull}", "check-ignore", "--quiet", "--no-index", path)
    file = root / ".gitignore"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return line.strip("/") in {one.strip().strip("/") for one in text.splitlines()}


def _tracked(root: Path, path: str) -> bool:
    return path != ".env" and succeeds(root, "ls-files", "--error-unmatch", path)
