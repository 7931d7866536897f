"""How often Dagster took an event over, and the changes that no event announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "events",
        sa.Column("takeovers", sa.Integer(), server_default="0", nullable=False),
        schema="inbox",
    )
    op.add_column(
        "events", sa.Column("taken_over_at", sa.DateTime(timezone=True), nullable=True), schema="inbox"
    )
    op.create_index("ix_events_batch_id", "events", ["batch_id"], unique=False, schema="inbox")
    op.create_table(
        "missed",
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["raw.records.id"], name=op.f("fk_missed_record_id")),
        sa.PrimaryKeyConstraint("deal_key", "record_id", name=op.f("pk_missed")),
        schema="inbox",
    )
    op.create_index("ix_missed_found_at", "missed", ["found_at"], unique=False, schema="inbox")
    op.create_index(
        "ix_missed_unsettled",
        "missed",
        ["deal_key"],
        unique=False,
        schema="inbox",
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
