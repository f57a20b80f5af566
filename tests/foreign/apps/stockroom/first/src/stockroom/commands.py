"""What `flask` can do here."""

import click

from . import prices


@click.command("make-prices")
def make_prices():
    """Write the price list anew."""
    prices.write({"nail": 0.02, "hammer": 19.5})
