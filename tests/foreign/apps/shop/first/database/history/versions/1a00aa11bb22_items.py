"""items"""

import sqlalchemy as sa
from alembic import op

revision = "1a00aa11bb22"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("items", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.String(80), nullable=False))


def downgrade():
    op.drop_table("items")
