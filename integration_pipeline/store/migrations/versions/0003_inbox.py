"""The inbox of announced changes, and what the real-time worker did about them."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute(sa.schema.CreateSchema("inbox", if_not_exists=True))
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("deals", sa.Integer(), nullable=False),
        sa.Column("months", postgresql.ARRAY(sa.Date()), nullable=False),
        sa.Column("reports", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latencies_ms", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        schema="inbox",
    )
    op.create_index(
        "ix_batches_unreported",
        "batches",
        ["id"],
        unique=False,
        schema="inbox",
        postgresql_where=sa.text("reported_at IS NULL"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=True),
        sa.Column("external_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("deliveries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("faults", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'ignored', 'failed')", name=op.f("ck_events_state")),
        sa.CheckConstraint("(state = 'ignored') = (object_type IS NULL)", name=op.f("ck_events_ignored")),
        sa.ForeignKeyConstraint(["batch_id"], ["inbox.batches.id"], name=op.f("fk_events_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("source", "event_key", name=op.f("uq_events_source_event_key")),
        schema="inbox",
    )
    op.create_index(
        "ix_events_open",
        "events",
        ["id"],
        unique=False,
        schema="inbox",
        postgresql_where=sa.text("state IN ('pending', 'failed')"),
    )
    op.create_index(
        "ix_events_external_ids",
        "events",
        ["external_ids"],
        unique=False,
        schema="inbox",
        postgresql_using="gin",
    )
    # The driver's own cursor: through SQLAlchemy a `%` in a function's body would count as a placeholder.
    op.get_bind().connection.cursor().execute((_SQL / "inbox.sql").read_text())


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
