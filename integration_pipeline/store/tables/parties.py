"""Customers as accounting systems have them, in schema `crm`: a copy to match with, and what was matched."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Table, Text
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import metadata, moment, text

# What a target said last of each of its customers. Tax ids and domains in normal form.
remote_customers = Table(
    "remote_customers",
    metadata,
    text("target", primary_key=True),
    text("remote_id", primary_key=True),
    text("name"),
    Column("tax_id", Text),
    Column("domain", Text),
    Column("email", Text),
    Column("reference", Text),
    Column("currency", Text),
    Column("active", Boolean, nullable=False),
    text("version"),
    moment("modified_at"),
    moment("read_at", default_now=True),
    Index("ix_remote_customers_tax_id", "target", "tax_id"),
    Index("ix_remote_customers_domain", "target", "domain"),
    schema="crm",
)

# Which of them one of our customers is, by which rule. Billed in several currencies a customer has several
# records where the vendor fixes the currency.
customer_accounts = Table(
    "customer_accounts",
    metadata,
    text("target", primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("crm.customers.id"), primary_key=True),
    # Empty where the vendor bills a customer in any.
    text("currency", primary_key=True),
    Column("remote_id", Text),
    text("state"),
    Column("rule", Text),
    # What spoke for it; of one that waits the candidates: [{remote_id, name, rule, score}].
    Column("evidence", JSONB, nullable=False),
    text("idempotency_key"),
    moment("attempted_at", nullable=True),
    moment("updated_at", default_now=True),
    Column("decided_by", Text),
    CheckConstraint("state IN ('linked', 'creating', 'waiting')", name="state"),
    CheckConstraint("(state = 'linked') = (remote_id IS NOT NULL)", name="linked"),
    Index(
        "uq_customer_accounts_remote_id",
        "target",
        "remote_id",
        unique=True,
        postgresql_where=sql_text("remote_id IS NOT NULL"),
    ),
    schema="crm",
)
