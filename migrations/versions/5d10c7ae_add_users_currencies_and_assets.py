"""add users, currencies and assets

Revision ID: 5d10c7ae
Revises:
Create Date: 2026-03-02 09:14:07

"""

import sqlalchemy as sa
from alembic import op

revision = "5d10c7ae"
down_revision = None
branch_labels = None
depends_on = None

MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        **MYSQL,
    )
    op.create_table(
        "currencies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(3), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("symbol", sa.String(5), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_currencies"),
        sa.UniqueConstraint("code", name="uq_currencies_code"),
        **MYSQL,
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("currency_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_assets_user_id_users"),
        sa.ForeignKeyConstraint(["currency_id"], ["currencies.id"], name="fk_assets_currency_id_currencies"),
        **MYSQL,
    )
    op.create_index("ix_assets_user_id", "assets", ["user_id"])
    op.create_index("ix_assets_currency_id", "assets", ["currency_id"])


def downgrade():
    # A table takes its indexes along. To drop them first is what MySQL refuses (1553): the foreign keys need them.
    op.drop_table("assets")
    op.drop_table("currencies")
    op.drop_table("users")
