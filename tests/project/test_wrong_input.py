"""Wrong input, a row each: how the mistake is made, what is typed, the exit code, what is told, what to type next.

Nothing may be changed by it: not a file of the project, not git's refs and index, not the development database, not the
remote. One project is made once, and copied for each row."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from laptop import Project, everything

MODEL = "    posted: Mapped[dt.datetime]"
NOTE = "    note: Mapped[str | None] = mapped_column(String(40))\n"
HEAD = "migrations/versions/d0641f33_add_display_order.py"
Mistake = Callable[[Project], None]


# how the mistakes are made


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


# the rows


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

TYPED = [
    row("unknown task", nothing, "inv relase", 1, "no task 'relase'", next="inv release"),
    row("unknown task, with options", nothing, "inv relase -m 'x y'", 1, "'relase'", next="inv release -m 'x y'"),
    row("unknown option", nothing, "inv release --mesage x", 1, "no option --mesage", next="inv release --message x"),
    row("one dash too few", nothing, "inv downgrade -to d0641f33", 1, "-to wants two dashes", next="--to d0641f33"),
    row("no value", nothing, "inv release -m", 1, "--message wants a value", next="inv release --message"),
    row("no quotes", nothing, "inv commit -m Fix the bug", 1, "wants -m and quotes", next='-m "Fix the bug"'),
    row("a word for a number", nothing, "inv run --port abc", 1, "a whole number, not 'abc'", next="--help run"),
    row("unknown task's help", nothing, "inv --help relase", 1, "no task 'relase'", next="inv --help release"),
    row("unknown group", nothing, "inv --list sandbx", 1, "did you mean sandbox?", next="inv --list sandbox"),
    row("fab's task", nothing, "inv prod.backup", 1, "a task of fab", next="fab prod.backup"),
    row("inv's task", nothing, "fab release", 1, "a task of inv", next="inv release"),
    row("unknown environment", nothing, "fab prdo.backup", 1, "did you mean prod?", next="fab prod.backup"),
    row("unknown environment's task", nothing, "fab prdo.bakup", 1, "did you mean prod?", next="fab prod.backup"),
    row("unknown task of fab", nothing, "fab prod.bakup", 1, "no task 'prod.bakup'", next="fab prod.backup"),
    row("unknown option of fab", nothing, "fab prod.restore --bakup x", 1, "--bakup", next="prod.restore --backup x"),
    row("no environment", nothing, "fab backup", 1, "wants an environment in front", next="fab prod.backup"),
    row("only an environment", nothing, "fab prod", 1, "is an environment, and wants a task", next="fab prod.status"),
    row("a word for lines", nothing, "fab prod.logs --lines=x", 1, "a whole number, not 'x'", next="--help prod.logs"),
    row("unknown site to release to", nothing, "inv release --to prdo", 1, "did you mean prod?", next="with prod"),
    row("unknown site to check", nothing, "inv check --to live", 1, "known here: prod", next="add live to invoke.yaml"),
    row(
        "a file that is not there", gone("invoke.yaml"), "inv status", 1, "no invoke.yaml in", next="flask_slipway init"
    ),
    row("the same for fab", gone("invoke.yaml"), "fab prod.status", 1, "no invoke.yaml in", next="slipway init"),
    row("an empty message", CHANGE, "inv commit -m ''", 1, "needs a message", next="inv commit -m"),
    row("no text of a revision", nothing, "inv migrate", 1, "needs a text", next="inv migrate -m"),
    row("an open quote", nothing, 'fab prod.workon -c "echo \'x"', 1, "no closing quotation", next="in pairs"),
    row("no command", nothing, "fab prod.workon -c ' '", 1, "it is empty", next="prod.workon -c"),
    row("a shell without a terminal", nothing, "fab prod.workon", 1, "needs a terminal", next="prod.workon -c"),
]

EXAMPLE = also(put("user: ann", "user: yourusername"), put("www.bankroll.test", "www.example.com"))
INVOKE_YAML = [
    row("an empty file", wrote("invoke.yaml", ""), "inv status", 1, "invoke.yaml is empty", next="flask_slipway init"),
    row("a tab", put("  app:", "\tapp:"), "inv --list", 1, "line 2", "spaces for indentation", next="edit"),
    row("an open quote", put("user: ann", 'user: "ann'), "fab --list", 1, "never closed", next="edit"),
    row("an open bracket", put("[init-currency]", "[init"), "inv status", 1, "line 4", next="edit"),
    row("a colon", put("user: ann", "user: ann: x"), "inv status", 1, "line 7", "wants quotes", next="edit"),
    row("indentation", put("      user", "    user"), "inv status", 1, "line 8", next="edit"),
    row("no date", put("user: ann", "user: 2026-99-99"), "inv --list", 1, "month must be in", next="edit"),
    row("an endless alias", put("user: ann", "user: &a [*a]"), "fab --list", 1, "line 7: an alias", next="edit"),
    row("Invoke's own key", put("slipway:", "run: 5\nslipway:"), "inv status", 1, "`run` is a key of", next="edit"),
    row("slipway mistyped", put("slipway:", "slipwya:"), "inv status", 1, "the key is  slipway:", next="edit"),
    row("without slipway", wrote("invoke.yaml", "app: x\n"), "inv status", 1, "app: should stand below", next="edit"),
    row("an unknown key", yaml("virtualnev: x"), "inv status", 1, "prod.virtualnev", "virtualenv?", next="edit"),
    row("a doubled key", put("  app: app", "  app: app\n  app: b"), "inv status", 1, "lines 2 and 3", next="edit"),
    row("a level too high", put("  app:", "  user: x\n  app:"), "inv status", 1, "below an environment", next="edit"),
    row("a level too low", yaml("test: x"), "inv status", 1, "two levels up", next="edit"),
    row("no name", put("    prod:\n", ""), "inv status", 1, "invoke.yaml", next="edit"),
    row("no environment's name", put("prod:", "Prod:"), "inv status", 1, "slipway.environments.Prod", "lower-case"),
    row("the same for fab", put("prod:", "Prod:"), "fab Prod.status", 1, "slipway.environments.Prod", next="edit"),
    row("a name that is true", put("prod:", "on:"), "inv status", 1, "line 6: on is no text", next="invoke.yaml: "),
    row("on fab's line", put("prod:", "on:"), "fab on.status", 1, "line 6: on is no text", next="edit"),
    row("a number as environment", put("prod:", "5:"), "fab --list", 1, "line 6: 5 is no text", next="edit"),
    row("a number as a name", yaml("env: {1: x}"), "inv release", 1, "1 is no text to YAML", next="edit"),
    row("a port as text", yaml("port: '22'"), "fab prod.status", 1, "prod.port", "not '22' (line", next="edit"),
    row("a URL as domain", yaml("domain: https://a.test/"), "inv status", 1, "prod.domain", "without https://"),
    row("a key without a value", yaml("virtualenv:"), RELEASE, 1, "prod.virtualenv: is missing", next="edit"),
    row("the example's values", EXAMPLE, "fab prod.check", 1, "line 7: user: yourusername", "line 8", next="edit"),
    row("the example to release to", EXAMPLE, RELEASE, 1, "still has the example's values", next="edit"),
    row(
        "several faults at once",
        also(yaml("port: x", "keep: -1", "rgion: eu"), put("  app: app", "  app: 5")),
        "inv status",
        1,
        "invoke.yaml has 4 faults",
        "slipway.app: should be a text, not 5 (line 2)",
        "slipway.environments.prod.port:",
        "slipway.environments.prod.keep:",
        "slipway.environments.prod.rgion: is unknown; did you mean region?",
        next="edit",
    ),
]

GIT = [
    row("no repository", gone(".git"), "inv check", 3, "not in a git repository. Nothing", next="git init -b main"),
    row("no repository to commit to", gone(".git"), "inv commit -m x", 3, "not in a git", next="git init -b main"),
    row(
        "no commit yet",
        also(gone(".git"), git("init -q -b main")),
        RELEASE,
        3,
        "Commit: there is none yet",
        next="inv commit -m",
    ),
    row("detached head", git("checkout -q --detach"), RELEASE, 3, "a detached head at", next="git switch main"),
    row("detached, to commit", also(git("checkout -q --detach"), CHANGE), "inv commit -m x", 3, "detached head"),
    row("detached, to push", git("checkout -q --detach"), "inv push", 3, "detached head", next="git switch -c NAME"),
    row("another branch", git("switch -qc feature"), RELEASE, 3, "feature is checked out", next="git switch main"),
    row("no remote", git("remote remove origin"), RELEASE, 3, "Remote: there is none", next="git remote add origin"),
    row("no remote to push to", git("remote remove origin"), "inv push", 3, "no remote", next="git remote add origin"),
    row(
        "dirty",
        put("Flask", "flask", "requirements.txt"),
        RELEASE,
        3,
        "1 file not committed",
        next="inv release --to prod -m",
    ),
    row("an untracked file", CHANGE, RELEASE, 3, "1 file not committed", "app/new.py", next="inv release --to prod -m"),
    row("nothing to commit", nothing, "inv commit -m x", 0, "Nothing to commit"),
    row(
        "diverged",
        also(diverged, CHANGE),
        SAID,
        3,
        "not part of what is here",
        next="git pull --rebase --autostash",
    ),
    row("diverged, to push", also(diverged, git("commit -qm Mine --allow-empty")), "inv push", 3, "commits that are"),
    row("diverged, told by check", diverged, "inv check", 3, "stops a release: origin/main is at", "git pull --rebase"),
    row(
        "behind",
        also(diverged, git("fetch -q")),
        RELEASE,
        3,
        "origin/main has 1 commit that is not here",
        next="git pull --rebase",
    ),
    row(
        "remote gone",
        also(CHANGE, lambda project: shutil.rmtree(project.folder.parent / "origin.git")),
        SAID,
        5,
        "The remote is not there",
        next="git remote",
    ),
    row(
        "remote unreachable",
        also(asks_a_password, CHANGE),
        SAID,
        5,
        "The remote cannot be reached",
        next="git remote -v",
    ),
    row("merge under way", merging, SAID, 3, "a merge is under way", next="git merge --abort"),
    row("merge, to commit", merging, "inv commit -m x", 3, "merge is under way", next="git merge --abort"),
    row("rebase under way", rebasing, RELEASE, 3, "a rebase is under way", next="git rebase --abort"),
    row(
        "a hook on commit",
        also(hook("pre-commit"), CHANGE),
        SAID,
        3,
        "hook pre-commit refuses the commit",
        r"lint: line 3 is \x1b]0;wrong\x07",
    ),
    row("a hook on push", also(hook("pre-push"), git("commit -qm x --allow-empty")), "inv push", 3, "hook pre-push"),
    row("index locked", also(wrote(".git/index.lock", ""), CHANGE), SAID, 3, "Another git command", next="wait"),
    row("not pushed, to pull", git("commit -qm x --allow-empty"), "fab prod.pull", 3, "is not pushed", next="inv push"),
    row("a large file", large, SAID, 3, "61.0 MB: too large for git", next=".gitignore"),
]

SECRETS = [
    row(
        "tracked .env",
        also(wrote(".env", "A=b\n"), committed),
        RELEASE,
        3,
        ".env is tracked by git",
        next="git rm --cached .env",
    ),
    row(
        ".env not ignored",
        also(put("\n.env\n", "\n", ".gitignore"), wrote(".env", "A=b\n")),
        SAID,
        3,
        ".env: holds the environment's secrets",
        next="name .env in .gitignore",
    ),
    row("a private key", private_key, SAID, 3, "app/key.pem, line 1: a private key", next="move it to .env"),
    row("a token", token, "inv commit -m x", 3, "app/names.py, line 1: a token", next="move it to .env"),
    row("a password", also(password, committed), "inv push", 3, "app/names.py, line 1", next="take it out of"),
]

EXAMPLE_GONE = also(gone(".env.example"), wrote(".env", "A_B=1\n"))
ENV = [
    row("an unreadable .env", unreadable(".env"), "inv check", 3, ".env: cannot be read: Input/output error"),
    row(
        "an unreadable .env.example",
        also(EXAMPLE_GONE, unreadable(".env.example")),
        "inv check",
        3,
        ".env.example: cannot be read: Input/output error",
    ),
    row("a .env that is a virtualenv", folder(".env"), "inv check", 0, "models        match the migrations"),
    row("a folder .env.example", also(EXAMPLE_GONE, folder(".env.example")), "inv check", 3, "to look at in .env"),
]

DATABASE = [
    row("unknown revision", nothing, "inv downgrade --to d0642", 3, "d0641f33 add display_order", next="--to d0641f33"),
    row("nonsense as revision", nothing, "inv downgrade --to next", 3, "no revision", "91e4b26f", next="inv downgrade"),
    row("a revision above", older_database, "inv downgrade --to d0641f33", 3, "is not below 8a1c5e20", next="inv up"),
    row("an ambiguous revision", similar, "inv downgrade --to d06", 3, "of several", "d0699999", next="one of these"),
    row("two heads", two_heads, RELEASE, 3, "2 heads: ", next="flask db merge heads"),
    row("two heads, to upgrade", two_heads, "inv upgrade", 3, "2 heads: ", next="flask db merge heads"),
    row("two heads, to migrate", two_heads, "inv migrate -m x", 3, "2 heads: ", next="flask db merge heads"),
    row(
        "models ahead",
        also(put(MODEL, NOTE + MODEL, "app/models.py"), committed),
        RELEASE,
        3,
        "add column comments.note",
        next="inv migrate",
    ),
    row(
        "an empty revision",
        nothing,
        "inv migrate -m x",
        3,
        "No changes: models and migrations agree",
        next="edit the models",
    ),
    row("an older database", older_database, RELEASE, 3, "at 8a1c5e20, not at d0641f33", next="inv upgrade"),
    row(
        "a revision deleted",
        also(gone(HEAD), committed),
        RELEASE,
        3,
        "d0641f33, which the code does",
        next="git switch",
    ),
    row("no migrations", also(gone("migrations"), committed), RELEASE, 3, "no migration was ever", next="--initial"),
    row("no migrations, to upgrade", gone("migrations"), "inv upgrade", 3, "at d0641f33, which", next="git switch"),
    row(
        "no revision in it", also(gone("migrations/versions"), committed), RELEASE, 3, "none", next="migrate --initial"
    ),
    row(
        "a broken revision",
        also(put("def upgrade", "def upgrad(", HEAD), committed),
        RELEASE,
        3,
        "d0641f33_add_display_order.py, line",
        next="fix",
    ),
    row(
        "database unreachable",
        wrote(".env", "DATABASE_URL=mysql+pymysql://ann:k8dj3ksl@127.0.0.1:1/bankroll\n"),
        "inv current",
        3,
        "The database cannot be read. Nothing was changed.",
        "Can't connect to MySQL server",
        next="database of .env",
    ),
    row("no database of .env", wrote(".env", "DATABASE_URL=nonsense\n"), "inv current", 3, "URL", next=".env"),
]

APP = [
    row(
        "an app with a fault",
        also(wrote("app/views/__init__.py", "import app.nowhere\n"), committed),
        RELEASE,
        3,
        "cannot be loaded. Nothing was changed.",
        "No module named 'app.nowhere'",
        "app/views/__init__.py, line 1",
        next="pip install",
    ),
    row("another app's name", put("app: app", "app: ap"), "inv current", 3, "'ap' cannot be loaded", next="app:"),
    row(
        "failing tests",
        also(put("print('3 passed')", "exit(1)"), committed),
        RELEASE,
        3,
        "ended with 1",
        next="python -c",
    ),
    row(
        "no test command",
        also(put("[python, -c, \"print('3 passed')\"]", "toxx"), committed),
        RELEASE,
        3,
        "toxx is not installed",
        next="--skip-tests",
    ),
    row(
        "a requirement from git",
        also(wrote("requirements.txt", "-e git+https://example.org/me/me.git#egg=me\nFlask==3.1.3\n"), committed),
        RELEASE,
        3,
        "cannot install",
        next="inv freeze",
    ),
    row(
        "an import that is not listed",
        also(put("import", "import hypothesis\nimport", "app/forms.py"), committed),
        RELEASE,
        3,
        "hypothesis (app/forms.py, line",
        next="inv freeze",
    ),
    row("no requirements", also(gone("requirements.txt"), committed), RELEASE, 3, "no requirements.txt", next="freeze"),
]

SILENT = [
    row("release, unasked", CHANGE, 'inv release -m "x"', 3, "no terminal to ask in", next="--yes"),
    *(
        row(f"{task}, unasked", nothing, f"fab prod.{task}", 3, "no terminal to ask in", next="--yes")
        for task in ("upgrade", "downgrade", "rollback", "restore", "recover")
    ),
    row("a plan of an unreachable site", CHANGE, "inv release --dry --yes -m x", 5, "does not answer", next="network"),
    row(
        "in a folder below",
        CHANGE,
        RELEASE,
        3,
        "1 file not committed",
        next="inv release --to prod -m",
        folder="app/views",
    ),
    row("fab in a folder below", nothing, "fab prdo.logs", 1, "did you mean prod?", next="fab prod", folder="app"),
    row("outside of a project", nothing, "inv release", 1, "Can't find any collection", folder=".."),
]

ROWS = [*TYPED, *INVOKE_YAML, *GIT, *SECRETS, *ENV, *DATABASE, *APP, *SILENT]


PROGRAMS = {"inv": "invoke", "fab": "fabric"}


def line(typed: str) -> list[str]:
    """The words of a line as the shell would pass them, inv and fab as this Python's."""
    first, *rest = shlex.split(typed)
    return [sys.executable, "-m", PROGRAMS[first], *rest]


@pytest.mark.parametrize("wrong", ROWS, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_with_its_fix_and_changes_nothing(here, wrong):
    wrong.mistake(here)
    before = everything(here)
    ran = replace(here, folder=here.folder / wrong.folder).run(*line(wrong.typed))
    assert ran.code == wrong.code, ran.out
    assert "Traceback" not in ran.out
    for words in wrong.told:
        assert words in ran.out, ran.out
    assert wrong.next in ran.out[ran.out.rindex("Next:") if wrong.next else 0 :], ran.out
    assert len(ran.out.strip().splitlines()) <= 14 or "check" in wrong.typed, ran.out
    assert "k8dj3ksl" not in ran.out
    assert everything(here) == before
