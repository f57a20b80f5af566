"""Revisions or a database that cannot be released: it is told with its fix, and changes nothing."""

from __future__ import annotations

import pytest

from support.mistakes import (
    HEAD,
    MODEL,
    NOTE,
    RELEASE,
    also,
    committed,
    gone,
    nothing,
    older_database,
    prove,
    put,
    row,
    similar,
    two_heads,
    wrote,
)

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


@pytest.mark.parametrize("wrong", DATABASE, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_with_its_fix_and_changes_nothing(here, wrong):
    prove(here, wrong)
