"""Credit notes: what an invoice owes less, or what is given back of one that is paid."""

from __future__ import annotations

from integration_pipeline.sandbox.stripe import invoices, refunds
from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.errors import invalid, unexpected_state
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.params import Params

_REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")


def create(account: Account, params: Params) -> Body:
    """`POST /v1/credit_notes`: lowers what is due; of what is already paid the parts must add up."""
    invoice = account.find("invoice", params.required("invoice"), param="invoice")
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise unexpected_state(
            "invoice_not_editable", f"You can't credit an invoice that is {invoice['status']}."
        )
    amount = params.required_integer("amount")
    credited = sum(
        note["amount"]
        for note in account.objects.all(Query("credit_note", equal={"invoice": invoice["id"]}))
        if note["status"] == "issued"
    )
    if not 0 < amount <= invoice["total"] - credited:
        raise invalid(
            f"The sum of credit notes ({credited + amount}) can't exceed the invoice's total "
            f"({invoice['total']}).",
            param="amount",
        )
    before = min(amount, invoice["amount_remaining"])
    after = amount - before
    refund = params.integer("refund_amount") or 0
    out_of_band = params.integer("out_of_band_amount") or 0
    credit = params.integer("credit_amount") or 0
    if refund + out_of_band + credit != after:
        raise invalid(
            "The sum of refund_amount, credit_amount and out_of_band_amount must be the amount of the credit "
            f"note that was already paid ({after}).",
            param="amount",
        )
    note = _new(account, invoice, amount, before, after)
    note |= {
        "reason": params.one_of("reason", _REASONS),
        "memo": params.text("memo"),
        "metadata": params.metadata(),
        "out_of_band_amount": out_of_band or None,
        "refunds": _refunded(account, invoice, refund),
    }
    account.create(note, "credit_note.created")
    changed = {
        **invoice,
        "amount_remaining": invoice["amount_remaining"] - before,
        "amount_due": invoice["amount_due"] - before,
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + before,
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + after,
    }
    account.objects.keep(changed)
    if before and not changed["amount_remaining"]:
        invoices.settled(account, changed)
    else:
        account.tell("invoice.updated", changed)
    return note


def void(account: Account, _: Params, identifier: str) -> Body:
    """`POST /v1/credit_notes/{id}/void`: only while the invoice is open."""
    note = account.find("credit_note", identifier)
    invoice = account.find("invoice", note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open":
        raise invalid(f"Credit note {identifier} can't be voided.")
    account.objects.keep(
        {
            **invoice,
            "amount_remaining": invoice["amount_remaining"] + note["pre_payment_amount"],
            "amount_due": invoice["amount_due"] + note["pre_payment_amount"],
            "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"]
            - note["pre_payment_amount"],
        }
    )
    return account.change(note, {"status": "void", "voided_at": account.now()}, "credit_note.voided")


def _refunded(account: Account, invoice: Body, amount: int) -> list[Body]:
    if not amount:
        return []
    for link in invoices.links_of(account, invoice["id"]):
        if link["status"] == "paid":
            intent = account.find("payment_intent", link["payment"]["payment_intent"])
            made = refunds.make(account, account.find("charge", intent["latest_charge"]), amount)
            return [
                {
                    "amount_refunded": amount,
                    "payment_record_refund": None,
                    "refund": made["id"],
                    "type": "refund",
                }
            ]
    raise invalid("There is no payment to refund.", param="refund_amount")


def _new(account: Account, invoice: Body, amount: int, before: int, after: int) -> Body:
    now = account.now()
    count = len(account.objects.all(Query("credit_note", equal={"invoice": invoice["id"]})))
    identifier = new_id("cn")
    return {
        "id": identifier,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": now,
        "invoice": invoice["id"],
        "lines": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/credit_notes/{identifier}/lines",
        },
        "livemode": False,
        "number": f"{invoice['number']}-CN-{count + 1:02d}",
        "pdf": "",
        "post_payment_amount": after,
        "pre_payment_amount": before,
        "pretax_credit_amounts": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "post_payment" if after and not before else "mixed" if after else "pre_payment",
        "voided_at": None,
    }
