"""Is the app able to serve? For a release, and for whatever watches the site."""

from flask import Blueprint, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..extensions import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health():
    """200 with the commit and the database's revision, or 503 when the database or its revision cannot be read."""
    answer = {"status": "ok", "commit": current_app.config["COMMIT"], "revision": None}
    try:
        answer["revision"] = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        current_app.logger.exception("The database does not answer")
        return answer | {"status": "the database does not answer"}, 503
    if answer["revision"] is None:
        return answer | {"status": "the database has no revision"}, 503
    return answer
