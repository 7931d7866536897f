"""Schema `ops`: how far each source was read, and who did what by hand."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

cursors = Table(
    "cursors",
    metadata,
    text("source", primary_key=True),
    text("object_type", primary_key=True),
    moment("watermark"),
    # What was asked for so far: records read without a property have to be read again to get it.
    Column("properties", ARRAY(Text), nullable=False),
    moment("updated_at", default_now=True),
    schema="ops",
)

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    moment("at", default_now=True),
    text("actor"),
    text("action"),
    text("subject"),
    Column("details", JSONB, nullable=False),
    schema="ops",
)

# What each deal in the CRM was last told about its invoices, so that only what changed is written.
write_backs = Table(
    "write_backs",
    metadata,
    text("source", primary_key=True),
    text("external_id", primary_key=True),
    Column("written", JSONB, nullable=False),
    moment("written_at", default_now=True),
    schema="ops",
)
