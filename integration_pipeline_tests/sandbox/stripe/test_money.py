"""What moves on the balance when customers pay, get money back, dispute, and when Stripe pays out."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.conftest import Pay
from integration_pipeline_tests.sandbox.stripe.test_stripe_library import open_invoice


def transactions(client: stripe.StripeClient, **params: Any) -> list[stripe.BalanceTransaction]:
    return list(client.v1.balance_transactions.list(params).auto_paging_iter())  # pyright: ignore[reportArgumentType] - the test's own names


def types(client: stripe.StripeClient) -> list[str]:
    return [event.type for event in client.v1.events.list({"limit": 100}).data]


def test_a_payment_enters_the_balance_less_its_fee(client: stripe.StripeClient, pay: Pay) -> None:
    charge = pay(10_000)

    [transaction] = transactions(client, source=charge["id"])
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9_680)
    assert [detail.type for detail in transaction.fee_details] == ["stripe_fee"]
    assert charge["balance_transaction"] == transaction.id


def test_a_payment_in_another_currency_is_exchanged_exactly(client: stripe.StripeClient, pay: Pay) -> None:
    pay(1_999, currency="eur", settle_currency="usd", exchange_rate="1.0835", fee=88)

    [transaction] = transactions(client)
    # 19.99 × 1.0835 = 21.659165
    assert (transaction.currency, transaction.amount, transaction.net) == ("usd", 2_166, 2_078)
    assert transaction.exchange_rate == 1.0835


def test_a_payment_of_a_part_leaves_the_rest_of_the_invoice_open(
    client: stripe.StripeClient, pay: Pay
) -> None:
    invoice = open_invoice(client)
    pay(2_000, invoice=invoice.id)
    partly = client.v1.invoices.retrieve(invoice.id)
    pay(3_500, invoice=invoice.number)
    paid = client.v1.invoices.retrieve(invoice.id)

    assert (partly.status, partly.amount_paid, partly.amount_remaining) == ("open", 2_000, 3_000)
    assert (paid.status, paid.amount_remaining, paid.amount_overpaid) == ("paid", 0, 500)
    assert "invoice.overpaid" in types(client)


def test_one_payment_may_go_to_several_invoices(client: stripe.StripeClient, pay: Pay) -> None:
    first, second = open_invoice(client, 4_000), open_invoice(client, 2_000)
    charge = pay(
        6_000, invoices=[{"invoice": first.id, "amount": 4_000}, {"invoice": second.id, "amount": 2_000}]
    )

    payments = client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": charge["payment_intent"]}}
    ).data
    assert {(each.invoice, each.amount_paid) for each in payments} == {(first.id, 4_000), (second.id, 2_000)}
    assert [client.v1.invoices.retrieve(each.id).status for each in (first, second)] == ["paid", "paid"]


def test_a_refund_takes_the_money_and_one_that_fails_brings_it_back(
    client: stripe.StripeClient, sandbox: Desk, pay: Pay
) -> None:
    refund = sandbox.admin("POST", "/refunds", {"charge": pay()["id"], "amount": 1_000})
    sandbox.admin("POST", f"/refunds/{refund['id']}/fail")

    moved = [(each.type, each.amount) for each in transactions(client, source=refund["id"])]
    assert moved == [("refund_failure", 1_000), ("refund", -1_000)]
    assert client.v1.refunds.retrieve(refund["id"]).status == "failed"
    assert client.v1.charges.retrieve(refund["charge"]).amount_refunded == 0
    assert {"refund.created", "charge.refunded", "refund.failed"} <= set(types(client))


@pytest.mark.parametrize(("outcome", "net"), [("lost", -6_500), ("won", -1_500)])
def test_a_dispute_takes_the_payment_and_its_fee_and_gives_the_payment_back_when_won(
    client: stripe.StripeClient, sandbox: Desk, pay: Pay, outcome: str, net: int
) -> None:
    dispute = sandbox.admin("POST", "/disputes", {"charge": pay()["id"]})
    sandbox.admin("POST", f"/disputes/{dispute['id']}/close", {"outcome": outcome})

    assert sum(each.net for each in transactions(client, source=dispute["id"])) == net
    closed = client.v1.disputes.retrieve(dispute["id"])
    assert (closed.status, len(closed.balance_transactions)) == (outcome, 2 if outcome == "won" else 1)


def test_a_disputed_charge_cannot_be_refunded(client: stripe.StripeClient, sandbox: Desk, pay: Pay) -> None:
    charge = pay()["id"]
    sandbox.admin("POST", "/disputes", {"charge": charge})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": charge})
    assert caught.value.code == "charge_disputed"


def test_a_payout_is_what_its_transactions_add_up_to(
    client: stripe.StripeClient, sandbox: Desk, pay: Pay
) -> None:
    charge = pay(10_000)["id"]
    pay(777)
    sandbox.admin("POST", "/refunds", {"charge": charge, "amount": 2_500})
    sandbox.admin("POST", "/fees", {"amount": 120})
    payout = sandbox.admin("POST", "/payouts", {"with_pending": True})

    inside = transactions(client, payout=payout["id"])
    assert sum(each.net for each in inside) == 0
    assert sum(each.net for each in inside if each.type != "payout") == payout["amount"]
    assert sorted(each.type for each in inside) == ["charge", "charge", "payout", "refund", "stripe_fee"]
    balance = client.v1.balance.retrieve()
    assert sum(each.amount for each in (*balance.available, *balance.pending)) == 0


def test_only_what_is_available_is_paid_out(sandbox: Desk, pay: Pay) -> None:
    pay()
    with pytest.raises(RuntimeError, match="nothing to pay out"):
        sandbox.admin("POST", "/payouts")
    sandbox.admin("PUT", "/clock", {"advance_seconds": 2 * 86_400})

    assert sandbox.admin("POST", "/payouts")["status"] == "paid"


def test_a_payout_that_fails_is_in_the_next_one(client: stripe.StripeClient, sandbox: Desk, pay: Pay) -> None:
    pay()
    first = sandbox.admin("POST", "/payouts", {"with_pending": True})
    sandbox.admin("POST", f"/payouts/{first['id']}/fail")
    second = sandbox.admin("POST", "/payouts", {"with_pending": True})

    assert second["amount"] == first["amount"]
    assert [each.type for each in transactions(client, payout=second["id"])] == ["payout", "payout_failure"]


def test_a_bank_debit_moves_money_only_when_it_succeeds(
    client: stripe.StripeClient, sandbox: Desk, pay: Pay
) -> None:
    arriving, failing = pay(method="bank_debit"), pay(method="bank_debit")
    assert [arriving["status"], transactions(client)] == ["pending", []]
    sandbox.admin("POST", f"/payments/{arriving['id']}/succeed")
    sandbox.admin("POST", f"/payments/{failing['id']}/fail")

    assert [each.source for each in transactions(client)] == [arriving["id"]]
    assert client.v1.charges.retrieve(failing["id"]).status == "failed"


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 1_005), ("isk", 150)])
def test_an_amount_without_coins_is_refused(pay: Pay, currency: str, amount: int) -> None:
    with pytest.raises(RuntimeError, match="Amounts in"):
        pay(amount, currency=currency)
