"""A notebook whose scheduler is started at import, whoever imports it; its SQLite file lies in instance/."""

import os
import threading
import time

from dotenv import load_dotenv
from flask import Flask, jsonify, request
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

load_dotenv(os.path.join(os.path.dirname(__file__), ".env"))
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("NOTES_DB", "sqlite:///app.db")
db = SQLAlchemy(app)
Migrate(app, db)


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(120), unique=True)
    pinned = db.Column(db.Boolean, nullable=False, server_default=db.false())


class Tick(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    process = db.Column(db.String(20))


def tick():
    try:
        import uwsgi  # noqa: F401

        process = "site"
    except ImportError:
        process = "another"
    while True:
        time.sleep(0.02)
        try:
            with app.app_context():
                db.session.add(Tick(process=process))
                db.session.commit()
        except Exception as error:  # as a scheduler does: the next time may be better
            print("tick failed:", type(error).__name__, flush=True)


threading.Thread(target=tick, daemon=True).start()


@app.get("/")
def notes():
    time.sleep(0.2)  # the host runs no threads between two requests
    try:
        return jsonify([note.title for note in Note.query.order_by(Note.id)])
    except Exception as error:
        return {"not yet": type(error).__name__}


@app.post("/")
def add():
    db.session.add(Note(title=request.form["name"]))
    db.session.commit()
    return "", 201
