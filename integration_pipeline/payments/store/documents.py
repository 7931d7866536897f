"""Posted documents with their balances, and the names of who was billed.

Belongs here: finding them by whatever names them. Does not belong here: what is asked for (`facts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.payments.matching.facts import (
    Conventions,
    OpenDocument,
)
from integration_pipeline.payments.movements import (
    Movement,
)


def read_similar(
    connection: Connection,
    waiting: Sequence[Movement],
    customers: Iterable[int],
    conventions: Conventions,
) -> list[OpenDocument]:
    """Open documents whose total is about the amount of one of these movements, and all of `customers`."""
    ranges = [
        {
            "currency": movement.amount.currency,
            "lowest": movement.amount.minor,
            "highest": movement.amount.minor * 10_000 // (10_000 - conventions.fee_share),
        }
        for movement in waiting
        if movement.amount.minor > 0
    ]
    rows = connection.execute(_SIMILAR, {"ranges": json.dumps(ranges), "customers": sorted(customers)})
    return [document_of(row) for row in rows]


def read_customer_names(connection: Connection) -> dict[int, str]:
    """All customers that were ever billed."""
    return {row.id: row.name for row in connection.execute(_NAMES)}


def read_by_ids(connection: Connection, document_ids: Iterable[int]) -> list[OpenDocument]:
    """Documents with their balances."""
    return [document_of(row) for row in find_documents(connection, ids=sorted(document_ids))]


def find_documents(connection: Connection, **asked: Sequence[object]) -> Sequence[Row[Any]]:
    """Rows of documents named by `prefixes` with `numbers`, by `references`, `ids` or `deals`; and what
    is open of `customers`.
    """
    return connection.execute(_DOCUMENTS, {**_NOTHING, **asked}).all()


def document_of(row: Row[Any]) -> OpenDocument:
    """A row of `ledger.document_balances` with the customer's name."""
    return OpenDocument(
        id=row.document_id,
        number=row.number,
        reference=row.reference,
        entity=row.entity,
        customer_id=row.customer_id,
        customer=row.customer,
        deal_key=row.deal_key,
        currency=row.currency,
        issue_date=row.issue_date,
        open_minor=row.open_minor,
        paid_minor=row.paid_minor,
        purchase_order=row.purchase_order,
    )


_NOTHING: dict[str, list[Any]] = {
    "prefixes": [],
    "numbers": [],
    "references": [],
    "ids": [],
    "deals": [],
    "customers": [],
}
# Of a known payer only what is open.
_DOCUMENTS = text("""
    WITH named AS (
        SELECT intent.document_id
        FROM unnest(CAST(:prefixes AS text[]), CAST(:numbers AS bigint[])) AS asked (series, series_number)
        CROSS JOIN ledger.entities AS entity
        INNER JOIN ledger.documents AS booked
            ON booked.entity = entity.code AND booked.series = asked.series
            AND booked.series_number = asked.series_number
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        UNION
        SELECT intent.document_id
        FROM ledger.documents AS booked
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        WHERE booked.document_reference = ANY(CAST(:references AS text[]))
        UNION
        SELECT unnest(CAST(:ids AS bigint[]))
        UNION
        SELECT id FROM billing.documents WHERE deal_key = ANY(CAST(:deals AS text[]))
    ),

    wanted AS (
        SELECT document_id, TRUE AS is_named FROM named
        UNION ALL
        SELECT id, FALSE FROM billing.documents
        WHERE customer_id = ANY(CAST(:customers AS bigint[])) AND id NOT IN (SELECT document_id FROM named)
    )

    SELECT balance.*, customer.name AS customer
    FROM wanted
    INNER JOIN ledger.document_balances AS balance ON balance.document_id = wanted.document_id
    INNER JOIN crm.customers AS customer ON customer.id = balance.customer_id
    WHERE wanted.is_named OR balance.open_minor <> 0
""")
_SIMILAR = text("""
    WITH wanted AS (
        SELECT intent.document_id
        FROM (
            SELECT DISTINCT * FROM jsonb_to_recordset(CAST(:ranges AS jsonb)) AS given (
                currency text, lowest bigint, highest bigint
            )
        ) AS asked
        INNER JOIN ledger.documents AS booked
            ON booked.total_minor BETWEEN asked.lowest AND asked.highest
            AND booked.currency = asked.currency
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        UNION
        SELECT id FROM billing.documents WHERE customer_id = ANY(CAST(:customers AS bigint[]))
    )

    SELECT balance.*, customer.name AS customer
    FROM wanted
    INNER JOIN ledger.document_balances AS balance ON balance.document_id = wanted.document_id
    INNER JOIN crm.customers AS customer ON customer.id = balance.customer_id
    WHERE balance.open_minor > 0
""")
_NAMES = text("""
    SELECT customer.id, customer.name
    FROM crm.customers AS customer
    WHERE EXISTS (SELECT FROM billing.documents AS document WHERE document.customer_id = customer.id)
    ORDER BY customer.id
""")
