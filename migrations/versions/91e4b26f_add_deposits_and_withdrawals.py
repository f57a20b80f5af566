"""add deposits and withdrawals

Revision ID: 91e4b26f
Revises: 5d10c7ae
Create Date: 2026-03-09 18:40:52

"""

import sqlalchemy as sa
from alembic import op

revision = "91e4b26f"
down_revision = "5d10c7ae"
branch_labels = None
depends_on = None


def upgrade():
    for table in ("deposits", "withdrawals"):
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("asset_id", sa.Integer(), nullable=False),
            sa.Column("amount", sa.Numeric(12, 2), nullable=False),
            sa.Column("date", sa.Date(), nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=f"fk_{table}_asset_id_assets"),
            mysql_engine="InnoDB",
            mysql_charset="utf8mb4",
        )
        op.create_index(f"ix_{table}_asset_id", table, ["asset_id"])


def downgrade():
    op.drop_table("withdrawals")
    op.drop_table("deposits")
