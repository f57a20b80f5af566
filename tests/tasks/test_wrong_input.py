"""What is typed is wrong, or cannot be asked without a terminal: it is told with its fix, and changes nothing."""

from __future__ import annotations

import pytest

from support.mistakes import CHANGE, RELEASE, gone, nothing, prove, row

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
    row(
        "a message without quotes before the site",
        CHANGE,
        "inv release -m Fix typo --to prod --skip-tests",
        1,
        "a message wants -m and quotes",
        next='inv release --to prod --skip-tests -m "Fix typo"',
    ),
    row(
        "a message without quotes behind the site",
        CHANGE,
        "inv release --to=prod -m Fix a typo",
        1,
        "a message wants -m and quotes",
        next='inv release --to=prod -m "Fix a typo"',
    ),
    row("a site without --to", CHANGE, "inv release -m x prod", 1, "wants --to", next="inv release -m x --to prod"),
    row("inv's task on a site", nothing, "fab prod.release", 1, "a task of inv", next="inv release --to prod"),
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
        "a file that is not there", gone("invoke.yaml"), "inv status", 1, "no invoke.yaml in", next="flask-slipway init"
    ),
    row("the same for fab", gone("invoke.yaml"), "fab prod.status", 1, "no invoke.yaml in", next="slipway init"),
    row("an empty message", CHANGE, "inv commit -m ''", 1, "needs a message", next="inv commit -m"),
    row("no text of a revision", nothing, "inv migrate", 1, "needs a text", next="inv migrate -m"),
    row("an open quote", nothing, 'fab prod.workon -c "echo \'x"', 1, "no closing quotation", next="in pairs"),
    row("no command", nothing, "fab prod.workon -c ' '", 1, "it is empty", next="prod.workon -c"),
    row("a shell without a terminal", nothing, "fab prod.workon", 1, "needs a terminal", next="prod.workon -c"),
]


SILENT = [
    row("release, unasked", CHANGE, 'inv release -m "x"', 3, "no terminal to ask in", next="--yes"),
    *(
        row(f"{task}, unasked", nothing, f"fab prod.{task}", 3, "no terminal to ask in", next="--yes")
        for task in ("upgrade", "downgrade", "rollback", "restore", "recover")
    ),
    row("a plan without a key", CHANGE, "inv release --dry --yes -m x", 5, "no key to log in with", next="ssh-keygen"),
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


@pytest.mark.parametrize("wrong", [*TYPED, *SILENT], ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_with_its_fix_and_changes_nothing(here, wrong):
    prove(here, wrong)
