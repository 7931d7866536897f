"""What an organisation is set up with: accounts, tax rates, currencies, items, itself."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Api, line


def test_an_organisation_tells_its_currency_and_its_lock_dates(admin: Admin, api: Api) -> None:
    before = api.get("/Organisation").one("Organisations")
    admin("PUT", "/organisation", {"period_lock_date": "2026-10-31"})
    after = api.get("/Organisation").one("Organisations")

    assert (before["BaseCurrency"], before["CountryCode"]) == ("NZD", "NZ")
    assert "PeriodLockDate" not in before
    assert after["PeriodLockDate"] == "/Date(1793404800000+0000)/"


def test_accounts_are_filtered_by_type_and_tell_what_is_xeros_own(api: Api) -> None:
    (debtors,) = api.get("/Accounts", where='SystemAccount=="DEBTORS"').body["Accounts"]
    banks = api.get("/Accounts", where='Type=="BANK"').body["Accounts"]

    assert debtors["Class"] == "ASSET"
    assert [bank["Code"] for bank in banks] == ["090", "091"]


def test_an_account_is_added_once(api: Api) -> None:
    account = {"Code": "205", "Name": "Usage", "Type": "REVENUE", "TaxType": "OUTPUT2"}
    made = api.call("PUT", "/Accounts", account).one("Accounts")

    assert made["Class"] == "REVENUE"
    assert api.call("PUT", "/Accounts", account).messages == ["Please enter a unique Code and Name."]
    assert api.invoice(LineItems=[line(AccountCode="205")])["LineItems"][0]["AccountID"] == made["AccountID"]


def test_a_new_tax_rate_is_used_by_the_type_it_was_given(api: Api) -> None:
    components = [{"Name": "State", "Rate": Decimal("9.975")}, {"Name": "City", "Rate": 5}]
    made = api.put("TaxRates", {"Name": "State and city", "TaxComponents": components}).one("TaxRates")

    assert (made["TaxType"], made["EffectiveRate"]) == ("TAX001", Decimal("14.975"))
    assert api.invoice(LineItems=[line("100.00", TaxType="TAX001")])["TotalTax"] == Decimal("14.98")


def test_a_compound_component_is_upon_the_others(api: Api) -> None:
    components = [{"Name": "A", "Rate": 10}, {"Name": "B", "Rate": 5, "IsCompound": True}]
    made = api.put("TaxRates", {"Name": "Compound", "TaxComponents": components}).one("TaxRates")
    assert made["EffectiveRate"] == Decimal("15.5")


def test_a_deleted_tax_rate_is_used_no_more(api: Api) -> None:
    api.post("TaxRates", {"TaxType": "ZERORATED", "Status": "DELETED"}).one("TaxRates")
    refused = api.put("Invoices", {**_sale(), "LineItems": [line(TaxType="ZERORATED")]})
    assert "The TaxType code ZERORATED does not exist" in refused.messages[0]


def test_a_currency_that_was_added_can_be_billed_in(api: Api) -> None:
    api.call("PUT", "/Currencies", {"Code": "EUR"}).one("Currencies")

    codes = [currency["Code"] for currency in api.get("/Currencies").body["Currencies"]]
    assert codes == ["NZD", "USD", "EUR"]
    assert api.invoice(CurrencyCode="EUR")["CurrencyCode"] == "EUR"


def test_items_are_named_by_a_code_that_is_unique(api: Api) -> None:
    item = {"Code": "SEAT", "Name": "Seat", "SalesDetails": {"UnitPrice": Decimal("12.5")}}
    made = api.put("Items", item).one("Items")

    assert api.put("Items", item).messages == ["Price List Item with Code 'SEAT' already exists"]
    changed = api.post("Items", {"Code": "SEAT", "Name": "Chair"}).one("Items")
    assert (changed["ItemID"], changed["Name"]) == (made["ItemID"], "Chair")
    assert api.get("/Items/SEAT").one("Items")["SalesDetails"]["UnitPrice"] == Decimal("12.50")


def test_a_line_cannot_name_an_unknown_item(api: Api) -> None:
    refused = api.put("Invoices", {**_sale(), "LineItems": [line(ItemCode="NOPE")]})
    assert refused.messages == ["Item code 'NOPE' is not valid"]


def _sale() -> dict[str, object]:
    return {"Type": "ACCREC", "Contact": {"Name": "Acme"}}
