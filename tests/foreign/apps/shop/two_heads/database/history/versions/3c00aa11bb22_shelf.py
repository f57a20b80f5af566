"""shelf"""

import sqlalchemy as sa
from alembic import op

revision = "3c00aa11bb22"
down_revision = "2b00aa11bb22"
branch_labels = ("storage",)
depends_on = None


def upgrade():
    op.add_column("items", sa.Column("shelf", sa.String(8)))


def downgrade():
    with op.batch_alter_table("items") as batch:
        batch.drop_column("shelf")
