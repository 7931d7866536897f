"""Stripe's own library runs its ordinary flows against the sandbox, and meets errors as its own types."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.conftest import KEY, READER, Pay, library


def open_invoice(client: stripe.StripeClient, amount: int = 5_000) -> stripe.Invoice:
    customer = client.v1.customers.create({"name": "Acme", "email": "books@acme.example"})
    draft = client.v1.invoices.create({"customer": customer.id, "metadata": {"invoice_number": "INV-7"}})
    client.v1.invoice_items.create(
        {"customer": customer.id, "invoice": draft.id, "amount": amount, "currency": "usd"}
    )
    return client.v1.invoices.finalize_invoice(draft.id)


def test_a_customer_is_created_changed_found_and_deleted(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(
        {"name": "Acme", "email": "a@acme.example", "metadata": {"deal": "7", "tier": "gold"}}
    )
    changed = client.v1.customers.update(made.id, {"metadata": {"tier": ""}, "phone": "123"})
    found = client.v1.customers.search({"query": "email:'A@acme.example' AND metadata['deal']:'7'"})
    client.v1.customers.delete(made.id)

    assert changed.to_dict()["metadata"] == {"deal": "7"}
    assert [each.id for each in found.data] == [made.id]
    assert client.v1.customers.retrieve(made.id).deleted
    assert client.v1.customers.list().data == []


def test_an_invoice_is_drafted_finalized_and_paid(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client)
    paid = client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})

    assert (invoice.status, invoice.amount_due, paid.status) == ("open", 5_000, "paid")
    assert (paid.amount_paid, paid.amount_remaining, paid.amount_overpaid) == (5_000, 0, 0)
    assert invoice.number


def test_a_paid_invoice_leads_to_its_charge_by_its_payment_alone(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client)
    client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})

    [payment] = client.v1.invoice_payments.list(
        {"invoice": invoice.id, "expand": ["data.payment.payment_intent.latest_charge"]}
    ).data
    intent = payment.payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert (payment.status, payment.amount_paid, intent.latest_charge.amount) == ("paid", 5_000, 5_000)
    assert "invoice" not in intent.latest_charge
    assert "payment_intent" not in client.v1.invoices.retrieve(invoice.id)


def test_an_invoice_paid_elsewhere_moves_no_money(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client)
    paid = client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})

    assert (paid.status, paid.amount_paid_off_stripe) == ("paid", 5_000)
    assert client.v1.balance_transactions.list().data == []


def test_a_credit_note_lowers_what_is_due_and_a_void_one_does_not(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client)
    note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 2_000})
    lowered = client.v1.invoices.retrieve(invoice.id).amount_remaining
    client.v1.credit_notes.void_credit_note(note.id)

    assert (note.type, lowered) == ("pre_payment", 3_000)
    assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 5_000


def test_a_declined_card_is_a_card_error_that_leaves_a_failed_charge(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as caught:
        client.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
        )

    assert caught.value.code == "card_declined"
    [charge] = client.v1.charges.list().data
    assert (charge.status, charge.paid, charge.balance_transaction) == ("failed", False, None)


def test_too_large_a_refund_is_refused_and_the_second_full_one_as_well(
    client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()["id"]
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as too_large:
        client.v1.refunds.create({"charge": charge, "amount": 5_001})
    client.v1.refunds.create({"charge": charge})
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.refunds.create({"charge": charge})

    told: Any = too_large.value
    assert (told.param, again.value.code) == ("amount", "charge_already_refunded")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 500}, "parameter_missing", "currency"),
        ({"amount": "much", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 500, "currency": "usd", "amonut": 5}, "parameter_unknown", "amonut"),
        ({"amount": 500, "currency": "usd", "customer": "cus_none"}, "resource_missing", "customer"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: stripe.StripeClient, params: object, code: str, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payment_intents.create(params)  # pyright: ignore[reportArgumentType] - wrong on purpose

    told: Any = caught.value
    assert (told.http_status, told.code, told.param) == (400, code, param)


def test_an_unknown_object_is_a_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such charge: 'ch_none'") as caught:
        client.v1.charges.retrieve("ch_none")

    assert caught.value.http_status == 404


def test_a_wrong_key_is_an_authentication_error_that_does_not_repeat_it(sandbox: Desk) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        library(sandbox.base_url, "sk_test_somebodyElse").v1.charges.list()

    assert "somebodyElse" not in str(caught.value)


def test_a_restricted_key_may_do_what_it_was_given_and_nothing_else(sandbox: Desk) -> None:
    reader = library(sandbox.base_url, READER)

    assert reader.v1.charges.list().data == []
    with pytest.raises(stripe.PermissionError, match="rak_refund_read"):
        reader.v1.refunds.list()
    with pytest.raises(stripe.PermissionError, match="rak_charge_write"):
        reader.v1.charges.update("ch_any", {"description": "mine"})


def test_a_lost_answer_is_repeated_under_its_key_and_charged_once(sandbox: Desk) -> None:
    sandbox.admin(
        "PUT",
        "/faults",
        {"rules": [{"name": "lost", "method": "POST", "times": 1, "fault": {"kind": "drop_after"}}]},
    )
    client = library(sandbox.base_url, retries=2)
    client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )

    assert [each.amount for each in client.v1.charges.list().data] == [500]


def test_a_key_used_for_something_else_is_an_idempotency_error(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "one"}
    first = client.v1.customers.create({"name": "Acme"}, options)
    again = client.v1.customers.create({"name": "Acme"}, options)

    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "Other"}, options)


def test_a_key_is_forgotten_after_a_day(client: stripe.StripeClient, sandbox: Desk) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "of-yesterday"}
    first = client.v1.customers.create({"name": "Acme"}, options)
    sandbox.admin("PUT", "/clock", {"advance_seconds": 24 * 3_600 + 1})

    assert client.v1.customers.create({"name": "Acme"}, options).id != first.id


def test_a_refused_request_leaves_its_key_unused(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "tried"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 0, "currency": "usd"}, options)

    assert client.v1.payment_intents.create({"amount": 500, "currency": "usd"}, options).amount == 500


def test_a_declined_card_is_declined_again_under_the_same_key(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "declined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(
                {
                    "amount": 500,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "confirm": True,
                },
                options,
            )

    assert len(client.v1.charges.list().data) == 1


def test_more_requests_than_allowed_are_rate_limit_errors_for_a_second(sandbox: Desk) -> None:
    sandbox.admin("PUT", "/limits", {"endpoint_per_second": 2})
    client = library(sandbox.base_url)
    client.v1.charges.list()
    client.v1.charges.list()
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.charges.list()
    headers = caught.value.headers or {}
    assert headers["stripe-rate-limited-reason"] == "endpoint-rate"
    assert "retry-after" not in headers

    sandbox.admin("PUT", "/clock", {"advance_seconds": 1})
    client.v1.charges.list()


def test_a_locked_object_is_worth_a_retry(sandbox: Desk) -> None:
    rule = {"name": "locked", "times": 1, "fault": {"kind": "throttle", "policy": "lock_timeout"}}
    sandbox.admin("PUT", "/faults", {"rules": [rule]})

    assert library(sandbox.base_url, retries=1).v1.charges.list().data == []


def test_a_wrong_api_version_is_refused(sandbox: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        library(sandbox.base_url).v1.charges.list(options={"stripe_version": "2030-01-01"})


def test_json_is_no_form(sandbox: Desk) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{sandbox.base_url}/v1/customers", json={"name": "Acme"}, headers=headers)

    assert answer.status_code == 400
    assert "x-www-form-urlencoded" in answer.json()["error"]["message"]
