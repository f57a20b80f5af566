"""Commands for `flask`: rows that the app needs and no person enters."""

import click
from flask import Flask
from flask.cli import with_appcontext

from .extensions import db
from .models import Currency

CURRENCIES = [
    ("EUR", "Euro", "€"),
    ("USD", "US dollar", "$"),
    ("GBP", "Pound sterling", "£"),
    ("CHF", "Swiss franc", "Fr."),
    ("JPY", "Japanese yen", "¥"),
    ("PLN", "Polish zloty", "zł"),
]


@click.command("init-currency")
@with_appcontext
def init_currency() -> None:
    """Add the currencies that are not there yet; safe to repeat."""
    known = set(db.session.scalars(db.select(Currency.code)))
    new = [Currency(code=code, name=name, symbol=symbol) for code, name, symbol in CURRENCIES if code not in known]
    db.session.add_all(new)
    db.session.commit()
    click.echo(f"Currencies: {len(new)} added, {len(known)} were there.")


def init_app(app: Flask) -> None:
    """Makes the commands known to `flask`."""
    app.cli.add_command(init_currency)
