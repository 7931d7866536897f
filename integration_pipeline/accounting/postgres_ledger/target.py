"""Posting claimed documents into the ledger: number, entry, lines and document in one transaction.

Belongs here: handing documents to the database's posting function. Does not belong here: which documents
are claimed (pipeline), the promises of the ledger (SQL, in the migrations).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.documents import ClaimedDocument
from integration_pipeline.accounting.postgres_ledger.journal import journal_lines
from integration_pipeline.billing.custom import NumberSeries
from integration_pipeline.rules.document import Account, AccountRole

NAME = "ledger"


@dataclass(frozen=True, slots=True)
class PostedDocument:
    """What the ledger answered: the document's number and the hash of its entry."""

    intent_id: int
    number: str
    entry_hash: str


def post_documents(
    connection: Connection,
    documents: Sequence[ClaimedDocument],
    accounts: Mapping[AccountRole, Account],
    series: Mapping[int, NumberSeries] = MappingProxyType({}),
) -> list[PostedDocument]:
    """Post in the given order, within the caller's transaction.

    `series` are those of documents, by intent id, that take their number from another than their entity's.
    A document whose intent a newer claim holds is left out of the answer. Raises SQLAlchemy's
    `IntegrityError` if the database refuses an entry; then nothing of the batch is posted.
    """
    batch = [_as_json(document, accounts, series.get(document.intent_id)) for document in documents]
    rows = connection.execute(
        text("SELECT * FROM ledger.post_documents(CAST(:batch AS jsonb))"), {"batch": json.dumps(batch)}
    )
    return [PostedDocument(row.posted_intent_id, row.posted_number, row.posted_hash) for row in rows]


def _as_json(
    document: ClaimedDocument, accounts: Mapping[AccountRole, Account], series: NumberSeries | None
) -> dict[str, Any]:
    kind = document.kind.value.replace("_", " ")
    reversal = f", reverses {document.reverses_number}" if document.reverses_number else ""
    return {
        "intent_id": document.intent_id,
        "fencing_token": document.fencing_token,
        "entity": document.entity,
        "kind": document.kind.value,
        "series": series and series.prefix,
        "digits": series and series.digits,
        "document_reference": document.document_reference,
        "customer_id": document.customer_id,
        "currency": document.total.currency,
        "total_minor": document.total.minor,
        "issue_date": document.issue_date.isoformat(),
        "due_date": document.due_date.isoformat(),
        "accounting_date": document.issue_date.isoformat(),
        "description": f"{kind} for {document.customer_name}, deal {document.deal_key}{reversal}",
        "lines": [
            [line.account, line.debit_minor, line.credit_minor] for line in journal_lines(document, accounts)
        ],
        "body": {
            "document_key": document.document_key,
            "deal": document.deal_key,
            "customer": document.customer_name,
            "purchase_order": document.purchase_order,
            "reverses": document.reverses_number,
            "lines": [line.body for line in document.lines],
            "taxes": [
                {
                    "name": tax.name,
                    "percent": f"{tax.percent:f}",
                    "base_minor": tax.base.minor,
                    "tax_minor": tax.amount.minor,
                }
                for tax in document.taxes
            ],
        },
    }
