"""One organisation at Xero for the session, emptied before each test, and what is sent to it.

Whatever the connector asks during a test is held against Xero's published document afterwards.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integration_pipeline.accounting.documents import DocumentKind, DocumentTax
from integration_pipeline.accounting.target import (
    Accepted,
    Allocation,
    Outcome,
    OutgoingApplication,
    OutgoingDocument,
    OutgoingLine,
    OutgoingPayment,
    RemoteRecord,
)
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.sandbox.exact_json import parse
from integration_pipeline_tests.vendors.openapi import Document, vendor_spec
from integration_pipeline_tests.vendors.xero_rig import BY_HAND, ROOT, Organisation

GST = Decimal(15)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    with Organisation(tmp_path_factory.mktemp("xero-target")) as organisation:
        yield organisation


@pytest.fixture(scope="session")
def published() -> Document | None:
    """Xero's document, where it is at hand."""
    try:
        return Document.of(vendor_spec("xero/xero_accounting.yaml"))
    except pytest.skip.Exception:
        return None


@pytest.fixture
def xero(running: Organisation, published: Document | None) -> Iterator[Organisation]:
    running.reset()
    running.admin("PUT", "/requests", {"on": True})
    yield running
    if published is not None:
        assert request_problems(running, published) == []


@pytest.fixture
def target(xero: Organisation) -> Iterator[XeroTarget]:
    with xero.target() as target:
        yield target


@pytest.fixture
def contact(xero: Organisation) -> str:
    """The id of a customer that is there."""
    [made] = xero.seed(Contacts=[{"Name": "Acme Limited", "ContactNumber": "C1"}])["Contacts"]
    return made["ContactID"]


def request_problems(organisation: Organisation, published: Document) -> list[str]:
    """What Xero's document does not know of the requests made since the recording began."""
    problems: list[str] = []
    for request in asked(organisation):
        if request["method"] == "PUT" and request["body"] is None:
            # An ordered fault answered before the body was read.
            continue
        path = request["path"].removeprefix(ROOT)
        query = dict(parse_qsl(request["query"]))
        found = published.request_problems(request["method"], path, query, request["body"])
        problems += [f"{request['method']} {path}: {each}" for each in found]
    return problems


def asked(organisation: Organisation, method: str = "") -> list[dict[str, Any]]:
    """The connector's requests, of one method or all, their bodies parsed."""
    requests = organisation.admin("GET", "/requests")["requests"]
    return [
        {**each, "body": parse(each["body"].encode()) if each["body"] else None}
        for each in requests
        if method in ("", each["method"]) and each["headers"].get("user-agent") != BY_HAND
    ]


def sent(organisation: Organisation) -> list[dict[str, Any]]:
    """What the connector wrote."""
    return asked(organisation, "PUT")


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def reference_of(name: str, letter: str = "D") -> str:
    return letter + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:10]


def gst(minor: int, base: int, currency: str = "NZD") -> DocumentTax:
    return DocumentTax("GST", GST, Money(base, currency), Money(minor, currency))


def line(minor: int = 10_000, currency: str = "NZD", **given: Any) -> OutgoingLine:
    """Sold once at its amount, without tax."""
    fields: dict[str, Any] = {
        "description": "Seats",
        "amount": Money(minor, currency),
        "quantity": Decimal(1),
        "unit_price": Money(minor, currency).to_decimal(),
        "taxes": (),
        "revenue": RevenueTreatment.ON_INVOICE,
        "charge_id": "seats",
        "service_start": None,
        "service_end": None,
        "explanation": "1 x 100.00 = 100.00",
        **given,
    }
    return OutgoingLine(**fields)


def invoice(
    contact: str, number: str = "INV-000001", lines: Sequence[OutgoingLine] | None = None, **given: Any
) -> OutgoingDocument:
    """Its taxes and its total are those of its lines, unless given."""
    parts = tuple(lines if lines is not None else (line(),))
    currency = parts[0].amount.currency
    net = sum(each.amount.minor for each in parts)
    tax = sum(each.tax_amount.minor for each in parts)
    fields: dict[str, Any] = {
        "intent_id": 1,
        "key": key_of(number),
        "reference": reference_of(number),
        "number": number,
        "kind": DocumentKind.INVOICE,
        "entity": "nz",
        "deal_key": "hubspot:1",
        "customer_id": contact,
        "issue_date": date(2026, 11, 20),
        "due_date": date(2026, 12, 20),
        "purchase_order": None,
        "reverses_number": None,
        "total": Money(net + tax, currency),
        "lines": parts,
        "taxes": (gst(tax, net, currency),) if tax else (),
        **given,
    }
    return OutgoingDocument(**fields)


def credit_note(contact: str, number: str = "CN-000001", **given: Any) -> OutgoingDocument:
    return replace(
        invoice(contact, number, **given), kind=DocumentKind.CREDIT_NOTE, reverses_number="INV-000001"
    )


def application(note: RemoteRecord, invoice: RemoteRecord, minor: int = 10_000) -> OutgoingApplication:
    assert note.customer_id is not None
    return OutgoingApplication(
        intent_id=2,
        key=key_of(f"application {note.remote_id}"),
        reference=f"A{note.reference}",
        customer_id=note.customer_id,
        credit_note_id=note.remote_id,
        invoice_id=invoice.remote_id,
        amount=Money(minor, "NZD"),
        applied_on=date(2026, 11, 21),
    )


def payment(
    contact: str, minor: int, *paid: tuple[RemoteRecord, int], name: str = "ch_1", **given: Any
) -> OutgoingPayment:
    """By Stripe, of these documents so much each."""
    fields: dict[str, Any] = {
        "intent_id": 3,
        "key": key_of(name),
        "reference": reference_of(name, "P"),
        "customer_id": contact,
        "amount": Money(minor, "NZD"),
        "fee": None,
        "received_on": date(2026, 11, 22),
        "method": "stripe",
        "description": f"stripe payment {name}",
        "allocations": tuple(Allocation(record.remote_id, Money(part, "NZD")) for record, part in paid),
        **given,
    }
    return OutgoingPayment(**fields)


def taken_back(item: OutgoingPayment) -> OutgoingPayment:
    """The opposite of a payment, under the reference that such a settlement gets."""
    return replace(
        item,
        key=key_of(f"taken back {item.key}"),
        reference=f"R{item.reference[1:]}",
        amount=-item.amount,
        fee=None if item.fee is None else -item.fee,
        allocations=tuple(replace(each, amount=-each.amount) for each in item.allocations),
    )


def accepted(outcome: Outcome) -> RemoteRecord:
    assert isinstance(outcome, Accepted), outcome
    return outcome.record


Posts = Callable[..., RemoteRecord]


@pytest.fixture
def posted(target: XeroTarget, contact: str) -> Posts:
    """Posts an invoice over 100.00, or what is given."""

    def post(document: OutgoingDocument | None = None) -> RemoteRecord:
        [outcome] = target.send([document or invoice(contact)])
        return accepted(outcome)

    return post
