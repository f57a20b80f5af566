"""The command that seeds, and the health that a release asks for."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from app.commands import CURRENCIES
from app.extensions import db
from app.models import Currency


def init_currency(app):
    result = app.test_cli_runner().invoke(args=["init-currency"])
    assert result.exit_code == 0
    return result.output


def test_init_currency_can_be_repeated(app):
    assert init_currency(app) == f"Currencies: {len(CURRENCIES)} added, 0 were there.\n"
    assert init_currency(app) == f"Currencies: 0 added, {len(CURRENCIES)} were there.\n"
    with app.app_context():
        assert len(db.session.scalars(db.select(Currency)).all()) == len(CURRENCIES)


def test_init_currency_leaves_what_is_there_as_it_is(app):
    with app.app_context():
        db.session.add(Currency(code="EUR", name="euro", symbol="E"))
        db.session.commit()
        init_currency(app)
        assert db.session.scalars(db.select(Currency.name).filter_by(code="EUR")).all() == ["euro"]


def test_health_tells_the_revision_of_the_database(app):
    config = Config("migrations/alembic.ini")
    config.set_main_option("script_location", "migrations")
    head = ScriptDirectory.from_config(config).get_current_head()
    answer = app.test_client().get("/health")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["revision"] == head
