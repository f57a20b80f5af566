"""What is in the stockroom, and what it is worth."""

import os

from flask import Flask

from . import commands, pages, prices
from .config import CONFIGURATIONS
from .models import db, migrate


def create_app():
    app = Flask(__name__)
    app.config.from_object(CONFIGURATIONS[os.environ.get("FLASK_ENV", "development")])
    db.init_app(app)
    migrate.init_app(app, db)
    app.cli.add_command(commands.make_prices)
    app.register_blueprint(pages.pages)
    app.prices = prices.read()
    with app.app_context():
        db.create_all()
        db.engine.dispose()  # the host forks after this: its workers must not share a connection
    return app
