"""add display_order

Revision ID: d0641f33
Revises: 8a1c5e20
Create Date: 2026-06-15 08:52:10

"""

import sqlalchemy as sa
from alembic import op

revision = "d0641f33"
down_revision = "8a1c5e20"
branch_labels = None
depends_on = None

# The first asset of each user gets 1, the next 2, and so on. MySQL updates no table from a subquery on itself (1093),
# but it does from a derived table; ROW_NUMBER() would need MySQL 8.
NUMBER_BY_ID = """
    UPDATE assets SET display_order = (
        SELECT numbered.place FROM (
            SELECT asset.id AS id, COUNT(*) AS place
            FROM assets AS asset JOIN assets AS earlier ON earlier.user_id = asset.user_id AND earlier.id <= asset.id
            GROUP BY asset.id
        ) AS numbered
        WHERE numbered.id = assets.id
    )
"""


def upgrade():
    op.add_column("assets", sa.Column("display_order", sa.Integer(), nullable=True))
    op.execute(NUMBER_BY_ID)
    with op.batch_alter_table("assets") as batch:
        batch.alter_column("display_order", existing_type=sa.Integer(), nullable=False)
        batch.create_unique_constraint("uq_assets_user_id_display_order", ["user_id", "display_order"])


def downgrade():
    # ix_assets_user_id still serves the foreign key, so MySQL lets this index go (else: 1553).
    with op.batch_alter_table("assets") as batch:
        batch.drop_constraint("uq_assets_user_id_display_order", type_="unique")
        batch.drop_column("display_order")
