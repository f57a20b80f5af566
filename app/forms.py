"""What a person can send. Every form carries a CSRF token."""

import datetime as dt

from flask_wtf import FlaskForm
from wtforms import DateField, DecimalField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError


def stripped(text: str | None) -> str:
    return (text or "").strip()


def money(form: FlaskForm, field: DecimalField) -> None:
    """Accepts what Numeric(12, 2) keeps exactly, above zero; raises ValidationError for all else."""
    amount = field.data
    if amount is None:
        return  # not a number: the field has said so
    if not (amount.is_finite() and 0 < amount < 10**10):
        raise ValidationError("Enter an amount above 0 and below 10,000,000,000.")
    if amount != round(amount, 2):
        raise ValidationError("Enter two decimals at most.")


class CredentialsForm(FlaskForm):
    name = StringField("Name", [DataRequired(), Length(max=80)], filters=[stripped])
    password = PasswordField("Password", [InputRequired(), Length(min=8, max=200)])


class AssetForm(FlaskForm):
    name = StringField("Name", [DataRequired(), Length(max=80)], filters=[stripped])
    currency_id = SelectField("Currency", coerce=int)


class MovementForm(FlaskForm):
    asset_id = SelectField("Asset", coerce=int)
    amount = DecimalField("Amount", [InputRequired(), money], places=2)
    date = DateField("Date", [InputRequired()], default=dt.date.today)


class CommentForm(FlaskForm):
    content = TextAreaField("Comment", [DataRequired(), Length(max=4096)], filters=[stripped])
