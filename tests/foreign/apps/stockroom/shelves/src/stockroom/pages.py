"""The one page there is."""

from flask import Blueprint, current_app, redirect, request

from .models import Item, db

pages = Blueprint("pages", __name__)


@pages.get("/")
def index():
    items = Item.query.order_by(Item.id)
    return {"items": [described(item) for item in items]}


@pages.post("/")
def add():
    db.session.add(Item(name=request.form["name"]))
    db.session.commit()
    return redirect("/")


def described(item):
    price = current_app.prices.get(item.name, 0)
    return {"name": item.name, "amount": item.amount, "price": price, "shelf": item.shelf}
