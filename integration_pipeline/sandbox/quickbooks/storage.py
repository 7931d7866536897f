"""The tables under all companies, and the rows of their records.

A record's `body` is its JSON as the API shows it; the columns beside it repeat what is searched, summed or
kept unique. Amounts in columns are minor units. What the columns of an entity mean is `entities`.
"""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    realm TEXT NOT NULL,
    entity TEXT NOT NULL,
    id INTEGER NOT NULL,
    sync_token INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    updated_s INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT COLLATE NOCASE,
    doc_number TEXT COLLATE NOCASE,
    party INTEGER,
    txn_date TEXT,
    due_date TEXT,
    currency TEXT,
    total INTEGER,
    balance INTEGER,
    active INTEGER,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS records_by_id ON records (realm, entity, id);
CREATE INDEX IF NOT EXISTS records_by_update ON records (realm, entity, updated_s, id);
CREATE INDEX IF NOT EXISTS records_by_name ON records (realm, entity, name);
CREATE INDEX IF NOT EXISTS records_by_number ON records (realm, entity, doc_number);
CREATE INDEX IF NOT EXISTS records_by_party ON records (realm, entity, party);
CREATE INDEX IF NOT EXISTS records_by_date ON records (realm, entity, txn_date);
CREATE INDEX IF NOT EXISTS items_by_sku ON records (realm, json_extract(body, '$.Sku'))
    WHERE entity = 'Item';

CREATE TABLE IF NOT EXISTS counters (
    realm TEXT NOT NULL,
    name TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (realm, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS companies (
    realm TEXT PRIMARY KEY,
    settings TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS answers (
    realm TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (realm, request_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    realm TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_s INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    realm TEXT NOT NULL,
    refresh_value TEXT NOT NULL UNIQUE,
    issued_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    hard_expires_s INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS access_tokens (
    token TEXT PRIMARY KEY,
    realm TEXT NOT NULL,
    grant_id INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS access_tokens_by_grant ON access_tokens (grant_id);

-- Nothing is known of an empty table; without these figures a look-up by number reads the whole company.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('records', 'records_by_id', '100000 50000 10000 1'),
    ('records', 'records_by_update', '100000 50000 10000 10 1'),
    ('records', 'records_by_name', '100000 50000 10000 2'),
    ('records', 'records_by_number', '100000 50000 10000 2'),
    ('records', 'records_by_party', '100000 50000 10000 20'),
    ('records', 'records_by_date', '100000 50000 10000 50'),
    ('records', 'items_by_sku', '1000 500 1');
ANALYZE sqlite_schema;
"""

EMPTY = (
    "DELETE FROM records",
    "DELETE FROM counters",
    "DELETE FROM companies",
    "DELETE FROM answers",
)
"""A reset empties the companies; who has logged in stays logged in."""
