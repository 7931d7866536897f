"""Invoices: totals and taxes, numbers, statuses, and what may still change."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Api, Json, line, sale


def taxed(*amounts: str, tax_type: str = "OUTPUT2") -> list[Json]:
    return [line(amount, TaxType=tax_type) for amount in amounts]


def test_tax_is_rounded_on_each_line_and_then_summed(api: Api) -> None:
    invoice = api.invoice(LineItems=taxed("25.06", "25.61", "25.63"))

    assert invoice["SubTotal"] == Decimal("76.30")
    assert invoice["TotalTax"] == Decimal("11.44")
    assert invoice["Total"] == invoice["AmountDue"] == Decimal("87.74")


def test_inclusive_amounts_contain_their_tax(api: Api) -> None:
    invoice = api.invoice(LineAmountTypes="Inclusive", LineItems=taxed("115.00", "10.00"))

    assert [item["TaxAmount"] for item in invoice["LineItems"]] == [Decimal("15.00"), Decimal("1.30")]
    assert (invoice["SubTotal"], invoice["Total"]) == (Decimal("108.70"), Decimal("125.00"))


def test_without_tax_the_accounts_own_tax_type_does_not_matter(api: Api) -> None:
    invoice = api.invoice(LineAmountTypes="NoTax", LineItems=taxed("100.00"))

    assert invoice["TotalTax"] == 0
    assert invoice["LineItems"][0]["TaxType"] == "NONE"


def test_a_line_without_a_tax_type_takes_its_accounts(api: Api) -> None:
    bare = {name: value for name, value in line().items() if name != "TaxType"}
    assert api.invoice(LineItems=[bare])["TotalTax"] == Decimal("15.00")


def test_a_stated_tax_amount_stands(api: Api) -> None:
    invoice = api.invoice(LineItems=[line("100.00", TaxType="OUTPUT2", TaxAmount=Decimal("14.99"))])
    assert invoice["Total"] == Decimal("114.99")


def test_unit_amounts_have_two_places_unless_four_are_asked_for(api: Api) -> None:
    tiny = sale(LineItems=[line("0.0125", Quantity=1000)])

    (two,) = api.put("Invoices", tiny).body["Invoices"]
    (four,) = api.put("Invoices", tiny, unitdp="4").body["Invoices"]

    assert (two["LineItems"][0]["UnitAmount"], two["Total"]) == (Decimal("0.01"), Decimal("10.00"))
    assert (four["LineItems"][0]["UnitAmount"], four["Total"]) == (Decimal("0.0125"), Decimal("12.50"))
    shown = api.get(f"/Invoices/{four['InvoiceID']}").one("Invoices")
    assert shown["LineItems"][0]["UnitAmount"] == Decimal("0.01")


def test_numbers_keep_their_digits(api: Api) -> None:
    invoice = api.invoice(LineItems=[line("40")])
    assert str(invoice["Total"]) == "40.00"


def test_a_discount_rate_lowers_the_line(api: Api) -> None:
    invoice = api.invoice(LineItems=[line("33.33", Quantity=3, DiscountRate=Decimal("12.5"))])

    assert invoice["LineItems"][0]["LineAmount"] == Decimal("87.49")
    assert (invoice["IsDiscounted"], invoice["TotalDiscount"]) == (True, Decimal("12.50"))


def test_a_discount_amount_lowers_the_line(api: Api) -> None:
    invoice = api.invoice(LineItems=[line("100.00", DiscountAmount=Decimal("9.99"))])
    assert invoice["Total"] == Decimal("90.01")


def test_bills_have_no_discounts(api: Api) -> None:
    bill = sale(Type="ACCPAY", LineItems=[line(AccountCode="400", DiscountRate=10)])
    assert api.put("Invoices", bill).messages == ["Discounts are not supported on this type of document."]


def test_a_line_total_that_is_another_is_refused(api: Api) -> None:
    refused = api.put("Invoices", sale(LineItems=[line("10.00", Quantity=3, LineAmount=Decimal("29.99"))]))

    assert refused.messages == ["The line total 29.99 does not match the expected line total 30.00"]


def test_a_document_total_that_is_another_is_refused(api: Api) -> None:
    refused = api.put("Invoices", sale(Total=Decimal("100.01")))
    assert refused.messages == ["The document total does not equal the sum of the lines."]


def test_a_quantity_can_be_left_out_where_the_line_total_is_told(api: Api) -> None:
    told = {"Description": "Seats", "AccountCode": "200", "TaxType": "NONE", "LineAmount": Decimal("30.00")}
    (item,) = api.invoice(LineItems=[told])["LineItems"]

    assert (item["Quantity"], item["UnitAmount"]) == (1, Decimal("30.00"))


def test_a_number_is_given_once(api: Api) -> None:
    api.invoice(InvoiceNumber="INV-7")

    assert api.put("Invoices", sale(InvoiceNumber="inv-7")).messages == ["Invoice # must be unique."]


def test_post_takes_a_number_for_the_invoice_that_has_it(api: Api) -> None:
    made = api.invoice(InvoiceNumber="INV-7")

    overwritten = api.post("Invoices", sale(InvoiceNumber="INV-7", LineItems=[line("55.00")]))

    assert overwritten.one("Invoices")["InvoiceID"] == made["InvoiceID"]
    assert api.get("/Invoices/INV-7").one("Invoices")["Total"] == Decimal("55.00")


def test_a_voided_invoices_number_is_free_again(api: Api) -> None:
    made = api.invoice(InvoiceNumber="INV-7")
    api.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": "VOIDED"}).one("Invoices")

    again = api.invoice(InvoiceNumber="INV-7")["InvoiceID"]
    assert again != made["InvoiceID"]
    assert api.get("/Invoices/INV-7").one("Invoices")["InvoiceID"] == again


def test_bills_of_several_suppliers_may_share_a_number(api: Api) -> None:
    bill = sale(Type="ACCPAY", InvoiceNumber="1", LineItems=[line(AccountCode="400")])
    assert [api.put("Invoices", bill).status for _ in range(2)] == [200, 200]


def test_a_sale_without_a_number_gets_one(api: Api) -> None:
    numbers = {api.invoice()["InvoiceNumber"] for _ in range(3)}
    assert len(numbers) == 3
    assert all(number.startswith("INV-") for number in numbers)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Type": "SALE"}, "A valid Type must be specified for this type of transaction"),
        ({"Contact": None}, "A Contact must be specified for this type of transaction"),
        ({"DueDate": None}, "The Due Date must be specified."),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"CurrencyCode": "EUR"}, "Organisation is not subscribed to currency EUR"),
        (
            {"LineItems": [line(TaxType="OUTPUT9")]},
            "The TaxType code OUTPUT9 does not exist or cannot be used for this type of transaction.",
        ),
        (
            {"LineItems": [line(TaxType="INPUT2")]},
            "The TaxType code 'INPUT2' cannot be used with account code '200'.",
        ),
        ({"LineItems": [line(Description="")]}, "Description needs to be at least 1 char long."),
        ({"LineItems": [line("-5.00")]}, "The document total must be greater than or equal to zero."),
    ],
)
def test_what_is_wrong_with_an_invoice_is_told(api: Api, wrong: Json, message: str) -> None:
    assert api.put("Invoices", sale(**wrong)).messages == [message]


@pytest.mark.parametrize("code", ["999", "610", "090"])
def test_a_line_needs_an_account_that_is_neither_unknown_nor_xeros_own_nor_a_bank(
    api: Api, code: str
) -> None:
    refused = api.put("Invoices", sale(LineItems=[line(AccountCode=code)]))
    assert refused.messages == [f"Account code '{code}' is not a valid code for this document."]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Quantity": 10**11, "UnitAmount": 10**11}, "The line total may not be more than 9999999999.99."),
        ({"TaxAmount": 10**11}, "The line total may not be more than 9999999999.99."),
        ({"UnitAmount": 10**13}, None),
        ({"Quantity": "1e999999"}, None),
    ],
)
def test_amounts_beyond_reason_are_refused(api: Api, wrong: Json, message: str | None) -> None:
    refused = api.put("Invoices", sale(LineItems=[{**line(TaxType="OUTPUT2"), **wrong}]))
    if message is None:
        assert (refused.status, refused.body["Type"]) == (400, "PostDataInvalidException")
    else:
        assert refused.messages == [message]


@pytest.mark.parametrize("rate", ["-1", "0", "0.00000000001"])
def test_a_currency_rate_is_more_than_nothing(api: Api, rate: str) -> None:
    refused = api.put("Invoices", sale(CurrencyCode="USD", CurrencyRate=rate))
    assert refused.messages == ["The currency rate must be greater than zero."]


def test_a_contact_must_be_named(api: Api) -> None:
    refused = api.put("Invoices", sale(Contact={"FirstName": "Ann"}))
    assert refused.messages[0].startswith("The Contact must contain at least 1 of the following elements")


def test_all_that_is_wrong_with_the_lines_is_told_at_once(api: Api) -> None:
    refused = api.put("Invoices", sale(LineItems=[line(AccountCode="999"), line(TaxType="NOPE")]))
    assert len(refused.messages) == 2


def test_an_unknown_contact_name_becomes_a_contact(api: Api) -> None:
    api.invoice(Contact={"Name": "Newcomer"})

    (contact,) = api.get("/Contacts", where='Name=="Newcomer"').body["Contacts"]
    assert contact["IsCustomer"] is True


def test_telling_more_of_a_contact_than_its_id_changes_it(api: Api) -> None:
    contact = api.invoice()["Contact"]
    api.invoice(Contact={"ContactID": contact["ContactID"], "EmailAddress": "new@acme.example"})

    changed = api.get(f"/Contacts/{contact['ContactID']}").one("Contacts")
    assert changed["EmailAddress"] == "new@acme.example"


def test_dates_are_written_twice(api: Api) -> None:
    invoice = api.invoice()

    assert invoice["Date"] == "/Date(1795132800000+0000)/"
    assert invoice["DateString"] == "2026-11-20T00:00:00"


@pytest.mark.parametrize("written", ["2026-11-20", "2026-11-20T09:30:00", "/Date(1795132800000+0000)/"])
def test_dates_are_read_in_three_forms(api: Api, written: str) -> None:
    assert api.invoice(Date=written)["DateString"] == "2026-11-20T00:00:00"


def test_a_foreign_currency_takes_the_days_rate_or_the_one_given(api: Api) -> None:
    assert api.invoice(CurrencyCode="USD")["CurrencyRate"] == Decimal("0.5")
    assert api.invoice(CurrencyCode="USD", CurrencyRate=Decimal("0.61"))["CurrencyRate"] == Decimal("0.61")
    assert api.invoice()["CurrencyRate"] == 1


@pytest.mark.parametrize(
    ("lock", "name"), [("period_lock_date", "period"), ("end_of_year_lock_date", "end of year")]
)
def test_a_locked_date_is_refused(admin: Admin, api: Api, lock: str, name: str) -> None:
    made = api.invoice(Date="2026-10-31")
    admin("PUT", "/organisation", {lock: "2026-10-31"})

    message = f"The document date cannot be before the {name} lock date, currently set at 31-Oct-2026"
    assert api.put("Invoices", sale(Date="2026-10-31")).messages == [message]
    assert api.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": "VOIDED"}).messages == [message]
    assert api.invoice(Date="2026-11-01")["Status"] == "AUTHORISED"


def test_an_approved_invoice_over_nothing_is_paid(api: Api) -> None:
    assert api.invoice(LineItems=[line("0.00")])["Status"] == "PAID"


@pytest.mark.parametrize(
    ("first", "then", "allowed"),
    [
        ("DRAFT", "SUBMITTED", True),
        ("DRAFT", "AUTHORISED", True),
        ("DRAFT", "DELETED", True),
        ("DRAFT", "VOIDED", False),
        ("SUBMITTED", "AUTHORISED", True),
        ("SUBMITTED", "DELETED", True),
        ("AUTHORISED", "VOIDED", True),
        ("AUTHORISED", "DELETED", False),
        ("AUTHORISED", "DRAFT", False),
        ("AUTHORISED", "PAID", False),
    ],
)
def test_statuses_follow_one_another(api: Api, first: str, then: str, allowed: bool) -> None:
    made = api.invoice(Status=first)

    answer = api.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": then})

    if allowed:
        assert answer.one("Invoices")["Status"] == then
    else:
        assert answer.messages == ["Invoice not of valid status for modification"]


@pytest.mark.parametrize("end", ["DELETED", "VOIDED"])
def test_an_invoice_that_is_gone_stays_gone(api: Api, end: str) -> None:
    made = api.invoice(Status="DRAFT" if end == "DELETED" else "AUTHORISED")
    gone = api.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": end}).one("Invoices")
    assert gone["AmountDue"] == 0

    back = api.post("Invoices", {"InvoiceID": made["InvoiceID"], "Status": "AUTHORISED"})

    assert back.messages == ["Invoice not of valid status for modification"]


def test_lines_without_their_id_are_made_anew(api: Api) -> None:
    made = api.invoice(LineItems=[line("10.00"), line("20.00")])
    kept = made["LineItems"][0]["LineItemID"]

    changed = api.post(
        "Invoices",
        {"LineItems": [line("11.00", LineItemID=kept), line("20.00")]},
        path=f"/Invoices/{made['InvoiceID']}",
    ).one("Invoices")

    assert changed["Total"] == Decimal("31.00")
    assert changed["LineItems"][0]["LineItemID"] == kept
    assert changed["LineItems"][1]["LineItemID"] != made["LineItems"][1]["LineItemID"]


def test_an_update_leaves_what_it_does_not_name(api: Api) -> None:
    made = api.invoice(Reference="deal-1", LineItems=[line("10.00")])
    changed = api.post("Invoices", {"InvoiceID": made["InvoiceID"], "DueDate": "2027-01-31"}).one("Invoices")

    assert (changed["Reference"], changed["Total"]) == ("deal-1", Decimal("10.00"))
    assert changed["DueDateString"] == "2027-01-31T00:00:00"


def test_an_id_that_was_never_issued_is_not_found(api: Api) -> None:
    unknown = "00000000-0000-4000-8000-000000000001"
    assert api.get(f"/Invoices/{unknown}").status == 404
    assert api.post("Invoices", sale(InvoiceID=unknown)).status == 404


def test_an_item_fills_in_what_a_line_leaves_out(api: Api) -> None:
    details = {"UnitPrice": Decimal("12.50"), "AccountCode": "260", "TaxType": "OUTPUT2"}
    api.put("Items", {"Code": "SEAT", "Name": "Seat", "Description": "A seat", "SalesDetails": details})

    (item,) = api.invoice(LineItems=[{"ItemCode": "SEAT", "Quantity": 2}])["LineItems"]

    assert (item["Description"], item["AccountCode"]) == ("A seat", "260")
    assert (item["LineAmount"], item["TaxAmount"]) == (Decimal("25.00"), Decimal("3.75"))
