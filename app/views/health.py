"""Is the app able to serve? For a release, and for whatever watches the site."""

from alembic.migration import MigrationContext
from flask import Blueprint, current_app
from sqlalchemy.exc import SQLAlchemyError

from ..extensions import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health():
    """200 with the commit and the database's revision; 503 when the database does not answer or was never upgraded."""
    answer = {"status": "ok", "commit": current_app.config["COMMIT"], "revision": None}
    try:
        heads = MigrationContext.configure(db.session.connection()).get_current_heads()
    except SQLAlchemyError:
        current_app.logger.exception("The database does not answer")
        return answer | {"status": "the database does not answer"}, 503
    if not heads:
        return answer | {"status": "the database has no revision: flask db upgrade"}, 503
    return answer | {"revision": " ".join(heads)}
