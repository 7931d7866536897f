"""Settlements: movements of money booked against documents, and what is left open of each document."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.add_column("movements", sa.Column("settled_minor", sa.BigInteger(), nullable=True), schema="payments")
    op.add_column("movements", sa.Column("settled_currency", sa.Text(), nullable=True), schema="payments")
    op.create_check_constraint(
        "settled",
        "movements",
        "(settled_minor IS NULL) = (settled_currency IS NULL)",
        schema="payments",
    )
    op.create_index(
        "ix_movements_payout",
        "movements",
        ["payout"],
        schema="payments",
        postgresql_where=sa.text("payout IS NOT NULL"),
    )
    op.create_index(
        "ix_movements_links",
        "movements",
        ["links"],
        schema="payments",
        postgresql_using="gin",
        postgresql_ops={"links": "jsonb_path_ops"},
    )
    op.create_table(
        "unreadable",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "external_id", name="pk_unreadable"),
        schema="payments",
    )
    op.drop_constraint("uq_settlements_movement_id", "settlements", schema="payments", type_="unique")
    op.add_column("settlements", sa.Column("reverses_id", sa.BigInteger(), nullable=True), schema="payments")
    op.add_column("settlements", sa.Column("payout_id", sa.BigInteger(), nullable=True), schema="payments")
    op.add_column(
        "settlements",
        sa.Column("exchanged_minor", sa.BigInteger(), server_default="0", nullable=False),
        schema="payments",
    )
    op.create_unique_constraint(
        "uq_settlements_reverses_id", "settlements", ["reverses_id"], schema="payments"
    )
    op.create_foreign_key(
        "fk_settlements_reverses_id",
        "settlements",
        "settlements",
        ["reverses_id"],
        ["id"],
        source_schema="payments",
        referent_schema="payments",
    )
    op.create_foreign_key(
        "fk_settlements_payout_id",
        "settlements",
        "movements",
        ["payout_id"],
        ["id"],
        source_schema="payments",
        referent_schema="payments",
    )
    op.create_index("ix_settlements_movement_id", "settlements", ["movement_id"], schema="payments")
    op.create_index("ix_settlements_payout_id", "settlements", ["payout_id"], schema="payments")
    op.create_index("ix_settlements_customer_id", "settlements", ["customer_id"], schema="payments")
    op.create_index("ix_settlements_created_at", "settlements", ["created_at"], schema="payments")
    op.create_table(
        "payers",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("settlement_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["crm.customers.id"], name="fk_payers_customer_id"),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.id"], name="fk_payers_settlement_id"
        ),
        sa.PrimaryKeyConstraint("source", "payer_id", "customer_id", name="pk_payers"),
        schema="payments",
    )
    op.create_index("ix_payers_settlement_id", "payers", ["settlement_id"], schema="payments")
    op.create_index("ix_documents_total_minor", "documents", ["total_minor", "currency"], schema="ledger")
    # The driver's own cursor: through SQLAlchemy a `%` in a function's body would count as a placeholder.
    for name in ("ledger_settle.sql", "posting_by_hand.sql"):
        op.get_bind().connection.cursor().execute((_SQL / name).read_text())


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
