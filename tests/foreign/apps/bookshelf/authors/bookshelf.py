"""A bookshelf, in one file; its revisions lie in db_versions/."""

import os

from dotenv import load_dotenv
from flask import Flask, jsonify, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

load_dotenv(os.path.join(os.path.dirname(__file__), ".env"))
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
Migrate(app, db, directory="db_versions")


class Book(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80), nullable=False)
    author = db.Column(db.String(80))


@app.get("/")
def books():
    return jsonify([book.title for book in Book.query.order_by(Book.id)])


@app.post("/")
def add():
    db.session.add(Book(title=request.form["name"]))
    db.session.commit()
    return "", 201
