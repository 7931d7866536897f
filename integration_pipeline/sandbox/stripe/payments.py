"""Payments: payment intents that are charged, and the invoices they settle.

Belongs here: from a payment method to money on the balance. Does not belong here: money that goes back
(`refunds`, `disputes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integration_pipeline.sandbox.stripe import invoices
from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import check_amount
from integration_pipeline.sandbox.stripe.charges import Terms, attempt, settle
from integration_pipeline.sandbox.stripe.errors import declined, invalid, missing, unexpected_state
from integration_pipeline.sandbox.stripe.intents import open_intent
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.params import Params, given

_DECLINED = {"pm_card_chargeDeclined": "card_declined", "pm_card_chargeDeclinedExpiredCard": "expired_card"}
_SLOW = "pm_usBankAccount"
_ENDED = ("succeeded", "canceled")


@dataclass(frozen=True, slots=True)
class Allocation:
    """So much of a payment goes to an invoice."""

    invoice: Body
    amount: int
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def create_intent(account: Account, params: Params) -> Body:
    """`POST /v1/payment_intents`; with `confirm` it is charged at once."""
    amount = params.required_integer("amount")
    currency = params.required("currency").lower()
    check_amount(amount, currency)
    customer = params.text("customer")
    if customer:
        account.find("customer", customer, param="customer")
    intent = open_intent(
        account,
        amount,
        currency,
        customer=customer or None,
        description=params.text("description"),
        metadata=params.metadata(),
        receipt_email=params.text("receipt_email"),
        statement_descriptor=params.text("statement_descriptor"),
    )
    method = params.text("payment_method")
    if method:
        intent = account.change(intent, {"payment_method": method, "status": "requires_confirmation"})
    params.ignore("automatic_payment_methods", "payment_method_types", "off_session", "return_url")
    params.ignore("capture_method", "confirmation_method", "setup_future_usage", "payment_method_data")
    return _confirm(account, intent) if params.flag("confirm") else intent


def update_intent(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/payment_intents/{id}`."""
    intent = account.find("payment_intent", identifier)
    changes = given(
        description=params.text("description"),
        receipt_email=params.text("receipt_email"),
        payment_method=params.text("payment_method"),
    )
    amount = params.integer("amount")
    if amount is not None:
        _still_open(intent)
        check_amount(amount, intent["currency"])
        changes["amount"] = amount
    changes["metadata"] = params.metadata(intent["metadata"])
    return account.change(intent, changes)


def confirm_intent(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/payment_intents/{id}/confirm`."""
    intent = account.find("payment_intent", identifier)
    _still_open(intent)
    method = params.text("payment_method")
    params.ignore("return_url", "off_session", "receipt_email")
    if method:
        intent = account.change(intent, {"payment_method": method})
    return _confirm(account, intent)


def cancel_intent(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/payment_intents/{id}/cancel`."""
    intent = account.find("payment_intent", identifier)
    _still_open(intent)
    reason = params.one_of(
        "cancellation_reason", ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
    )
    changes = {"status": "canceled", "canceled_at": account.now(), "cancellation_reason": reason}
    return account.change(intent, changes, "payment_intent.canceled")


def pay_invoice(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}/pay`: by its own payment intent, or out of band."""
    invoice = account.find("invoice", identifier)
    if invoice["status"] == "draft":
        invoice = invoices.finalize(account, Params({}), identifier)
    if invoice["status"] == "paid":
        raise unexpected_state("invoice_already_paid", "Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise unexpected_state(
            "invoice_not_editable", f"You can't pay an invoice that is {invoice['status']}."
        )
    method = params.text("payment_method")
    params.ignore("off_session", "forgive", "source")
    if params.flag("paid_out_of_band"):
        return invoices.paid_elsewhere(account, invoice)
    link = next((each for each in invoices.links_of(account, identifier) if each["status"] == "open"), None)
    if link is None:
        raise invalid("There is nothing left to pay on this invoice.")
    intent = account.find("payment_intent", link["payment"]["payment_intent"])
    if not (method or intent["payment_method"]):
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set one, or pass "
            "`payment_method`."
        )
    if method:
        intent = account.change(intent, {"payment_method": method})
    try:
        _confirm(account, intent)
    finally:
        invoice = account.find("invoice", identifier)
    return invoice


def attach_payment(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}/attach_payment`: another payment intent is to pay of this invoice."""
    invoice = account.find("invoice", identifier)
    if invoice["status"] not in ("open", "uncollectible"):
        raise unexpected_state("invoice_not_editable", "Payments can only be attached to open invoices.")
    intent = account.find("payment_intent", params.required("payment_intent"), param="payment_intent")
    link = invoices.link(account, invoice, intent["id"], min(intent["amount"], invoice["amount_remaining"]))
    if intent["status"] == "succeeded":
        _settle(account, link, link["amount_requested"])
    return account.find("invoice", identifier)


def receive(account: Account, intent: Body, terms: Terms, allocations: Sequence[Allocation] = ()) -> Body:
    """A payment that succeeds: charge, balance transaction, and the invoices it goes to. Gives the charge."""
    now = account.now()
    links = _links(account, intent, allocations)
    charge = attempt(account, intent, terms, "succeeded")
    changes = {"latest_charge": charge["id"], "status": "succeeded", "amount_received": intent["amount"]}
    account.change(intent, {**changes, "processing": None}, "payment_intent.succeeded")
    account.tell("charge.succeeded", charge)
    if not terms.delayed:
        charge = settle(account, charge, terms, told=False)
    rest = intent["amount"]
    for link, wanted in links:
        paid = min(rest, wanted)
        rest -= paid
        _settle(account, link, paid, now)
    return charge


def _links(account: Account, intent: Body, allocations: Sequence[Allocation]) -> list[tuple[Body, int]]:
    """What an intent is to pay: its links so far, with new ones for the allocations."""
    open_links = [
        (link, link["amount_requested"])
        for link in account.objects.all(Query("invoice_payment", equal={"payment_intent": intent["id"]}))[
            ::-1
        ]
        if link["status"] == "open"
    ]
    if open_links and not allocations:
        return open_links
    return [
        (invoices.link(account, each.invoice, intent["id"], each.amount), each.amount) for each in allocations
    ]


def _settle(account: Account, link: Body, amount: int, at: int | None = None) -> None:
    paid = {
        "status": "paid",
        "amount_paid": amount,
        "status_transitions": {"canceled_at": None, "paid_at": at or account.now()},
    }
    account.change(link, paid, "invoice_payment.paid")
    invoices.apply(account, account.find("invoice", link["invoice"]), amount)


def _confirm(account: Account, intent: Body) -> Body:
    method = intent["payment_method"]
    if method is None:
        raise missing("payment_method")
    if method in _DECLINED:
        failed = attempt(account, intent, Terms(), "failed", _DECLINED[method])
        error = {"type": "card_error", "code": _DECLINED[method], "message": "Your card was declined."}
        changes = {
            "latest_charge": failed["id"],
            "last_payment_error": error,
            "status": "requires_payment_method",
            "payment_method": None,
        }
        intent = account.change(intent, changes, "payment_intent.payment_failed")
        account.tell("charge.failed", failed)
        raise declined(_DECLINED[method], intent)
    if method == _SLOW:
        charge = attempt(account, intent, Terms(), "pending")
        account.tell("charge.pending", charge)
        return account.change(
            intent, {"latest_charge": charge["id"], "status": "processing"}, "payment_intent.processing"
        )
    receive(account, intent, Terms())
    return account.find("payment_intent", intent["id"])


def _still_open(intent: Body) -> None:
    if intent["status"] in _ENDED:
        raise unexpected_state(
            "payment_intent_unexpected_state",
            f"This PaymentIntent's status is {intent['status']}; it can no longer be changed.",
        )


def end_pending(account: Account, charge: Body, *, succeeded: bool) -> Body:
    """A bank debit that was under way arrives or does not."""
    intent = account.find("payment_intent", charge["payment_intent"])
    if succeeded:
        charge = account.change(charge, {"status": "succeeded", "paid": True, "captured": True})
        charge = {**charge, "amount_captured": charge["amount"]}
        account.objects.keep(charge)
        account.change(
            intent, {"status": "succeeded", "amount_received": intent["amount"]}, "payment_intent.succeeded"
        )
        account.tell("charge.succeeded", charge)
        charge = settle(account, charge, Terms(), told=False)
        for link, amount in _links(account, intent, ()):
            _settle(account, link, amount)
        return charge
    charge = account.change(
        charge,
        {"status": "failed", "failure_code": "insufficient_funds", "failure_message": "Insufficient funds."},
        "charge.failed",
    )
    account.change(intent, {"status": "requires_payment_method"}, "payment_intent.payment_failed")
    return charge
