"""Deposits and withdrawals: the same page for two kinds."""

from flask import Blueprint, g, render_template, url_for

from ..extensions import db
from ..forms import MovementForm
from ..models import Asset, Deposit, Withdrawal
from .answers import stored
from .users import signed_in

blueprint = Blueprint("movements", __name__)
KINDS = {"deposits": Deposit, "withdrawals": Withdrawal}


@blueprint.route("/<any(deposits, withdrawals):name>", methods=["GET", "POST"])
@signed_in
def page(name: str):
    kind = KINDS[name]
    form = MovementForm()
    assets = db.session.scalars(db.select(Asset).filter_by(user_id=g.user.id).order_by(Asset.display_order))
    form.asset_id.choices = [(asset.id, f"{asset.name} ({asset.currency.code})") for asset in assets]
    if form.validate_on_submit():
        movement = kind(asset_id=form.asset_id.data, amount=form.amount.data, date=form.date.data)
        db.session.add(movement)
        db.session.commit()
        return stored(movement.id, url_for("movements.page", name=name))
    newest = db.select(kind).join(kind.asset).filter(Asset.user_id == g.user.id)
    movements = db.session.scalars(newest.order_by(kind.date.desc(), kind.id.desc()).limit(100)).all()
    return render_template("movements.html", form=form, movements=movements, name=name), 400 if form.errors else 200
