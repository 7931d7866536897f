"""Schema `billing`: schedules and the documents they plan, with every line's explanation."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

rule_sets = Table(
    "rule_sets",
    metadata,
    text("version", primary_key=True),
    text("name"),
    Column("document", JSONB, nullable=False),
    moment("loaded_at", default_now=True),
    schema="billing",
)

mappings = Table(
    "mappings",
    metadata,
    text("version", primary_key=True),
    text("name"),
    Column("document", JSONB, nullable=False),
    moment("loaded_at", default_now=True),
    schema="billing",
)

schedules = Table(
    "schedules",
    metadata,
    identity(),
    text("deal_key"),
    Column("deal_id", BigInteger, ForeignKey("crm.deals.id"), nullable=False),
    text("rule_set_version"),
    text("terms_hash"),
    Column("currency", Text),
    # Each document fits 64 bits, but not the sum of a hundred years of the largest that terms allow.
    Column("total_minor", Numeric, nullable=False),
    moment("created_at", default_now=True),
    UniqueConstraint("deal_id", "rule_set_version"),
    schema="billing",
)

schedule_heads = Table(
    "schedule_heads",
    metadata,
    text("deal_key", primary_key=True),
    Column("deal_id", BigInteger, nullable=False),
    Column("schedule_id", BigInteger, ForeignKey(schedules.c.id), nullable=False),
    text("rule_set_version"),
    moment("updated_at", default_now=True),
    schema="billing",
)

# A slot is one issue date of one deal. A changed slot gets a new revision; a posted revision that no
# longer holds gets a credit note (`reverses_id`) of its own.
documents = Table(
    "documents",
    metadata,
    identity(),
    text("document_key", unique=True),
    text("deal_key"),
    Column("schedule_id", BigInteger, ForeignKey(schedules.c.id), nullable=False),
    Column("close_month", Date, nullable=False),
    Column("slot", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    text("kind"),
    Column("reverses_id", BigInteger, ForeignKey("billing.documents.id"), unique=True),
    text("entity"),
    Column("customer_id", BigInteger, ForeignKey("crm.customers.id"), nullable=False),
    text("currency"),
    Column("issue_date", Date, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("purchase_order", Text),
    Column("total_minor", BigInteger, nullable=False),
    text("body_hash"),
    text("state"),
    moment("created_at", default_now=True),
    moment("superseded_at", nullable=True),
    UniqueConstraint("deal_key", "slot", "kind", "revision"),
    CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
    CheckConstraint("state IN ('planned', 'superseded')", name="state"),
    CheckConstraint("(kind = 'credit_note') = (reverses_id IS NOT NULL)", name="reverses"),
    Index("ix_documents_close_month", "close_month"),
    Index("ix_documents_customer_id", "customer_id"),
    schema="billing",
)

lines = Table(
    "lines",
    metadata,
    Column("document_id", BigInteger, ForeignKey(documents.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    text("charge_id"),
    text("description"),
    Column("service_start", Date),
    Column("service_end", Date),
    Column("quantity", Numeric, nullable=False),
    Column("unit_price", Numeric, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    text("revenue"),
    Column("explanation", JSONB, nullable=False),
    CheckConstraint("revenue IN ('on_invoice', 'deferred')", name="revenue"),
    CheckConstraint("(service_start IS NULL) = (service_end IS NULL)", name="service_period"),
    schema="billing",
)
