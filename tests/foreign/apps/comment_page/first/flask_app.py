"""A page on which visitors leave comments."""

import os

from dotenv import load_dotenv
from flask import Flask, redirect, render_template_string, request, url_for
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

load_dotenv(os.path.join(os.path.dirname(__file__), ".env"))

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["COMMENTS_DB"]
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_recycle": 280}

db = SQLAlchemy(app)
migrate = Migrate(app, db)


class Comment(db.Model):
    __tablename__ = "comments"

    id = db.Column(db.Integer, primary_key=True)
    content = db.Column(db.String(4096))


PAGE = """<!doctype html>
<title>Comments</title>
{% for comment in comments %}<p>{{ comment.content }}</p>
{% endfor %}
<form action="." method="post"><textarea name="contents"></textarea><input type="submit"></form>
"""


@app.route("/", methods=["GET", "POST"])
def index():
    if request.method == "GET":
        return render_template_string(PAGE, comments=Comment.query.order_by(Comment.id).all())
    db.session.add(Comment(content=request.form["contents"]))
    db.session.commit()
    return redirect(url_for("index"))
