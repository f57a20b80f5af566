"""The pages."""

from flask import Flask

from . import assets, comments, health, movements, users


def init_app(app: Flask) -> None:
    """Gives the app its pages."""
    for module in (users, assets, movements, comments, health):
        app.register_blueprint(module.blueprint)
