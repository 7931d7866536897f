"""Names, items and accounts: defaults, unique names, what inactive means."""

from __future__ import annotations

import pytest

from integration_pipeline_tests.sandbox.quickbooks.conftest import UK, Api, Connect, lines


def test_a_customer_has_what_quickbooks_adds(api: Api) -> None:
    made = api.make("Customer", {"GivenName": "Ada", "FamilyName": "Lovelace"})
    assert made["DisplayName"] == made["FullyQualifiedName"] == "Ada Lovelace"
    assert (made["Id"], made["SyncToken"], made["Active"]) == ("1", "0", True)
    assert made["CurrencyRef"]["value"] == "USD"
    assert made["MetaData"]["CreateTime"] == made["MetaData"]["LastUpdatedTime"]


def test_times_are_whole_seconds_at_the_companys_offset(api: Api) -> None:
    moment = api.make("Customer", {"DisplayName": "Acme"})["MetaData"]["CreateTime"]
    assert moment[19:] == "-08:00"


@pytest.mark.parametrize("entity", ["Customer", "Vendor", "Employee"])
def test_a_display_name_is_unique_among_all_people(api: Api, entity: str) -> None:
    api.make("Vendor", {"DisplayName": "Acme"})
    refused = api.post(entity, {"DisplayName": " ACME "})
    assert refused.code == "6240"
    assert "Id=1" in refused.detail


def test_names_of_one_company_are_free_in_another(api: Api, connect: Connect) -> None:
    api.customer("Acme")
    assert connect(UK).customer("Acme") == "1"


def test_a_customer_can_be_updated_with_its_own_name(api: Api) -> None:
    made = api.make("Customer", {"DisplayName": "Acme"})
    changed = api.make("Customer", {**made, "CompanyName": "Acme Inc."})
    assert (changed["SyncToken"], changed["CompanyName"]) == ("1", "Acme Inc.")


def test_a_colon_is_refused_in_a_name(api: Api) -> None:
    assert api.post("Customer", {"DisplayName": "Acme:East"}).code == "2040"


def test_a_wrong_email_address_is_refused(api: Api) -> None:
    refused = api.post("Customer", {"DisplayName": "Acme", "PrimaryEmailAddr": {"Address": "nobody"}})
    assert refused.code == "2210"


def test_an_unknown_property_is_refused_by_name(api: Api) -> None:
    refused = api.post("Customer", {"DisplayName": "Acme", "Industry": "Space"})
    assert refused.code == "2010"
    assert "Industry" in refused.detail


def test_an_inactive_customer_frees_its_name_and_cannot_be_billed(api: Api) -> None:
    made = api.make("Customer", {"DisplayName": "Acme"})
    gone = api.make("Customer", {"Id": "1", "SyncToken": "0", "sparse": True, "Active": False})
    assert gone["DisplayName"] == "Acme (deleted)"
    assert api.ids("SELECT * FROM Customer") == []
    assert api.ids("SELECT * FROM Customer WHERE Active IN (true, false)") == [made["Id"]]
    assert api.post("Invoice", {"CustomerRef": {"value": "1"}, "Line": lines("1.00")}).code == "610"
    assert api.customer("Acme") == "2"


def test_a_list_record_cannot_be_deleted(api: Api) -> None:
    customer = api.make("Customer", {"DisplayName": "Acme"})
    assert api.post("Customer", customer, operation="delete").code == "500"


def test_a_currency_needs_multicurrency_and_is_fixed(api: Api, connect: Connect) -> None:
    made = api.make("Customer", {"DisplayName": "Acme", "CurrencyRef": {"value": "EUR"}})
    refused = api.post("Customer", {**made, "CurrencyRef": {"value": "USD"}})
    assert refused.code == "6000"
    assert connect(UK).post("Customer", {"DisplayName": "A", "CurrencyRef": {"value": "EUR"}}).code == "6000"


def test_an_item_needs_an_income_account_and_a_name_of_its_own(api: Api) -> None:
    assert api.post("Item", {"Name": "Seats"}).code == "2020"
    made = api.make("Item", {"Name": "Seats", "Sku": "SEAT", "IncomeAccountRef": {"value": "1"}})
    assert (made["Type"], made["IncomeAccountRef"]["name"]) == ("Service", "Services")
    assert api.post("Item", {"Name": "seats", "IncomeAccountRef": {"value": "1"}}).code == "6240"


def test_an_account_knows_what_it_counts_as(api: Api) -> None:
    made = api.make("Account", {"Name": "Subscriptions", "AccountType": "Income", "AcctNum": "4000"})
    assert made["Classification"] == "Revenue"
    assert api.post("Account", {"Name": "Other", "AccountType": "Money"}).code == "2170"


def test_tax_codes_cannot_be_created(api: Api) -> None:
    assert api.post("TaxCode", {"Name": "VAT"}).code == "500"
