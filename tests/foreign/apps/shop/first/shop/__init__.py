"""A shop's price list, without Flask-SQLAlchemy and without Flask-Migrate."""

from flask import Flask, jsonify, request
from sqlalchemy import select

from shop.database import Session
from shop.models import Item

app = Flask(__name__)


@app.get("/")
def items():
    with Session() as session:
        return jsonify([{"name": item.name} for item in session.scalars(select(Item).order_by(Item.id))])


@app.post("/")
def add():
    with Session.begin() as session:
        session.add(Item(name=request.form["name"]))
    return "", 201
