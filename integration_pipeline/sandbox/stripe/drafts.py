"""Drafts of invoices: their items, their lines and what they add up to.

Belongs here: an invoice before it is finalized. Does not belong here: its life after that (`invoices`).
"""

from __future__ import annotations

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import check_amount
from integration_pipeline.sandbox.stripe.errors import missing, unexpected_state
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.params import Params


def add_item(account: Account, params: Params) -> Body:
    """`POST /v1/invoiceitems`: a line of a draft, or one that waits for the customer's next invoice."""
    customer = account.find("customer", params.required("customer"), param="customer")
    wanted = params.text("invoice")
    invoice = account.find("invoice", wanted, param="invoice") if wanted else None
    currency = params.text("currency") or (invoice["currency"] if invoice else None)
    amount = params.integer("amount")
    quantity = params.integer("quantity") or 1
    unit = params.integer("unit_amount")
    if amount is None and unit is None:
        raise missing("amount")
    if currency is None:
        raise missing("currency")
    total = amount if amount is not None else (unit or 0) * quantity
    if invoice is not None and invoice["status"] != "draft":
        raise unexpected_state("invoice_not_editable", "This invoice is no longer editable", param="invoice")
    now = account.now()
    item: Body = {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": total,
        "currency": currency,
        "customer": customer["id"],
        "date": now,
        "description": params.text("description"),
        "discountable": total >= 0,
        "discounts": [],
        "invoice": invoice["id"] if invoice else None,
        "livemode": False,
        "metadata": params.metadata(),
        "net_amount": total,
        "parent": None,
        "period": {"end": now, "start": now},
        "pricing": None,
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": None,
    }
    account.create(item, "invoiceitem.created")
    if invoice is not None:
        account.objects.keep(summed(account, invoice))
    return item


def summed(account: Account, invoice: Body) -> Body:
    """The draft with its lines and totals. There is no tax here: prices are what is asked for."""
    items = account.objects.all(Query("invoiceitem", equal={"invoice": invoice["id"]}))[::-1]
    total = sum(item["amount"] for item in items)
    lines = [_line(item, invoice["id"]) for item in items]
    if total > 0:
        check_amount(total, invoice["currency"])
    return {
        **invoice,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "total_count": len(lines),
            "url": f"/v1/invoices/{invoice['id']}/lines",
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": max(0, total),
        "amount_remaining": max(0, total),
    }


def _line(item: Body, invoice: str) -> Body:
    return {
        "id": f"il_{item['id'][3:]}",
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": item["discountable"],
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": item["period"],
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "subscription": None,
        "subtotal": item["amount"],
        "taxes": [],
    }


def blank(identifier: str, customer: Body, currency: str, created: int) -> Body:
    """An invoice without anything on it."""
    return {
        "id": identifier,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "created": created,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "livemode": False,
        "next_payment_attempt": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": None,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": created,
    }
