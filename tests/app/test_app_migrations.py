"""The migrations, up and down with rows in the tables, on all three databases."""

import datetime as dt

import flask_migrate
import pytest
from pytest_alembic.tests import (  # noqa: F401
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.extensions import db

# Flask-Migrate's own env.py asks older Flask-SQLAlchemy first.
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated")

BASE = "5d10c7ae"
COMMENTS = "c3f7d058"
POSTED = "8a1c5e20"
DISPLAY_ORDER = "d0641f33"

# The rows that each revision meets.
ROWS = {
    BASE: [
        {"__tablename__": "users", "id": 1, "name": "Ann", "password_hash": "x"},
        {"__tablename__": "users", "id": 2, "name": "Bob", "password_hash": "x"},
        {"__tablename__": "currencies", "id": 1, "code": "EUR", "name": "Euro", "symbol": "€"},
        {"__tablename__": "assets", "id": 3, "user_id": 2, "currency_id": 1, "name": "Chest"},
        {"__tablename__": "assets", "id": 4, "user_id": 1, "currency_id": 1, "name": "Bank"},
        {"__tablename__": "assets", "id": 7, "user_id": 1, "currency_id": 1, "name": "Cash"},
        {"__tablename__": "assets", "id": 9, "user_id": 1, "currency_id": 1, "name": "Savings"},
    ],
    "91e4b26f": [
        {"__tablename__": "deposits", "id": 1, "asset_id": 4, "amount": "9999999999.99", "date": dt.date(2026, 4, 1)},
        {"__tablename__": "withdrawals", "id": 1, "asset_id": 7, "amount": "0.01", "date": dt.date(2026, 4, 2)},
    ],
    COMMENTS: [
        {"__tablename__": "comments", "id": 1, "content": "before there was a time \N{OTTER}"},
        {"__tablename__": "comments", "id": 2, "content": "x" * 4096},
    ],
}


@pytest.fixture
def alembic_config():
    return {"file": "migrations/alembic.ini", "script_location": "migrations", "at_revision_data": ROWS}


@pytest.fixture
def alembic_engine(empty_database):
    """The engine of an app whose database is empty; the app's context is there, as `migrations/env.py` needs it."""
    with app_on(empty_database()).app_context():
        yield db.engine
        db.session.remove()
        db.engine.dispose()


def app_on(url):
    return create_app("testing", {"SQLALCHEMY_DATABASE_URI": url})


def query(engine, sql):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def schema(engine):
    """Columns, indexes and foreign keys of every table, as the database tells them."""
    look = inspect(engine)
    tables = [table for table in sorted(look.get_table_names()) if table != "alembic_version"]
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in look.get_columns(table)},
            sorted((i["name"], *i["column_names"]) for i in look.get_indexes(table)),
            sorted((u["name"], *u["column_names"]) for u in look.get_unique_constraints(table)),
            sorted((f["name"], *f["constrained_columns"]) for f in look.get_foreign_keys(table)),
        )
        for table in tables
    }


def test_the_migrations_make_what_the_models_say_under_the_same_names(alembic_runner, alembic_engine, empty_database):
    alembic_runner.migrate_up_to("head")
    with app_on(empty_database()).app_context():
        db.create_all()
        assert schema(alembic_engine) == schema(db.engine)
        db.engine.dispose()


def test_comments_that_were_there_get_the_time_of_the_upgrade(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to(COMMENTS)
    before = dt.datetime.now(dt.timezone.utc).replace(microsecond=0, tzinfo=None)
    alembic_runner.migrate_up_one()
    after = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    with alembic_engine.connect() as connection:
        comments = db.metadata.tables["comments"]
        posted = connection.scalars(db.select(comments.c.posted)).all()
    assert len(posted) == 2
    assert all(before <= time <= after for time in posted)


def test_posted_is_required_afterwards(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to(POSTED)
    with pytest.raises(IntegrityError), alembic_engine.begin() as connection:
        connection.execute(text("INSERT INTO comments (content, posted) VALUES ('late', NULL)"))


def test_assets_that_were_there_are_numbered_by_id_for_each_user(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to(DISPLAY_ORDER)
    order = query(alembic_engine, "SELECT user_id, display_order, name FROM assets ORDER BY user_id, display_order")
    assert order == [(1, 1, "Bank"), (1, 2, "Cash"), (1, 3, "Savings"), (2, 1, "Chest")]


def test_two_assets_of_a_user_cannot_share_a_place(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to(DISPLAY_ORDER)
    with pytest.raises(IntegrityError), alembic_engine.begin() as connection:
        assets = db.metadata.tables["assets"]
        connection.execute(insert(assets).values(user_id=1, currency_id=1, name="Safe", display_order=3))


def test_every_revision_goes_down_to_the_schema_it_came_from_and_keeps_the_other_rows(alembic_runner, alembic_engine):
    seen = []
    for revision in alembic_runner.history.revisions[1:-1]:
        alembic_runner.managed_upgrade(revision)
        seen.append((revision, schema(alembic_engine), counts(alembic_engine)))
    for revision, schema_before, counts_before in reversed(seen[:-1]):
        alembic_runner.managed_downgrade(revision)
        assert schema(alembic_engine) == schema_before
        assert counts(alembic_engine) == counts_before
    alembic_runner.managed_downgrade("base")
    assert schema(alembic_engine) == {}


def counts(engine):
    return {table: query(engine, f"SELECT COUNT(*) FROM {table}")[0][0] for table in schema(engine)}


def test_texts_and_amounts_survive_a_way_down_and_up(alembic_runner, alembic_engine):
    alembic_runner.migrate_up_to(DISPLAY_ORDER)
    alembic_runner.managed_downgrade(COMMENTS)
    alembic_runner.managed_upgrade(DISPLAY_ORDER)
    assert query(alembic_engine, "SELECT content FROM comments WHERE id = 1") == [
        ("before there was a time \N{OTTER}",)
    ]
    deposits = db.metadata.tables["deposits"]
    with alembic_engine.connect() as connection:
        assert str(connection.scalar(db.select(deposits.c.amount))) == "9999999999.99"


def test_the_migrations_can_be_written_as_sql_for_mysql(capsys):
    with app_on("mysql+pymysql://").app_context():
        flask_migrate.upgrade(sql=True)
    assert "UPDATE assets SET display_order" in capsys.readouterr().out
