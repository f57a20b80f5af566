"""Register, sign in, sign out; `g.user` is the signed-in user or None."""

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, g, redirect, render_template, session, url_for
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from ..extensions import db
from ..forms import CredentialsForm
from ..models import User

blueprint = Blueprint("users", __name__)


@blueprint.before_app_request
def load_user() -> None:
    user_id = session.get("user_id")
    g.user = db.session.get(User, user_id) if user_id else None


def signed_in(view: Callable) -> Callable:
    """Sends everybody else to the sign-in page."""

    @wraps(view)
    def guarded(**kwargs):
        if g.user is None:
            return redirect(url_for("users.sign_in"))
        return view(**kwargs)

    return guarded


@blueprint.route("/register", methods=["GET", "POST"])
def register():
    form = CredentialsForm()
    if form.validate_on_submit():
        user = User(name=form.name.data, password_hash=generate_password_hash(form.password.data))
        db.session.add(user)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.name.errors = ["This name is taken."]
        else:
            return start(user)
    return render_template("credentials.html", form=form, title="Register"), 400 if form.errors else 200


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    form = CredentialsForm()
    if form.validate_on_submit():
        user = db.session.scalar(db.select(User).filter_by(name=form.name.data))
        if user and check_password_hash(user.password_hash, form.password.data):
            return start(user)
        form.password.errors = ["Name and password do not match."]
    return render_template("credentials.html", form=form, title="Sign in"), 400 if form.errors else 200


@blueprint.post("/sign-out")
def sign_out():
    session.clear()
    return redirect(url_for("home"), 303)


def start(user: User):
    """Begins a fresh session for `user`."""
    session.clear()
    session["user_id"] = user.id
    return redirect(url_for("assets.page"), 303)
