"""What is sent for an intent: read from the books, where it is final, in the shapes of `accounting.target`.

Belongs here: one statement per subject and its rows as shapes. Does not belong here: which intents are due
(`claims`), who a customer is at the target (`parties`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

from integration_pipeline.accounting.documents import DocumentKind, DocumentTax
from integration_pipeline.accounting.target import (
    Allocation,
    Outgoing,
    OutgoingApplication,
    OutgoingDocument,
    OutgoingLine,
    OutgoingPayment,
    Subject,
)
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.posting.writer import Session


def outgoing(
    connection: Session,
    target: str,
    subject: Subject,
    intent_ids: Sequence[int],
    *,
    currency_per_customer: bool,
) -> list[Outgoing]:
    """What the intents of one subject put into the target, in the order of their ids."""
    parameters = {"target": target, "ids": list(intent_ids), "per_currency": currency_per_customer}
    rows = connection.execute(_STATEMENTS[subject], parameters).fetchall()
    return [_SHAPES[subject](row) for row in rows]


def _document(row: Any) -> OutgoingDocument:
    return OutgoingDocument(
        intent_id=row.id,
        key=row.intent_key,
        reference=row.document_reference,
        number=row.number,
        kind=DocumentKind(row.kind),
        entity=row.entity,
        deal_key=row.deal_key,
        customer_id=row.account,
        issue_date=row.issue_date,
        due_date=row.due_date,
        purchase_order=row.purchase_order,
        reverses_number=row.reverses_number,
        total=Money(row.total_minor, row.currency),
        lines=tuple(_line(line, row.currency) for line in row.lines or ()),
        taxes=_taxes(row.taxes, row.currency),
    )


def _line(line: dict[str, Any], currency: str) -> OutgoingLine:
    return OutgoingLine(
        description=line["description"],
        amount=Money(line["amount_minor"], currency),
        quantity=Decimal(line["quantity"]),
        unit_price=None if line["unit_price"] is None else Decimal(line["unit_price"]),
        taxes=_taxes(line["taxes"], currency),
        revenue=RevenueTreatment(line["revenue"]),
        charge_id=line["charge_id"],
        service_start=_day(line["service_start"]),
        service_end=_day(line["service_end"]),
        explanation=str(line["formula"] or ""),
    )


def _taxes(taxes: Sequence[Sequence[Any]] | None, currency: str) -> tuple[DocumentTax, ...]:
    return tuple(
        DocumentTax(
            name=name, percent=Decimal(percent), base=Money(base, currency), amount=Money(amount, currency)
        )
        for name, percent, base, amount in taxes or ()
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _application(row: Any) -> OutgoingApplication:
    return OutgoingApplication(
        intent_id=row.id,
        key=row.intent_key,
        reference=row.document_reference,
        customer_id=row.account,
        credit_note_id=row.credit_note_id,
        invoice_id=row.invoice_id,
        amount=Money(row.amount_minor, row.currency),
        applied_on=row.issue_date,
    )


def _payment(row: Any) -> OutgoingPayment:
    return OutgoingPayment(
        intent_id=row.id,
        key=row.intent_key,
        reference=row.document_reference,
        customer_id=row.account,
        amount=Money(row.amount_minor, row.currency),
        fee=Money(row.fee_minor, row.currency) if row.fee_minor else None,
        received_on=row.settled_on,
        method=row.source,
        description=row.description,
        allocations=tuple(
            Allocation(remote_id, Money(minor, row.currency), DocumentKind(kind))
            for remote_id, minor, kind in row.allocations or ()
        ),
    )


_SHAPES = {Subject.DOCUMENT: _document, Subject.APPLICATION: _application, Subject.PAYMENT: _payment}

# Quantities and prices go through JSON as texts: read as numbers they would come out as floats.
_STATEMENTS: Mapping[Subject, LiteralString] = {
    Subject.DOCUMENT: """
        SELECT
            intent.id, intent.intent_key, intent.document_reference, intent.entity,
            booked.remote_id AS number, document.kind, document.deal_key, document.issue_date,
            document.due_date, document.purchase_order, document.total_minor, document.currency,
            account.remote_id AS account,
            (
                SELECT reversed.remote_id FROM posting.ledger_intents AS reversed
                WHERE reversed.document_id = document.reverses_id
            ) AS reverses_number,
            (
                SELECT jsonb_agg(jsonb_build_object(
                    'description', line.description, 'service_start', line.service_start,
                    'service_end', line.service_end, 'quantity', CAST(line.quantity AS text),
                    'unit_price', CAST(line.unit_price AS text), 'amount_minor', line.amount_minor,
                    'taxes', line.taxes, 'revenue', line.revenue, 'charge_id', line.charge_id,
                    'formula', line.explanation ->> 'formula'
                ) ORDER BY line.position)
                FROM billing.lines AS line
                WHERE line.document_id = document.id
            ) AS lines,
            (
                SELECT jsonb_agg(
                    jsonb_build_array(tax.name, CAST(tax.percent AS text), tax.base_minor, tax.tax_minor)
                    ORDER BY tax.position
                )
                FROM billing.document_taxes AS tax
                WHERE tax.document_id = document.id
            ) AS taxes
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        INNER JOIN posting.ledger_intents AS booked ON booked.document_id = document.id
        LEFT JOIN crm.customer_accounts AS account
            ON account.target = intent.target AND account.customer_id = document.customer_id
            AND account.currency = CASE WHEN %(per_currency)s THEN document.currency ELSE '' END
        WHERE intent.id = ANY(%(ids)s) AND intent.target = %(target)s
        ORDER BY intent.id
    """,
    # Of an invoice that was paid there only what is still open there can be credited against it. Money that
    # goes back opens no invoice there, unless a person has seen to it.
    Subject.APPLICATION: """
        SELECT
            intent.id, intent.intent_key, intent.document_reference, document.issue_date, document.currency,
            account.remote_id AS account, credit_note.remote_id AS credit_note_id,
            invoice.remote_id AS invoice_id,
            greatest(0, least(document.total_minor, reversed.total_minor - coalesce((
                SELECT CAST(sum(allocation.amount_minor) AS bigint)
                FROM payments.allocations AS allocation
                INNER JOIN posting.intents AS payment
                    ON payment.settlement_id = allocation.settlement_id AND payment.target = intent.target
                WHERE allocation.document_id = reversed.id AND CASE
                    WHEN allocation.amount_minor > 0 THEN payment.state <> 'cancelled'
                    ELSE payment.state = 'settled'
                END
            ), 0))) AS amount_minor
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        INNER JOIN billing.documents AS reversed ON reversed.id = document.reverses_id
        INNER JOIN posting.intents AS credit_note
            ON credit_note.target = intent.target AND credit_note.subject = 'document'
            AND credit_note.document_id = document.id
        INNER JOIN posting.intents AS invoice
            ON invoice.target = intent.target AND invoice.subject = 'document'
            AND invoice.document_id = reversed.id
        LEFT JOIN crm.customer_accounts AS account
            ON account.target = intent.target AND account.customer_id = document.customer_id
            AND account.currency = CASE WHEN %(per_currency)s THEN document.currency ELSE '' END
        WHERE intent.id = ANY(%(ids)s) AND intent.target = %(target)s
        ORDER BY intent.id
    """,
    Subject.PAYMENT: """
        SELECT
            intent.id, intent.intent_key, intent.document_reference, settlement.amount_minor,
            settlement.fee_minor, settlement.currency, settlement.settled_on, movement.source,
            movement.source || ' ' || movement.kind || ' ' || movement.external_id AS description,
            account.remote_id AS account,
            (
                SELECT jsonb_agg(
                    jsonb_build_array(there.remote_id, allocation.amount_minor, there.kind) ORDER BY there.id
                )
                FROM payments.allocations AS allocation
                CROSS JOIN LATERAL (
                    SELECT paid.id, paid.remote_id, document.kind
                    FROM billing.documents AS document
                    INNER JOIN posting.intents AS paid
                        ON paid.document_id = document.id AND paid.target = intent.target
                        AND paid.subject = 'document'
                    WHERE document.id = allocation.document_id
                        -- What is owed for an invoice that was paid and then reversed is left of the credit
                        -- note there. Money that goes back is looked for by the connector.
                        OR (
                            document.reverses_id = allocation.document_id AND document.kind = 'credit_note'
                            AND paid.remote_id IS NOT NULL
                            AND allocation.amount_minor < 0
                            AND (settlement.amount_minor > 0 OR EXISTS (
                                SELECT FROM payments.allocations AS other
                                WHERE other.settlement_id = settlement.id AND other.amount_minor > 0
                            ))
                        )
                    ORDER BY document.id <> allocation.document_id DESC
                    LIMIT 1
                ) AS there
                WHERE allocation.settlement_id = settlement.id
            ) AS allocations
        FROM posting.intents AS intent
        INNER JOIN payments.settlements AS settlement ON settlement.id = intent.settlement_id
        INNER JOIN payments.movements AS movement ON movement.id = settlement.movement_id
        LEFT JOIN crm.customer_accounts AS account
            ON account.target = intent.target AND account.customer_id = settlement.customer_id
            AND account.currency = CASE WHEN %(per_currency)s THEN settlement.currency ELSE '' END
        WHERE intent.id = ANY(%(ids)s) AND intent.target = %(target)s
        ORDER BY intent.id
    """,
}
