"""Objects have all the fields that Stripe's library declares, as its published types have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import stripe

from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.conftest import Pay
from integration_pipeline_tests.sandbox.stripe.test_stripe_library import open_invoice
from integration_pipeline_tests.vendors.openapi import vendor_spec

_CLASSES = {
    "customer": "Customer",
    "invoice": "Invoice",
    "invoice_payment": "InvoicePayment",
    "payment_intent": "PaymentIntent",
    "charge": "Charge",
    "refund": "Refund",
    "dispute": "Dispute",
    "balance_transaction": "BalanceTransaction",
    "payout": "Payout",
    "credit_note": "CreditNote",
    "event": "Event",
    "invoiceitem": "InvoiceItem",
}
# Present only if they are expanded, or for kinds of accounts that there are none of here.
_NOT_SHOWN = {"payments", "refunds", "deleted", "sources", "subscriptions", "tax_ids", "account", "context"}


def declared(kind: str) -> Mapping[str, str]:
    document = json.loads(vendor_spec("stripe/derived-from-stripe-python-16.1.0.json").read_text())
    return document["resources"][_CLASSES[kind]]


@pytest.mark.parametrize("kind", _CLASSES)
def test_every_field_that_is_always_there_is_there_and_no_other(
    kind: str, client: stripe.StripeClient, sandbox: Desk, pay: Pay
) -> None:
    fields = declared(kind)
    invoice = open_invoice(client)
    charge = pay(2_000, invoice=invoice.id)["id"]
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})
    sandbox.admin("POST", "/refunds", {"charge": pay()["id"]})
    sandbox.admin("POST", "/disputes", {"charge": charge})
    sandbox.admin("POST", "/payouts", {"with_pending": True})

    path = "invoiceitems" if kind == "invoiceitem" else f"{kind}s"
    answer: Any = client.raw_request("get", f"/v1/{path}")  # pyright: ignore[reportUnknownMemberType]
    [*_, shown] = answer.data["data"]
    required = {
        name
        for name, annotation in fields.items()
        if not annotation.startswith(("Optional", "NotRequired"))
        and name.islower()
        and name not in _NOT_SHOWN
    }
    assert required <= set(shown)
    assert set(shown) <= set(fields) | {"id", "object"} | {"subscription"}
