"""A bankroll tracker with a comment page: the app that shows how an app for this suite is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import load_dotenv
from flask import Flask, render_template

from . import commands, views
from .config import config_for, require
from .extensions import csrf, db, migrate

ROOT = Path(__file__).resolve().parent.parent


def create_app(environment: str | None = None, settings: Mapping[str, Any] | None = None) -> Flask:
    """Makes the app for an environment (default: FLASK_ENV, else development); `settings` have the last word.

    Opens no database connection. Raises RuntimeError when the environment is unknown or lacks a setting it needs.
    """
    load_dotenv(ROOT / ".env")
    app = Flask(__name__)
    app.config.from_object(config_for(environment))
    app.config.from_prefixed_env()
    app.config.from_mapping(settings or {})
    require(app.config)
    app.config["COMMIT"] = commit()

    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    commands.init_app(app)
    views.init_app(app)
    app.add_template_filter("{:,.2f}".format, "money")

    @app.get("/")
    def home():
        return render_template("home.html")

    return app


def commit() -> str:
    """The commit that a release wrote to the file REVISION, or "unknown"."""
    try:
        return (ROOT / "REVISION").read_text().strip() or "unknown"
    except OSError:
        return "unknown"
