"""The kinds of records an organisation has, and which of their fields can be looked up, filtered and ordered.

A record is kept as its element (`records`); a field listed here is also a column of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Type(Enum):
    """How a filter compares a field. Amounts are stored as integers of 1/10,000."""

    TEXT = auto()
    GUID = auto()
    DAY = auto()
    MOMENT = auto()
    AMOUNT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """`sql` is a column of `records` or an expression over them; `key` is its place in the element."""

    sql: str
    type: Type = Type.TEXT
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """`plural` wraps lists and is the path; `identifier` is the id's field.

    A `paged` kind can be read by pages; `searched` are the columns a `searchTerm` looks into.
    """

    plural: str
    identifier: str
    fields: Mapping[str, Field] = field(default_factory=dict[str, Field])
    paged: bool = False
    searched: tuple[str, ...] = ()


_CONTACT_NAME = Field(
    "(SELECT c.name FROM records c WHERE c.tenant = records.tenant AND c.kind = 'Contacts'"
    " AND c.id = records.contact) COLLATE NOCASE"
)
_UPDATED = Field("updated_ms", Type.MOMENT)

_DOCUMENT = {
    "Reference": Field("reference", key="Reference"),
    "Type": Field("type", key="Type"),
    "Status": Field("status", key="Status"),
    "Contact.ContactID": Field("contact", Type.GUID, "ContactID"),
    "Contact.Name": _CONTACT_NAME,
    "CurrencyCode": Field("currency", key="CurrencyCode"),
    "Date": Field("date", Type.DAY, "Date"),
    "DueDate": Field("due_date", Type.DAY, "DueDate"),
    "Total": Field("total", Type.AMOUNT, "Total"),
    "UpdatedDateUTC": _UPDATED,
}

INVOICES = Kind(
    "Invoices",
    "InvoiceID",
    {
        **_DOCUMENT,
        "InvoiceID": Field("id", Type.GUID),
        "InvoiceNumber": Field("number", key="InvoiceNumber"),
        "AmountDue": Field("remaining", Type.AMOUNT, "AmountDue"),
        "AmountPaid": Field("paid", Type.AMOUNT, "AmountPaid"),
    },
    paged=True,
    searched=("number", "reference"),
)
CREDIT_NOTES = Kind(
    "CreditNotes",
    "CreditNoteID",
    {
        **_DOCUMENT,
        "CreditNoteID": Field("id", Type.GUID),
        "CreditNoteNumber": Field("number", key="CreditNoteNumber"),
        "RemainingCredit": Field("remaining", Type.AMOUNT, "RemainingCredit"),
    },
    paged=True,
)
CONTACTS = Kind(
    "Contacts",
    "ContactID",
    {
        "ContactID": Field("id", Type.GUID),
        "Name": Field("name", key="Name"),
        "ContactNumber": Field("number", key="ContactNumber"),
        "AccountNumber": Field("type", key="AccountNumber"),
        "EmailAddress": Field("reference", key="EmailAddress"),
        "ContactStatus": Field("status", key="ContactStatus"),
        "UpdatedDateUTC": _UPDATED,
    },
    paged=True,
    searched=("name", "number", "reference", "type"),
)
ITEMS = Kind(
    "Items",
    "ItemID",
    {
        "ItemID": Field("id", Type.GUID),
        "Code": Field("number", key="Code"),
        "Name": Field("name", key="Name"),
        "UpdatedDateUTC": _UPDATED,
    },
)
ACCOUNTS = Kind(
    "Accounts",
    "AccountID",
    {
        "AccountID": Field("id", Type.GUID),
        "Code": Field("number", key="Code"),
        "Name": Field("name", key="Name"),
        "Type": Field("type", key="Type"),
        "Status": Field("status", key="Status"),
        "SystemAccount": Field("reference", key="SystemAccount"),
        "UpdatedDateUTC": _UPDATED,
    },
)
TAX_RATES = Kind(
    "TaxRates",
    "TaxRateID",
    {
        "Name": Field("name", key="Name"),
        "TaxType": Field("number", key="TaxType"),
        "Status": Field("status", key="Status"),
        "ReportTaxType": Field("type", key="ReportTaxType"),
    },
)
PAYMENTS = Kind(
    "Payments",
    "PaymentID",
    {
        "PaymentID": Field("id", Type.GUID),
        "PaymentType": Field("type", key="PaymentType"),
        "Status": Field("status", key="Status"),
        "Reference": Field("reference", key="Reference"),
        "Date": Field("date", Type.DAY, "Date"),
        "Amount": Field("total", Type.AMOUNT, "Amount"),
        "Invoice.InvoiceID": Field("parent", Type.GUID, "DocumentID"),
        "CreditNote.CreditNoteID": Field("parent", Type.GUID),
        "UpdatedDateUTC": _UPDATED,
    },
    paged=True,
)
# Not listed by an endpoint of its own: reached through the credit note and the invoice.
ALLOCATIONS = Kind(
    "Allocations",
    "AllocationID",
    {
        "CreditNote.CreditNoteID": Field("parent", Type.GUID, "CreditNoteID"),
        "Invoice.InvoiceID": Field("related", Type.GUID, "InvoiceID"),
        "Amount": Field("total", Type.AMOUNT, "Amount"),
    },
)
MANUAL_JOURNALS = Kind(
    "ManualJournals",
    "ManualJournalID",
    {
        "ManualJournalID": Field("id", Type.GUID),
        "Narration": Field("name", key="Narration"),
        "Status": Field("status", key="Status"),
        "Date": Field("date", Type.DAY, "Date"),
        "UpdatedDateUTC": _UPDATED,
    },
    paged=True,
)
BANK_TRANSACTIONS = Kind(
    "BankTransactions",
    "BankTransactionID",
    {
        **_DOCUMENT,
        "BankTransactionID": Field("id", Type.GUID),
        "BankAccount.AccountID": Field("parent", Type.GUID, "BankAccountID"),
    },
    paged=True,
)
