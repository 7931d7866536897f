"""What a payment, a refund, a dispute, a fee and a payout at Stripe are as movements."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import stripe
from prometheus_client import CollectorRegistry

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Link, LinkKind, Movement, MovementKind
from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline_tests.payments.stripe.conftest import Pay, read, settings
from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.test_stripe_library import open_invoice


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def only(source: StripeSource, kind: MovementKind) -> Movement:
    [found] = [each for each in read(source)[0] if each.kind is kind]
    return found


def test_a_payment_is_money_to_us_less_a_fee(source: StripeSource, pay: Pay) -> None:
    charge = pay(10_000, description="Seats for November")
    payment = only(source, MovementKind.PAYMENT)

    assert (payment.external_id, payment.amount, payment.fee) == (charge["id"], usd(10_000), usd(320))
    assert payment.occurred_at.timestamp() == charge["created"]
    assert payment.settled is None
    assert "Seats for November" in payment.references
    json.dumps(payment.body)


def test_a_payment_of_an_invoice_names_it_and_what_its_metadata_name(
    source: StripeSource, client: stripe.StripeClient, pay: Pay
) -> None:
    first, second = open_invoice(client, 4_000), open_invoice(client, 2_000)
    pay(
        6_000,
        invoices=[{"invoice": first.id, "amount": 4_000}, {"invoice": second.id, "amount": 2_000}],
        metadata={"deal": " 77 ", "shelf": "B-4"},
    )
    payment = only(source, MovementKind.PAYMENT)

    assert set(payment.links) == {
        Link(LinkKind.STRIPE_INVOICE, first.id, usd(4_000)),
        Link(LinkKind.INVOICE_NUMBER, "INV-7", usd(4_000)),
        Link(LinkKind.STRIPE_INVOICE, second.id, usd(2_000)),
        Link(LinkKind.INVOICE_NUMBER, "INV-7", usd(2_000)),
        Link(LinkKind.DEAL, "77"),
    }
    assert {first.number, second.number, "B-4"} <= set(payment.references)


def test_a_payment_attached_to_an_invoice_later_is_told_again_with_it(
    source: StripeSource, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    _, cursor = read(source)
    invoice = open_invoice(client)
    client.raw_request(  # pyright: ignore[reportUnknownMemberType]
        "post", f"/v1/invoices/{invoice.id}/attach_payment", payment_intent=charge["payment_intent"]
    )

    [payment] = read(source, cursor)[0]
    assert payment.external_id == charge["id"]
    assert invoice.id in [link.id for link in payment.linked(LinkKind.STRIPE_INVOICE)]


def test_the_payer_is_who_the_charge_says_and_else_who_the_customer_is(
    source: StripeSource, client: stripe.StripeClient, pay: Pay
) -> None:
    customer = client.v1.customers.create({"name": "Acme", "email": "books@acme.example"})
    pay(1_000, customer=customer.id)
    pay(2_000, customer=customer.id, payer={"name": "A. Cme"})
    pay(3_000)
    by_amount = {each.amount.minor: each.payer for each in read(source)[0]}

    assert (by_amount[1_000].name, by_amount[1_000].email) == ("Acme", "books@acme.example")
    assert (by_amount[2_000].name, by_amount[2_000].ids) == ("A. Cme", (customer.id,))
    assert (by_amount[3_000].name, by_amount[3_000].ids) == (None, ())


def test_an_exchanged_payment_is_told_in_both_currencies(source: StripeSource, pay: Pay) -> None:
    pay(1_999, currency="eur", settle_currency="usd", exchange_rate="1.0835", fee=88)
    payment = only(source, MovementKind.PAYMENT)

    assert (payment.amount, payment.settled, payment.fee) == (Money(1_999, "EUR"), usd(2_166), usd(88))
    told: Any = payment.body["balance_transaction"]
    assert told["exchange_rate"] == "1.0835"


def test_a_payment_whose_transaction_comes_later_is_told_again_with_its_fee(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    _, begun = read(source)
    charge = pay(10_000, delayed=True)
    [early], cursor = read(source, begun)
    assert early.fee is None
    sandbox.admin("POST", f"/payments/{charge['id']}/settle")
    [late], _ = read(source, cursor)

    assert (late.external_id, late.fee) == (early.external_id, usd(320))


def test_money_that_is_only_under_way_is_no_movement(source: StripeSource, sandbox: Desk, pay: Pay) -> None:
    debit = pay(method="bank_debit")
    sandbox.admin("POST", "/refunds", {"charge": pay(700)["id"], "pending": True})
    before, _ = read(source)
    sandbox.admin("POST", f"/payments/{debit['id']}/succeed")
    after, _ = read(source)

    assert [each.amount for each in before] == [usd(700)]
    assert sorted(each.amount.minor for each in after) == [700, 5_000]


def test_a_declined_card_is_no_movement(source: StripeSource, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
        )

    assert read(source)[0] == []


def test_a_refund_takes_back_of_the_charge_it_names(source: StripeSource, sandbox: Desk, pay: Pay) -> None:
    charge = pay()["id"]
    made = sandbox.admin("POST", "/refunds", {"charge": charge, "amount": 1_200})
    refund = only(source, MovementKind.REFUND)

    assert (refund.external_id, refund.amount, refund.fee) == (made["id"], usd(-1_200), None)
    assert refund.links == (Link(LinkKind.CHARGE, charge),)


def test_a_refund_that_fails_is_followed_by_its_opposite(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    charge = pay()["id"]
    made = sandbox.admin("POST", "/refunds", {"charge": charge, "amount": 1_200})
    _, cursor = read(source)
    sandbox.admin("POST", f"/refunds/{made['id']}/fail")
    refunds = [each for each in read(source, cursor)[0] if each.kind is MovementKind.REFUND]

    assert {each.amount for each in refunds} == {usd(-1_200), usd(1_200)}
    assert len({each.external_id for each in refunds}) == 2
    assert {each.links for each in refunds} == {(Link(LinkKind.CHARGE, charge),)}


def test_a_dispute_takes_the_payment_and_a_fee_and_a_won_one_gives_the_payment_back(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    charge = pay()["id"]
    opened = sandbox.admin("POST", "/disputes", {"charge": charge})
    taken = only(source, MovementKind.DISPUTE)
    sandbox.admin("POST", f"/disputes/{opened['id']}/close", {"outcome": "won"})
    returned = only(source, MovementKind.DISPUTE_WON)

    assert (taken.external_id, taken.amount, taken.fee) == (opened["id"], usd(-5_000), usd(1_500))
    assert taken.links == (Link(LinkKind.CHARGE, charge),)
    assert (returned.external_id, returned.amount, returned.fee) == (opened["id"], usd(5_000), None)
    assert Link(LinkKind.DISPUTE, opened["id"]) in returned.links


def test_a_payout_is_what_arrives_and_the_group_of_all_that_is_in_it(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    charge = pay(10_000)["id"]
    sandbox.admin("POST", "/refunds", {"charge": charge, "amount": 1_000})
    sandbox.admin("POST", "/fees", {"amount": 45, "description": "Billing"})
    _, cursor = read(source)
    made = sandbox.admin("POST", "/payouts", {"with_pending": True})
    movements, _ = read(source, cursor)
    payout = next(each for each in movements if each.kind is MovementKind.PAYOUT)
    inside = [each for each in movements if each is not payout]

    assert (payout.external_id, payout.amount) == (made["id"], usd(8_635))
    assert payout.value_date == date.fromtimestamp(made["arrival_date"])  # noqa: DTZ012 - a UTC day
    assert {each.group for each in movements} == {made["id"]}
    net = sum(each.amount.minor - (each.fee.minor if each.fee else 0) for each in inside)
    assert net == payout.amount.minor
    assert sorted(each.kind.value for each in inside) == ["fee", "payment", "refund"]


def test_a_payout_under_way_is_none_and_one_that_fails_is_followed_by_its_opposite(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    pay()
    made = sandbox.admin("POST", "/payouts", {"with_pending": True, "paid": False})
    early = [each for each in read(source)[0] if each.kind is MovementKind.PAYOUT]
    sandbox.admin("POST", f"/payouts/{made['id']}/pay")
    sandbox.admin("POST", f"/payouts/{made['id']}/fail")
    late = [each for each in read(source)[0] if each.kind is MovementKind.PAYOUT]

    assert early == []
    assert sorted(each.amount.minor for each in late) == [-made["amount"], made["amount"]]
    assert {each.group for each in late} == {made["id"]}


def test_what_cannot_be_booked_is_told_with_a_reason_and_holds_nothing_up(
    source: StripeSource, pay: Pay
) -> None:
    pay(10_000, currency="isk", fee=150)
    pay(10_000)
    pages = list(source.changes_since(None))

    [unreadable] = [each for page in pages for each in page.unreadable]
    assert "ISK has more decimals" in unreadable.reason
    assert [each.amount for page in pages for each in page.movements] == [usd(10_000)]


def test_days_are_those_of_the_accounts_time_zone(sandbox: Desk, pay: Pay) -> None:
    created = pay()["created"]
    for zone, hours in (("Pacific/Kiritimati", 14), ("Pacific/Midway", -11)):
        with StripeSource(settings(sandbox.base_url, time_zone=zone), registry=CollectorRegistry()) as there:
            payment = only(there, MovementKind.PAYMENT)
        assert payment.value_date == date.fromtimestamp(created + hours * 3_600)  # noqa: DTZ012 - shifted to UTC
