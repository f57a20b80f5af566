"""The tables. Foreign keys have an index of their own, so that MySQL never leans on another one (error 1553)."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from .extensions import db

# Comments and symbols need all of Unicode, whatever the server's default is.
MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def utc_now() -> dt.datetime:
    """The time in UTC to the second, as MySQL's DATETIME keeps it: without a zone."""
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0, tzinfo=None)


class User(db.Model):
    __tablename__ = "users"
    __table_args__ = MYSQL

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))


class Currency(db.Model):
    __tablename__ = "currencies"
    __table_args__ = MYSQL

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(3), unique=True)
    name: Mapped[str] = mapped_column(String(50))
    symbol: Mapped[str] = mapped_column(String(5))


class Asset(db.Model):
    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("user_id", "display_order"), MYSQL)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    currency_id: Mapped[int] = mapped_column(ForeignKey("currencies.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    display_order: Mapped[int]

    currency: Mapped[Currency] = relationship(lazy="joined", innerjoin=True)


class Movement:
    """Money that goes into an asset or out of it; the amount is above zero either way."""

    __table_args__ = MYSQL

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"), index=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    date: Mapped[dt.date]

    @declared_attr
    def asset(cls) -> Mapped[Asset]:
        return relationship(Asset, lazy="joined", innerjoin=True)


class Deposit(Movement, db.Model):
    __tablename__ = "deposits"


class Withdrawal(Movement, db.Model):
    __tablename__ = "withdrawals"


class Comment(db.Model):
    __tablename__ = "comments"
    __table_args__ = MYSQL

    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str] = mapped_column(String(4096))
    posted: Mapped[dt.datetime] = mapped_column(default=utc_now)
