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
    Index("ix_movements_open", "id", postgresql_where=sql_text("state IN ('open', 'waiting')")),
    schema="payments",
)

# What a movement settled; the own ledger has one journal entry of each.
settlements = Table(
    "settlements",
    metadata,
    identity(),
    Column("movement_id", BigInteger, ForeignKey(movements.c.id), nullable=False, unique=True),
    text("entity"),
    Column("customer_id", BigInteger, ForeignKey("crm.customers.id")),
    text("reference", unique=True),
    text("currency"),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    # What no invoice took: the customer's credit.
    Column("unapplied_minor", BigInteger, nullable=False),
    Column("settled_on", Date, nullable=False),
    text("rule"),
    Column("evidence", JSONB, nullable=False),
    moment("created_at", default_now=True),
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
