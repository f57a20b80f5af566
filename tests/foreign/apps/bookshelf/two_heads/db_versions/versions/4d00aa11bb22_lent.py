"""lent"""

import sqlalchemy as sa
from alembic import op

revision = "4d00aa11bb22"
down_revision = "4b00aa11bb22"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("book", sa.Column("lent", sa.Boolean()))


def downgrade():
    op.drop_column("book", "lent")
