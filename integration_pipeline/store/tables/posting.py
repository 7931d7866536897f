"""Schema `posting`: what passed the gate, what shall be posted, what was tried, and what was set aside."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from integration_pipeline.store.tables.base import identity, metadata, moment, text

# A verdict is about one immutable version (a raw record, a deal version, a document revision).
gate_records = Table(
    "gate_records",
    metadata,
    text("subject_kind", primary_key=True),
    Column("subject_id", BigInteger, primary_key=True),
    text("suite"),
    text("suite_version"),
    Column("passed", Boolean, nullable=False),
    Column("waived_by", Text),
    Column("waived_reason", Text),
    moment("evaluated_at", default_now=True),
    CheckConstraint("subject_kind IN ('raw_record', 'deal', 'document')", name="subject_kind"),
    schema="posting",
)

quarantine = Table(
    "quarantine",
    metadata,
    identity(),
    text("subject_kind"),
    Column("subject_id", BigInteger, nullable=False),
    text("source"),
    text("object_type"),
    text("external_id"),
    text("record_name"),
    Column("close_month", Date),
    text("suite"),
    text("rule"),
    text("field"),
    Column("value", Text),
    text("reason"),
    text("next_step"),
    Column("waivable", Boolean, nullable=False),
    text("state"),
    moment("created_at", default_now=True),
    moment("closed_at", nullable=True),
    Column("closed_by", Text),
    Column("closed_reason", Text),
    UniqueConstraint("subject_kind", "subject_id", "rule", "field"),
    CheckConstraint("state IN ('open', 'released', 'resolved')", name="state"),
    Index("ix_quarantine_open", "external_id", postgresql_where=sql_text("state = 'open'")),
    schema="posting",
)

intents = Table(
    "intents",
    metadata,
    identity(),
    text("intent_key", unique=True),
    text("target"),
    text("entity"),
    Column("document_id", BigInteger, ForeignKey("billing.documents.id"), nullable=False),
    text("document_reference"),
    text("body_hash"),
    # The document's issue date, here too so that an index finds what is due among all that waits.
    Column("due_on", Date, nullable=False),
    text("state"),
    Column("fencing_token", BigInteger, nullable=False, server_default="0"),
    moment("lease_until", nullable=True),
    Column("remote_id", Text),
    Column("response_hash", Text),
    Column("last_error", Text),
    moment("created_at", default_now=True),
    moment("updated_at", default_now=True),
    UniqueConstraint("target", "document_id"),
    UniqueConstraint("target", "document_reference"),
    CheckConstraint(
        "state IN ('pending', 'claimed', 'posted', 'rejected', 'uncertain', 'cancelled')", name="state"
    ),
    Index(
        "ix_intents_open",
        "target",
        "due_on",
        postgresql_where=sql_text("state IN ('pending', 'claimed', 'uncertain')"),
    ),
    schema="posting",
)

attempts = Table(
    "attempts",
    metadata,
    Column("intent_id", BigInteger, ForeignKey(intents.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("fencing_token", BigInteger, nullable=False),
    moment("started_at", default_now=True),
    moment("finished_at", nullable=True),
    Column("outcome", Text),
    Column("detail", Text),
    CheckConstraint("outcome IN ('posted', 'rejected', 'uncertain', 'lost')", name="outcome"),
    Index("ix_attempts_open", "intent_id", postgresql_where=sql_text("outcome IS NULL")),
    schema="posting",
)
