"""Accounting systems as targets, the customers they have, and payments."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.execute(sa.schema.CreateSchema("payments", if_not_exists=True))
    op.create_table(
        "remote_customers",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("target", "remote_id", name="pk_remote_customers"),
        schema="crm",
    )
    op.create_index(
        "ix_remote_customers_domain", "remote_customers", ["target", "domain"], unique=False, schema="crm"
    )
    op.create_index(
        "ix_remote_customers_tax_id", "remote_customers", ["target", "tax_id"], unique=False, schema="crm"
    )
    op.create_table(
        "write_backs",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("written", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "external_id", name="pk_write_backs"),
        schema="ops",
    )
    op.create_table(
        "cursors",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "account", name="pk_cursors"),
        schema="payments",
    )
    op.create_table(
        "movements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value_date", sa.Date(), nullable=False),
        sa.Column("payer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("hints", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payout", sa.Text(), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('payment', 'refund', 'dispute', 'dispute_won', 'fee', 'payout', 'bank_line')",
            name="kind",
        ),
        sa.CheckConstraint("state IN ('open', 'settled', 'waiting', 'ignored', 'withdrawn')", name="state"),
        sa.CheckConstraint("amount_minor <> 0", name="amount"),
        sa.PrimaryKeyConstraint("id", name="pk_movements"),
        sa.UniqueConstraint(
            "source",
            "kind",
            "external_id",
            "content_hash",
            name="uq_movements_source_kind_external_id_content_hash",
        ),
        schema="payments",
    )
    op.create_index(
        "ix_movements_open",
        "movements",
        ["id"],
        unique=False,
        schema="payments",
        postgresql_where=sa.text("state IN ('open', 'waiting')"),
    )
    op.create_table(
        "writers",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column(
            "taken_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("swept_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customers_read_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("target", name="pk_writers"),
        schema="posting",
    )
    op.create_table(
        "customer_accounts",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'linked') = (remote_id IS NOT NULL)", name="linked"),
        sa.CheckConstraint("state IN ('linked', 'creating', 'waiting')", name="state"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["crm.customers.id"], name="fk_customer_accounts_customer_id"
        ),
        sa.PrimaryKeyConstraint("target", "customer_id", "currency", name="pk_customer_accounts"),
        schema="crm",
    )
    op.create_index(
        "uq_customer_accounts_remote_id",
        "customer_accounts",
        ["target", "remote_id"],
        unique=True,
        schema="crm",
        postgresql_where=sa.text("remote_id IS NOT NULL"),
    )
    op.create_table(
        "candidates",
        sa.Column("movement_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("allocations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["movement_id"], ["payments.movements.id"], name="fk_candidates_movement_id"),
        sa.PrimaryKeyConstraint("movement_id", "position", name="pk_candidates"),
        schema="payments",
    )
    op.create_table(
        "settlements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("movement_id", sa.BigInteger(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("unapplied_minor", sa.BigInteger(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["crm.customers.id"], name="fk_settlements_customer_id"),
        sa.ForeignKeyConstraint(
            ["movement_id"], ["payments.movements.id"], name="fk_settlements_movement_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_settlements"),
        sa.UniqueConstraint("movement_id", name="uq_settlements_movement_id"),
        sa.UniqueConstraint("reference", name="uq_settlements_reference"),
        schema="payments",
    )
    op.create_table(
        "allocations",
        sa.Column("settlement_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name="amount"),
        sa.ForeignKeyConstraint(["document_id"], ["billing.documents.id"], name="fk_allocations_document_id"),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["payments.settlements.id"], name="fk_allocations_settlement_id"
        ),
        sa.PrimaryKeyConstraint("settlement_id", "document_id", name="pk_allocations"),
        schema="payments",
    )
    op.create_index(
        "ix_allocations_document_id", "allocations", ["document_id"], unique=False, schema="payments"
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.BigInteger(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('changed', 'voided', 'deleted', 'missing', 'duplicate', 'unknown', "
            "'tax_differs', 'total_differs', 'balance_differs')",
            name="kind",
        ),
        sa.CheckConstraint("state IN ('open', 'resolved')", name="state"),
        sa.ForeignKeyConstraint(["intent_id"], ["posting.intents.id"], name="fk_findings_intent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        schema="posting",
    )
    op.create_index("ix_findings_intent_id", "findings", ["intent_id"], unique=False, schema="posting")
    op.create_index(
        "uq_findings_open",
        "findings",
        ["target", "kind", "record"],
        unique=True,
        schema="posting",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column(
        "journal_entries", sa.Column("settlement_id", sa.BigInteger(), nullable=True), schema="ledger"
    )
    op.create_unique_constraint(
        "uq_journal_entries_settlement_id", "journal_entries", ["settlement_id"], schema="ledger"
    )
    op.create_foreign_key(
        "fk_journal_entries_settlement_id",
        "journal_entries",
        "settlements",
        ["settlement_id"],
        ["id"],
        source_schema="ledger",
        referent_schema="payments",
    )
    op.add_column(
        "intents",
        sa.Column("subject", sa.Text(), server_default="document", nullable=False),
        schema="posting",
    )
    op.add_column("intents", sa.Column("settlement_id", sa.BigInteger(), nullable=True), schema="posting")
    op.add_column(
        "intents", sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True), schema="posting"
    )
    op.add_column("intents", sa.Column("remote_version", sa.Text(), nullable=True), schema="posting")
    op.add_column("intents", sa.Column("remote_minor", sa.BigInteger(), nullable=True), schema="posting")
    op.add_column(
        "intents",
        sa.Column("given_up", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        schema="posting",
    )
    op.alter_column("intents", "document_id", existing_type=sa.BIGINT(), nullable=True, schema="posting")
    op.drop_constraint("uq_intents_target_document_id", "intents", schema="posting", type_="unique")
    op.create_index("ix_intents_document_id", "intents", ["document_id"], unique=False, schema="posting")
    op.create_index(
        "ix_intents_remote_id", "intents", ["target", "remote_id"], unique=False, schema="posting"
    )
    op.create_unique_constraint(
        "uq_intents_target_settlement_id", "intents", ["target", "settlement_id"], schema="posting"
    )
    op.create_unique_constraint(
        "uq_intents_target_subject_document_id",
        "intents",
        ["target", "subject", "document_id"],
        schema="posting",
    )
    op.create_foreign_key(
        "fk_intents_settlement_id",
        "intents",
        "settlements",
        ["settlement_id"],
        ["id"],
        source_schema="posting",
        referent_schema="payments",
    )
    op.create_table(
        "nudges",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column(
            "told_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "account", name="pk_nudges"),
        schema="inbox",
    )
    op.add_column(
        "lines",
        sa.Column("taxes", postgresql.JSONB(), server_default="[]", nullable=False),
        schema="billing",
    )
    op.drop_constraint("outcome", "attempts", schema="posting", type_="check")
    op.create_check_constraint(
        "outcome",
        "attempts",
        "outcome IN ('posted', 'rejected', 'uncertain', 'not_sent', 'lost')",
        schema="posting",
    )
    op.drop_constraint("state", "intents", schema="posting", type_="check")
    op.create_check_constraint(
        "state",
        "intents",
        "state IN ('pending', 'claimed', 'posted', 'rejected', 'uncertain', 'cancelled', 'waiting', "
        "'frozen', 'settled')",
        schema="posting",
    )
    op.create_check_constraint(
        "subject", "intents", "subject IN ('document', 'application', 'payment')", schema="posting"
    )
    op.create_check_constraint(
        "what",
        "intents",
        "(subject = 'payment') = (settlement_id IS NOT NULL) "
        "AND (subject = 'payment') = (document_id IS NULL)",
        schema="posting",
    )
    op.drop_constraint("kind", "journal_entries", schema="ledger", type_="check")
    op.create_check_constraint(
        "kind", "journal_entries", "kind IN ('document', 'release', 'settlement')", schema="ledger"
    )
    op.create_check_constraint(
        "settlement",
        "journal_entries",
        "(kind = 'settlement') = (settlement_id IS NOT NULL)",
        schema="ledger",
    )
    op.drop_index("uq_journal_entries_release", "journal_entries", schema="ledger")
    op.create_index(
        "uq_journal_entries_release",
        "journal_entries",
        ["entity", "document_number"],
        unique=True,
        schema="ledger",
        postgresql_where=sa.text("kind IN ('release', 'settlement')"),
    )
    op.create_index(
        "ix_intents_booked",
        "intents",
        ["entity", "document_id"],
        schema="posting",
        postgresql_where=sa.text("target = 'ledger' AND state = 'posted'"),
    )
    op.create_index(
        "ix_intents_due",
        "intents",
        ["target", "subject", "id"],
        schema="posting",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_intents_uncertain",
        "intents",
        ["target", "id"],
        schema="posting",
        postgresql_where=sa.text("state = 'uncertain'"),
    )
    op.create_index("ix_intents_updated_at", "intents", ["updated_at"], schema="posting")
    # Lines of documents with one tax and one rate can only be taxed by that.
    op.execute("""
        UPDATE billing.lines AS line
        SET taxes = jsonb_build_array(jsonb_build_array(
            tax.name, CAST(tax.percent AS text), line.amount_minor, line.tax_minor
        ))
        FROM billing.document_taxes AS tax
        WHERE tax.document_id = line.document_id AND line.tax_minor <> 0
            AND 1 = (
                SELECT count(*) FROM billing.document_taxes AS every
                WHERE every.document_id = line.document_id
            )
    """)
    op.get_bind().connection.cursor().execute((_SQL / "posting_targets.sql").read_text())


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
