"""Ordered faults in Xero's words, and answers that are lost after the work was done."""

from __future__ import annotations

import httpx
import pytest

from integration_pipeline_tests.sandbox.xero.conftest import ROOT, Admin, Api, Json, sale


def order(admin: Admin, fault: Json, **rule: object) -> None:
    admin("PUT", "/faults", {"rules": [{"name": "one", "times": 1, "fault": fault, **rule}]})


@pytest.mark.parametrize("problem", ["minute", "day", "appminute", "concurrent"])
def test_a_throttle_names_the_limit(admin: Admin, api: Api, problem: str) -> None:
    order(admin, {"kind": "throttle", "policy": problem})
    refused = api.get("/Invoices")

    assert (refused.status, refused.headers["X-Rate-Limit-Problem"]) == (429, problem)
    assert ("Retry-After" in refused.headers) == (problem != "concurrent")


def test_a_throttle_by_a_limit_xero_has_not_cannot_be_ordered(client: httpx.Client, admin: Admin) -> None:
    body = {"rules": [{"name": "one", "fault": {"kind": "throttle", "policy": "weekly"}}]}
    refused = client.put("/_sandbox/faults", json=body, headers={"X-Sandbox-Key": "admin"})
    assert refused.status_code == 400


def test_an_ordered_401_looks_like_a_revoked_token(admin: Admin, api: Api) -> None:
    order(admin, {"kind": "unauthorized"})
    refused = api.get("/Invoices")
    assert (refused.status, refused.body["Title"]) == (401, "Unauthorized")
    assert api.get("/Invoices").status == 200


@pytest.mark.parametrize(("status", "kind"), [(500, "application/json"), (503, "text/html")])
def test_xeros_own_trouble(admin: Admin, api: Api, status: int, kind: str) -> None:
    order(admin, {"kind": "error", "status": status})
    failed = api.get("/Invoices")
    assert failed.status == status
    assert failed.headers["content-type"].startswith(kind)


def test_a_lost_answer_is_found_again_under_its_key(admin: Admin, api: Api) -> None:
    order(admin, {"kind": "drop_after"}, method="PUT")
    body = {"Invoices": [sale(InvoiceNumber="INV-1")]}

    with pytest.raises(httpx.HTTPError):
        api.call("PUT", "/Invoices", body, Idempotency_Key="k")

    assert api.call("PUT", "/Invoices", body, Idempotency_Key="k").status == 200
    assert len(api.get("/Invoices").body["Invoices"]) == 1


def test_a_dropped_request_did_nothing(admin: Admin, api: Api) -> None:
    order(admin, {"kind": "drop_before"}, method="PUT")
    with pytest.raises(httpx.HTTPError):
        api.put("Invoices", sale())
    assert api.get("/Invoices").body["Invoices"] == []


@pytest.mark.parametrize("form", ["text", "shape", "record"])
def test_garbage_cannot_be_used(admin: Admin, client: httpx.Client, api: Api, form: str) -> None:
    api.invoice()
    order(admin, {"kind": "garbage", "form": form})

    answer = client.get(f"{ROOT}/Invoices", headers=api.headers)

    assert answer.status_code == 200
    if form == "text":
        assert answer.headers["content-type"].startswith("text/html")
    else:
        assert all(isinstance(one, str) for one in answer.json().get("Invoices", []))
