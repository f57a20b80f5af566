"""One class for each environment. Values come from the process's environment, which `.env` completes."""

import os
from collections.abc import Mapping
from typing import Any


class Config:
    """What all environments share."""

    REQUIRED: tuple[str, ...] = ()
    SESSION_COOKIE_SAMESITE = "Lax"
    WTF_CSRF_TIME_LIMIT = None  # a form may stay open for longer than an hour
    # PythonAnywhere cuts connections that were idle for 300 s.
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280, "pool_pre_ping": True}

    def __init__(self) -> None:
        self.SECRET_KEY = os.environ.get("SECRET_KEY")
        self.SQLALCHEMY_DATABASE_URI = os.environ.get("DATABASE_URL")


class Development(Config):
    """A person's own machine: SQLite in `instance/` unless DATABASE_URL says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.SECRET_KEY = self.SECRET_KEY or "for development only"
        self.SQLALCHEMY_DATABASE_URI = self.SQLALCHEMY_DATABASE_URI or "sqlite:///development.db"


class Testing(Config):
    """The tests: never the database of DATABASE_URL."""

    TESTING = True

    def __init__(self) -> None:
        self.SECRET_KEY = "for tests only"
        self.SQLALCHEMY_DATABASE_URI = "sqlite://"


class Production(Config):
    """A public site: nothing is guessed, and cookies travel by HTTPS only."""

    REQUIRED = ("SECRET_KEY", "DATABASE_URL")
    SESSION_COOKIE_SECURE = True


ENVIRONMENTS = {"development": Development, "testing": Testing, "production": Production}
SETTING = {"SECRET_KEY": "SECRET_KEY", "DATABASE_URL": "SQLALCHEMY_DATABASE_URI"}


def config_for(environment: str | None) -> Config:
    """The configuration of `environment`, by default of FLASK_ENV; raises RuntimeError for an unknown one."""
    name = environment or os.environ.get("FLASK_ENV") or "development"
    try:
        return ENVIRONMENTS[name]()
    except KeyError:
        raise RuntimeError(f"FLASK_ENV is {name!r}; it can be {', '.join(ENVIRONMENTS)}.") from None


def require(config: Mapping[str, Any]) -> None:
    """Raises RuntimeError that names every variable this environment needs and does not have."""
    missing = [name for name in config["REQUIRED"] if not config[SETTING[name]]]
    if missing:
        raise RuntimeError(f"{' and '.join(missing)} not set: add to .env, see .env.example.")
