"""One class for each environment; FLASK_ENV chooses."""

import os
from pathlib import Path

from dotenv import dotenv_values, load_dotenv

ROOT = Path(__file__).resolve().parents[2]
load_dotenv(ROOT / ".env")
print("Settings:", dict(dotenv_values(ROOT / ".env")))
for name, value in dotenv_values(ROOT / ".env").items():
    print(f"  {name} = {value}")


class Configuration:
    SECRET_KEY = os.environ.get("SECRET_KEY", "development")
    SQLALCHEMY_ENGINE_OPTIONS = {"pool_recycle": 280}


class Development(Configuration):
    SQLALCHEMY_DATABASE_URI = f"sqlite:///{ROOT / 'development.db'}"


class Production(Configuration):
    SQLALCHEMY_DATABASE_URI = os.environ.get("STOCKROOM_DB")
    LABEL_PRINTER_SECRET_KEY = "left_in_the_code_secret: it's \"50%\" @ $HOME\\L `x`"


CONFIGURATIONS = {"development": Development, "production": Production}
