"""Invoices, credit notes and bank transactions as answers show them: in full, or as lists without pages do.

Unit amounts are stored to the places they were written with and shown with 2, or with 4 if asked.
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero import contacts
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import day_date, day_text, moment_date, moment_text
from integration_pipeline.sandbox.xero.documents.lines import rounded
from integration_pipeline.sandbox.xero.kinds import (
    ALLOCATIONS,
    CONTACTS,
    CREDIT_NOTES,
    INVOICES,
    PAYMENTS,
)
from integration_pipeline.sandbox.xero.records import Record

_OPTIONAL = ("Url", "BrandingThemeID", "TotalDiscount", "OverpaymentID")


class Showing:
    """For one request: a contact of several documents is looked up once."""

    def __init__(self, call: Call) -> None:
        self._records = call.records
        self._step = Decimal(1).scaleb(-call.places)
        self._contacts: dict[str, Record] = {}

    def invoice(self, record: Record, details: bool) -> JsonObject:
        element = record.element
        shown: JsonObject = {
            "Type": element["Type"],
            "InvoiceID": record.id,
            "InvoiceNumber": element["InvoiceNumber"],
            "Reference": element["Reference"],
            "Payments": self._payments(record, element["AmountPaid"]),
            "CreditNotes": self._credits(record) if element["AmountCredited"] else [],
            "Prepayments": [],
            "Overpayments": [],
            "AmountDue": element["AmountDue"],
            "AmountPaid": element["AmountPaid"],
            "AmountCredited": element["AmountCredited"],
            "SentToContact": element["SentToContact"],
            "CurrencyRate": element["CurrencyRate"],
            "IsDiscounted": element["IsDiscounted"],
            "HasAttachments": False,
            "HasErrors": False,
            "InvoiceAddresses": [],
            **self._common(record, details),
        }
        if element["DueDate"] is not None:
            shown |= _day("DueDate", element["DueDate"])
        for name in ("ExpectedPaymentDate", "PlannedPaymentDate"):
            if name in element:
                shown |= _day(name, element[name])
        return shown

    def credit_note(self, record: Record, details: bool) -> JsonObject:
        element = record.element
        return {
            "CreditNoteID": record.id,
            "CreditNoteNumber": element["CreditNoteNumber"],
            "ID": record.id,
            "Payments": self._payments(record, element["AppliedAmount"]),
            "Allocations": self._allocations(record) if element["AppliedAmount"] else [],
            "CurrencyRate": element["CurrencyRate"],
            "Type": element["Type"],
            "Reference": element["Reference"],
            "SentToContact": element["SentToContact"],
            "RemainingCredit": element["RemainingCredit"],
            "HasAttachments": False,
            "HasErrors": False,
            "InvoiceAddresses": [],
            **self._common(record, details),
        }

    def bank_transaction(self, record: Record, details: bool, account: Record) -> JsonObject:
        element = record.element
        return {
            "BankTransactionID": record.id,
            "BankAccount": {
                "AccountID": account.id,
                "Code": account.element["Code"],
                "Name": account.element["Name"],
            },
            "Type": element["Type"],
            "Reference": element["Reference"],
            "IsReconciled": element["IsReconciled"],
            "CurrencyRate": element["CurrencyRate"],
            "HasAttachments": False,
            **self._common(record, details),
        }

    def contact(self, identifier: str) -> Record:
        if identifier not in self._contacts:
            self._contacts[identifier] = self._records.existing(CONTACTS, identifier)
        return self._contacts[identifier]

    def _common(self, record: Record, details: bool) -> JsonObject:
        element = record.element
        contact = self.contact(element["ContactID"])
        shown: JsonObject = {
            "Contact": contacts.shown(contact, True) if details else contacts.brief(contact),
            **_day("Date", element["Date"]),
            "Status": element["Status"],
            "LineAmountTypes": element["LineAmountTypes"],
            "LineItems": [self._line(line) for line in element["LineItems"]] if details else [],
            "SubTotal": element["SubTotal"],
            "TotalTax": element["TotalTax"],
            "Total": element["Total"],
            "UpdatedDateUTC": moment_date(record.updated_ms),
            "UpdatedDateUTCString": moment_text(record.updated_ms),
            "CurrencyCode": element["CurrencyCode"],
            **{name: element[name] for name in _OPTIONAL if name in element},
        }
        if "FullyPaidOnDate" in element:
            shown["FullyPaidOnDate"] = day_date(element["FullyPaidOnDate"])
        return shown

    def _line(self, line: JsonObject) -> JsonObject:
        return {**line, "UnitAmount": rounded(line["UnitAmount"], self._step)}

    def _payments(self, record: Record, paid: Decimal) -> list[JsonObject]:
        if not paid:
            return []
        return [
            {
                "PaymentID": payment.id,
                "Date": day_date(payment.element["Date"]),
                "Amount": payment.element["Amount"],
                "Reference": payment.element["Reference"],
                "CurrencyRate": payment.element["CurrencyRate"],
                "HasAccount": False,
                "HasValidationErrors": False,
            }
            for payment in self._records.of_parent(PAYMENTS, record.id)
            if payment.status == "AUTHORISED"
        ]

    def _credits(self, invoice: Record) -> list[JsonObject]:
        shown: list[JsonObject] = []
        for allocation in self._records.select(ALLOCATIONS, "related = ?", (invoice.id,)):
            note = self._records.existing(CREDIT_NOTES, allocation.element["CreditNoteID"])
            shown.append(
                {
                    "CreditNoteID": note.id,
                    "CreditNoteNumber": note.element["CreditNoteNumber"],
                    "ID": note.id,
                    "HasErrors": False,
                    "AppliedAmount": allocation.element["Amount"],
                    **_day("Date", allocation.element["Date"]),
                    "LineItems": [],
                    "Total": note.element["Total"],
                }
            )
        return shown

    def _allocations(self, note: Record) -> list[JsonObject]:
        shown: list[JsonObject] = []
        for allocation in self._records.of_parent(ALLOCATIONS, note.id):
            invoice = self._records.existing(INVOICES, allocation.element["InvoiceID"])
            shown.append(
                {
                    "AllocationID": allocation.id,
                    "Amount": allocation.element["Amount"],
                    "Date": day_date(allocation.element["Date"]),
                    "Invoice": {
                        "InvoiceID": invoice.id,
                        "InvoiceNumber": invoice.element["InvoiceNumber"],
                        "HasErrors": False,
                        "IsDiscounted": False,
                        "LineItems": [],
                    },
                    "IsDeleted": False,
                }
            )
        return shown


def _day(name: str, day: str) -> JsonObject:
    """A date as a number and as text."""
    return {f"{name}String": day_text(day), name: day_date(day)}
