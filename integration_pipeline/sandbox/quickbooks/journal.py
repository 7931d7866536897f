"""Transactions between accounts: journal entries, deposits of received payments, purchases."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record, record_id
from integration_pipeline.sandbox.quickbooks.documents import (
    currency_fields,
    document_date,
    document_number,
)
from integration_pipeline.sandbox.quickbooks.errors import (
    business,
    deposited,
    invalid_reference,
    required,
)
from integration_pipeline.sandbox.quickbooks.fields import amount, choice, nested, objects, text
from integration_pipeline.sandbox.quickbooks.references import currency_of, pointing_to, referred

_ZERO = Decimal("0.00")
_SIDES = ("Debit", "Credit")
_PEOPLE = ("Customer", "Vendor", "Employee")
_PURCHASES = ("Cash", "Check", "CreditCard")
_COMPUTED = ("TotalAmt", "HomeTotalAmt", "LinkedTxn")


def journal_entry(
    books: Books, given: JsonObject, before: Record | None, *, allow_duplicate: bool
) -> JsonObject:
    """A JournalEntry. Raises 6000 unless debits equal credits and receivables name a customer."""
    lines = [_posting(books, line) for line in objects(given, "Line")]
    if len(lines) < 2:
        raise required("Line")
    sums = dict.fromkeys(_SIDES, _ZERO)
    for line in lines:
        sums[line["JournalEntryLineDetail"]["PostingType"]] += line["Amount"]
    if sums["Debit"] != sums["Credit"]:
        raise business("Debits and credits do not balance in this transaction.", "Line")
    number = document_number(books, "JournalEntry", given, before, allow_duplicate=allow_duplicate)
    return {
        "Adjustment": False,
        **_header(books, given, before, lines, sums["Debit"]),
        **({} if number is None else {"DocNumber": number}),
    }


def deposit(books: Books, given: JsonObject, before: Record | None) -> JsonObject:
    """A Deposit of payments and of amounts from other accounts, such as the fees kept back."""
    account = referred(books, "Account", given, "DepositToAccountRef")
    if account is None:
        raise required("DepositToAccountRef")
    lines = [_deposited_line(books, line) for line in objects(given, "Line")]
    if not lines:
        raise required("Line")
    total = sum((line["Amount"] for line in lines), _ZERO)
    if total < 0:
        raise business("You must enter a transaction amount that is 0 or greater.", "TotalAmt")
    return {
        **_header(books, given, before, lines, total),
        "DepositToAccountRef": pointing_to(account),
    }


def purchase(books: Books, given: JsonObject, before: Record | None) -> JsonObject:
    """A Purchase paid at once, such as a fee."""
    account = referred(books, "Account", given, "AccountRef")
    if account is None:
        raise required("AccountRef")
    kind = choice(given, "PaymentType", _PURCHASES)
    if kind is None:
        raise required("PaymentType")
    lines: list[JsonObject] = []
    for line in objects(given, "Line"):
        detail = nested(line, "AccountBasedExpenseLineDetail")
        spent = referred(books, "Account", detail, "AccountRef")
        if spent is None:
            raise required("AccountRef")
        kept = {**detail, "AccountRef": pointing_to(spent)}
        lines.append(
            {
                **_line(line),
                "DetailType": "AccountBasedExpenseLineDetail",
                "AccountBasedExpenseLineDetail": kept,
            }
        )
    if not lines:
        raise required("Line")
    total = sum((line["Amount"] for line in lines), _ZERO)
    paid = choice(nested(given, "EntityRef"), "type", _PEOPLE) or "Vendor"
    party = referred(books, paid, given, "EntityRef")
    return {
        **_header(books, given, before, lines, total),
        **({} if party is None else {"EntityRef": {**pointing_to(party), "type": paid}}),
        "AccountRef": pointing_to(account),
        "PaymentType": kind,
    }


def settle_deposit(books: Books, record: Record) -> None:
    """Mark the payments a deposit contains: they can no longer be changed."""
    for found in _payments(books, record):
        links = [*found.body["LinkedTxn"], {"TxnId": str(record.id), "TxnType": "Deposit"}]
        books.replace(found, {**found.body, "LinkedTxn": links})


def release_deposit(books: Books, record: Record) -> None:
    """Let the payments of a deposit be changed again."""
    for found in _payments(books, record):
        links = [each for each in found.body["LinkedTxn"] if each["TxnId"] != str(record.id)]
        books.replace(found, {**found.body, "LinkedTxn": links})


def _payments(books: Books, record: Record) -> list[Record]:
    ids = [int(link["TxnId"]) for line in record.body["Line"] for link in line.get("LinkedTxn", [])]
    return [found for each in ids if (found := books.find("Payment", each)) is not None]


def _header(
    books: Books, given: JsonObject, before: Record | None, lines: list[JsonObject], total: Decimal
) -> JsonObject:
    currency = currency_of(books, given, None if before is None else before.body["CurrencyRef"]["value"])
    text(given, "PrivateNote", 4_000)
    return {
        **{name: value for name, value in given.items() if name not in _COMPUTED},
        "TxnDate": document_date(books, given, before),
        **currency_fields(books, given, currency, total),
        "Line": [{"Id": str(place), **line} for place, line in enumerate(lines, 1)],
        "TotalAmt": total,
        "LinkedTxn": before.body["LinkedTxn"] if before is not None else [],
    }


def _line(line: Mapping[str, Any]) -> JsonObject:
    total = amount(line, "Amount")
    if total is None:
        raise required("Line.Amount")
    described = text(line, "Description", 4_000)
    return {**({} if described is None else {"Description": described}), "Amount": total}


def _posting(books: Books, line: JsonObject) -> JsonObject:
    detail = nested(line, "JournalEntryLineDetail")
    side = choice(detail, "PostingType", _SIDES)
    if side is None:
        raise required("PostingType")
    account = referred(books, "Account", detail, "AccountRef")
    if account is None:
        raise required("AccountRef")
    kept: JsonObject = {**detail, "PostingType": side, "AccountRef": pointing_to(account)}
    holder = nested(detail, "Entity")
    kind = choice(holder, "Type", _PEOPLE)
    party = None if kind is None else referred(books, kind, holder, "EntityRef")
    if party is not None:
        kept["Entity"] = {"Type": kind, "EntityRef": pointing_to(party)}
    wanted = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}.get(
        account.body["AccountType"]
    )
    if wanted is not None and (party is None or party.entity != wanted):
        raise business(
            f"When you use {account.body['AccountType']}, you must choose a {wanted.lower()} "
            "in the Name field.",
            "Entity",
        )
    posted = _line(line)
    if posted["Amount"] < 0:
        raise business("The amount of a journal line must be 0 or greater.", "Line.Amount")
    return {**posted, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": kept}


def _deposited_line(books: Books, line: JsonObject) -> JsonObject:
    links = objects(line, "LinkedTxn")
    if not links:
        detail = nested(line, "DepositLineDetail")
        account = referred(books, "Account", detail, "AccountRef")
        if account is None:
            raise required("AccountRef")
        kept = {**detail, "AccountRef": pointing_to(account)}
        return {**_line(line), "DetailType": "DepositLineDetail", "DepositLineDetail": kept}
    identifier = str(links[0].get("TxnId"))
    found = books.find("Payment", record_id(identifier))
    if found is None or links[0].get("TxnType") != "Payment":
        raise invalid_reference("Payment", identifier, "LinkedTxn")
    if any(each["TxnType"] == "Deposit" for each in found.body["LinkedTxn"]):
        raise deposited()
    # A payment is deposited as a whole.
    link = {"TxnId": identifier, "TxnType": "Payment", "TxnLineId": "0"}
    return {"Amount": found.amount("TotalAmt"), "LinkedTxn": [link]}
