"""Credit notes set against invoices at Xero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integration_pipeline.accounting.target import (
    Accepted,
    Refused,
    RemoteRecord,
    RemoteState,
    Subject,
    Unsure,
)
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import NotFound, Throttled
from integration_pipeline_tests.accounting.xero.conftest import (
    accepted,
    application,
    asked,
    credit_note,
    invoice,
    sent,
)
from integration_pipeline_tests.vendors.xero_rig import Organisation

Pair = tuple[RemoteRecord, RemoteRecord]


@pytest.fixture
def pair(target: XeroTarget, contact: str) -> Pair:
    """A credit note, and the invoice over the same that it reverses."""
    reversed_one, note = target.send([invoice(contact), credit_note(contact)])
    return accepted(note), accepted(reversed_one)


def test_what_is_applied_is_open_on_neither_side(xero: Organisation, target: XeroTarget, pair: Pair) -> None:
    [outcome] = target.send([application(*pair)])

    record = accepted(outcome)
    assert (record.subject, record.total) == (Subject.APPLICATION, Money(10_000, "NZD"))
    assert len(sent(xero)) == 3
    [applied_to] = xero.get("Invoices/INV-000001")
    [note] = xero.get("CreditNotes/CN-000001")
    assert (applied_to["AmountDue"], applied_to["Status"]) == (0, "PAID")
    assert (note["RemainingCredit"], note["Status"]) == (0, "PAID")


def test_what_was_lost_on_the_way_back_is_found_as_it_is(
    xero: Organisation, target: XeroTarget, pair: Pair
) -> None:
    xero.order({"kind": "drop_after"}, times=1)
    [outcome] = target.send([application(*pair)])
    assert isinstance(outcome, Unsure)

    [[hit]] = target.find([application(*pair)])

    assert (hit.total, hit.state) == (Money(10_000, "NZD"), RemoteState.OPEN)
    assert hit.customer_id == pair[0].customer_id


def test_what_never_arrived_is_not_found(xero: Organisation, target: XeroTarget, pair: Pair) -> None:
    xero.order({"kind": "drop_before"}, times=1)
    [outcome] = target.send([application(*pair)])
    assert isinstance(outcome, Unsure)

    assert target.find([application(*pair)]) == [[]]


def test_an_allocation_of_three_decimals_is_refused_rather_than_rounded(
    xero: Organisation, target: XeroTarget, pair: Pair
) -> None:
    before = len(sent(xero))

    [outcome] = target.send([replace(application(*pair), amount=Money(1_234, "KWD"))])

    assert isinstance(outcome, Refused)
    assert "1.234 KWD has more than the two decimals" in outcome.reason
    assert len(sent(xero)) == before


def test_more_than_is_left_is_refused_and_nothing_applied(
    xero: Organisation, target: XeroTarget, pair: Pair
) -> None:
    [outcome] = target.send([application(*pair, minor=10_001)])

    assert isinstance(outcome, Refused)
    assert "outstanding" in outcome.reason
    assert pair[0].reference is not None
    assert pair[0].reference in outcome.reason
    [note] = xero.get("CreditNotes/CN-000001")
    assert note["RemainingCredit"] == 100


def test_a_second_time_applies_nothing(xero: Organisation, target: XeroTarget, pair: Pair) -> None:
    target.send([application(*pair, minor=5_000)])
    xero.admin("PUT", "/clock", {"advance_seconds": 361})
    target.send([application(*pair, minor=5_000)])

    [[*hits]] = target.find([application(*pair)])

    # Xero cannot know better once it has forgotten the key: so it is looked up before it is sent again.
    assert [hit.total for hit in hits] == [Money(5_000, "NZD")] * 2


def test_a_batch_is_answered_in_order_and_stops_at_nothing(
    xero: Organisation, target: XeroTarget, contact: str
) -> None:
    documents = [invoice(contact, f"INV-{number:06}") for number in range(1, 4)]
    invoices = [accepted(each) for each in target.send(documents)]
    notes = [
        accepted(each)
        for each in target.send([credit_note(contact, f"CN-{number:06}") for number in range(1, 4)])
    ]
    batch = [application(note, invoice) for note, invoice in zip(notes, invoices, strict=True)]
    batch[1] = replace(batch[1], credit_note_id="99999999-2222-4333-8444-555555555555")

    outcomes = target.send(batch)

    assert [type(each) for each in outcomes] == [Accepted, Refused, Accepted]
    xero.admin("DELETE", "/requests")
    found = target.find([each for place, each in enumerate(batch) if place != 1])
    assert [len(hits) for hits in found] == [1, 1]
    assert len(asked(xero, "GET")) == 1


def test_a_gateways_refusal_refuses_no_application(
    xero: Organisation, target: XeroTarget, pair: Pair
) -> None:
    with xero.target(base_url=f"{xero.base_url}/elsewhere") as astray, pytest.raises(NotFound):
        astray.send([application(*pair)])

    assert target.find([application(*pair)]) == [[]]
    xero.admin("DELETE", "/requests")


def test_a_throttle_before_the_first_is_raised_and_one_after_it_told_of_the_rest(
    xero: Organisation, target: XeroTarget, pair: Pair, contact: str
) -> None:
    xero.order({"kind": "throttle"})
    with pytest.raises(Throttled):
        target.send([application(*pair)])
    xero.admin("DELETE", "/faults")
    [more] = target.send([invoice(contact, "INV-000002")])
    xero.admin("PUT", "/limits", {"per_minute": 1})

    first, second = target.send(
        [application(*pair, minor=4_000), application(pair[0], accepted(more), minor=4_000)]
    )

    assert isinstance(first, Accepted)
    assert isinstance(second, Unsure)
    assert "not sent" in second.reason


def test_what_was_applied_is_among_the_changes(target: XeroTarget, pair: Pair) -> None:
    target.send([application(*pair)])

    changed = [each for page in target.changed_since(datetime.now(UTC)) for each in page]

    applied = [each for each in changed if each.subject is Subject.APPLICATION]
    assert [each.total for each in applied] == [Money(10_000, "NZD")]
    balances = {each.number: each.balance for each in changed if each.number}
    assert balances == {"INV-000001": Money(0, "NZD"), "CN-000001": Money(0, "NZD")}
