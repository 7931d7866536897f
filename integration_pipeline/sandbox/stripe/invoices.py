"""Invoices, and how much of each is paid.

Belongs here: the life of an invoice. Does not belong here: what is on a draft (`drafts`), payments.
"""

from __future__ import annotations

from typing import Any

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.drafts import blank, summed
from integration_pipeline.sandbox.stripe.errors import invalid, unexpected_state
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.intents import open_intent
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.params import Params, given

_DAY = 86_400


def create(account: Account, params: Params) -> Body:
    """`POST /v1/invoices`: a draft, with the customer's pending items if it asks for them."""
    customer = account.find("customer", params.required("customer"), param="customer")
    created = account.now()
    collection = params.one_of("collection_method", ("charge_automatically", "send_invoice"))
    days = params.integer("days_until_due")
    due = params.integer("due_date")
    currency = params.text("currency") or "usd"
    pending = params.one_of("pending_invoice_items_behavior", ("exclude", "include", "include_and_require"))
    if collection == "send_invoice" and days is None and due is None:
        raise invalid(
            "If you want to use `collection_method=send_invoice`, you must specify `days_until_due` or "
            "`due_date`.",
            param="days_until_due",
        )
    invoice = {
        **blank(new_id("in"), customer, currency, created),
        "collection_method": collection or "charge_automatically",
        "due_date": due if days is None else created + days * _DAY,
        **_changeable(params),
        "number": params.text("number"),
        "metadata": params.metadata(),
    }
    account.create(invoice)
    if pending == "include":
        for item in account.objects.all(Query("invoiceitem", equal={"customer": customer["id"]}))[::-1]:
            if item["invoice"] is None and item["currency"] == currency:
                account.objects.keep({**item, "invoice": invoice["id"]})
    invoice = summed(account, invoice)
    account.objects.keep(invoice)
    account.tell("invoice.created", invoice)
    return invoice


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}`."""
    invoice = account.find("invoice", identifier)
    changes: Body = _changeable(params)
    due = params.integer("due_date")
    if due is not None:
        changes["due_date"] = due
    changes["metadata"] = params.metadata(invoice["metadata"])
    return account.change(invoice, changes, "invoice.updated")


def finalize(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}/finalize`: open and numbered, with the payment that is to settle it."""
    params.ignore("auto_advance")
    invoice = account.find("invoice", identifier)
    if invoice["status"] != "draft":
        raise unexpected_state(
            "invoice_not_editable",
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
        )
    customer = account.find("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    account.objects.keep({**customer, "next_invoice_sequence": sequence + 1})
    now = account.now()
    changes = {
        "status": "open",
        "number": invoice["number"] or f"{customer['invoice_prefix']}-{sequence:04d}",
        "effective_at": now,
        "auto_advance": True,
        "status_transitions": {**invoice["status_transitions"], "finalized_at": now},
    }
    invoice = account.change(invoice, changes, "invoice.finalized", "invoice.updated")
    if invoice["amount_due"] <= 0:
        return settled(account, invoice)
    _request_payment(account, invoice)
    return invoice


def void(account: Account, _: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}/void`."""
    invoice = account.find("invoice", identifier)
    if invoice["status"] not in ("open", "uncollectible"):
        raise unexpected_state(
            "invoice_not_editable", f"You can't void an invoice that is {invoice['status']}."
        )
    now = account.now()
    _end_open_links(account, identifier, "void_invoice")
    changes = {"status": "void", "status_transitions": {**invoice["status_transitions"], "voided_at": now}}
    return account.change(invoice, changes, "invoice.voided", "invoice.updated")


def mark_uncollectible(account: Account, _: Params, identifier: str) -> Body:
    """`POST /v1/invoices/{id}/mark_uncollectible`."""
    invoice = account.find("invoice", identifier)
    if invoice["status"] != "open":
        raise unexpected_state(
            "invoice_not_editable", f"You can't mark an invoice that is {invoice['status']} as uncollectible."
        )
    transitions = {**invoice["status_transitions"], "marked_uncollectible_at": account.now()}
    changes = {"status": "uncollectible", "status_transitions": transitions}
    return account.change(invoice, changes, "invoice.marked_uncollectible", "invoice.updated")


def delete(account: Account, _: Params, identifier: str) -> Body:
    """`DELETE /v1/invoices/{id}`: drafts alone."""
    invoice = account.find("invoice", identifier)
    if invoice["status"] != "draft":
        raise unexpected_state(
            "invoice_not_editable", "You can only delete draft invoices; void this one instead."
        )
    account.tell("invoice.deleted", invoice)
    account.objects.delete(identifier)
    return {"id": identifier, "object": "invoice", "deleted": True}


def paid_elsewhere(account: Account, invoice: Body) -> Body:
    """Paid out of band: no money of Stripe's moves, yet `invoice.paid` is told."""
    changes = {"amount_paid_off_stripe": invoice["amount_remaining"]}
    return settled(account, {**invoice, **changes})


def apply(account: Account, invoice: Body, amount: int) -> Body:
    """Count a payment of `amount` towards an invoice; paid in full it is paid, beyond that overpaid."""
    paid = invoice["amount_paid"] + amount
    changes = {
        "amount_paid": min(paid, invoice["amount_due"]),
        "amount_overpaid": invoice["amount_overpaid"] + max(0, paid - invoice["amount_due"]),
        "amount_remaining": max(0, invoice["amount_remaining"] - amount),
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + 1,
    }
    changed = {**invoice, **changes}
    if changed["amount_remaining"]:
        return account.change(invoice, changes, "invoice.updated")
    changed = settled(account, changed)
    if changed["amount_overpaid"]:
        account.tell("invoice.overpaid", changed)
    return changed


def settled(account: Account, invoice: Body) -> Body:
    """Nothing is due any more: what was still to pay it is canceled."""
    _end_open_links(account, invoice["id"], "automatic")
    transitions = {**invoice["status_transitions"], "paid_at": account.now()}
    changes = {
        "status": "paid",
        "status_transitions": transitions,
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
    }
    return account.change(invoice, changes, "invoice.updated", "invoice.paid", "invoice.payment_succeeded")


def links_of(account: Account, invoice: str) -> list[Body]:
    """The invoice's payments, the oldest first."""
    return account.objects.all(Query("invoice_payment", equal={"invoice": invoice}))[::-1]


def link(account: Account, invoice: Body, intent: str, amount: int, *, default: bool = False) -> Body:
    """A new `invoice_payment`: this payment intent is to pay so much of the invoice."""
    return account.create(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": amount,
            "created": account.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": default,
            "livemode": False,
            "payment": {"payment_intent": intent, "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def _request_payment(account: Account, invoice: Body) -> None:
    intent = open_intent(
        account,
        invoice["amount_remaining"],
        invoice["currency"],
        customer=invoice["customer"],
        description=f"Payment for Invoice {invoice['number']}",
    )
    link(account, invoice, intent["id"], invoice["amount_remaining"], default=True)


def _end_open_links(account: Account, invoice: str, reason: str) -> None:
    now = account.now()
    for open_link in links_of(account, invoice):
        if open_link["status"] != "open":
            continue
        intent = account.find("payment_intent", open_link["payment"]["payment_intent"])
        changes = {"status": "canceled", "canceled_at": now, "cancellation_reason": reason}
        account.change(intent, changes, "payment_intent.canceled")
        transitions = {**open_link["status_transitions"], "canceled_at": now}
        account.objects.keep({**open_link, "status": "canceled", "status_transitions": transitions})


def _changeable(params: Params) -> dict[str, Any]:
    changes = given(
        description=params.text("description"),
        footer=params.text("footer"),
        statement_descriptor=params.text("statement_descriptor"),
        auto_advance=params.flag("auto_advance"),
    )
    fields = [
        (each.required("name"), each.required("value"), each.done()) for each in params.items("custom_fields")
    ]
    if fields:
        changes["custom_fields"] = [{"name": name, "value": value} for name, value, _ in fields]
    return changes
