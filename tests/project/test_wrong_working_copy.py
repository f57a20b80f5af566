"""A repository, a .env or an app that cannot be released: it is told with its fix, and changes nothing."""

from __future__ import annotations

import shutil

import pytest

from support.mistakes import (
    CHANGE,
    RELEASE,
    SAID,
    also,
    asks_a_password,
    committed,
    diverged,
    folder,
    git,
    gone,
    hook,
    large,
    merging,
    nothing,
    password,
    private_key,
    prove,
    put,
    rebasing,
    row,
    token,
    unreadable,
    wrote,
)

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
        also(wrote(".env", "A=b\n"), committed, git("push -q")),
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
    row(
        "tracked .env, to commit",
        also(put("\n.env\n", "\n", ".gitignore"), wrote(".env", "A=b\n"), git("add .env")),
        "inv commit -m x",
        3,
        "\nNext: git rm --cached .env\n      name .env in .gitignore\n",
    ),
    row("a private key", private_key, SAID, 3, "app/key.pem, line 1: a private key", next="move it to .env"),
    row("a token", token, "inv commit -m x", 3, "app/names.py, line 1: a token", next="move it to .env"),
    row("a password", also(password, committed), "inv push", 3, "app/names.py, line 1", next="git reset --soft"),
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
    row(
        "a variable that .env lacks",
        also(wrote("app/views/__init__.py", "import os\n\nos.environ['MAIL_KEY']\n"), committed),
        "inv current",
        3,
        "cannot be loaded. Nothing was changed.\n  KeyError: 'MAIL_KEY'\n  in app/views/__init__.py, line 3\n",
        next="set MAIL_KEY in .env",
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


@pytest.mark.parametrize("wrong", [*GIT, *SECRETS, *ENV, *APP], ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_with_its_fix_and_changes_nothing(here, wrong):
    prove(here, wrong)
