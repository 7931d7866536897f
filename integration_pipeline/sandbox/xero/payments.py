"""Payments of approved invoices, and refunds of approved credit notes. Never more than is outstanding."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import day_date, moment_date, moment_text
from integration_pipeline.sandbox.xero.documents import rules, totals
from integration_pipeline.sandbox.xero.documents.lines import rounded
from integration_pipeline.sandbox.xero.documents.rules import Rules
from integration_pipeline.sandbox.xero.documents.showing import Showing
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, day, flag, guid, member, number, stated
from integration_pipeline.sandbox.xero.kinds import ACCOUNTS, PAYMENTS
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_TYPES = {
    "ACCREC": "ACCRECPAYMENT",
    "ACCPAY": "ACCPAYPAYMENT",
    "ACCRECCREDIT": "ARCREDITPAYMENT",
    "ACCPAYCREDIT": "APCREDITPAYMENT",
}
_PAID_PART = {"Invoices": "AmountPaid", "CreditNotes": "AppliedAmount"}
_BOTH = {"Invoice": rules.INVOICE, "CreditNote": rules.CREDIT_NOTE}


def list_payments(call: Call) -> JsonObject:
    """`GET /Payments`: they show what they pay without its lines, in a page too."""
    return listed(call, PAYMENTS, lambda record, _: _shown(call, record, False))


def get_payment(call: Call) -> JsonObject:
    """`GET /Payments/{PaymentID}`."""
    return envelope(call, PAYMENTS.plural, [_shown(call, _addressed(call), True)])


def create_payments(call: Call) -> JsonObject:
    """`PUT /Payments` with several, `POST /Payments` with one that needs no wrapper."""
    return written(call, PAYMENTS, lambda element: _shown(call, _created(call, element), True))


def delete_payment(call: Call) -> JsonObject:
    """`POST /Payments/{PaymentID}` with `{"Status": "DELETED"}`: nothing else can become of one."""
    payment = _addressed(call)

    def write(element: JsonObject) -> JsonObject:
        if stated(element, "Status") != "DELETED" or payment.status == "DELETED":
            raise InvalidError("Payment not of valid status for modification")
        rules.refuse_a_locked_date(call.books, payment.element["Date"])
        document, its_rules = _document(call, payment)
        part = _PAID_PART[its_rules.kind.plural]
        on = payment.element["Date"]
        rules.settle(call.books, its_rules, document, part, -payment.amount("Amount"), on)
        return _shown(call, call.records.save(payment, {**payment.element, "Status": "DELETED"}), True)

    return written(call, PAYMENTS, write)


def _created(call: Call, given: JsonObject) -> Record:
    document, its_rules = _named_document(call, given)
    account = _account(call, given)
    amount = number(given, "Amount")
    on = day(given, "Date") or call.books.today
    messages: list[str] = []
    if document.status != "AUTHORISED":
        messages.append("Payments can only be made against Authorised documents")
    if amount is None or amount <= 0:
        messages.append("Payment amount must be greater than zero")
    elif rounded(amount) > document.amount(its_rules.remaining):
        messages.append("Payment amount exceeds the amount outstanding on this document")
    if messages:
        raise InvalidError(*messages)
    rules.refuse_a_locked_date(call.books, on)
    paid = rounded(cast("Decimal", amount))
    money: JsonObject = {"CurrencyCode": document.element["CurrencyCode"]}
    totals.currency(call.books, money, {"CurrencyRate": given.get("CurrencyRate")})
    rules.settle(call.books, its_rules, document, _PAID_PART[its_rules.kind.plural], paid, on)
    return call.records.add(
        PAYMENTS,
        {
            "DocumentID": document.id,
            "DocumentKind": its_rules.kind.plural,
            "AccountID": account.id,
            "PaymentType": _TYPES[document.element["Type"]],
            "Status": "AUTHORISED",
            "Date": on,
            "Amount": paid,
            "BankAmount": rounded(paid / money["CurrencyRate"]),
            "CurrencyRate": money["CurrencyRate"],
            "Reference": stated(given, "Reference") or "",
            "IsReconciled": flag(given, "IsReconciled") or False,
        },
    )


def _named_document(call: Call, given: JsonObject) -> tuple[Record, Rules]:
    """What a payment is for, by id or number. Raises `InvalidError`."""
    for name, its_rules in _BOTH.items():
        reference = member(given, name) or {}
        identifier = guid(reference, its_rules.kind.identifier)
        wanted = stated(reference, its_rules.number) or stated(given, its_rules.number)
        if identifier is None and wanted is None:
            continue
        record = call.records.get(its_rules.kind, identifier)
        if record is None and identifier is None and wanted is not None:
            record = rules.holder(call.books, its_rules, wanted)
        if record is None:
            raise InvalidError(f"{name} could not be found")
        return record, its_rules
    raise InvalidError("Payment must be against an Invoice, Credit Note, Prepayment or Overpayment")


def _account(call: Call, given: JsonObject) -> Record:
    """A bank account, or one that takes payments. Raises `InvalidError`."""
    named = member(given, "Account") or {}
    code, identifier = stated(named, "Code") or stated(given, "Code"), guid(named, "AccountID")
    if identifier is not None:
        account = call.books.chart.account_by_id(identifier)
    else:
        account = call.books.chart.account(code) if code is not None else None
    if account is None or account.status != "ACTIVE":
        raise InvalidError("Account could not be found")
    if account.element["Type"] != "BANK" and not account.element["EnablePaymentsToAccount"]:
        raise InvalidError(f"Account '{account.element['Code']}' is not valid for payments")
    return account


def _document(call: Call, payment: Record) -> tuple[Record, Rules]:
    its_rules = next(one for one in _BOTH.values() if one.kind.plural == payment.element["DocumentKind"])
    return call.records.existing(its_rules.kind, payment.element["DocumentID"]), its_rules


def _addressed(call: Call) -> Record:
    record = call.records.get(PAYMENTS, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return record


def _shown(call: Call, payment: Record, details: bool) -> JsonObject:
    element = payment.element
    account = call.records.existing(ACCOUNTS, element["AccountID"])
    document, its_rules = _document(call, payment)
    showing = Showing(call)
    shown = showing.invoice if its_rules is rules.INVOICE else showing.credit_note
    return {
        "PaymentID": payment.id,
        "Date": day_date(element["Date"]),
        **{
            name: element[name]
            for name in (
                "BankAmount",
                "Amount",
                "Reference",
                "CurrencyRate",
                "PaymentType",
                "Status",
                "IsReconciled",
            )
        },
        "UpdatedDateUTC": moment_date(payment.updated_ms),
        "UpdatedDateUTCString": moment_text(payment.updated_ms),
        "HasAccount": True,
        "HasValidationErrors": False,
        "Account": {
            "AccountID": account.id,
            "Code": account.element["Code"],
            "Name": account.element["Name"],
        },
        "Invoice" if its_rules is rules.INVOICE else "CreditNote": shown(document, details),
    }
