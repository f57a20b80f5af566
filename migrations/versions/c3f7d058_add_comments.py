"""add comments

Revision ID: c3f7d058
Revises: 91e4b26f
Create Date: 2026-04-20 11:05:33

"""

import sqlalchemy as sa
from alembic import op

revision = "c3f7d058"
down_revision = "91e4b26f"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(4096), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


def downgrade():
    op.drop_table("comments")
