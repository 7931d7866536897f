"""Which endpoints there are, which permission each needs, and what each does.

Belongs here: the table. Does not belong here: what all of them have in common (`serving`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from integration_pipeline.sandbox.stripe import (
    charges,
    credit_notes,
    customers,
    disputes,
    drafts,
    invoices,
    payments,
    payouts,
    refunds,
)
from integration_pipeline.sandbox.stripe.account import EVENTS_KEPT_SECONDS, Account
from integration_pipeline.sandbox.stripe.balance import balance
from integration_pipeline.sandbox.stripe.errors import no_such
from integration_pipeline.sandbox.stripe.listing import Listed, list_of, search_in
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params

Handler = Callable[..., Body]
"""Takes the account, the parameters and the id of the path, where there is one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` has `{id}` where an id goes; `resource` is the word of the permissions."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    resource: str
    handler: Handler

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


_CUSTOMER = {"customer": "customer"}
_LISTED = (
    Listed("customer", "/v1/customers", searched=("email", "name", "phone", "metadata", "created")),
    Listed(
        "invoice",
        "/v1/invoices",
        {**_CUSTOMER, "status": "status"},
        ("number", "status", "customer", "currency", "total", "metadata", "created"),
    ),
    Listed("invoiceitem", "/v1/invoiceitems", {**_CUSTOMER, "invoice": "invoice"}),
    Listed(
        "invoice_payment",
        "/v1/invoice_payments",
        {"invoice": "invoice", "status": "status", "payment[payment_intent]": "payment_intent"},
    ),
    Listed(
        "payment_intent",
        "/v1/payment_intents",
        _CUSTOMER,
        ("status", "customer", "currency", "amount", "metadata", "created"),
    ),
    Listed(
        "charge",
        "/v1/charges",
        {**_CUSTOMER, "payment_intent": "payment_intent"},
        ("status", "customer", "currency", "amount", "metadata", "created"),
    ),
    Listed("refund", "/v1/refunds", {"charge": "charge", "payment_intent": "payment_intent"}),
    Listed("dispute", "/v1/disputes", {"charge": "charge", "payment_intent": "payment_intent"}),
    Listed(
        "balance_transaction",
        "/v1/balance_transactions",
        {"payout": "payout", "source": "source", "type": "type", "currency": "currency"},
    ),
    Listed("payout", "/v1/payouts", {"status": "status"}),
    Listed("credit_note", "/v1/credit_notes", {**_CUSTOMER, "invoice": "invoice"}),
    Listed("event", "/v1/events"),
)


def _retrieve(kind: str, account: Account, _: Params, identifier: str) -> Body:
    if kind == "customer":
        # A deleted customer can still be asked for.
        found = account.objects.of_any_kind(identifier)
        if found is not None and found["object"] == "customer":
            return found
    found = account.find(kind, identifier)
    if kind == "event" and found["created"] < account.now() - EVENTS_KEPT_SECONDS:
        raise no_such("event", identifier)
    return found


def _balance(account: Account, _: Params) -> Body:
    return balance(account)


def _listed(listed: Listed, account: Account, params: Params) -> Body:
    return list_of(account, listed, params)


def _searched(listed: Listed, account: Account, params: Params) -> Body:
    return search_in(account, listed, params)


def _reads() -> list[Endpoint]:
    found: list[Endpoint] = []
    for listed in _LISTED:
        found.append(Endpoint("GET", listed.path, listed.kind, partial(_listed, listed)))
        if listed.searched:
            # Before the path with an id, which would take `search` for one.
            path = f"{listed.path}/search"
            found.append(Endpoint("GET", path, listed.kind, partial(_searched, listed)))
        found.append(Endpoint("GET", f"{listed.path}/{{id}}", listed.kind, partial(_retrieve, listed.kind)))
    return found


ENDPOINTS: tuple[Endpoint, ...] = (
    *_reads(),
    Endpoint("GET", "/v1/balance", "balance", _balance),
    Endpoint("POST", "/v1/customers", "customer", customers.create),
    Endpoint("POST", "/v1/customers/{id}", "customer", customers.update),
    Endpoint("DELETE", "/v1/customers/{id}", "customer", customers.delete),
    Endpoint("POST", "/v1/invoiceitems", "invoiceitem", drafts.add_item),
    Endpoint("POST", "/v1/invoices", "invoice", invoices.create),
    Endpoint("POST", "/v1/invoices/{id}", "invoice", invoices.update),
    Endpoint("DELETE", "/v1/invoices/{id}", "invoice", invoices.delete),
    Endpoint("POST", "/v1/invoices/{id}/finalize", "invoice", invoices.finalize),
    Endpoint("POST", "/v1/invoices/{id}/pay", "invoice", payments.pay_invoice),
    Endpoint("POST", "/v1/invoices/{id}/attach_payment", "invoice", payments.attach_payment),
    Endpoint("POST", "/v1/invoices/{id}/void", "invoice", invoices.void),
    Endpoint("POST", "/v1/invoices/{id}/mark_uncollectible", "invoice", invoices.mark_uncollectible),
    Endpoint("POST", "/v1/payment_intents", "payment_intent", payments.create_intent),
    Endpoint("POST", "/v1/payment_intents/{id}", "payment_intent", payments.update_intent),
    Endpoint("POST", "/v1/payment_intents/{id}/confirm", "payment_intent", payments.confirm_intent),
    Endpoint("POST", "/v1/payment_intents/{id}/cancel", "payment_intent", payments.cancel_intent),
    Endpoint("POST", "/v1/charges/{id}", "charge", charges.update),
    Endpoint("POST", "/v1/refunds", "refund", refunds.create),
    Endpoint("POST", "/v1/refunds/{id}", "refund", refunds.update),
    Endpoint("POST", "/v1/disputes/{id}", "dispute", disputes.update),
    Endpoint("POST", "/v1/disputes/{id}/close", "dispute", disputes.close),
    Endpoint("POST", "/v1/payouts", "payout", payouts.create),
    Endpoint("POST", "/v1/payouts/{id}", "payout", payouts.update),
    Endpoint("POST", "/v1/payouts/{id}/cancel", "payout", payouts.cancel),
    Endpoint("POST", "/v1/credit_notes", "credit_note", credit_notes.create),
    Endpoint("POST", "/v1/credit_notes/{id}/void", "credit_note", credit_notes.void),
)
