"""Schema `ledger`: the double-entry books, whose promises `migrations/sql/ledger_promises.sql` keeps."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

entities = Table(
    "entities",
    metadata,
    text("code", primary_key=True),
    text("name"),
    text("time_zone"),
    text("invoice_prefix"),
    text("credit_note_prefix"),
    schema="ledger",
)

accounts = Table(
    "accounts",
    metadata,
    text("entity", primary_key=True),
    text("code", primary_key=True),
    text("name"),
    text("kind"),
    text("role"),
    ForeignKeyConstraint(["entity"], [entities.c.code]),
    UniqueConstraint("entity", "role"),
    CheckConstraint("kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name="kind"),
    schema="ledger",
)

# The newest link of each entity's hash chain. Its row lock is what puts entries in one order.
chain_heads = Table(
    "chain_heads",
    metadata,
    text("entity", primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    text("hash"),
    ForeignKeyConstraint(["entity"], [entities.c.code]),
    schema="ledger",
)

# A series is what stands before the number: US-INV-. Invoices and credit notes may share one.
number_series = Table(
    "number_series",
    metadata,
    text("entity", primary_key=True),
    text("series", primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    ForeignKeyConstraint(["entity"], [entities.c.code]),
    schema="ledger",
)

# An entry books a document, for its posting intent; what a month released from deferred revenue; or a
# settlement. The second's `document_number` is its name, `revenue 2026-05 USD`: one of each entity, month and
# currency; the third's is the settlement's reference.
journal_entries = Table(
    "journal_entries",
    metadata,
    identity(),
    text("entity"),
    Column("sequence", BigInteger, nullable=False),
    text("kind"),
    Column("intent_id", BigInteger, ForeignKey("posting.intents.id"), unique=True),
    Column("settlement_id", BigInteger, ForeignKey("payments.settlements.id"), unique=True),
    Column("accounting_date", Date, nullable=False),
    text("currency"),
    text("document_number"),
    text("description"),
    moment("posted_at"),
    text("previous_hash"),
    text("hash"),
    UniqueConstraint("entity", "sequence"),
    ForeignKeyConstraint(["entity"], [entities.c.code]),
    CheckConstraint("kind IN ('document', 'release', 'settlement')", name="kind"),
    CheckConstraint("(kind = 'document') = (intent_id IS NOT NULL)", name="intent"),
    CheckConstraint("(kind = 'settlement') = (settlement_id IS NOT NULL)", name="settlement"),
    Index(
        "uq_journal_entries_release",
        "entity",
        "document_number",
        unique=True,
        postgresql_where=sql_text("kind IN ('release', 'settlement')"),
    ),
    schema="ledger",
)

journal_lines = Table(
    "journal_lines",
    metadata,
    Column("entry_id", BigInteger, ForeignKey(journal_entries.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    text("entity"),
    text("account"),
    Column("debit_minor", BigInteger, nullable=False),
    Column("credit_minor", BigInteger, nullable=False),
    ForeignKeyConstraint(["entity", "account"], [accounts.c.entity, accounts.c.code]),
    CheckConstraint(
        "debit_minor >= 0 AND credit_minor >= 0 AND (debit_minor > 0) <> (credit_minor > 0)", name="one_side"
    ),
    Index("ix_journal_lines_entity_account", "entity", "account"),
    schema="ledger",
)

# Invoices and credit notes as issued: the number, and the document as the customer gets it.
documents = Table(
    "documents",
    metadata,
    text("entity", primary_key=True),
    text("number", primary_key=True),
    text("kind"),
    text("series"),
    Column("series_number", BigInteger, nullable=False),
    Column("intent_id", BigInteger, ForeignKey("posting.intents.id"), nullable=False, unique=True),
    Column("entry_id", BigInteger, ForeignKey(journal_entries.c.id), nullable=False, unique=True),
    text("document_reference", unique=True),
    Column("customer_id", BigInteger, nullable=False),
    text("currency"),
    Column("total_minor", BigInteger, nullable=False),
    Column("issue_date", Date, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("body", JSONB, nullable=False),
    UniqueConstraint("entity", "series", "series_number"),
    ForeignKeyConstraint(["entity"], [entities.c.code]),
    CheckConstraint("total_minor > 0", name="total"),
    Index("ix_documents_total_minor", "total_minor", "currency"),
    schema="ledger",
)

# What a month released of a posted line from deferred revenue to revenue, in minor units of its entry's
# currency; negative for what was taken back. `explanation` is the amount written out with its numbers.
revenue_releases = Table(
    "revenue_releases",
    metadata,
    Column("document_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("entry_id", BigInteger, ForeignKey(journal_entries.c.id), nullable=False),
    text("explanation"),
    ForeignKeyConstraint(
        ["document_id", "position"], ["billing.lines.document_id", "billing.lines.position"]
    ),
    CheckConstraint("amount_minor <> 0", name="amount"),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
    Index("ix_revenue_releases_entry_id", "entry_id"),
    schema="ledger",
)
