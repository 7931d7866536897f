"""Rows of the pipeline's tables, written by hand: small enough to add up in one's head.

What a table insists on and no report reads is filled with neutral values.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Date, DateTime, Integer, Numeric, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from integration_pipeline.store.tables import billing, crm, ledger, payments, posting, raw

AS_OF = date(2026, 3, 15)

_CASH, _RECEIVABLE, _REVENUE = "1000", "1100", "4000"
_PREFIX = {"us": "US", "eu": "EU", "jp": "JP"}


class Books:
    """Writes through one connection, which the caller commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count(1)
        for code, prefix in _PREFIX.items():
            self.insert(
                ledger.entities,
                code=code,
                name=f"Example {prefix}",
                invoice_prefix=f"{prefix}-INV-",
                credit_note_prefix=f"{prefix}-CN-",
            )
            for account, kind, role in (
                (_RECEIVABLE, "asset", "receivable"),
                (_REVENUE, "income", "revenue"),
                (_CASH, "asset", "cash"),
            ):
                self.insert(
                    ledger.accounts, entity=code, code=account, name=role.title(), kind=kind, role=role
                )

    def insert(self, table: Table, **values: Any) -> Any:
        """The row, as stored."""
        wanted = [column for column in table.columns if not column.nullable and column.identity is None]
        neutral = {
            column.name: _neutral(column.type)
            for column in wanted
            if column.name not in values and column.server_default is None
        }
        return self._connection.execute(table.insert().values(**neutral, **values).returning(table)).one()

    def customer(self, name: str, *, companies: int = 1) -> int:
        customer_id: int = self.insert(crm.customers, name=name).id
        for _ in range(companies):
            self.insert(
                crm.customer_links,
                source="hubspot",
                object_type="company",
                external_id=str(next(self._numbers)),
                customer_id=customer_id,
            )
        return customer_id

    def record(self, external_id: str, object_type: str = "deal") -> int:
        record_id: int = self.insert(
            raw.records,
            source="hubspot",
            object_type=object_type,
            external_id=external_id,
            content_hash=str(next(self._numbers)),
            archived=False,
        ).id
        self._connection.execute(
            text(
                "INSERT INTO raw.heads (source, object_type, external_id, record_id, modified_at)"
                " VALUES ('hubspot', :object_type, :external_id, :record_id, clock_timestamp())"
                " ON CONFLICT (source, object_type, external_id) DO UPDATE SET record_id = excluded.record_id"
            ),
            {"object_type": object_type, "external_id": external_id, "record_id": record_id},
        )
        return record_id

    def deal(self, external_id: str, customer_id: int | None, *, state: str = "won", **values: Any) -> Any:
        """A deal that passed its gate, billed by `entity`, filed under January unless it says otherwise."""
        entity = values.pop("entity", None)
        row = self.insert(
            crm.deals,
            **{
                "deal_key": f"hubspot:{external_id}",
                "source": "hubspot",
                "external_id": external_id,
                "version": 1,
                "raw_record_id": self.record(external_id),
                "close_month": date(2026, 1, 1),
                "close_date": date(2026, 1, 5),
                "state": state,
                "name": f"Deal {external_id}",
                "customer_id": customer_id,
                "charge_count": 1,
                "terms": {"entity": entity} if entity else None,
                **values,
            },
        )
        self.insert(crm.deal_heads, deal_key=row.deal_key, deal_id=row.id, close_month=row.close_month)
        self.insert(posting.gate_records, subject_kind="deal", subject_id=row.id, passed=True)
        return row

    def schedule(self, deal: Any, total_minor: int) -> Any:
        row = self.insert(
            billing.schedules,
            deal_key=deal.deal_key,
            deal_id=deal.id,
            currency=deal.currency,
            total_minor=total_minor,
        )
        self.insert(billing.schedule_heads, deal_key=deal.deal_key, deal_id=deal.id, schedule_id=row.id)
        return row

    def document(self, deal: Any, schedule: Any, issue_date: date, total_minor: int, **values: Any) -> Any:
        """A planned document with its intent; not judged and not posted."""
        row = self.insert(
            billing.documents,
            **{
                "document_key": f"document {next(self._numbers)}",
                "deal_key": deal.deal_key,
                "schedule_id": schedule.id,
                "close_month": deal.close_month,
                "slot": issue_date,
                "revision": 1,
                "kind": "invoice",
                "entity": deal.terms["entity"],
                "customer_id": deal.customer_id,
                "currency": deal.currency,
                "issue_date": issue_date,
                "due_date": issue_date,
                "net_minor": total_minor,
                "total_minor": total_minor,
                "state": "planned",
                **values,
            },
        )
        self.insert(
            posting.intents,
            intent_key=row.document_key,
            target="ledger",
            entity=row.entity,
            document_id=row.id,
            document_reference=f"D{row.id}",
            state="pending",
        )
        return row

    def passed(self, document: Any) -> Any:
        self.insert(posting.gate_records, subject_kind="document", subject_id=document.id, passed=True)
        return document

    def posted(self, document: Any) -> Any:
        """Judged, and posted through the ledger's own function."""
        self.passed(document)
        intent_id = self._connection.execute(
            text("UPDATE posting.intents SET state = 'claimed' WHERE document_id = :id RETURNING id"),
            {"id": document.id},
        ).scalar_one()
        sides = (document.total_minor, 0), (0, document.total_minor)
        receivable, revenue = sides if document.kind == "invoice" else reversed(sides)
        item: dict[str, Any] = {
            "intent_id": intent_id,
            "fencing_token": 0,
            "entity": document.entity,
            "kind": document.kind,
            "document_reference": f"D{document.id}",
            "customer_id": document.customer_id,
            "currency": document.currency,
            "total_minor": document.total_minor,
            "issue_date": document.issue_date.isoformat(),
            "due_date": document.due_date.isoformat(),
            "accounting_date": document.issue_date.isoformat(),
            "description": document.kind,
            "body": {},
            "lines": [[_RECEIVABLE, *receivable], [_REVENUE, *revenue]],
        }
        self._connection.execute(
            text("SELECT ledger.post_documents(cast(:batch AS jsonb))"), {"batch": json.dumps([item])}
        ).one()
        return document

    def paid(self, document: Any, minor: int) -> None:
        """Part of an invoice is paid, through the ledger's own function."""
        movement = self.insert(
            payments.movements,
            source="stripe",
            kind="payment",
            currency=document.currency,
            amount_minor=minor,
            state="settled",
        )
        settlement = self.insert(
            payments.settlements,
            movement_id=movement.id,
            entity=document.entity,
            customer_id=document.customer_id,
            reference=f"payment {movement.id}",
            currency=document.currency,
            amount_minor=minor,
            settled_on=AS_OF,
        )
        self.insert(
            payments.allocations, settlement_id=settlement.id, document_id=document.id, amount_minor=minor
        )
        item = {
            "settlement_id": settlement.id,
            "entity": document.entity,
            "accounting_date": AS_OF.isoformat(),
            "currency": document.currency,
            "document_number": settlement.reference,
            "description": "payment",
            "lines": [[_CASH, minor, 0], [_RECEIVABLE, 0, minor]],
        }
        self._connection.execute(
            text("SELECT ledger.post_settlements(cast(:batch AS jsonb))"), {"batch": json.dumps([item])}
        ).one()

    def quarantine(
        self, subject_kind: str, subject_id: int, external_id: str, rule: str, **values: Any
    ) -> None:
        self.insert(
            posting.quarantine,
            **{
                "subject_kind": subject_kind,
                "subject_id": subject_id,
                "source": "hubspot",
                "object_type": "deal",
                "external_id": external_id,
                "record_name": f"Deal {external_id}",
                "rule": rule,
                "reason": f"fails {rule}",
                "waivable": False,
                "state": "open",
                **values,
            },
        )


def _neutral(kind: Any) -> Any:
    match kind:
        case BigInteger() | Integer() | Numeric():
            return 0
        case Boolean():
            return False
        case Date():
            return date(2026, 1, 1)
        case DateTime():
            return datetime(2026, 1, 1, tzinfo=UTC)
        case JSONB():
            return {}
        case _:
            return ""


def small_business(connection: Connection) -> None:
    """One deal of every fate, seen from `AS_OF`: what each test file counts is worked out beside it."""
    books = Books(connection)
    acme, birch, cedar = books.customer("Acme", companies=2), books.customer("Birch"), books.customer("Cedar")
    books.record("li-1", "line_item")

    # Acme: one time 1,200.00 USD, invoiced in January, due 9 February: 34 days overdue; 200.00 are paid.
    deal = books.deal("one-time", acme, currency="USD", amount_minor=1_200_00, entity="us")
    schedule = books.schedule(deal, 1_200_00)
    invoice = books.posted(
        books.document(
            deal, schedule, date(2026, 1, 10), 1_200_00, due_date=date(2026, 2, 9), purchase_order="PO-7"
        )
    )
    books.paid(invoice, 200_00)

    # Birch: 100.00 EUR a month from January to May; April and May are ahead. Due in 30 days.
    deal = books.deal("subscription", birch, currency="EUR", amount_minor=500_00, entity="eu")
    schedule = books.schedule(deal, 500_00)
    for month in range(1, 6):
        issued = date(2026, month, 1)
        document = books.document(deal, schedule, issued, 100_00, due_date=date(2026, month, 28))
        if issued <= AS_OF:
            books.posted(document)

    # Cedar: invoiced at 500.00 USD, credited in full, invoiced again at 450.00.
    deal = books.deal("corrected", cedar, currency="USD", amount_minor=450_00, entity="us")
    schedule = books.schedule(deal, 450_00)
    wrong = books.posted(books.document(deal, schedule, date(2026, 2, 1), 500_00))
    books.posted(
        books.document(deal, schedule, date(2026, 2, 20), 500_00, kind="credit_note", reverses_id=wrong.id)
    )
    books.posted(
        books.document(deal, schedule, date(2026, 2, 1), 450_00, revision=2, due_date=date(2026, 3, 15))
    )

    # Acme: 30,000 JPY, first invoiced in May.
    deal = books.deal("ahead", acme, currency="JPY", amount_minor=30_000, entity="jp")
    books.passed(books.document(deal, books.schedule(deal, 30_000), date(2026, 5, 1), 30_000))

    # Birch: 1.250 KWD, due, and not judged yet.
    deal = books.deal("waiting", birch, currency="KWD", amount_minor=1_250, entity="eu")
    books.document(deal, books.schedule(deal, 1_250), date(2026, 3, 1), 1_250)

    # Birch: passed, and not planned yet.
    books.deal(
        "unplanned", birch, currency="EUR", amount_minor=70_00, entity="eu", close_month=date(2026, 2, 1)
    )

    # No amount, no currency, nobody to bill: two rules at once, one deal.
    deal = books.deal("incomplete", None)
    books.quarantine("deal", deal.id, "incomplete", "deal_has_a_currency", close_month=date(2026, 1, 1))
    books.quarantine("deal", deal.id, "incomplete", "deal_has_an_amount", close_month=date(2026, 1, 1))

    # Cedar: invoiced once, the second document is set aside.
    deal = books.deal("half", cedar, currency="USD", amount_minor=20_00, entity="us")
    schedule = books.schedule(deal, 20_00)
    books.posted(books.document(deal, schedule, date(2026, 1, 20), 10_00))
    held = books.document(deal, schedule, date(2026, 2, 20), 10_00)
    books.quarantine("document", held.id, "half", "due_after_issue")

    # Cedar: an older raw version was set aside, the newest was not; discounted to nothing.
    deal = books.deal("free", cedar, currency="USD", amount_minor=1, entity="us")
    books.quarantine("raw_record", deal.raw_record_id, "free", "modified_in_the_past")
    books.record("free")
    books.schedule(deal, 0)

    # Dune: 100.00 CAD invoiced, of which 16.67 is tax; 30.00 of it given back by a credit note of its own.
    dune = books.customer("Dune")
    deal = books.deal("reduced", dune, currency="CAD", amount_minor=70_00, entity="us")
    schedule = books.schedule(deal, 70_00)
    taxed = {"net_minor": 83_33, "tax_minor": 16_67, "due_date": date(2026, 2, 19)}
    books.posted(books.document(deal, schedule, date(2026, 1, 20), 100_00, **taxed))
    books.posted(books.document(deal, schedule, date(2026, 2, 10), 30_00, kind="credit_note"))

    # Neither won nor billed.
    books.deal("lost", acme, state="lost", currency="USD", amount_minor=9_00)
    books.deal("open", acme, state="open", currency="USD", amount_minor=8_00)
