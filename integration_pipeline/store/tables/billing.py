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
    # An open-ended contract is planned up to this day (exclusive), and planned again when time has moved on.
    Column("planned_until", Date),
    # How many usage events the plan has seen; null for a contract without metered charges.
    Column("usage_events", Integer),
    moment("updated_at", default_now=True),
    schema="billing",
)

# A slot is one issue date of one deal and a kind: an invoice, or a credit note of the schedule's own. A
# changed slot gets a new revision; a posted revision that no longer holds is reversed by a document of the
# other kind (`reverses_id`) with the same lines. Amounts are positive on both; the kind gives the direction.
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
    Column("net_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    text("body_hash"),
    # Why it has to wait for a person, if a rule of the company's own says so.
    Column("held_for", Text),
    text("state"),
    moment("created_at", default_now=True),
    moment("superseded_at", nullable=True),
    UniqueConstraint(
        "deal_key", "slot", "kind", "revision", "reverses_id", postgresql_nulls_not_distinct=True
    ),
    CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
    CheckConstraint("state IN ('planned', 'superseded')", name="state"),
    CheckConstraint("total_minor = net_minor + tax_minor", name="total"),
    Index("ix_documents_close_month", "close_month"),
    Index("ix_documents_customer_id", "customer_id"),
    schema="billing",
)

lines = Table(
    "lines",
    metadata,
    Column("document_id", BigInteger, ForeignKey(documents.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    text("kind"),
    text("charge_id"),
    text("description"),
    Column("service_start", Date),
    Column("service_end", Date),
    Column("quantity", Numeric, nullable=False),
    # Null where a price model has several.
    Column("unit_price", Numeric),
    Column("amount_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    # What it adds up from: [[name, percent, base_minor, tax_minor]].
    Column("taxes", JSONB, nullable=False, server_default="[]"),
    text("revenue"),
    Column("explanation", JSONB, nullable=False),
    CheckConstraint("revenue IN ('on_invoice', 'deferred')", name="revenue"),
    CheckConstraint("(service_start IS NULL) = (service_end IS NULL)", name="service_period"),
    CheckConstraint("kind IN ('charge', 'credit', 'true_up', 'adjustment', 'discount')", name="kind"),
    schema="billing",
)

# The taxes of a document by rate: `tax_minor` is `percent` of `base_minor`, rounded by the policies.
document_taxes = Table(
    "document_taxes",
    metadata,
    Column("document_id", BigInteger, ForeignKey(documents.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    text("name"),
    Column("percent", Numeric, nullable=False),
    Column("base_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    schema="billing",
)

# What was used, as its reporter says; append only. `customer` is the reporter's, unless it was what the
# contract was found by.
usage_events = Table(
    "usage_events",
    metadata,
    text("event_id", primary_key=True),
    text("contract_id"),
    text("customer"),
    text("metric"),
    moment("occurred_at"),
    moment("received_at"),
    Column("quantity", Numeric, nullable=False),
    Column("properties", JSONB, nullable=False),
    moment("recorded_at", default_now=True),
    Index("ix_usage_events_contract_id", "contract_id"),
    schema="billing",
)
