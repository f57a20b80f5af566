"""add posted

Revision ID: 8a1c5e20
Revises: c3f7d058
Create Date: 2026-05-04 20:17:45

"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "8a1c5e20"
down_revision = "c3f7d058"
branch_labels = None
depends_on = None

comments = sa.table("comments", sa.column("posted", sa.DateTime()))


def upgrade():
    # Nobody knows when the comments that are there were posted, only that it was before now. The app sets the time
    # itself, in UTC, so the column has no server default: MySQL's CURRENT_TIMESTAMP would be in the server's zone.
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0, tzinfo=None)
    op.add_column("comments", sa.Column("posted", sa.DateTime(), nullable=True))
    op.execute(comments.update().values(posted=now))
    with op.batch_alter_table("comments") as batch:
        batch.alter_column("posted", existing_type=sa.DateTime(), nullable=False)


def downgrade():
    with op.batch_alter_table("comments") as batch:
        batch.drop_column("posted")
