"""The comment page: open to everybody, newest first."""

from flask import Blueprint, render_template, url_for

from ..extensions import db
from ..forms import CommentForm
from ..models import Comment
from .answers import stored

blueprint = Blueprint("comments", __name__)


@blueprint.route("/comments", methods=["GET", "POST"])
def page():
    form = CommentForm()
    if form.validate_on_submit():
        comment = Comment(content=form.content.data)
        db.session.add(comment)
        db.session.commit()
        return stored(comment.id, url_for("comments.page"))
    comments = db.session.scalars(db.select(Comment).order_by(Comment.id.desc()).limit(50)).all()
    return render_template("comments.html", form=form, comments=comments), 400 if form.errors else 200
