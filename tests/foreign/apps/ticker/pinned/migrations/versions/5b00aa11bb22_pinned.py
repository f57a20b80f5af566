"""pinned"""

import sqlalchemy as sa
from alembic import op

revision = "5b00aa11bb22"
down_revision = "5a00aa11bb22"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("note") as batch:
        batch.add_column(sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.create_unique_constraint("uq_note_title", ["title"])


def downgrade():
    with op.batch_alter_table("note") as batch:
        batch.drop_constraint("uq_note_title", type_="unique")
        batch.drop_column("pinned")
