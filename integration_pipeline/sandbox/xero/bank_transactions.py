"""Money spent and received outside of invoices, such as a payment provider's fees.

What a customer paid beyond its invoices is an overpayment: one line without a tax, on the debtors account. It
keeps no reference.
"""

from __future__ import annotations

from uuid import uuid4

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero import contacts
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.documents import rules, totals
from integration_pipeline.sandbox.xero.documents.lines import Manner, lines
from integration_pipeline.sandbox.xero.documents.showing import Showing
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, day, flag, guid, member, members, stated
from integration_pipeline.sandbox.xero.kinds import ACCOUNTS, BANK_TRANSACTIONS
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_OVERPAYMENT = "RECEIVE-OVERPAYMENT"
_TYPES = ("RECEIVE", "SPEND", _OVERPAYMENT)
_DEBTORS = "DEBTORS"


def list_bank_transactions(call: Call) -> JsonObject:
    """`GET /BankTransactions`."""
    return listed(call, BANK_TRANSACTIONS, lambda record, details: _shown(call, record, details))


def get_bank_transaction(call: Call) -> JsonObject:
    """`GET /BankTransactions/{BankTransactionID}`."""
    record = call.records.get(BANK_TRANSACTIONS, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return envelope(call, BANK_TRANSACTIONS.plural, [_shown(call, record, True)])


def create_bank_transactions(call: Call) -> JsonObject:
    return written(call, BANK_TRANSACTIONS, lambda element: _shown(call, _created(call, element), True))


def update_or_create_bank_transactions(call: Call) -> JsonObject:
    """Also `POST /BankTransactions/{BankTransactionID}`."""

    def write(element: JsonObject) -> JsonObject:
        identifier = as_guid(call.path["id"]) if "id" in call.path else guid(element, "BankTransactionID")
        if identifier is None or identifier == NO_ID:
            return _shown(call, _created(call, element), True)
        record = call.records.get(BANK_TRANSACTIONS, identifier)
        if record is None:
            raise not_found()
        return _shown(call, _updated(call, record, element), True)

    return written(call, BANK_TRANSACTIONS, write)


def _created(call: Call, given: JsonObject) -> Record:
    kind = stated(given, "Type")
    if kind not in _TYPES:
        raise InvalidError("A valid Type must be specified for this type of transaction")
    contact = contacts.of_document(call.books, member(given, "Contact"))
    account = _bank_account(call, given)
    element: JsonObject = {
        "Type": kind,
        "Status": "AUTHORISED",
        "ContactID": contact.id,
        "BankAccountID": account.id,
        "LineAmountTypes": "Exclusive",
        "LineItems": [],
        "Date": call.books.today,
        "Reference": "",
        "IsReconciled": False,
        "CurrencyCode": account.element["CurrencyCode"],
    }
    if kind == _OVERPAYMENT:
        element["OverpaymentID"] = str(uuid4())
    return call.records.add(BANK_TRANSACTIONS, _filled(call, element, given))


def _updated(call: Call, record: Record, given: JsonObject) -> Record:
    status = stated(given, "Status") or record.status
    if record.status != "AUTHORISED" or status not in {"AUTHORISED", "DELETED"}:
        raise InvalidError("This Bank Transaction cannot be edited as it has a status of DELETED.")
    rules.refuse_a_locked_date(call.books, record.element["Date"])
    element = {**record.element, "Status": status}
    if status == "AUTHORISED":
        element = _filled(call, element, given)
    return call.records.save(record, element)


def _filled(call: Call, current: JsonObject, given: JsonObject) -> JsonObject:
    element = dict(current)
    element["Date"] = day(given, "Date") or element["Date"]
    rules.refuse_a_locked_date(call.books, element["Date"])
    overpaid = element["Type"] == _OVERPAYMENT
    if not overpaid:
        element["Reference"] = stated(given, "Reference") or element["Reference"]
    if (reconciled := flag(given, "IsReconciled")) is not None:
        element["IsReconciled"] = reconciled
    totals.currency(call.books, element, given)
    element["LineAmountTypes"] = "NoTax" if overpaid else totals.amount_types(element, given)
    manner = Manner(
        element["LineAmountTypes"],
        call.places,
        discounts=False,
        item_details="SalesDetails" if element["Type"] == "RECEIVE" else "PurchaseDetails",
        accounts_needed=not overpaid,
    )
    given_lines = members(given, "LineItems")
    if given_lines is not None:
        element["LineItems"] = lines(call.books, given_lines, element["LineItems"], manner)
    if not element["LineItems"]:
        raise InvalidError("One or more line items must be specified")
    if overpaid:
        if len(element["LineItems"]) > 1:
            raise InvalidError("An overpayment can only have one line item.")
        [debtors] = call.records.select(ACCOUNTS, "reference = ?", (_DEBTORS,))
        element["LineItems"][0] |= {"AccountCode": debtors.element["Code"], "AccountID": debtors.id}
    totals.total_up(element, given)
    if element["Total"] < 0:
        raise InvalidError("The document total must be greater than or equal to zero.")
    return element


def _bank_account(call: Call, given: JsonObject) -> Record:
    named = member(given, "BankAccount") or {}
    identifier, code = guid(named, "AccountID"), stated(named, "Code")
    account = None
    if identifier is not None:
        account = call.books.chart.account_by_id(identifier)
    elif code is not None:
        account = call.books.chart.account(code)
    if account is None or account.element["Type"] != "BANK" or account.status != "ACTIVE":
        raise InvalidError("A valid BankAccount must be specified for this type of transaction")
    return account


def _shown(call: Call, record: Record, details: bool) -> JsonObject:
    account = call.records.existing(ACCOUNTS, record.element["BankAccountID"])
    return Showing(call).bank_transaction(record, details, account)
