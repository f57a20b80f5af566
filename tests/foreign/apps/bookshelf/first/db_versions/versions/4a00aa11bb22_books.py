"""books"""

import sqlalchemy as sa
from alembic import op

revision = "4a00aa11bb22"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("book", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("title", sa.String(80), nullable=False))


def downgrade():
    op.drop_table("book")
