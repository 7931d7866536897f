"""Schema `crm`: customers and deals in our own terms, each deal with its whole history of versions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

customers = Table(
    "customers",
    metadata,
    identity(),
    text("name"),
    Column("domain", Text),
    Column("tax_id", Text),
    Column("billing_email", Text),
    Column("country", Text),
    moment("created_at", default_now=True),
    Index("ix_customers_domain", "domain"),
    Index("ix_customers_tax_id", "tax_id"),
    schema="crm",
)

# One CRM company or contact belongs to one customer; `rule` and `evidence` say why. `accounting_ids` is what
# the company's record says its id is at a target, by its name: {"field": ..., "value": ...}; `read_as` the
# version of the mapping's part by which it was read.
customer_links = Table(
    "customer_links",
    metadata,
    text("source", primary_key=True),
    text("object_type", primary_key=True),
    text("external_id", primary_key=True),
    Column("customer_id", BigInteger, ForeignKey(customers.c.id), nullable=False),
    Column("record_id", BigInteger, nullable=False),
    text("rule"),
    Column("evidence", JSONB, nullable=False),
    Column("accounting_ids", JSONB, nullable=False, server_default=sql_text("'{}'::jsonb")),
    text("read_as"),
    moment("created_at", default_now=True),
    Index("ix_customer_links_customer_id", "customer_id"),
    CheckConstraint("object_type IN ('company', 'contact')", name="object_type"),
    schema="crm",
)

# Two companies that may be one customer: which rule saw it, on what evidence, and what was decided.
customer_candidates = Table(
    "customer_candidates",
    metadata,
    identity(),
    text("source"),
    text("external_id"),
    Column("customer_id", BigInteger, ForeignKey(customers.c.id), nullable=False),
    text("rule"),
    Column("evidence", JSONB, nullable=False),
    text("decision"),
    text("decided_by"),
    moment("decided_at", default_now=True),
    UniqueConstraint("source", "external_id", "customer_id", "rule"),
    CheckConstraint("decision IN ('merged', 'separate', 'pending')", name="decision"),
    schema="crm",
)

deals = Table(
    "deals",
    metadata,
    identity(),
    text("deal_key"),
    text("source"),
    text("external_id"),
    Column("version", Integer, nullable=False),
    Column("raw_record_id", BigInteger, nullable=False),
    text("mapping_version"),
    Column("close_month", Date, nullable=False),
    text("state"),
    text("stage"),
    text("name"),
    Column("company_name", Text),
    Column("customer_id", BigInteger, ForeignKey(customers.c.id)),
    Column("owner", Text),
    Column("currency", Text),
    Column("amount_minor", BigInteger),
    Column("close_date", Date),
    Column("charge_count", Integer, nullable=False),
    Column("terms", JSONB),
    # The first day on which this version's terms hold, if it amends what was before; null: they always held.
    Column("amendment_effective", Date),
    # The civil day on which the version became known, where its entity is.
    Column("recorded_on", Date, nullable=False),
    Column("problems", JSONB, nullable=False),
    text("content_hash"),
    moment("created_at", default_now=True),
    UniqueConstraint("deal_key", "version"),
    Index("ix_deals_customer_id_close_date", "customer_id", "close_date"),
    Index("ix_deals_amended", "deal_key", postgresql_where=sql_text("amendment_effective IS NOT NULL")),
    CheckConstraint("state IN ('won', 'lost', 'open', 'archived')", name="state"),
    CheckConstraint("close_month = date_trunc('month', close_month)", name="close_month"),
    schema="crm",
)

# The current version of each deal, and a hash over the record versions and customers it was computed from.
deal_heads = Table(
    "deal_heads",
    metadata,
    text("deal_key", primary_key=True),
    Column("deal_id", BigInteger, ForeignKey(deals.c.id), nullable=False, unique=True),
    Column("close_month", Date, nullable=False),
    text("inputs_hash"),
    text("mapping_version"),
    moment("updated_at", default_now=True),
    Index("ix_deal_heads_close_month", "close_month"),
    schema="crm",
)
