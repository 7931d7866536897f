"""Creating, changing, voiding and deleting a record: versions, closed books, what follows in others.

Each is one transaction. The rules of an entity are in its own module; which one that is says `ENTITIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks import journal, lists, payments, sales
from integration_pipeline.sandbox.quickbooks.books import Books, Record, record_id
from integration_pipeline.sandbox.quickbooks.documents import check_open
from integration_pipeline.sandbox.quickbooks.errors import (
    not_found,
    required,
    stale,
    unsupported_operation,
)
from integration_pipeline.sandbox.quickbooks.fields import given as given_fields
from integration_pipeline.sandbox.quickbooks.properties import KNOWN

_ENVELOPE = ("Id", "SyncToken", "MetaData", "domain", "sparse", "status")
_OWED = {"Invoice": ("Balance", 1), "CreditMemo": ("RemainingCredit", -1), "Payment": ("UnappliedAmt", -1)}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a write is asked for. `by_person` is one in QuickBooks' pages, which asks for no version."""

    allow_duplicate: bool = False
    by_person: bool = False


Rule = Callable[[Books, JsonObject, Record | None, Manner], JsonObject]


@dataclass(frozen=True, slots=True)
class Entity:
    """What can be done with an entity; a transaction has a date that closed books protect."""

    rule: Rule | None
    transaction: bool = False
    voids: Callable[[Record], JsonObject] | None = None


def _person(entity: str) -> Rule:
    return lambda books, given, before, _: lists.person(books, entity, given, before)


def _sale(entity: str) -> Rule:
    return lambda books, given, before, manner: sales.sale(
        books, entity, given, before, allow_duplicate=manner.allow_duplicate
    )


ENTITIES: Mapping[str, Entity] = {
    "Customer": Entity(_person("Customer")),
    "Vendor": Entity(_person("Vendor")),
    "Employee": Entity(_person("Employee")),
    "Item": Entity(lambda books, given, before, _: lists.item(books, given, before)),
    "Account": Entity(lambda books, given, before, _: lists.account(books, given, before)),
    "TaxCode": Entity(None),
    "TaxRate": Entity(None),
    "Invoice": Entity(_sale("Invoice"), transaction=True, voids=sales.voided),
    "CreditMemo": Entity(_sale("CreditMemo"), transaction=True, voids=sales.voided),
    "Payment": Entity(
        lambda books, given, before, _: payments.payment(books, given, before),
        transaction=True,
        voids=payments.voided,
    ),
    "JournalEntry": Entity(
        lambda books, given, before, manner: journal.journal_entry(
            books, given, before, allow_duplicate=manner.allow_duplicate
        ),
        transaction=True,
    ),
    "Deposit": Entity(
        lambda books, given, before, _: journal.deposit(books, given, before), transaction=True
    ),
    "Purchase": Entity(
        lambda books, given, before, _: journal.purchase(books, given, before), transaction=True
    ),
}
"""The entities there are; one without a rule is read only."""

BY_PATH: Mapping[str, str] = {entity.lower(): entity for entity in ENTITIES}
"""Entities by the segment of the URL that means them."""


def save(books: Books, entity: str, request: Mapping[str, Any], manner: Manner) -> Record:
    """Create a record, or change the one whose Id is given: wholly, or with `sparse` the fields given."""
    rule = _rule(entity)
    given = given_fields(request, KNOWN[entity])
    with books.changing():
        before = _current(books, entity, given, manner) if given.get("Id") else None
        merged = {name: value for name, value in given.items() if name not in _ENVELOPE}
        if before is not None and (given.get("sparse") is True or manner.by_person):
            merged = _merged(before, request, merged)
        if before is not None:
            _check_open(books, entity, before.body, manner)
            _release(books, before)
            before = books.find(entity, before.id)
        body = rule(books, merged, before, manner)
        _check_open(books, entity, body, manner)
        record = books.add(entity, body) if before is None else books.replace(before, body)
        _follow(books, before, record)
    return record


def void(books: Books, entity: str, request: Mapping[str, Any], manner: Manner) -> Record:
    """Leave a document with all its amounts 0."""
    voids = ENTITIES[entity].voids
    if voids is None:
        raise unsupported_operation(f"void {entity}")
    with books.changing():
        before = _undone(books, entity, request, manner)
        record = books.replace(before, voids(before), "Void")
        _owe(books, before, record)
    return record


def delete(books: Books, entity: str, request: Mapping[str, Any], manner: Manner) -> int:
    """Delete a transaction; records of lists are made inactive instead. The id."""
    if not ENTITIES[entity].transaction:
        raise unsupported_operation(f"delete {entity}")
    with books.changing():
        before = _undone(books, entity, request, manner)
        books.remove(before)
        _owe(books, before, None)
    return before.id


def _rule(entity: str) -> Rule:
    rule = ENTITIES[entity].rule
    if rule is None:
        raise unsupported_operation(f"create or update {entity}")
    return rule


def _undone(books: Books, entity: str, request: Mapping[str, Any], manner: Manner) -> Record:
    """The record without anything that hangs on it."""
    before = _current(books, entity, request, manner)
    _check_open(books, entity, before.body, manner)
    if entity == "Payment":
        payments.refuse_deposited(before)
    if entity in sales.OPEN:
        payments.unlink(books, before)
    _release(books, before)
    found = books.find(entity, before.id)
    assert found is not None  # noqa: S101 - it was there a moment ago
    return found


def _current(books: Books, entity: str, request: Mapping[str, Any], manner: Manner) -> Record:
    """The record a request means. Raises 610 where there is none, 5010 for another version than it has."""
    identifier = str(request.get("Id") or "")
    if not identifier:
        raise required("Id")
    found = books.find(entity, record_id(identifier))
    if found is None:
        raise not_found()
    if manner.by_person:
        return found
    token = request.get("SyncToken")
    if token is None or token == "":
        raise required("SyncToken")
    if str(token) != str(found.sync_token):
        raise stale()
    return found


def _merged(before: Record, request: Mapping[str, Any], given: JsonObject) -> JsonObject:
    """The fields given over those there were; null and empty text take a field away."""
    kept = {
        name: value
        for name, value in before.body.items()
        if name in KNOWN[before.entity] and not (name in request and request[name] in (None, ""))
    }
    if "TxnTaxDetail" in kept:
        # Tax is computed anew; amounts of before would count as told.
        kept["TxnTaxDetail"] = {"TxnTaxCodeRef": kept["TxnTaxDetail"].get("TxnTaxCodeRef")}
    return {**kept, **given}


def _check_open(books: Books, entity: str, body: JsonObject, manner: Manner) -> None:
    if ENTITIES[entity].transaction and not manner.by_person:
        check_open(books, body.get("TxnDate"))


def _release(books: Books, before: Record) -> None:
    if before.entity == "Payment":
        payments.release(books, before)
    elif before.entity == "Deposit":
        journal.release_deposit(books, before)


def _follow(books: Books, before: Record | None, record: Record) -> None:
    if record.entity == "Payment":
        payments.settle(books, record)
    elif record.entity == "Deposit":
        journal.settle_deposit(books, record)
    _owe(books, before, record)


def _owe(books: Books, before: Record | None, after: Record | None) -> None:
    """Carry what is open of a document over to its customer."""
    for record, sign in ((before, -1), (after, 1)):
        if record is not None and record.entity in _OWED:
            field, side = _OWED[record.entity]
            open_amount: Decimal = record.amount(field)
            books.owe(int(record.body["CustomerRef"]["value"]), sign * side * open_amount)
