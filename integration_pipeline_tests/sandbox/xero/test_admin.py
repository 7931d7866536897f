"""What a person does in Xero's pages, totals, reset, and a sandbox that is started again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.xero.conftest import (
    OPTIONS,
    OTHER_TENANT,
    ROOT,
    TENANT,
    Admin,
    Api,
    line,
    sale,
)

BY_HAND = {
    "Type": "ACCREC",
    "InvoiceNumber": "HAND-1",
    "Contact": {"Name": "Acme"},
    "LineItems": [{"Description": "By hand", "UnitAmount": "5.00", "AccountCode": "200", "TaxType": "NONE"}],
}


def test_totals_count_and_sum_by_tenant_kind_status_and_currency(admin: Admin, api: Api) -> None:
    api.put("Invoices", *[sale(LineItems=[line("33.33")]) for _ in range(3)])
    api.invoice(CurrencyCode="USD")
    admin("POST", "/seed", {"tenant": OTHER_TENANT, "Invoices": [BY_HAND]})

    totals = admin("GET", "/totals")["totals"]

    shape = {"kind": "Invoices", "type": "ACCREC"}
    mine = {"tenant": TENANT, "status": "AUTHORISED", **shape}
    assert totals == [
        {**mine, "currency": "NZD", "count": 3, "total": "99.99"},
        {**mine, "currency": "USD", "count": 1, "total": "100.00"},
        {**shape, "tenant": OTHER_TENANT, "status": "DRAFT", "currency": "GBP", "count": 1, "total": "5.00"},
    ]


def test_seeding_keeps_xeros_rules(admin: Admin, client: httpx.Client, api: Api) -> None:
    made = admin("POST", "/seed", {"Contacts": [{"Name": "Acme"}], "Invoices": [BY_HAND]})
    assert made["Invoices"][0]["Total"] == Decimal("5.00")

    refused = client.post(
        "/_sandbox/seed",
        json={"Contacts": [{"Name": "Ghost"}], "Invoices": [BY_HAND]},
        headers={"X-Sandbox-Key": "admin"},
    )

    assert refused.json()["Elements"][0]["ValidationErrors"] == [{"Message": "Invoice # must be unique."}]
    assert api.get("/Contacts", where='Name=="Ghost"').body["Contacts"] == []


def test_a_person_changes_an_invoice(admin: Admin, api: Api) -> None:
    made = api.invoice(InvoiceNumber="INV-1")

    admin("POST", "/edit", {"kind": "Invoices", "id": "INV-1", "changes": {"LineItems": [_by_hand("90.00")]}})
    assert api.get("/Invoices/INV-1").one("Invoices")["Total"] == Decimal("90.00")

    voided = {"kind": "Invoices", "id": made["InvoiceID"], "changes": {"Status": "VOIDED"}}
    admin("POST", "/edit", voided)
    assert api.get("/Invoices/INV-1").one("Invoices")["Status"] == "VOIDED"


def test_a_persons_changes_are_refused_where_xero_would(client: httpx.Client, api: Api) -> None:
    made = api.invoice(Status="DRAFT")
    asked = {"kind": "Invoices", "id": made["InvoiceID"], "changes": {"Status": "VOIDED"}}
    refused = client.post("/_sandbox/edit", json=asked, headers={"X-Sandbox-Key": "admin"})
    assert refused.status_code == 400


@pytest.mark.parametrize("path", ["/totals", "/webhooks"])
def test_the_sandbox_itself_needs_its_key(client: httpx.Client, path: str) -> None:
    assert client.get(f"/_sandbox{path}", headers={"X-Sandbox-Key": "wrong"}).status_code == 401


def test_a_reset_leaves_new_organisations(admin: Admin, client: httpx.Client, api: Api) -> None:
    api.invoice()
    admin("PUT", "/organisation", {"period_lock_date": "2026-11-30"})

    admin("POST", "/reset")

    assert admin("GET", "/totals") == {"totals": []}
    assert api.get("/Invoices").status == 401
    token = admin("POST", "/connect", {"client_id": "own"})["access_token"]
    shown = Api(client, token, TENANT, None).get("/Organisation").one("Organisations")
    assert "PeriodLockDate" not in shown


def test_a_sandbox_that_was_killed_knows_everything_again(tmp_path: Path) -> None:
    sandbox = VendorProcess("xero", tmp_path, OPTIONS).start()
    issued = sandbox.admin("POST", "/connect", {})
    headers = {"Authorization": f"Bearer {issued['access_token']}", "xero-tenant-id": TENANT}
    sandbox.admin("PUT", "/organisation", {"period_lock_date": "2020-12-31"})
    made = httpx.put(
        f"{sandbox.base_url}{ROOT}/Invoices", json=BY_HAND, headers={**headers, "Idempotency-Key": "k"}
    ).json()
    sandbox.kill()

    with VendorProcess("xero", tmp_path, OPTIONS) as again:
        repeated = httpx.put(
            f"{again.base_url}{ROOT}/Invoices", json=BY_HAND, headers={**headers, "Idempotency-Key": "k"}
        ).json()
        listed = httpx.get(f"{again.base_url}{ROOT}/Invoices", headers=headers).json()
        organisation = httpx.get(f"{again.base_url}{ROOT}/Organisation", headers=headers).json()

    assert repeated == made
    assert [invoice["InvoiceNumber"] for invoice in listed["Invoices"]] == ["HAND-1"]
    assert organisation["Organisations"][0]["PeriodLockDate"] == "/Date(1609372800000+0000)/"


def _by_hand(amount: str) -> dict[str, str]:
    return {"Description": "By hand", "UnitAmount": amount, "AccountCode": "200", "TaxType": "NONE"}
