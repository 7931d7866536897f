"""What only a sandbox has: totals, seeds, a person's edits, and state that outlives the process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import httpx

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.quickbooks.conftest import OPTIONS, US, Api, Sandbox


def _totals(api: Api) -> dict[tuple[str, str], tuple[int, str, str]]:
    found = api.sandbox.admin("GET", "/totals")["totals"]
    return {
        (each["entity"], each["currency"]): (each["count"], each["sum"], each["open"])
        for each in found
        if each["realm"] == api.realm
    }


def test_totals_count_and_add_up_what_is_there(api: Api) -> None:
    here, abroad = api.customer("A"), api.customer("B", CurrencyRef={"value": "EUR"})
    invoice = api.invoice(here, "10.10")["Id"]
    api.invoice(here, "0.05")
    api.invoice(abroad, "7.00")
    api.payment(here, "10.00", ("Invoice", invoice, "10.00"))
    gone = api.invoice(here, "99.00")["Id"]
    api.post("Invoice", {"Id": gone, "SyncToken": "0"}, operation="delete")
    totals = _totals(api)
    assert totals["Invoice", "USD"] == (2, "10.15", "0.15")
    assert totals["Invoice", "EUR"] == (1, "7.00", "7.00")
    assert totals["Payment", "USD"] == (1, "10.00", "0.00")


def test_seeds_are_numbered_in_their_order(api: Api) -> None:
    records = {
        "Account": [{"Name": "Subscriptions", "AccountType": "Income"}],
        "Item": [{"Name": "Seats", "IncomeAccountRef": {"value": "1"}}],
        "TaxCode": [{"Name": "VAT", "rates": [{"Name": "VAT 20", "RateValue": "20"}]}],
        "Customer": [{"DisplayName": "A"}, {"DisplayName": "B"}],
    }
    ids = api.sandbox.admin("POST", "/seed", {"realm": US, "records": records})["ids"]
    assert ids == {"Account": ["8"], "Item": ["2"], "TaxCode": ["1"], "Customer": ["1", "2"]}
    assert api.query("SELECT * FROM TaxRate")["TaxRate"][0]["RateValue"] == Decimal(20)


def test_a_person_needs_no_version_and_no_open_books(api: Api) -> None:
    made = api.invoice(api.customer(), "1.00", TxnDate="2026-01-31")
    api.sandbox.admin("PUT", f"/companies/{US}", {"books_closed_to": "2026-06-30"})
    edit = {"realm": US, "entity": "Invoice", "id": made["Id"], "change": {"DocNumber": "mine"}}
    assert api.sandbox.admin("POST", "/edit", edit)["DocNumber"] == "mine"
    assert api.read("Invoice", made["Id"])["SyncToken"] == "1"


def test_a_reset_makes_companies_new(api: Api) -> None:
    api.customer()
    api.sandbox.admin("PUT", f"/companies/{US}", {"custom_numbers": False})
    api.sandbox.admin("POST", "/reset")
    assert api.customer() == "1"
    preferences = api.call("GET", "/preferences").body["Preferences"]
    assert preferences["SalesFormsPrefs"]["CustomTxnNumbers"] is True


def test_companies_and_logins_outlive_the_process(tmp_path: Path, http: httpx.Client) -> None:
    with VendorProcess("quickbooks", tmp_path, OPTIONS) as first:
        before = Api(Sandbox(first, http), http, US)
        customer = before.customer()
        body = {"CustomerRef": {"value": customer}, "TotalAmt": 5}
        paid = before.post("Payment", body, requestid="once").body
        Sandbox(first, http).admin("PUT", f"/companies/{US}", {"books_closed_to": "2026-06-30"})
    with VendorProcess("quickbooks", tmp_path, OPTIONS) as second:
        after = Api(Sandbox(second, http), http, US)
        after.token = before.token
        assert after.read("Customer", customer)["Balance"] == -5
        assert after.post("Payment", body, requestid="once").body == paid
        preferences = after.call("GET", "/preferences").body["Preferences"]
        assert preferences["AccountingInfoPrefs"]["BookCloseDate"] == "2026-06-30"
