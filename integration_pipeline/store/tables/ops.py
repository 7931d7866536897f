"""Schema `ops`: how far each source was read, and who did what by hand."""

from __future__ import annotations

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

cursors = Table(
    "cursors",
    metadata,
    text("source", primary_key=True),
    text("object_type", primary_key=True),
    moment("watermark"),
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
