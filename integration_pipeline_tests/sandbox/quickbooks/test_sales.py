"""Invoices and credit memos: arithmetic, numbers, versions, currencies, closed books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.quickbooks.conftest import US, Api, line, lines


def test_an_invoice_totals_its_lines_and_shows_a_subtotal(api: Api) -> None:
    made = api.invoice(api.customer(), "100.00", "20.50")
    assert (made["TotalAmt"], made["Balance"]) == (Decimal("120.50"), Decimal("120.50"))
    assert [each["DetailType"] for each in made["Line"]][-1] == "SubTotalLineDetail"
    assert [each.get("LineNum") for each in made["Line"]] == [1, 2, None]
    assert made["DueDate"] == made["TxnDate"]


def test_the_product_of_a_line_is_rounded_half_up(api: Api) -> None:
    customer = api.customer()
    body = {"CustomerRef": {"value": customer}}
    made = api.make("Invoice", {**body, "Line": [line("1861.08", Qty="128.350", UnitPrice="14.50")]})
    assert made["TotalAmt"] == Decimal("1861.08")
    refused = api.post("Invoice", {**body, "Line": [line("1861.07", Qty="128.350", UnitPrice="14.50")]})
    assert refused.code == "6070"
    assert "1,861.07" in refused.detail


def test_a_discount_is_taken_off_after_the_subtotal(api: Api) -> None:
    discount = {
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 10},
    }
    made = api.make("Invoice", {"CustomerRef": {"value": api.customer()}, "Line": [line("33.33"), discount]})
    assert made["TotalAmt"] == Decimal("30.00")
    assert made["Line"][-1]["Amount"] == Decimal("3.33")


def test_a_total_below_zero_is_refused(api: Api) -> None:
    refused = api.post("Invoice", {"CustomerRef": {"value": api.customer()}, "Line": lines("1.00", "-2.00")})
    assert refused.code == "6000"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CustomerRef": None}, "2020"),
        ({"CustomerRef": {"value": "99"}}, "2500"),
        ({"CustomerRef": {"value": "Acme"}}, "2500"),
        ({"Line": []}, "2020"),
        ({"Line": [line("1.00", ItemRef={"value": "77"})]}, "2500"),
        ({"DocNumber": "1234567890123456789012"}, "2050"),
        ({"TxnDate": "yesterday"}, "2100"),
        ({"Line": [{"DetailType": "Mystery", "Amount": 1}]}, "2170"),
        ({"Line": [{**line("1.00"), "Amount": "much"}]}, "2090"),
    ],
)
def test_what_is_wrong_is_refused_by_its_code(api: Api, change: dict[str, object], code: str) -> None:
    body: dict[str, object] = {"CustomerRef": {"value": api.customer()}, "Line": lines("1.00")}
    assert api.post("Invoice", body | change).code == code


def test_a_number_is_refused_for_a_second_invoice(api: Api) -> None:
    customer = api.customer()
    first = api.invoice(customer, "1.00", DocNumber="INV-1")
    body = {"CustomerRef": {"value": customer}, "Line": lines("2.00"), "DocNumber": "inv-1"}
    refused = api.post("Invoice", body)
    assert refused.code == "6140"
    assert f"TxnId={first['Id']}" in refused.detail
    assert api.make("Invoice", body, include="allowduplicatedocnum")["DocNumber"] == "inv-1"


def test_a_company_may_take_a_number_twice(api: Api) -> None:
    api.sandbox.admin("PUT", f"/companies/{US}", {"refuse_duplicate_numbers": False})
    customer = api.customer()
    for _ in range(2):
        api.invoice(customer, "1.00", DocNumber="INV-1")
    assert len(api.ids("SELECT * FROM Invoice WHERE DocNumber = 'INV-1'")) == 2


def test_numbers_are_given_where_the_company_gives_them(api: Api) -> None:
    customer = api.customer()
    assert "DocNumber" not in api.invoice(customer, "1.00")
    assert api.invoice(customer, "1.00", DocNumber="AUTO_GENERATE")["DocNumber"] == "1001"
    api.sandbox.admin("PUT", f"/companies/{US}", {"custom_numbers": False})
    assert api.invoice(customer, "1.00")["DocNumber"] == "1002"
    assert api.invoice(customer, "1.00", DocNumber="1003")["DocNumber"] == "1003"
    assert api.invoice(customer, "1.00")["DocNumber"] == "1004"


def test_an_old_version_is_stale(api: Api) -> None:
    made = api.invoice(api.customer(), "1.00")
    change = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "mine"}
    assert api.make("Invoice", change)["SyncToken"] == "1"
    assert api.post("Invoice", change).code == "5010"
    assert api.post("Invoice", {"Id": made["Id"], "PrivateNote": "x"}).code == "2020"
    assert api.post("Invoice", {"Id": "999", "SyncToken": "0"}).code == "610"


def test_a_sparse_update_keeps_what_it_does_not_name(api: Api) -> None:
    made = api.invoice(api.customer(), "1.00", PrivateNote="note", DocNumber="A")
    change = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "DueDate": "2027-01-31"}
    changed = api.make("Invoice", change)
    assert (changed["PrivateNote"], changed["DueDate"]) == ("note", "2027-01-31")
    assert changed["TotalAmt"] == Decimal("1.00")


def test_a_full_update_takes_away_what_it_does_not_name(api: Api) -> None:
    made = api.invoice(api.customer(), "1.00", PrivateNote="note", DocNumber="A")
    full = {name: made[name] for name in ("Id", "SyncToken", "CustomerRef")} | {"Line": lines("2.00")}
    changed = api.make("Invoice", full)
    assert "PrivateNote" not in changed
    assert (changed["TotalAmt"], changed["DocNumber"]) == (Decimal("2.00"), "A")


def test_a_customer_owes_what_is_open(api: Api) -> None:
    customer = api.customer()
    api.invoice(customer, "100.00")
    api.make("CreditMemo", {"CustomerRef": {"value": customer}, "Line": lines("30.00")})
    assert api.read("Customer", customer)["Balance"] == Decimal("70.00")


def test_a_void_invoice_keeps_its_number_and_owes_nothing(api: Api) -> None:
    customer = api.customer()
    made = api.invoice(customer, "100.00", DocNumber="A")
    gone = api.make("Invoice", {"Id": made["Id"], "SyncToken": "0"}, operation="void")
    assert (gone["TotalAmt"], gone["Balance"], gone["DocNumber"]) == (0, 0, "A")
    assert gone["PrivateNote"] == "Voided"
    assert api.read("Customer", customer)["Balance"] == 0


def test_a_deleted_invoice_is_not_found_and_frees_its_number(api: Api) -> None:
    customer = api.customer()
    made = api.invoice(customer, "100.00", DocNumber="A")
    answer = api.post("Invoice", {"Id": made["Id"], "SyncToken": "0"}, operation="delete")
    assert answer.body["Invoice"] == {"domain": "QBO", "status": "Deleted", "Id": made["Id"]}
    assert api.call("GET", f"/invoice/{made['Id']}").code == "610"
    assert api.read("Customer", customer)["Balance"] == 0
    api.invoice(customer, "1.00", DocNumber="A")


def test_closed_books_take_and_change_nothing(api: Api) -> None:
    customer = api.customer()
    made = api.invoice(customer, "1.00", TxnDate="2026-09-30")
    api.sandbox.admin("PUT", f"/companies/{US}", {"books_closed_to": "2026-09-30"})
    body = {"CustomerRef": {"value": customer}, "Line": lines("1.00"), "TxnDate": "2026-09-30"}
    assert api.post("Invoice", body).code == "6210"
    moved = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "TxnDate": "2026-10-01"}
    assert api.post("Invoice", moved).code == "6210"
    assert api.post("Invoice", {"Id": made["Id"], "SyncToken": "0"}, operation="delete").code == "6210"
    api.make("Invoice", body | {"TxnDate": "2026-10-01"})


def test_a_foreign_invoice_has_a_rate_and_an_amount_at_home(api: Api) -> None:
    customer = api.customer(CurrencyRef={"value": "EUR"})
    made = api.invoice(customer, "100.10", CurrencyRef={"value": "EUR"}, ExchangeRate="1.2345")
    assert (made["CurrencyRef"]["value"], made["ExchangeRate"]) == ("EUR", Decimal("1.2345"))
    assert made["HomeTotalAmt"] == Decimal("123.57")
    assert api.invoice(customer, "10.00")["ExchangeRate"] == Decimal("1.25")
    body = {"CustomerRef": {"value": customer}, "Line": lines("1.00"), "CurrencyRef": {"value": "GBP"}}
    assert api.post("Invoice", body).code == "6000"


def test_custom_fields_are_kept_by_definition_and_others_dropped(api: Api) -> None:
    given = [
        {"DefinitionId": "1", "Type": "StringType", "StringValue": "deal-7"},
        {"DefinitionId": "9", "Type": "StringType", "StringValue": "lost"},
    ]
    made = api.invoice(api.customer(), "1.00", CustomField=given)
    assert made["CustomField"] == [
        {"DefinitionId": "1", "Name": "Deal", "Type": "StringType", "StringValue": "deal-7"},
        {"DefinitionId": "2", "Name": "Contract", "Type": "StringType"},
    ]


def test_amounts_keep_their_digits(api: Api) -> None:
    api.customer()
    answer = api.call(
        "POST",
        "/invoice",
        '{"CustomerRef":{"value":"1"},"Line":[{"Amount":0.30,"DetailType":"SalesItemLineDetail",'
        '"SalesItemLineDetail":{"Qty":3,"UnitPrice":0.1}}]}',
    )
    assert answer.body["Invoice"]["Line"][0]["SalesItemLineDetail"]["UnitPrice"] == Decimal("0.1")
    assert answer.body["Invoice"]["TotalAmt"] == Decimal("0.30")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '"x"',
        '{"TotalAmt":NaN}',
        '{"TotalAmt":1e999999}',
        '{"a":' * 2_000,
        "[" * 200_000,
        r'{"PrivateNote":"\ud800"}',
    ],
)
def test_hostile_bodies_are_refused(api: Api, body: str) -> None:
    assert api.call("POST", "/invoice", body).code == "2010"
