"""How objects looked in older API versions, as far as it matters to who reads payments.

Basil (2025-03-31) took the links between invoices and payments out of both and made them objects of their own
(https://docs.stripe.com/changelog/basil). Accounts older than that still get them in their webhooks.
"""

from __future__ import annotations

import re

from integration_pipeline.sandbox.stripe.objects import Body, Objects, Query

CURRENT = "2026-10-28.endive"
_BASIL = "2025-03-31"
_VERSION = re.compile(r"20\d\d-(0[1-9]|1[0-2])-\d\d(\.[a-z]+)?")


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None and text[:10] <= CURRENT[:10]


def before_basil(version: str) -> bool:
    return version[:10] < _BASIL


def as_of(version: str, body: Body, objects: Objects) -> Body:
    """`body` with the fields that a version before Basil has."""
    if not before_basil(version):
        return body
    match body["object"]:
        case "charge" | "payment_intent":
            intent = body["id"] if body["object"] == "payment_intent" else body["payment_intent"]
            links = _links(objects, payment_intent=intent)
            return {**body, "invoice": links[0]["invoice"] if links else None}
        case "invoice":
            links = _links(objects, invoice=body["id"])
            intent = links[0]["payment"]["payment_intent"] if links else None
            found = objects.find("payment_intent", intent) if intent else None
            charge = found["latest_charge"] if found else None
            return {**body, "payment_intent": intent, "charge": charge, "paid": body["status"] == "paid"}
        case _:
            return body


def _links(objects: Objects, **equal: str) -> list[Body]:
    return objects.all(Query("invoice_payment", equal=equal))[::-1]
