"""author"""

import sqlalchemy as sa
from alembic import op

revision = "4b00aa11bb22"
down_revision = "4a00aa11bb22"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("book", sa.Column("author", sa.String(80)))


def downgrade():
    with op.batch_alter_table("book") as batch:
        batch.drop_column("author")
