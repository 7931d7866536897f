"""Quotas of vendors that several processes share."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("moments", postgresql.ARRAY(sa.Float(53)), server_default="{}", nullable=False),
        sa.Column("calls", postgresql.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("leases", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("refused_at", sa.Float(53), server_default="0", nullable=False),
        sa.Column("share", sa.Float(53), server_default="1", nullable=False),
        sa.Column("paused_until", sa.Float(53), server_default="0", nullable=False),
        sa.Column("spent_until", sa.Float(53), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("vendor", "account", "label", name=op.f("pk_quotas")),
        schema="ops",
    )
    op.get_bind().connection.cursor().execute((_SQL / "quotas.sql").read_text())


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
