"""When each record was last read, and an index from companies and contacts to their deals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "heads",
        sa.Column(
            "read_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        schema="raw",
    )
    op.create_index(
        "ix_records_associations",
        "records",
        ["associations"],
        unique=False,
        schema="raw",
        postgresql_using="gin",
        postgresql_ops={"associations": "jsonb_path_ops"},
        postgresql_where=sa.text("object_type IN ('deal', 'contact')"),
    )


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
