"""price"""

import sqlalchemy as sa
from alembic import op

revision = "2b00aa11bb22"
down_revision = "1a00aa11bb22"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("items", sa.Column("price", sa.Integer(), nullable=False, server_default="7"))


def downgrade():
    with op.batch_alter_table("items") as batch:
        batch.drop_column("price")
