"""Payments of invoices and refunds of credit notes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Answer, Api, Json


def pay(api: Api, invoice: Json, amount: str, **fields: object) -> Answer:
    return api.put(
        "Payments",
        {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Account": {"Code": "090"},
            "Date": "2026-11-22",
            "Amount": Decimal(amount),
            **fields,
        },
    )


def now(api: Api, invoice: Json) -> Json:
    return api.get(f"/Invoices/{invoice['InvoiceID']}").one("Invoices")


def test_a_payment_lowers_what_is_due(api: Api) -> None:
    invoice = api.invoice()

    payment = pay(api, invoice, "30.25", Reference="stripe-1").one("Payments")

    assert payment["PaymentType"] == "ACCRECPAYMENT"
    assert payment["Invoice"]["AmountDue"] == Decimal("69.75")
    assert (now(api, invoice)["AmountPaid"], now(api, invoice)["Status"]) == (Decimal("30.25"), "AUTHORISED")
    assert now(api, invoice)["Payments"][0]["Reference"] == "stripe-1"


def test_a_payment_of_all_of_it_makes_an_invoice_paid(api: Api) -> None:
    invoice = api.invoice()
    pay(api, invoice, "40.00").one("Payments")
    pay(api, invoice, "60.00").one("Payments")

    paid = now(api, invoice)
    assert (paid["Status"], paid["AmountDue"]) == ("PAID", 0)
    assert paid["FullyPaidOnDate"] == "/Date(1795305600000+0000)/"


def test_no_more_is_paid_than_is_due(api: Api) -> None:
    invoice = api.invoice()
    refused = pay(api, invoice, "100.01")

    assert refused.messages == ["Payment amount exceeds the amount outstanding on this document"]
    assert now(api, invoice)["AmountPaid"] == 0


def test_a_draft_is_not_paid(api: Api) -> None:
    refused = pay(api, api.invoice(Status="DRAFT"), "1.00")
    assert refused.messages == ["Payments can only be made against Authorised documents"]


def test_an_invoice_with_payments_is_not_voided(api: Api) -> None:
    invoice = api.invoice()
    pay(api, invoice, "1.00").one("Payments")

    refused = api.post("Invoices", {"InvoiceID": invoice["InvoiceID"], "Status": "VOIDED"})

    assert refused.messages == [
        "This document cannot be edited as it has a payment or credit note allocated to it."
    ]


def test_a_deleted_payment_opens_the_invoice_again(api: Api) -> None:
    invoice = api.invoice()
    payment = pay(api, invoice, "100.00").one("Payments")
    path = f"/Payments/{payment['PaymentID']}"

    assert api.call("POST", path, {"Status": "DELETED"}).one("Payments")["Status"] == "DELETED"

    opened = now(api, invoice)
    assert (opened["Status"], opened["AmountDue"]) == ("AUTHORISED", Decimal("100.00"))
    assert opened["Payments"] == []
    again = api.call("POST", path, {"Status": "DELETED"})
    assert again.messages == ["Payment not of valid status for modification"]


def test_one_payment_can_be_sent_without_a_wrapper(api: Api) -> None:
    body = {"Invoice": {"InvoiceNumber": api.invoice()["InvoiceNumber"]}, "Code": "090", "Amount": 1}
    assert api.call("POST", "/Payments", body).one("Payments")["Amount"] == 1


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({"Code": "200"}, "Account '200' is not valid for payments"),
        ({"Code": "1"}, "Account could not be found"),
    ],
)
def test_the_account_must_take_payments(api: Api, account: Json, message: str) -> None:
    assert pay(api, api.invoice(), "1.00", Account=account).messages == [message]


def test_a_refund_lowers_a_credit_note(api: Api) -> None:
    note = api.credit_note()
    payment = api.put(
        "Payments",
        {"CreditNote": {"CreditNoteID": note["CreditNoteID"]}, "Account": {"Code": "090"}, "Amount": 25},
    ).one("Payments")

    assert payment["PaymentType"] == "ARCREDITPAYMENT"
    left = api.get(f"/CreditNotes/{note['CreditNoteID']}").one("CreditNotes")
    assert left["RemainingCredit"] == Decimal("75.00")


def test_a_payment_in_foreign_money_tells_what_the_bank_got(api: Api) -> None:
    invoice = api.invoice(CurrencyCode="USD")
    payment = pay(api, invoice, "10.00", CurrencyRate=Decimal("0.8")).one("Payments")
    assert payment["BankAmount"] == Decimal("12.50")


def test_payments_are_found_by_their_invoice(api: Api) -> None:
    invoice, other = api.invoice(), api.invoice()
    mine = pay(api, invoice, "1.00").one("Payments")
    pay(api, other, "2.00").one("Payments")

    found = api.get("/Payments", where=f'Invoice.InvoiceID==guid("{invoice["InvoiceID"]}")')

    assert [payment["PaymentID"] for payment in found.body["Payments"]] == [mine["PaymentID"]]


def test_a_payment_on_a_locked_date_is_refused(admin: Admin, api: Api) -> None:
    invoice = api.invoice()
    admin("PUT", "/organisation", {"period_lock_date": "2026-11-22"})
    assert "period lock date" in pay(api, invoice, "1.00").messages[0]
