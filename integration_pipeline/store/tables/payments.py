"""Schema `payments`: money that moved, what it was set against, and what waits for a person."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

# How far each payment source was read.
cursors = Table(
    "cursors",
    metadata,
    text("source", primary_key=True),
    text("account", primary_key=True),
    text("cursor"),
    moment("updated_at", default_now=True),
    schema="payments",
)

# A movement of money as its source told it, append only; a source that changes its mind adds a version.
movements = Table(
    "movements",
    metadata,
    identity(),
    text("source"),
    text("account"),
    text("external_id"),
    text("kind"),
    text("content_hash"),
    # Signed: positive is money to us. The fee is what the processor kept, positive.
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False, server_default="0"),
    text("currency"),
    # What the processor's balance took it as, where that is in another currency; its fee is in that one, too.
    Column("settled_minor", BigInteger),
    Column("settled_currency", Text),
    moment("occurred_at"),
    Column("value_date", Date, nullable=False),
    Column("payer", JSONB, nullable=False),
    Column("hints", ARRAY(Text), nullable=False),
    Column("links", JSONB, nullable=False),
    Column("payout", Text),
    Column("body", JSONB, nullable=False),
    moment("received_at", default_now=True),
    # Removed by the source before it was settled, or replaced by a newer version.
    moment("withdrawn_at", nullable=True),
    text("state"),
    Column("reason", Text),
    moment("decided_at", nullable=True),
    Column("decided_by", Text),
    UniqueConstraint("source", "kind", "external_id", "content_hash"),
    CheckConstraint(
        "kind IN ('payment', 'refund', 'dispute', 'dispute_won', 'fee', 'payout', 'bank_line')", name="kind"
    ),
    # Open: not looked at yet. Waiting: a person decides. Ignored: a person, or a rule, said it is none.
    CheckConstraint("state IN ('open', 'settled', 'waiting', 'ignored', 'withdrawn')", name="state"),
    CheckConstraint("amount_minor <> 0", name="amount"),
    CheckConstraint("(settled_minor IS NULL) = (settled_currency IS NULL)", name="settled"),
    Index("ix_movements_open", "id", postgresql_where=sql_text("state IN ('open', 'waiting')")),
    Index("ix_movements_payout", "payout", postgresql_where=sql_text("payout IS NOT NULL")),
    Index("ix_movements_links", "links", postgresql_using="gin", postgresql_ops={"links": "jsonb_path_ops"}),
    schema="payments",
)

# What a source sent that is no movement we could book; kept until it sends the record in a form that is.
unreadable = Table(
    "unreadable",
    metadata,
    text("source", primary_key=True),
    text("external_id", primary_key=True),
    text("reason"),
    Column("body", JSONB, nullable=False),
    moment("received_at", default_now=True),
    schema="payments",
)

# What a movement settled; the own ledger has one journal entry of each. A payment for documents of several
# entities or customers has a settlement of each, and money that was exchanged one of each currency. A wrong
# one is undone by another that reverses it.
settlements = Table(
    "settlements",
    metadata,
    identity(),
    Column("movement_id", BigInteger, ForeignKey(movements.c.id), nullable=False),
    Column("reverses_id", BigInteger, ForeignKey("payments.settlements.id"), unique=True),
    # The payout whose money arrived; then the entry moves it from transit to cash.
    Column("payout_id", BigInteger, ForeignKey(movements.c.id)),
    text("entity"),
    Column("customer_id", BigInteger, ForeignKey("crm.customers.id")),
    text("reference", unique=True),
    text("currency"),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    # What came in as another currency's money, or went out as it; positive on the side of what was paid.
    Column("exchanged_minor", BigInteger, nullable=False, server_default="0"),
    # What no invoice took: the customer's credit.
    Column("unapplied_minor", BigInteger, nullable=False),
    Column("settled_on", Date, nullable=False),
    text("rule"),
    Column("evidence", JSONB, nullable=False),
    moment("created_at", default_now=True),
    Index("ix_settlements_movement_id", "movement_id"),
    Index("ix_settlements_payout_id", "payout_id"),
    Index("ix_settlements_customer_id", "customer_id"),
    Index("ix_settlements_created_at", "created_at"),
    schema="payments",
)

# Which customer a source's payer is, known from a settlement that was beyond doubt.
payers = Table(
    "payers",
    metadata,
    text("source", primary_key=True),
    text("payer_id", primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("crm.customers.id"), primary_key=True),
    Column("settlement_id", BigInteger, ForeignKey(settlements.c.id), nullable=False),
    Index("ix_payers_settlement_id", "settlement_id"),
    schema="payments",
)

# Which part of it pays which document; negative where money went back.
allocations = Table(
    "allocations",
    metadata,
    Column("settlement_id", BigInteger, ForeignKey(settlements.c.id), primary_key=True),
    Column("document_id", BigInteger, ForeignKey("billing.documents.id"), primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    CheckConstraint("amount_minor <> 0", name="amount"),
    Index("ix_allocations_document_id", "document_id"),
    schema="payments",
)

# What may explain a movement that waits for a person: documents and amounts, best first.
candidates = Table(
    "candidates",
    metadata,
    Column("movement_id", BigInteger, ForeignKey(movements.c.id), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    text("rule"),
    Column("evidence", JSONB, nullable=False),
    # [{document_id, number, amount_minor}]
    Column("allocations", JSONB, nullable=False),
    schema="payments",
)
