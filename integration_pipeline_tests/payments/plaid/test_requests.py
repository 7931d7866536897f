"""Every request of the connector is one that Plaid's published types know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.payments.plaid.api import PlaidApi, connect
from integration_pipeline.payments.plaid.config import API_VERSION
from integration_pipeline.payments.plaid.keys import VerificationKeys
from integration_pipeline.payments.plaid.signature import Forged
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline_tests.payments.plaid.conftest import connect as connect_source
from integration_pipeline_tests.payments.plaid.conftest import read, settings
from integration_pipeline_tests.sandbox.plaid.conftest import Bank
from integration_pipeline_tests.sandbox.plaid.library import CLIENT_ID
from integration_pipeline_tests.vendors.openapi import vendor_spec

_TYPES: dict[str, type] = {"str": str, "int": int, "bool": bool}


def problems(document: Any, model: str, value: object, at: str = "$") -> list[str]:
    """What is wrong with a value that is to be one of Plaid's models."""
    if not isinstance(value, dict):
        return [f"{at} is no object"]
    fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - of a request
    declared: dict[str, list[Any]] = document["models"][model]["properties"]
    found = [
        f"{at}.{name} is missing" for name in document["models"][model]["required"] if name not in fields
    ]
    for name, given in fields.items():
        if name not in declared:
            found.append(f"{at}.{name} is unknown")
            continue
        [kind, *_] = declared[name]
        if kind in document["models"]:
            found += problems(document, kind, given, f"{at}.{name}")
        elif type(given) is not _TYPES[kind]:
            found.append(f"{at}.{name} is no {kind}")
    bounds: dict[str, dict[str, str]] = document["models"][model]["validations"]
    for name, bound in bounds.items():
        if name in fields and "inclusive_maximum" in bound and fields[name] > int(bound["inclusive_maximum"]):
            found.append(f"{at}.{name} is above {bound['inclusive_maximum']}")
    return found


def test_requests_are_as_plaid_publishes_them(bank: Bank, source: PlaidSource) -> None:
    document = json.loads(vendor_spec("plaid/derived-from-plaid-python-46.0.0.json").read_text())
    models = {each["path"]: each["request"] for each in document["endpoints"].values()}
    bank.add({"amount": "1"}, {"amount": "2"}, {"amount": "3"})
    bank.sandbox.admin("PUT", "/requests", {"on": True})
    source.accounts()
    read(source, read(source).cursor)
    with connect_source(bank, page_size=1) as small:
        read(small)
    with connect(settings(bank), registry=CollectorRegistry()) as client:
        with pytest.raises(Forged):
            VerificationKeys(PlaidApi(client)).get("none", 0)
        public_token = bank.sandbox.admin("POST", "/items")["public_token"]
        granted = PlaidApi(client).exchange(public_token)
    requests = bank.sandbox.admin("GET", "/requests")["requests"]
    bank.sandbox.admin("PUT", "/requests", {"on": False})

    assert granted.access_token.get_secret_value().startswith("access-production-")
    assert {request["path"] for request in requests} == {
        "/accounts/get",
        "/item/public_token/exchange",
        "/transactions/sync",
        "/webhook_verification_key/get",
    }
    for request in requests:
        assert request["method"] == "POST"
        assert request["headers"]["plaid-version"] == API_VERSION
        assert request["headers"]["plaid-client-id"] == CLIENT_ID
        assert problems(document, models[request["path"]], json.loads(request["body"])) == []
