"""What the scratch database gets from the live one: what came in, and the surrogate keys it gave.

Belongs here: copying rows from one database into the other, byte by byte. Does not belong here: what is
computed from them (`replay`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from integration_pipeline.rebuild.scratch import driver

_KEYS = sql.SQL("""
    SELECT 'crm.deals', deal_key || ' ' || version, id FROM crm.deals
    UNION ALL
    SELECT 'crm.customers', source || ':' || object_type || ':' || external_id, customer_id
    FROM crm.customer_links WHERE rule = 'first_seen'
    UNION ALL
    SELECT 'billing.schedules', deal_id || ' ' || rule_set_version, id FROM billing.schedules
    UNION ALL
    SELECT 'billing.documents', document_key, id FROM billing.documents
    UNION ALL
    SELECT 'posting.intents', target || ' ' || document_id, id FROM posting.ledger_intents
    UNION ALL
    SELECT 'ledger.journal_entries', entity || ' ' || sequence, id FROM ledger.journal_entries
    UNION ALL
    SELECT 'payments.settlements', reference, id FROM payments.settlements
""")
_RECORDS = sql.SQL("SELECT * FROM raw.records")
_USAGE = sql.SQL("SELECT * FROM billing.usage_events")
_MOVEMENTS = sql.SQL("SELECT * FROM payments.movements")


def supply(live: Connection, scratch: Connection) -> None:
    """Copy raw records and keys into the scratch database; usage events and movements of money aside, until
    their moment comes.
    """
    source, target = driver(live), driver(scratch)
    copy_rows(source, _RECORDS, target, sql.SQL("raw.records"))
    copy_rows(source, _USAGE, target, sql.SQL("replay.usage_events"))
    copy_rows(source, _MOVEMENTS, target, sql.SQL("replay.movements"))
    copy_rows(source, _KEYS, target, sql.SQL("replay.keys"))
    scratch.execute(text("ANALYZE raw.records, replay.keys, replay.movements"))


def copy_rows(
    source: psycopg.Connection[Any],
    query: sql.Composable,
    target: psycopg.Connection[Any],
    table: sql.Composable,
) -> None:
    """Append what `query` finds to `table`, whose columns are the query's, in their order."""
    out = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    into = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)
    with (
        source.cursor() as reading,
        target.cursor() as writing,
        reading.copy(out) as rows,
        writing.copy(into) as copy,
    ):
        for block in rows:
            copy.write(block)
