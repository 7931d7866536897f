"""Writing invoices and credit notes: what must be there, which statuses follow which, what may still change.

`element` below is a document as it is stored. Its money: `Total` is what it is for; `AmountDue` of an invoice
and `RemainingCredit` of a credit note are what is left of it after `AmountPaid` and `AmountCredited`, or
`AppliedAmount`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero import contacts
from integration_pipeline.sandbox.xero.calls import Books
from integration_pipeline.sandbox.xero.dates import lock_text
from integration_pipeline.sandbox.xero.documents import totals
from integration_pipeline.sandbox.xero.documents.lines import Manner, lines
from integration_pipeline.sandbox.xero.documents.totals import ZERO
from integration_pipeline.sandbox.xero.errors import InvalidError
from integration_pipeline.sandbox.xero.fields import day, flag, guid, member, members, stated, text
from integration_pipeline.sandbox.xero.kinds import CONTACTS, CREDIT_NOTES, INVOICES, Kind
from integration_pipeline.sandbox.xero.records import Record

_LONGEST_NUMBER = 255
_NEW = ("DRAFT", "SUBMITTED", "AUTHORISED")
_NEXT = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
}
# The number of a document that is gone may be given again; how Xero treats those is not confirmed.
_LIVING = "status NOT IN ('DELETED', 'VOIDED')"
# What of a document with payments may still be changed.
_OPEN_AFTER_PAYMENT = frozenset({"Reference", "DueDate", "SentToContact", "Url"})
# Changes that do not count as one of the document (`UpdatedDateUTC` stays).
_UNCOUNTED = frozenset({"DueDate", "SentToContact"})


@dataclass(frozen=True, slots=True)
class Rules:
    """In what invoices and credit notes differ. Of the two types the first is a sale's."""

    kind: Kind
    types: tuple[str, str]
    number: str
    prefix: str
    remaining: str
    settled: tuple[str, ...]
    due_date: bool
    discounted: str | None
    taken: str
    wrong_status: str


INVOICE = Rules(
    INVOICES,
    ("ACCREC", "ACCPAY"),
    "InvoiceNumber",
    "INV-",
    "AmountDue",
    ("AmountPaid", "AmountCredited"),
    due_date=True,
    discounted="ACCREC",
    taken="Invoice # must be unique.",
    wrong_status="Invoice not of valid status for modification",
)
CREDIT_NOTE = Rules(
    CREDIT_NOTES,
    ("ACCRECCREDIT", "ACCPAYCREDIT"),
    "CreditNoteNumber",
    "CN-",
    "RemainingCredit",
    ("AppliedAmount",),
    due_date=False,
    discounted=None,
    taken="Credit Note # must be unique.",
    wrong_status="Credit Note not of valid status for modification",
)


def created(books: Books, rules: Rules, given: JsonObject, places: int) -> Record:
    """A new document. Raises `InvalidError`."""
    kind = stated(given, "Type")
    if kind not in rules.types:
        raise InvalidError("A valid Type must be specified for this type of transaction")
    status = stated(given, "Status") or "DRAFT"
    if status not in _NEW:
        raise InvalidError(f"A new document cannot have the status {status}.")
    contact = contacts.of_document(books, member(given, "Contact"))
    element: JsonObject = {
        "Type": kind,
        "Status": status,
        "Date": books.today,
        "DueDate": None,
        "LineAmountTypes": "Exclusive",
        "LineItems": [],
        "SentToContact": False,
        "Reference": "",
        **dict.fromkeys(rules.settled, ZERO),
    }
    element["CurrencyCode"] = books.organisation.settings.currencies[0]
    _fill(books, rules, element, given, contact, places)
    record = books.changed(books.records.add(rules.kind, element), created=True)
    contacts.mark_as(books, contact, "IsCustomer" if kind == rules.types[0] else "IsSupplier")
    return record


def updated(books: Books, rules: Rules, record: Record, given: JsonObject, places: int) -> Record:
    """A document with what was given. Raises `InvalidError`."""
    status = stated(given, "Status") or record.status
    if status == "PAID" or status not in _NEXT.get(record.status, ()):
        raise InvalidError(rules.wrong_status)
    if stated(given, "Type") not in {None, record.element["Type"]}:
        raise InvalidError("The Type of a document cannot be changed.")
    if is_settled(rules, record.element):
        return _touched_up(books, rules, record, given, status)
    element = {**record.element, "Status": status}
    if status in {"VOIDED", "DELETED"}:
        refuse_a_locked_date(books, element["Date"])
        element[rules.remaining] = ZERO
        return books.changed(books.records.save(record, element))
    refuse_a_locked_date(books, element["Date"])
    contact_given = member(given, "Contact")
    contact = (
        contacts.of_document(books, contact_given)
        if contact_given is not None
        else books.records.existing(CONTACTS, element["ContactID"])
    )
    _fill(books, rules, element, given, contact, places, record)
    return books.changed(books.records.save(record, element))


def is_settled(rules: Rules, element: JsonObject) -> bool:
    """Whether a payment or an allocation is applied to the document."""
    return any(cast("Decimal", element[name]) != 0 for name in rules.settled)


def settle(books: Books, rules: Rules, record: Record, part: str, amount: Decimal, on: str) -> Record:
    """Apply `amount` of a payment or an allocation to a document, a negative one takes it back.

    `part` is which of `rules.settled` it counts as. Whoever calls has checked that it fits.
    """
    element = dict(record.element)
    element[part] = record.amount(part) + amount
    element[rules.remaining] = record.amount(rules.remaining) - amount
    if element[rules.remaining] == 0:
        element |= {"Status": "PAID", "FullyPaidOnDate": on}
    else:
        element["Status"] = "AUTHORISED"
        element.pop("FullyPaidOnDate", None)
    return books.changed(books.records.save(record, element))


def refuse_a_locked_date(books: Books, date: str) -> None:
    """Raises `InvalidError` for a date on or before a lock date."""
    for name, locked in books.organisation.settings.locks:
        if date <= locked:
            raise InvalidError(
                f"The document date cannot be before the {name} lock date, "
                f"currently set at {lock_text(locked)}"
            )


def _fill(
    books: Books,
    rules: Rules,
    element: JsonObject,
    given: JsonObject,
    contact: Record,
    places: int,
    record: Record | None = None,
) -> None:
    """Put what was given into `element` and derive the rest. Raises `InvalidError`."""
    sale = element["Type"] == rules.types[0]
    approved = element["Status"] != "DRAFT"
    element["ContactID"] = contact.id
    element["Date"] = day(given, "Date") or element["Date"]
    refuse_a_locked_date(books, element["Date"])
    element["DueDate"] = day(given, "DueDate") or element["DueDate"]
    if rules.due_date and approved and element["DueDate"] is None:
        raise InvalidError("The Due Date must be specified.")
    _minor(element, given)
    element["LineAmountTypes"] = totals.amount_types(element, given)
    totals.currency(books, element, given)
    manner = Manner(
        element["LineAmountTypes"],
        places,
        discounts=element["Type"] == rules.discounted,
        item_details="SalesDetails" if sale else "PurchaseDetails",
        accounts_needed=approved,
    )
    current = cast("list[JsonObject]", element["LineItems"])
    given_lines = members(given, "LineItems")
    element["LineItems"] = lines(books, current if given_lines is None else given_lines, current, manner)
    if approved and not element["LineItems"]:
        raise InvalidError("One or more line items must be specified")
    totals.total_up(element, given)
    if approved and element["Total"] < 0:
        raise InvalidError("The document total must be greater than or equal to zero.")
    element[rules.remaining] = element["Total"]
    if rules.discounted is not None:
        totals.discounts(element)
    _number(books, rules, element, given, record, sale=sale)
    if element["Status"] == "AUTHORISED" and element["Total"] == 0:
        element |= {"Status": "PAID", "FullyPaidOnDate": element["Date"]}


def _minor(element: JsonObject, given: JsonObject) -> None:
    """What changes no amount."""
    for name, longest in (("Reference", 255), ("Url", 500)):
        value = text(given, name)
        if value is not None:
            if len(value) > longest:
                raise InvalidError(f"{name} may not be more than {longest} characters long.")
            element[name] = value
    for name in ("ExpectedPaymentDate", "PlannedPaymentDate"):
        if (value := day(given, name)) is not None:
            element[name] = value
    if (theme := guid(given, "BrandingThemeID")) is not None:
        element["BrandingThemeID"] = theme
    if (sent := flag(given, "SentToContact")) is not None:
        element["SentToContact"] = sent and element["Status"] != "DRAFT"


def _number(
    books: Books, rules: Rules, element: JsonObject, given: JsonObject, record: Record | None, *, sale: bool
) -> None:
    """Set the number: the one given, the one it has, for a sale the next free one.

    Raises `InvalidError`.
    """
    wanted = stated(given, rules.number) or cast("str", element.get(rules.number, ""))
    if not wanted and sale:
        wanted = _next_number(books, rules)
    if len(wanted) > _LONGEST_NUMBER:
        raise InvalidError(f"{rules.number} may not be more than {_LONGEST_NUMBER} characters long.")
    if sale and wanted and wanted != element.get(rules.number):
        other = holder(books, rules, wanted)
        if other is not None and (record is None or other.id != record.id):
            raise InvalidError(rules.taken)
    element[rules.number] = wanted


def holder(books: Books, rules: Rules, wanted: str) -> Record | None:
    """The sale that has this number now. Purchases' numbers are the supplier's and not unique."""
    return books.records.by_number(rules.kind, wanted, f"type = '{rules.types[0]}' AND {_LIVING}")


def _next_number(books: Books, rules: Rules) -> str:
    """Numbers rise and are not taken; that they leave gaps keeps them cheap."""
    count = books.records.newest() + 1
    while holder(books, rules, f"{rules.prefix}{count:04}") is not None:
        count += 1
    return f"{rules.prefix}{count:04}"


def _touched_up(books: Books, rules: Rules, record: Record, given: JsonObject, status: str) -> Record:
    """A document with payments, whose amounts stand. Raises `InvalidError` for any other change."""
    asked = set(given) - {rules.kind.identifier, "Status", "Type", rules.number, "Contact"}
    if status != record.status or asked - _OPEN_AFTER_PAYMENT:
        raise InvalidError(
            "This document cannot be edited as it has a payment or credit note allocated to it."
        )
    element = dict(record.element)
    _minor(element, given)
    element["DueDate"] = day(given, "DueDate") or element["DueDate"]
    changed = {name for name, value in element.items() if value != record.element.get(name)}
    saved = books.records.save(record, element, touch=bool(changed - _UNCOUNTED))
    return books.changed(saved) if changed - _UNCOUNTED else saved
