"""A wrong invoke.yaml: it is told with its line and its fix, and changes nothing."""

from __future__ import annotations

import pytest

from support.mistakes import RELEASE, also, prove, put, row, wrote, yaml

EXAMPLE = also(put("user: ann", "user: yourusername"), put("www.bankroll.test", "www.example.com"))
INVOKE_YAML = [
    row("an empty file", wrote("invoke.yaml", ""), "inv status", 1, "invoke.yaml is empty", next="flask-slipway init"),
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


@pytest.mark.parametrize("wrong", INVOKE_YAML, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_with_its_fix_and_changes_nothing(here, wrong):
    prove(here, wrong)
