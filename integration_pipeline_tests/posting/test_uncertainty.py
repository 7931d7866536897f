"""What a look-up means for an intent of which nobody knows whether the target has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import (
    Allocation,
    OutgoingDocument,
    OutgoingPayment,
    RemoteRecord,
    RemoteState,
    Subject,
)
from integration_pipeline.billing.money import Money
from integration_pipeline.posting.claims import NotPosted, Posted
from integration_pipeline.posting.uncertainty import verdict

INVOICE = OutgoingDocument(
    intent_id=1,
    key="k" * 64,
    reference="DABCDEFGHIJ",
    number="US-INV-000001",
    kind=DocumentKind.INVOICE,
    entity="us",
    deal_key="hubspot:1",
    customer_id="7",
    issue_date=date(2026, 6, 1),
    due_date=date(2026, 7, 1),
    purchase_order=None,
    reverses_number=None,
    total=Money(120_00, "USD"),
    lines=(),
    taxes=(),
)
THERE = RemoteRecord(
    subject=Subject.DOCUMENT,
    kind=DocumentKind.INVOICE,
    remote_id="91",
    version="0",
    number="US-INV-000001",
    reference="DABCDEFGHIJ",
    customer_id="7",
    total=Money(120_00, "USD"),
    tax=Money(0, "USD"),
    balance=Money(120_00, "USD"),
    issued_on=date(2026, 6, 1),
    state=RemoteState.OPEN,
    modified_at=datetime(2026, 6, 1, tzinfo=UTC),
    body_hash="h",
)
PAYMENT = OutgoingPayment(
    intent_id=2,
    key="p" * 64,
    reference="P1",
    customer_id="7",
    amount=Money(120_00, "USD"),
    fee=None,
    received_on=date(2026, 6, 20),
    method="stripe",
    description="",
    allocations=(Allocation("91", Money(120_00, "USD")),),
)


def looked_up(*hits: RemoteRecord, refused: bool = False) -> tuple[Posted | NotPosted, list[str]]:
    result, findings = verdict(INVOICE, hits, quiet_for=0, quiet_seconds=60, refused=refused)
    return result, [finding.kind for finding in findings]


def test_one_equal_record_is_adopted() -> None:
    assert looked_up(THERE) == (Posted(1, THERE, found=True), [])


def test_none_is_sent_again() -> None:
    result, findings = looked_up()

    assert isinstance(result, NotPosted)
    assert (result.state, findings) == ("pending", [])


@pytest.mark.parametrize(
    "other",
    [
        replace(THERE, total=Money(119_00, "USD")),
        replace(THERE, total=Money(120_00, "EUR")),
        replace(THERE, customer_id="8"),
        replace(THERE, kind=DocumentKind.CREDIT_NOTE),
        replace(THERE, number="US-INV-000002"),
    ],
    ids=["amount", "currency", "customer", "kind", "number"],
)
def test_one_different_record_freezes_the_intent(other: RemoteRecord) -> None:
    result, findings = looked_up(other)

    assert isinstance(result, NotPosted)
    assert result.state == "frozen"
    assert findings


def test_more_than_one_freezes_the_intent() -> None:
    result, findings = looked_up(THERE, replace(THERE, remote_id="92"))

    assert isinstance(result, NotPosted)
    assert (result.state, findings) == ("frozen", ["duplicate"])
    assert "91, 92" in result.said


def test_one_that_was_voided_meanwhile_is_ours_and_is_not_sent_again() -> None:
    voided = replace(THERE, state=RemoteState.VOIDED, total=Money(0, "USD"))

    result, findings = looked_up(voided)

    assert (result, findings) == (Posted(1, voided, found=True), ["voided"])


def test_a_deleted_one_beside_one_that_stands_is_history() -> None:
    deleted = replace(THERE, remote_id="90", state=RemoteState.DELETED)

    assert looked_up(deleted, THERE) == (Posted(1, THERE, found=True), [])


def test_other_tax_there_is_told_and_not_sent_again() -> None:
    taxed = replace(THERE, tax=Money(8_00, "USD"), total=Money(128_00, "USD"))

    result, findings = looked_up(taxed)

    assert isinstance(result, Posted)
    assert findings == ["tax_differs"]


def test_a_refused_duplicate_that_nobody_finds_waits_for_a_person() -> None:
    result, _ = looked_up(refused=True)

    assert isinstance(result, NotPosted)
    assert result.state == "rejected"


def test_a_payment_is_not_sent_again_while_the_first_may_still_be_on_its_way() -> None:
    early, _ = verdict(PAYMENT, (), quiet_for=10.0, quiet_seconds=60.0, refused=False)
    late, _ = verdict(PAYMENT, (), quiet_for=60.5, quiet_seconds=60.0, refused=False)

    assert isinstance(early, NotPosted)
    assert isinstance(late, NotPosted)
    assert (early.state, early.seconds) == ("uncertain", 50.0)
    assert late.state == "pending"
