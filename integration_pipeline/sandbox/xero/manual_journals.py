"""Manual journals: two lines or more that balance, debits positive, credits negative.

Not to accounts Xero keeps itself, nor to bank accounts. They have no webhook and no number.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Books, Call
from integration_pipeline.sandbox.xero.dates import day_date, moment_date
from integration_pipeline.sandbox.xero.documents.lines import is_control, rounded
from integration_pipeline.sandbox.xero.documents.rules import refuse_a_locked_date
from integration_pipeline.sandbox.xero.documents.totals import ZERO
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, day, flag, guid, members, number, stated, text
from integration_pipeline.sandbox.xero.kinds import MANUAL_JOURNALS
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_NEXT = {"DRAFT": {"DRAFT", "POSTED", "DELETED"}, "POSTED": {"POSTED", "VOIDED"}}


def list_manual_journals(call: Call) -> JsonObject:
    """`GET /ManualJournals`."""
    return listed(call, MANUAL_JOURNALS, _shown)


def get_manual_journal(call: Call) -> JsonObject:
    """`GET /ManualJournals/{ManualJournalID}`."""
    return envelope(call, MANUAL_JOURNALS.plural, [_shown(_addressed(call), True)])


def create_manual_journals(call: Call) -> JsonObject:
    return written(call, MANUAL_JOURNALS, lambda element: _shown(_created(call.books, element), True))


def update_or_create_manual_journals(call: Call) -> JsonObject:
    """Also `POST /ManualJournals/{ManualJournalID}`."""
    addressed = _addressed(call) if "id" in call.path else None

    def write(element: JsonObject) -> JsonObject:
        record = addressed or _matched(call, element)
        if record is None:
            return _shown(_created(call.books, element), True)
        return _shown(_updated(call.books, record, element), True)

    return written(call, MANUAL_JOURNALS, write)


def _created(books: Books, given: JsonObject) -> Record:
    status = stated(given, "Status") or "DRAFT"
    if status not in {"DRAFT", "POSTED"}:
        raise InvalidError(f"A new manual journal cannot have the status {status}.")
    new: JsonObject = {
        "Status": status,
        "Date": books.today,
        "LineAmountTypes": "NoTax",
        "ShowOnCashBasisReports": True,
    }
    return books.records.add(MANUAL_JOURNALS, _element(books, new, given))


def _updated(books: Books, record: Record, given: JsonObject) -> Record:
    status = stated(given, "Status") or record.status
    if status not in _NEXT.get(record.status, ()):
        raise InvalidError("Manual Journal not of valid status for modification")
    refuse_a_locked_date(books, record.element["Date"])
    element = {**record.element, "Status": status}
    if status in {"DRAFT", "POSTED"}:
        element = _element(books, element, given)
    return books.records.save(record, element)


def _element(books: Books, current: JsonObject, given: JsonObject) -> JsonObject:
    """`current` with what was given. Raises `InvalidError`."""
    element = dict(current)
    narration = stated(given, "Narration") or element.get("Narration")
    if not narration:
        raise InvalidError("Narration must be specified")
    element["Narration"] = narration
    element["Date"] = day(given, "Date") or element["Date"]
    refuse_a_locked_date(books, element["Date"])
    types = stated(given, "LineAmountTypes") or element["LineAmountTypes"]
    if types != "NoTax":
        raise InvalidError("Manual journals with tax are not imitated by this sandbox; use NoTax.")
    if (shown := flag(given, "ShowOnCashBasisReports")) is not None:
        element["ShowOnCashBasisReports"] = shown
    if (url := text(given, "Url")) is not None:
        element["Url"] = url
    if (lines := members(given, "JournalLines")) is not None:
        element["JournalLines"] = [_line(books, line) for line in lines]
    if len(element.get("JournalLines", ())) < 2:
        raise InvalidError("At least two journal lines must be specified")
    amounts = [cast("Decimal", line["LineAmount"]) for line in element["JournalLines"]]
    if sum(amounts) != 0:
        debits = sum((amount for amount in amounts if amount > 0), ZERO)
        credits = sum((amount for amount in amounts if amount < 0), ZERO)  # noqa: A001 - the field's word
        raise InvalidError(f"The total debits ({debits}) must equal total credits ({credits})")
    return element


def _line(books: Books, given: JsonObject) -> JsonObject:
    amount = number(given, "LineAmount")
    if amount is None:
        raise InvalidError("Each journal line must have a LineAmount.")
    code, identifier = stated(given, "AccountCode"), guid(given, "AccountID")
    account = books.chart.account(code) if code is not None else books.chart.account_by_id(identifier or "")
    if (
        account is None
        or account.status != "ACTIVE"
        or account.element["Type"] in {"BANK", "INVENTORY"}
        or is_control(account)
    ):
        raise InvalidError(f"Account code '{code or identifier}' is not a valid code for this document.")
    return {
        "Description": text(given, "Description") or "",
        "TaxType": "NONE",
        "LineAmount": rounded(amount),
        "TaxAmount": ZERO,
        "AccountCode": account.element["Code"],
        "AccountID": account.id,
        "Tracking": members(given, "Tracking") or [],
        "IsBlank": False,
    }


def _matched(call: Call, element: JsonObject) -> Record | None:
    identifier = guid(element, "ManualJournalID")
    if identifier is None or identifier == NO_ID:
        return None
    record = call.records.get(MANUAL_JOURNALS, identifier)
    if record is None:
        raise not_found()
    return record


def _addressed(call: Call) -> Record:
    record = call.records.get(MANUAL_JOURNALS, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return record


def _shown(record: Record, details: bool) -> JsonObject:
    element = record.element
    return {
        **element,
        "Date": day_date(element["Date"]),
        "JournalLines": element["JournalLines"] if details else [],
        "HasAttachments": False,
        "ManualJournalID": record.id,
        "UpdatedDateUTC": moment_date(record.updated_ms),
    }
