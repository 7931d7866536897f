"""Schema `posting`: what passed the gate, what shall be posted where, what was tried, what was set aside."""

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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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

# What shall be put where, exactly once. The own ledger is the target `ledger`; intents for an accounting
# system are made in the transaction that books a document or a settlement there.
intents = Table(
    "intents",
    metadata,
    identity(),
    text("intent_key", unique=True),
    text("target"),
    text("entity"),
    text("subject", server_default="document"),
    # Of a document, and of setting a credit note against the invoice it reverses.
    Column("document_id", BigInteger, ForeignKey("billing.documents.id")),
    Column("settlement_id", BigInteger, ForeignKey("payments.settlements.id")),
    text("document_reference"),
    text("body_hash"),
    # The document's issue date, here too so that an index finds what is due among all that waits.
    Column("due_on", Date, nullable=False),
    text("state"),
    Column("fencing_token", BigInteger, nullable=False, server_default="0"),
    moment("lease_until", nullable=True),
    # Not before this moment is it tried again: a limit was reached, or the target was away.
    moment("retry_at", nullable=True),
    Column("remote_id", Text),
    # The vendor's version of the record: what it is changed from when it changes there.
    Column("remote_version", Text),
    # Its amount there when it was posted: of a credit note what was set against its invoice.
    Column("remote_minor", BigInteger),
    # Records it was posted as before, which are gone there: it was sent again by a person's decision.
    Column("given_up", ARRAY(Text), nullable=False, server_default="{}"),
    Column("response_hash", Text),
    Column("last_error", Text),
    moment("created_at", default_now=True),
    moment("updated_at", default_now=True),
    UniqueConstraint("target", "subject", "document_id"),
    UniqueConstraint("target", "settlement_id"),
    UniqueConstraint("target", "document_reference"),
    # Waiting: a person decides, first of all who the customer is there. Frozen: the target has something
    # else, or more than one, under its number. Settled: a person has entered it there by hand, as `remote_id`
    # if that was said, or has dealt with it otherwise.
    CheckConstraint(
        "state IN ('pending', 'claimed', 'posted', 'rejected', 'uncertain', 'cancelled', 'waiting', "
        "'frozen', 'settled')",
        name="state",
    ),
    CheckConstraint("subject IN ('document', 'application', 'payment')", name="subject"),
    CheckConstraint(
        "(subject = 'payment') = (settlement_id IS NOT NULL) "
        "AND (subject = 'payment') = (document_id IS NULL)",
        name="what",
    ),
    Index("ix_intents_remote_id", "target", "remote_id"),
    Index("ix_intents_document_id", "document_id"),
    # What is due at a target, and what is to be looked up, without a look at all that waits.
    Index("ix_intents_due", "target", "subject", "id", postgresql_where=sql_text("state = 'pending'")),
    Index("ix_intents_uncertain", "target", "id", postgresql_where=sql_text("state = 'uncertain'")),
    Index("ix_intents_updated_at", "updated_at"),
    # What is booked, to be held against what targets have intents for, without a look at the rows.
    Index(
        "ix_intents_booked",
        "entity",
        "document_id",
        postgresql_where=sql_text("target = 'ledger' AND state = 'posted'"),
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
    CheckConstraint("outcome IN ('posted', 'rejected', 'uncertain', 'not_sent', 'lost')", name="outcome"),
    Index("ix_attempts_open", "intent_id", postgresql_where=sql_text("outcome IS NULL")),
    schema="posting",
)

# Who may send to a target: the holder of its advisory lock, under the newest token. An outcome is stored only
# for the token its intent was claimed under.
writers = Table(
    "writers",
    metadata,
    text("target", primary_key=True),
    Column("fencing_token", BigInteger, nullable=False),
    text("holder"),
    moment("taken_at", default_now=True),
    # How far the target was read for changes that others made, and when all of it was last compared.
    moment("swept_until", nullable=True),
    moment("reconciled_at", nullable=True),
    # When the last reading of its customers began that came to its end.
    moment("customers_read_until", nullable=True),
    # No call goes out before this moment: a day's limit is used up, or the connection is broken.
    moment("paused_until", nullable=True),
    Column("paused_for", Text),
    schema="posting",
)

# Where a target and these books differ, until a person or the facts have settled it.
findings = Table(
    "findings",
    metadata,
    identity(),
    text("target"),
    text("kind"),
    # The record at the target, or the document's reference where the target has none.
    text("record"),
    Column("intent_id", BigInteger, ForeignKey(intents.c.id)),
    text("said"),
    text("next_step"),
    Column("evidence", JSONB, nullable=False),
    text("state", server_default="open"),
    moment("found_at", default_now=True),
    moment("seen_at", default_now=True),
    moment("closed_at", nullable=True),
    Column("closed_by", Text),
    Column("closed_reason", Text),
    CheckConstraint(
        "kind IN ('changed', 'voided', 'deleted', 'missing', 'duplicate', 'unknown', 'tax_differs', "
        "'total_differs', 'balance_differs')",
        name="kind",
    ),
    CheckConstraint("state IN ('open', 'resolved')", name="state"),
    Index(
        "uq_findings_open",
        "target",
        "kind",
        "record",
        unique=True,
        postgresql_where=sql_text("state = 'open'"),
    ),
    Index("ix_findings_intent_id", "intent_id"),
    schema="posting",
)
