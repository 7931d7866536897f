"""Customers: create, read, change, delete."""

from __future__ import annotations

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.objects import Body
from integration_pipeline.sandbox.stripe.params import Params, given

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def create(account: Account, params: Params) -> Body:
    """`POST /v1/customers`."""
    customer: Body = {
        "id": new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": new_id("x")[2:10].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return account.create({**customer, **_told(params, customer)}, "customer.created")


def update(account: Account, params: Params, identifier: str) -> Body:
    """`POST /v1/customers/{id}`."""
    customer = account.find("customer", identifier)
    return account.change(customer, _told(params, customer), "customer.updated")


def delete(account: Account, _: Params, identifier: str) -> Body:
    """`DELETE /v1/customers/{id}`."""
    customer = account.find("customer", identifier)
    account.tell("customer.deleted", customer)
    account.objects.delete(identifier)
    return {"id": identifier, "object": "customer", "deleted": True}


def _told(params: Params, before: Body) -> Body:
    changes = given(
        name=params.text("name"),
        email=params.text("email"),
        phone=params.text("phone"),
        description=params.text("description"),
        invoice_prefix=params.text("invoice_prefix"),
        tax_exempt=params.one_of("tax_exempt", ("exempt", "none", "reverse")),
    )
    address = params.inner("address")
    if address is not None:
        changes["address"] = {name: address.text(name) or None for name in _ADDRESS}
        address.done()
    changes["metadata"] = params.metadata(before["metadata"])
    params.ignore("preferred_locales", "payment_method", "source")
    return {name: None if value == "" else value for name, value in changes.items()}
