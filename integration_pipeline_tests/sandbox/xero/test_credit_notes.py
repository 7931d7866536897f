"""Credit notes, what of them is applied to invoices, and how that is taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Answer, Api, Json, line


def allocate(api: Api, note: Json, invoice: Json, amount: str) -> Answer:
    return api.put(
        "Allocations",
        {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": Decimal(amount), "Date": "2026-11-21"},
        path=f"/CreditNotes/{note['CreditNoteID']}/Allocations",
    )


def now(api: Api, note: Json, invoice: Json) -> tuple[Json, Json]:
    return (
        api.get(f"/CreditNotes/{note['CreditNoteID']}").one("CreditNotes"),
        api.get(f"/Invoices/{invoice['InvoiceID']}").one("Invoices"),
    )


def test_an_allocation_lowers_what_is_left_of_both(api: Api) -> None:
    note, invoice = api.credit_note(LineItems=[line("30.00")]), api.invoice()

    allocate(api, note, invoice, "12.50").one("Allocations")

    note, invoice = now(api, note, invoice)
    assert (note["RemainingCredit"], note["Status"]) == (Decimal("17.50"), "AUTHORISED")
    assert (invoice["AmountCredited"], invoice["AmountDue"]) == (Decimal("12.50"), Decimal("87.50"))
    assert invoice["CreditNotes"][0]["AppliedAmount"] == Decimal("12.50")
    assert note["Allocations"][0]["Invoice"]["InvoiceID"] == invoice["InvoiceID"]


def test_a_document_of_which_nothing_is_left_is_paid(api: Api) -> None:
    note, invoice = api.credit_note(), api.invoice()

    allocate(api, note, invoice, "100.00").one("Allocations")

    note, invoice = now(api, note, invoice)
    assert (note["Status"], invoice["Status"]) == ("PAID", "PAID")
    assert invoice["FullyPaidOnDate"] == "/Date(1795219200000+0000)/"


@pytest.mark.parametrize(("credit", "due"), [("50.00", "100.00"), ("100.00", "50.00")])
def test_no_more_is_applied_than_is_left(api: Api, credit: str, due: str) -> None:
    note, invoice = api.credit_note(LineItems=[line(credit)]), api.invoice(LineItems=[line(due)])

    refused = allocate(api, note, invoice, "50.01")

    message = "Credit Note cannot be allocated as amount is greater than amount outstanding"
    assert refused.messages == [message]
    assert now(api, note, invoice)[1]["AmountDue"] == Decimal(due)


def test_an_invoice_that_is_paid_takes_no_credit(api: Api) -> None:
    invoice = api.invoice()
    allocate(api, api.credit_note(), invoice, "100.00").one("Allocations")

    refused = allocate(api, api.credit_note(), invoice, "1.00")

    assert "The invoice you are trying to allocate to has already been paid off" in refused.messages


def test_a_draft_is_not_applied(api: Api) -> None:
    refused = allocate(api, api.credit_note(Status="DRAFT"), api.invoice(), "1.00")
    assert refused.messages == ["Credit Note must be authorised before it can be allocated"]


def test_credit_is_not_applied_to_another_contacts_invoice(api: Api) -> None:
    refused = allocate(api, api.credit_note(), api.invoice(Contact={"Name": "Other"}), "1.00")
    assert refused.messages == ["Credit Note cannot be allocated to an invoice of another contact"]


def test_credit_is_not_applied_in_another_currency(api: Api) -> None:
    refused = allocate(api, api.credit_note(CurrencyCode="USD"), api.invoice(), "1.00")
    assert refused.messages == ["Credit Note cannot be allocated to an invoice in another currency"]


def test_a_deleted_allocation_opens_both_documents_again(api: Api) -> None:
    note, invoice = api.credit_note(), api.invoice()
    made = allocate(api, note, invoice, "100.00").one("Allocations")

    path = f"/CreditNotes/{note['CreditNoteID']}/Allocations/{made['AllocationID']}"
    assert api.call("DELETE", path).body["IsDeleted"] is True

    note, invoice = now(api, note, invoice)
    assert (note["RemainingCredit"], note["Status"]) == (Decimal("100.00"), "AUTHORISED")
    assert (invoice["AmountDue"], invoice["Status"]) == (Decimal("100.00"), "AUTHORISED")
    assert invoice["CreditNotes"] == []


def test_an_applied_document_cannot_be_edited_or_voided(api: Api) -> None:
    note, invoice = api.credit_note(), api.invoice()
    allocate(api, note, invoice, "10.00").one("Allocations")
    message = "This document cannot be edited as it has a payment or credit note allocated to it."

    voided = api.post("Invoices", {"InvoiceID": invoice["InvoiceID"], "Status": "VOIDED"})
    edited = api.post("CreditNotes", {"CreditNoteID": note["CreditNoteID"], "LineItems": [line("5.00")]})

    assert voided.messages == edited.messages == [message]


def test_a_reference_may_change_after_that(api: Api) -> None:
    note, invoice = api.credit_note(), api.invoice()
    allocate(api, note, invoice, "10.00").one("Allocations")

    changed = api.post("Invoices", {"InvoiceID": invoice["InvoiceID"], "Reference": "new"}).one("Invoices")

    assert (changed["Reference"], changed["AmountDue"]) == ("new", Decimal("90.00"))


def test_a_number_is_given_once(api: Api) -> None:
    api.credit_note(CreditNoteNumber="CN-7")

    refused = api.put(
        "CreditNotes",
        {
            "Type": "ACCRECCREDIT",
            "Contact": {"Name": "Acme"},
            "CreditNoteNumber": "CN-7",
            "LineItems": [line()],
        },
    )

    assert refused.messages == ["Credit Note # must be unique."]


def test_an_invoice_may_have_the_number_of_a_credit_note(api: Api) -> None:
    api.credit_note(CreditNoteNumber="7")
    assert api.invoice(InvoiceNumber="7")["InvoiceNumber"] == "7"


def test_credit_notes_have_no_discounts(api: Api) -> None:
    refused = api.put(
        "CreditNotes",
        {"Type": "ACCRECCREDIT", "Contact": {"Name": "Acme"}, "LineItems": [line(DiscountRate=10)]},
    )
    assert refused.messages == ["Discounts are not supported on this type of document."]
