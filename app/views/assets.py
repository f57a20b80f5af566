"""The user's assets, in the user's own order."""

from flask import Blueprint, abort, g, redirect, render_template, url_for
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from ..extensions import db
from ..forms import AssetForm
from ..models import Asset, Currency, Deposit, Withdrawal
from .answers import stored
from .users import signed_in

blueprint = Blueprint("assets", __name__, url_prefix="/assets")


@blueprint.route("", methods=["GET", "POST"])
@signed_in
def page():
    form = AssetForm()
    currencies = db.session.scalars(db.select(Currency).order_by(Currency.code))
    form.currency_id.choices = [(currency.id, currency.code) for currency in currencies]
    if form.validate_on_submit():
        place = last() + 1
        asset = Asset(user_id=g.user.id, currency_id=form.currency_id.data, name=form.name.data, display_order=place)
        db.session.add(asset)
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            form.name.errors = ["Another asset was added at the same moment. Please send this one again."]
        else:
            return stored(asset.id, url_for("assets.page"))
    return render_template("assets.html", form=form, assets=with_balances()), 400 if form.errors else 200


@blueprint.post("/<int:asset_id>/<any(up, down):direction>")
@signed_in
def move(asset_id: int, direction: str):
    asset = db.session.get(Asset, asset_id)
    if asset is None or asset.user_id != g.user.id:
        abort(404)
    place = Asset.display_order
    nearest = (
        db.select(Asset).filter(place < asset.display_order).order_by(place.desc())
        if direction == "up"
        else db.select(Asset).filter(place > asset.display_order).order_by(place)
    )
    other = db.session.scalar(nearest.filter_by(user_id=g.user.id).limit(1))
    if other is not None:
        swap(asset, other)
        db.session.commit()
    return redirect(url_for("assets.page"), 303)


def swap(one: Asset, other: Asset) -> None:
    """Exchanges two places, by way of a free one: each place is unique at every moment."""
    place, free = one.display_order, -one.id
    one.display_order, there = free, other.display_order
    db.session.flush()
    other.display_order = place
    db.session.flush()
    one.display_order = there


def last() -> int:
    """The place of the user's last asset, or 0."""
    return db.session.scalar(db.select(func.max(Asset.display_order)).filter_by(user_id=g.user.id)) or 0


def with_balances() -> list:
    """The user's assets in order, each with what came in less what went out."""

    def total(kind: type[Deposit] | type[Withdrawal]):
        amounts = db.select(func.coalesce(func.sum(kind.amount), 0))
        return amounts.where(kind.asset_id == Asset.id).correlate(Asset).scalar_subquery()

    balance = (total(Deposit) - total(Withdrawal)).label("balance")
    return db.session.execute(
        db.select(Asset, balance).filter(Asset.user_id == g.user.id).order_by(Asset.display_order)
    ).all()
