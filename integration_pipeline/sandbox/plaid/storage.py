"""The tables of the imitation: items, accounts, transactions, and every change of one in the order it came.

Rows only; what they mean is `bank`'s, how they are paged is `sync`'s.
"""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    item_id TEXT PRIMARY KEY,
    access_token TEXT NOT NULL UNIQUE,
    public_token TEXT UNIQUE,
    institution_id TEXT NOT NULL,
    webhook TEXT,
    products TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    login_required INTEGER NOT NULL DEFAULT 0,
    synced INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS accounts (
    account_id TEXT PRIMARY KEY,
    item_id TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    type TEXT NOT NULL,
    subtype TEXT NOT NULL,
    mask TEXT NOT NULL,
    balance TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_of_item ON accounts (item_id);
CREATE TABLE IF NOT EXISTS transactions (
    transaction_id TEXT PRIMARY KEY,
    item_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    body TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('added', 'modified', 'removed')),
    body TEXT
);
CREATE INDEX IF NOT EXISTS changes_of_item ON changes (item_id, seq);
CREATE TABLE IF NOT EXISTS verification_keys (
    kid TEXT PRIMARY KEY,
    pem TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expired_at INTEGER
);
"""

EMPTY = ("items", "accounts", "transactions", "changes")
"""What a reset empties; verification keys stay, as their copies do at whoever verifies."""
