"""Payments: money received, and how it and credit memos settle invoices.

A credit memo is applied to an invoice by a payment that names both; its TotalAmt may be 0.
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record, record_id
from integration_pipeline.sandbox.quickbooks.documents import currency_fields, document_date
from integration_pipeline.sandbox.quickbooks.errors import business, deposited, invalid_reference, required
from integration_pipeline.sandbox.quickbooks.fields import amount, objects, text
from integration_pipeline.sandbox.quickbooks.references import currency_of, pointing_to, referred
from integration_pipeline.sandbox.quickbooks.sales import OPEN, with_open

_ZERO = Decimal("0.00")
_UNDEPOSITED = "Undeposited Funds"
_COMPUTED = ("TotalAmt", "UnappliedAmt", "LinkedTxn", "HomeTotalAmt", "DocNumber")


def payment(books: Books, given: JsonObject, before: Record | None) -> JsonObject:
    """A Payment as kept. More than an invoice has open stays unapplied.

    The version before must have been released (`release`). Raises 6000 where more is applied than was
    received and credited, and 6540 for a payment that is in a deposit.
    """
    refuse_deposited(before)
    customer = referred(books, "Customer", given, "CustomerRef")
    if customer is None:
        raise required("CustomerRef")
    total = amount(given, "TotalAmt")
    if total is None:
        raise required("TotalAmt")
    if total < 0:
        raise business("You must enter a transaction amount that is 0 or greater.", "TotalAmt")
    reference = text(given, "PaymentRefNum", 21)
    currency = currency_of(books, given, customer.body["CurrencyRef"]["value"])
    lines = [_line(books, line, customer.id) for line in objects(given, "Line")]
    credited = sum((each["Amount"] for each in lines if _target(each)[0] == "CreditMemo"), _ZERO)
    settled = sum((each["Amount"] for each in lines if _target(each)[0] == "Invoice"), _ZERO)
    if settled > total + credited or credited > settled:
        raise business("The amount applied must be no more than the amount received and credited.", "Line")
    account = referred(books, "Account", given, "DepositToAccountRef")
    if account is None and (found := books.named("Account", _UNDEPOSITED)) is not None:
        account = books.find("Account", found)
    return {
        "ProcessPayment": False,
        **{name: value for name, value in given.items() if name not in _COMPUTED},
        "TxnDate": document_date(books, given, before),
        "CustomerRef": pointing_to(customer),
        **({} if account is None else {"DepositToAccountRef": {"value": str(account.id)}}),
        **({} if reference is None else {"PaymentRefNum": reference}),
        **currency_fields(books, given, currency, total),
        "Line": lines,
        "TotalAmt": total,
        "UnappliedAmt": total + credited - settled,
        "LinkedTxn": [],
    }


def settle(books: Books, record: Record) -> None:
    """Take what a payment applies off the documents it names."""
    for line in record.body["Line"]:
        entity, identifier = _target(line)
        target = books.find(entity, identifier)
        if target is None:
            raise invalid_reference(entity, identifier, "LinkedTxn")
        links = [*target.body["LinkedTxn"], {"TxnId": str(record.id), "TxnType": "Payment"}]
        _move(books, target, -line["Amount"], links)


def release(books: Books, record: Record) -> None:
    """Give back what a payment has applied."""
    for line in record.body["Line"]:
        entity, identifier = _target(line)
        target = books.find(entity, identifier)
        if target is not None:
            links = [each for each in target.body["LinkedTxn"] if each["TxnId"] != str(record.id)]
            _move(books, target, line["Amount"], links)


def unlink(books: Books, document: Record) -> None:
    """Before a document is voided or deleted: its payments keep their money, unapplied."""
    for link in document.body["LinkedTxn"]:
        found = books.find("Payment", int(link["TxnId"]))
        if found is None:
            continue
        release(books, found)
        kept = [each for each in found.body["Line"] if _target(each) != (document.entity, document.id)]
        # Without its invoice a credit has nothing to settle.
        if not any(_target(each)[0] == "Invoice" for each in kept):
            kept = []
        body: JsonObject = {**found.body, "Line": kept}
        applied = dict.fromkeys(OPEN, _ZERO)
        for each in kept:
            applied[_target(each)[0]] += each["Amount"]
        rest = found.amount("TotalAmt") + applied["CreditMemo"] - applied["Invoice"]
        if rest < 0:
            body["Line"], rest = [], found.amount("TotalAmt")
        customer = int(body["CustomerRef"]["value"])
        books.owe(customer, found.amount("UnappliedAmt") - rest)
        settle(books, books.replace(found, {**body, "UnappliedAmt": rest}))


def voided(record: Record) -> JsonObject:
    """The payment with nothing received and nothing applied."""
    body: JsonObject = {
        **record.body,
        "Line": [],
        "TotalAmt": _ZERO,
        "UnappliedAmt": _ZERO,
        "PrivateNote": "Voided",
    }
    if "HomeTotalAmt" in body:
        body["HomeTotalAmt"] = _ZERO
    return body


def refuse_deposited(before: Record | None) -> None:
    if before is not None and any(each["TxnType"] == "Deposit" for each in before.body["LinkedTxn"]):
        raise deposited()


def _line(books: Books, line: JsonObject, customer: int) -> JsonObject:
    links = objects(line, "LinkedTxn")
    asked = amount(line, "Amount")
    if asked is None:
        raise required("Line.Amount")
    if len(links) != 1:
        raise required("Line.LinkedTxn")
    entity, identifier = str(links[0].get("TxnType")), str(links[0].get("TxnId"))
    if entity not in OPEN:
        raise invalid_reference(f"{entity:.40}", identifier, "LinkedTxn")
    found = books.find(entity, record_id(identifier))
    if found is None:
        raise invalid_reference(entity, identifier, "LinkedTxn")
    if found.body["CustomerRef"]["value"] != str(customer):
        raise business("The transaction you are linking to belongs to another customer.", "LinkedTxn")
    rest = found.amount(OPEN[entity])
    if entity == "CreditMemo" and asked > rest:
        raise business("The amount applied is more than the remaining credit.", "Line.Amount")
    return {"Amount": min(asked, rest), "LinkedTxn": [{"TxnId": identifier, "TxnType": entity}]}


def _move(books: Books, target: Record, change: Decimal, links: list[JsonObject]) -> None:
    changed = books.replace(target, with_open(target, change, links))
    customer = int(changed.body["CustomerRef"]["value"])
    books.owe(customer, change if target.entity == "Invoice" else -change)


def _target(line: JsonObject) -> tuple[str, int]:
    link = line["LinkedTxn"][0]
    return link["TxnType"], int(link["TxnId"])
