"""Mistakes on this machine, a row each: how it is made, what is typed, the exit code, what is told, what to type next.

Nothing may be changed by it: not a file of the project, not git's refs and index, not the development database, not the
remote. One project is made once, and copied for each row."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from support import snapshot
from support.laptop import Project

MODEL = "    posted: Mapped[dt.datetime]"
NOTE = "    note: Mapped[str | None] = mapped_column(String(40))\n"
HEAD = "migrations/versions/d0641f33_add_display_order.py"
Mistake = Callable[[Project], None]


def nothing(project: Project) -> None:
    """The mistake is what is typed."""


def git(*lines: str) -> Mistake:
    """The mistake is made by git commands."""

    def make(project: Project) -> None:
        for line in lines:
            project.git(*line.split())

    return make


def also(*mistakes: Mistake) -> Mistake:
    def make(project: Project) -> None:
        for mistake in mistakes:
            mistake(project)

    return make


def wrote(path: str, text: str) -> Mistake:
    return lambda project: project.write(path, text)


def put(old: str, new: str, path: str = "invoke.yaml") -> Mistake:
    return lambda project: project.replace(path, old, new)


def gone(path: str) -> Mistake:
    def make(project: Project) -> None:
        place = project.folder / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()

    return make


def committed(project: Project) -> None:
    project.git("add", "--all", "--force", "--", ".", ":!instance")
    project.git("commit", "-qm", "A mistake")


def yaml(*lines: str) -> Mistake:
    """Keys of prod, beside or instead of those that are there."""

    def make(project: Project) -> None:
        for line in lines:
            key = line.split(":")[0]
            text = (project.folder / "invoke.yaml").read_text()
            text = re.sub(rf"^      {key}:.*\n", "", text, flags=re.MULTILINE)
            project.write("invoke.yaml", f"{text}      {line}\n")

    return make


def hook(name: str) -> Mistake:
    def make(project: Project) -> None:
        path = project.folder / ".git/hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\nprintf '\\033[31mlint: line 3\\033[0m is \\033]0;wrong\\007\\n' >&2\nexit 1\n")
        path.chmod(0o755)

    return make


def conflict(project: Project) -> None:
    project.git("switch", "-qc", "other")
    project.write("requirements.txt", "Flask==1\n")
    project.git("commit", "-qam", "Other")
    project.git("switch", "-q", "main")
    project.write("requirements.txt", "Flask==2\n")
    project.git("commit", "-qam", "Mine")


def merging(project: Project) -> None:
    conflict(project)
    assert project.run("git", "merge", "other").code == 1


def rebasing(project: Project) -> None:
    conflict(project)
    assert project.run("git", "rebase", "other").code == 1


def diverged(project: Project) -> None:
    """Somebody else has pushed, and nobody has fetched."""
    project.git("clone", "-q", "../origin.git", "../colleague")
    for line in ("commit -qm Theirs --allow-empty", "push -q"):
        project.git("-C", "../colleague", *line.split())


def large(project: Project) -> None:
    with (project.folder / "app/film.bin").open("wb") as file:
        file.truncate(61_000_000)


def two_heads(project: Project) -> None:
    text = (project.folder / HEAD).read_text(encoding="utf-8").replace('revision = "d0641f33"', 'revision = "aaaa1111"')
    project.write("migrations/versions/aaaa1111_other.py", text)
    committed(project)


def similar(project: Project) -> None:
    """One more revision, whose id begins as another's."""
    text = (project.folder / HEAD).read_text(encoding="utf-8").replace('revision = "d0641f33"', 'revision = "d0699999"')
    text = text.replace('down_revision = "8a1c5e20"', 'down_revision = "d0641f33"')
    project.write("migrations/versions/d0699999_other.py", text)


def older_database(project: Project) -> None:
    assert project.inv("downgrade").code == 0


def unreadable(path: str) -> Mistake:
    """A file whose bytes are refused, to root as well."""
    return lambda project: (project.folder / path).symlink_to("/proc/self/mem")


def folder(path: str) -> Mistake:
    return wrote(f"{path}/pyvenv.cfg", "")


def asks_a_password(project: Project) -> None:
    """A remote that wants a name and a password, on this machine."""
    project.git("remote", "set-url", "origin", "https://127.0.0.1:1/ann/bankroll.git")


def private_key(project: Project) -> None:
    project.write("app/key.pem", "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n")


def token(project: Project) -> None:
    project.write("app/names.py", f'NAME = "{"ghp" + "_" + "a1B2" * 9}"\n')


def password(project: Project) -> None:
    project.write("app/names.py", "PASS" + 'WORD = "k8dj3ksl"\n')


@dataclass(frozen=True)
class Row:
    """A mistake and how it is told. `next`: what must stand after Next:, "" for a message that needs none."""

    name: str
    mistake: Mistake
    typed: str
    code: int
    told: tuple[str, ...]
    next: str = ""
    folder: str = ""


def row(name: str, mistake: Mistake, typed: str, code: int, *told: str, next: str = "", **more) -> Row:
    return Row(name, mistake, typed, code, told, next, **more)


RELEASE = "inv release --yes"
SAID = 'inv release --yes -m "A change"'
CHANGE = wrote("app/new.py", "X = 1\n")


PROGRAMS = {"inv": "invoke", "fab": "fabric"}


def line(typed: str) -> list[str]:
    """The words of a line as the shell would pass them, inv and fab as this Python's."""
    first, *rest = shlex.split(typed)
    return [sys.executable, "-m", PROGRAMS[first], *rest]


def prove(here: Project, wrong: Row) -> None:
    """The mistake is told with its fix, and changes nothing."""
    wrong.mistake(here)
    with snapshot.unchanged(here):
        ran = replace(here, folder=here.folder / wrong.folder).run(*line(wrong.typed))
        assert ran.code == wrong.code, ran.out
        assert "Traceback" not in ran.out
        for words in wrong.told:
            assert words in ran.out, ran.out
        assert wrong.next in ran.out[ran.out.rindex("Next:") if wrong.next else 0 :], ran.out
        assert len(ran.out.strip().splitlines()) <= 14 or "check" in wrong.typed, ran.out
        assert "k8dj3ksl" not in ran.out
