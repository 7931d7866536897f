"""Every request of the connector is one that Stripe's published document knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import stripe

from integration_pipeline.payments.stripe.config import API_VERSION
from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline_tests.payments.stripe.conftest import Pay, read
from integration_pipeline_tests.payments.stripe.test_catching_up import busy
from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.vendors.openapi import Document, vendor_spec

# Objects that came with API version Basil, which the newest published document is older than.
_SINCE_BASIL = {"/v1/invoice_payments": "InvoicePaymentListParams"}


def top_level(query: str) -> dict[str, str]:
    """Parameters without their brackets; of a nested one its name alone, as the document lists it."""
    return {name.partition("[")[0]: value for name, value in parse_qsl(query, keep_blank_values=True)}


def nested(query: str) -> list[tuple[str, str]]:
    """`(created, gte)` for `created[gte]=5`; positions of lists left out."""
    found = [re.fullmatch(r"(\w+)\[(\w+)\]", name) for name, _ in parse_qsl(query)]
    return [(match[1], match[2]) for match in found if match and not match[2].isdigit()]


def test_requests_are_as_stripe_publishes_them(
    source: StripeSource, sandbox: Desk, pay: Pay, client: stripe.StripeClient
) -> None:
    document = Document.of(vendor_spec("stripe/spec3.2023-08-16.trimmed.json"))
    newer: Mapping[str, Any] = json.loads(
        vendor_spec("stripe/derived-from-stripe-python-16.1.0.json").read_text()
    )["params"]
    _, before = read(source)
    busy(sandbox, pay, client)
    sandbox.admin("PUT", "/requests", {"on": True})
    read(source, before)
    read(source)
    requests = sandbox.admin("GET", "/requests")["requests"]
    sandbox.admin("PUT", "/requests", {"on": False})

    asked = {request["path"].split("/")[2] for request in requests}
    assert asked >= {
        "balance_transactions",
        "charges",
        "disputes",
        "events",
        "invoice_payments",
        "payment_intents",
        "payouts",
        "refunds",
    }
    for request in requests:
        assert request["method"] == "GET"
        assert request["headers"]["stripe-version"] == API_VERSION
        path, query = request["path"], request["query"]
        if path in _SINCE_BASIL:
            known: Mapping[str, str] = newer[_SINCE_BASIL[path]]
            assert set(top_level(query)) <= set(known)
            assert {key for _, key in nested(query)} <= set(newer[f"{_SINCE_BASIL[path]}Payment"])
            continue
        problems = document.request_problems("GET", path, top_level(query))
        # Values of lists and of nested parameters are no text of the document's.
        bare = [
            problem for problem in problems if not re.search(r"parameter (expand|types|created) may", problem)
        ]
        assert bare == []
        assert {name for name, _ in nested(query)} <= {"created"}
        assert {key for _, key in nested(query)} <= {"gt", "gte", "lt", "lte"}
