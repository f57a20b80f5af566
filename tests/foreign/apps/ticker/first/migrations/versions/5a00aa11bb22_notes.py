"""notes"""

import sqlalchemy as sa
from alembic import op

revision = "5a00aa11bb22"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("note", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("title", sa.String()))
    op.create_table("tick", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("process", sa.String(20)))


def downgrade():
    op.drop_table("tick")
    op.drop_table("note")
