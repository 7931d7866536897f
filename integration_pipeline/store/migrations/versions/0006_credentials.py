"""What vendors granted us, sealed, the accounts it opens, and what became of both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "token_sets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("token_url", sa.Text(), nullable=False),
        sa.Column("access_token", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=False),
        sa.Column("previous_refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("previous_valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refresh_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hard_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("obtained_because", sa.Text(), nullable=False),
        sa.Column("obtained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "obtained_because IN ('connected', 'expiring', 'refused', 'asked')",
            name=op.f("ck_token_sets_because"),
        ),
        sa.CheckConstraint("state IN ('connected', 'broken')", name=op.f("ck_token_sets_state")),
        sa.CheckConstraint("(state = 'broken') = (why IS NOT NULL)", name=op.f("ck_token_sets_why")),
        sa.CheckConstraint(
            "(previous_refresh_token IS NULL) = (previous_valid_until IS NULL)",
            name=op.f("ck_token_sets_previous_refresh_token"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_sets")),
        schema="ops",
    )
    op.create_table(
        "connections",
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("token_set_id", sa.Uuid(), nullable=False),
        sa.Column(
            "connected_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["token_set_id"], ["ops.token_sets.id"], name=op.f("fk_connections_token_set_id")
        ),
        sa.PrimaryKeyConstraint("vendor", "account", name=op.f("pk_connections")),
        schema="ops",
    )
    op.create_index(
        "ix_connections_token_set_id", "connections", ["token_set_id"], unique=False, schema="ops"
    )
    op.create_table(
        "connection_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("token_set_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_log")),
        schema="ops",
    )
    op.create_index(
        "ix_connection_log_token_set_id",
        "connection_log",
        ["token_set_id", "id"],
        unique=False,
        schema="ops",
    )


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
