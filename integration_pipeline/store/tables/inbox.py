"""Schema `inbox`: what vendors announced, kept before it is acknowledged, and what became of it."""

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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

# What one worker did at one go: Dagster is told from here, `reported_at` says until when.
batches = Table(
    "batches",
    metadata,
    identity(),
    text("worker"),
    moment("started_at"),
    moment("finished_at"),
    Column("events", Integer, nullable=False),
    Column("deals", Integer, nullable=False),
    # The close months of the deals.
    Column("months", ARRAY(Date), nullable=False),
    # A stage report each, as plain data.
    Column("reports", JSONB, nullable=False),
    # From the event's commit in the inbox to its deal's commit in the books, one of each event.
    Column("latencies_ms", ARRAY(Integer), nullable=False),
    moment("reported_at", nullable=True),
    Index("ix_batches_unreported", "id", postgresql_where=sql_text("reported_at IS NULL")),
    schema="inbox",
)

# An event names records that changed; what they are now is asked of the vendor. So a repeated, late or
# overtaken event does no harm, and several of one record are settled by one look.
events = Table(
    "events",
    metadata,
    identity(),
    text("source"),
    # What makes two deliveries the same event. HubSpot's event ids are not unique: there it is a hash.
    text("event_key"),
    # The vendor's name of what happened: `deal.propertyChange`.
    text("kind"),
    # Null for what we have no use for; it is kept all the same, as ignored.
    Column("object_type", Text),
    Column("external_ids", ARRAY(Text), nullable=False),
    moment("occurred_at"),
    Column("body", JSONB, nullable=False),
    moment("received_at", default_now=True),
    Column("deliveries", Integer, nullable=False, server_default="1"),
    text("state"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # How many of the attempts failed by the event's own fault, and not because somebody was away.
    Column("faults", Integer, nullable=False, server_default="0"),
    # Not before this moment is a failed event tried again.
    moment("retry_at", nullable=True),
    moment("finished_at", nullable=True),
    Column("last_error", Text),
    # Who settled it: a worker's batch or a Dagster run.
    Column("batch_id", BigInteger, ForeignKey(batches.c.id)),
    Column("run_id", Text),
    # How many Dagster runs were asked for to settle it, and when the last one was.
    Column("takeovers", Integer, nullable=False, server_default="0"),
    moment("taken_over_at", nullable=True),
    UniqueConstraint("source", "event_key"),
    CheckConstraint("state IN ('pending', 'done', 'ignored', 'failed')", name="state"),
    CheckConstraint("(state = 'ignored') = (object_type IS NULL)", name="ignored"),
    Index("ix_events_open", "id", postgresql_where=sql_text("state IN ('pending', 'failed')")),
    Index("ix_events_external_ids", "external_ids", postgresql_using="gin"),
    # Without it PostgreSQL looks through all events for each batch that is pruned.
    Index("ix_events_batch_id", "batch_id"),
    schema="inbox",
)

# A record whose newest version no event announced, once for each deal it concerns.
missed = Table(
    "missed",
    metadata,
    text("deal_key", primary_key=True),
    Column("record_id", BigInteger, ForeignKey("raw.records.id"), primary_key=True),
    text("source"),
    text("object_type"),
    text("external_id"),
    moment("modified_at"),
    moment("found_at", default_now=True),
    moment("settled_at", nullable=True),
    # The Dagster run that settled it.
    Column("run_id", Text),
    Index("ix_missed_found_at", "found_at"),
    Index("ix_missed_unsettled", "deal_key", postgresql_where=sql_text("settled_at IS NULL")),
    schema="inbox",
)

# An account of a vendor whose webhooks say only that something changed: what did is asked of the vendor, from
# where the last look ended. However many of them come, one look afterwards settles them.
nudges = Table(
    "nudges",
    metadata,
    text("source", primary_key=True),
    # The realm, tenant or item; empty where a source has one account.
    text("account", primary_key=True),
    moment("told_at", default_now=True),
    # When the look began that settled what was told before; the events of the time after are still open.
    moment("looked_at", nullable=True),
    Column("last_error", Text),
    schema="inbox",
)
