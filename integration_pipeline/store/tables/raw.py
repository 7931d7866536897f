"""Schema `raw`: every version of every CRM record, as received. Append only; `heads` points at the newest."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables.base import identity, metadata, moment, text

records = Table(
    "records",
    metadata,
    identity(),
    text("source"),
    text("object_type"),
    text("external_id"),
    moment("modified_at"),
    moment("received_at", default_now=True),
    Column("archived", Boolean, nullable=False),
    text("content_hash"),
    Column("properties", JSONB, nullable=False),
    Column("associations", JSONB, nullable=False),
    # The version that was newest when this one landed, 0 for none: links change without a new modification
    # time, so content may return to what it was, and is then a version of its own.
    Column("follows_id", BigInteger, nullable=False),
    UniqueConstraint(
        *("source", "object_type", "external_id", "modified_at", "content_hash", "follows_id"),
        name="uq_records_version",
    ),
    # For which deals a company or contact is a matter.
    Index(
        "ix_records_associations",
        "associations",
        postgresql_using="gin",
        postgresql_ops={"associations": "jsonb_path_ops"},
        postgresql_where=sql_text("object_type IN ('deal', 'contact')"),
    ),
    schema="raw",
)

heads = Table(
    "heads",
    metadata,
    text("source", primary_key=True),
    text("object_type", primary_key=True),
    text("external_id", primary_key=True),
    Column("record_id", BigInteger, ForeignKey(records.c.id), nullable=False),
    moment("modified_at"),
    # When the reading began that last found the record so. Links change without a new modification time, so
    # of two readings at once, the one that began later is taken for the newer.
    moment("read_at", default_now=True),
    Index("ix_heads_record_id", "record_id"),
    schema="raw",
)
