"""Schema `ops`: what vendors granted us, and the accounts it opens. Secrets are ciphertext, never clear."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, Uuid

from integration_pipeline.store.tables.base import identity, metadata, moment, text

# What one consent of one person gave: with Xero it opens several organisations, and renewing it for one of
# them renews it for all. So tokens stand here, and accounts refer to them.
token_sets = Table(
    "token_sets",
    metadata,
    Column("id", Uuid, primary_key=True),
    text("vendor"),
    # Tokens are good only with the app and at the address that issued them.
    text("client_id"),
    text("token_url"),
    # Each is bound to its column and row: a copy elsewhere does not decipher.
    Column("access_token", LargeBinary, nullable=False),
    Column("refresh_token", LargeBinary, nullable=False),
    # Where a vendor takes the one before for a while, should the newest have been lost on its way.
    Column("previous_refresh_token", LargeBinary),
    moment("previous_valid_until", nullable=True),
    # The key that seals all three.
    text("key_id"),
    text("scopes"),
    moment("access_expires_at"),
    moment("refresh_expires_at"),
    # Renewing does not move this one.
    moment("hard_expires_at", nullable=True),
    # Counts the pairs of tokens: who holds an older one takes the stored one instead of renewing again.
    Column("generation", BigInteger, nullable=False),
    text("obtained_because"),
    moment("obtained_at"),
    text("state"),
    Column("why", Text),
    moment("created_at", default_now=True),
    CheckConstraint("obtained_because IN ('connected', 'expiring', 'refused', 'asked')", name="because"),
    CheckConstraint("state IN ('connected', 'broken')", name="state"),
    CheckConstraint("(state = 'broken') = (why IS NOT NULL)", name="why"),
    CheckConstraint(
        "(previous_refresh_token IS NULL) = (previous_valid_until IS NULL)", name="previous_refresh_token"
    ),
    schema="ops",
)

connections = Table(
    "connections",
    metadata,
    text("vendor", primary_key=True),
    # QuickBooks' realm id, Xero's tenant id.
    text("account", primary_key=True),
    text("name"),
    # Xero's id of the connection itself, by which it is removed.
    Column("remote_id", Text),
    Column("token_set_id", Uuid, ForeignKey(token_sets.c.id), nullable=False),
    moment("connected_at", default_now=True),
    Index("ix_connections_token_set_id", "token_set_id"),
    schema="ops",
)

# No foreign key: what happened to a connection outlives it.
connection_log = Table(
    "connection_log",
    metadata,
    identity(),
    moment("at", default_now=True),
    text("vendor"),
    Column("token_set_id", Uuid, nullable=False),
    Column("generation", BigInteger, nullable=False),
    text("event"),
    text("detail"),
    # Host and process id.
    text("process"),
    Index("ix_connection_log_token_set_id", "token_set_id", "id"),
    schema="ops",
)
