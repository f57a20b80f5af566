"""The app on each of the three databases, and a visitor who uses its pages."""

import itertools
import re
import warnings

import flask_migrate
import pytest

from app import create_app
from app.extensions import db

DATABASES = ["sqlite", "mariadb", "mysql"]
fresh = itertools.count(1)


@pytest.fixture(scope="session", params=DATABASES)
def empty_database(request, tmp_path_factory):
    """A function that makes an empty database and gives its URL; once for each kind of database."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        return lambda: f"sqlite:///{folder}/{next(fresh)}.db"
    server = request.getfixturevalue(request.param)
    return lambda: server.url(f"app_{next(fresh)}")


@pytest.fixture(scope="session")
def upgraded_app(empty_database):
    """An app whose database was upgraded to head."""
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": empty_database()})
    # Flask-Migrate's own env.py asks older Flask-SQLAlchemy first, which newer ones deprecate.
    with app.app_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(upgraded_app):
    """The upgraded app, without any rows."""
    with upgraded_app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()
    return upgraded_app


class Visitor:
    """Someone with a browser: keeps cookies, and sends each form with the token of the page it is on."""

    def __init__(self, app):
        self.client = app.test_client()

    def see(self, page):
        """The page's text."""
        return self.client.get(page, follow_redirects=True).text

    def token(self, page):
        return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.see(page)).group(1)

    def send(self, page, to=None, **fields):
        """The answer to the form on `page`, which goes to the same address or to `to`."""
        return self.client.post(to or page, data={"csrf_token": self.token(page), **fields})

    def register(self, name):
        answer = self.send("/register", name=name, password="correct horse")
        assert answer.status_code == 303
        return self

    def choice(self, page, text):
        """The value of the option on `page` whose label begins with `text`."""
        return re.search(rf'<option[^>]*value="(\d+)">{text}', self.see(page)).group(1)

    def add_asset(self, name, currency="EUR"):
        return self.send("/assets", name=name, currency_id=self.choice("/assets", currency))

    def add(self, kind, asset, amount, date="2026-06-01"):
        page = f"/{kind}s"
        return self.send(page, asset_id=self.choice(page, asset), amount=amount, date=date)


@pytest.fixture
def visitor(app):
    return Visitor(app)


@pytest.fixture
def ann(app):
    """A registered user; the currencies are there."""
    assert app.test_cli_runner().invoke(args=["init-currency"]).exit_code == 0
    return Visitor(app).register("Ann")


@pytest.fixture
def bob(app, ann):
    """A second user."""
    return Visitor(app).register("Bob")
