"""year"""

import sqlalchemy as sa
from alembic import op

revision = "4c00aa11bb22"
down_revision = "4b00aa11bb22"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("book", sa.Column("year", sa.Integer()))


def downgrade():
    op.drop_column("book", "year")
