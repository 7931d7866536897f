"""Plaid's transactions turned into bank lines.

Plaid's amounts are positive when money leaves the account (https://plaid.com/docs/api/products/transactions);
ours when it comes in. Amounts are JSON numbers, and keep their digits.

Belongs here: what a transaction is as a movement. Does not belong here: which of them to read (`source`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from integration_pipeline.payments.movements import (
    Movement,
    MovementKind,
    MovementSource,
    Page,
    Payer,
    Unreadable,
    exact_money,
    storable,
)
from integration_pipeline.payments.plaid.api import SyncPage
from integration_pipeline.transport.shapes import Json

_TEXTS = ("name", "original_description", "merchant_name", "check_number")
_META = ("reference_number", "reason", "payer", "payee", "by_order_of")
# Who passes money on for others is no payer.
_PAYING = frozenset({"merchant", "income_source"})


def merged(pages: Sequence[SyncPage], accounts: frozenset[str] | None) -> Page:
    """What one whole sync comes to: of a line that changed more than once in it only the last state counts.

    Of `accounts` alone, of all if None; removed lines do not say whose they are, and are all told.
    """
    told: dict[str, Movement | Unreadable | None] = {}
    removed: dict[str, None] = {}
    for page in pages:
        for each in (*page.added, *page.modified):
            identifier = each.field("transaction_id").identifier()
            removed.pop(identifier, None)
            wanted = accounts is None or each.field("account_id").identifier() in accounts
            told[identifier] = line(each) if wanted else None
        for identifier in page.removed:
            told.pop(identifier, None)
            removed[identifier] = None
    return Page(
        movements=tuple(each for each in told.values() if isinstance(each, Movement)),
        removed=tuple(removed),
        unreadable=tuple(each for each in told.values() if isinstance(each, Unreadable)),
        cursor=pages[-1].next_cursor,
    )


def line(transaction: Json) -> Movement | Unreadable | None:
    """A posted transaction, None for a pending one and for one that moved nothing. Raises `Malformed` for a
    wrong shape.
    """
    identifier = transaction.field("transaction_id").identifier()
    if transaction.field("pending").flag():
        return None
    body = storable(transaction.object())
    official = transaction.optional_text("iso_currency_code")
    currency = official or transaction.optional_text("unofficial_currency_code") or ""
    try:
        amount = exact_money(-transaction.field("amount").number(), currency)
    except ValueError as error:
        reason = f"The bank line {identifier} cannot be booked: {error}. Book it by hand."
        return Unreadable(MovementSource.PLAID, identifier, reason, body)
    if not amount:
        return None
    booked = _day(transaction.field("date"))
    stamp = transaction.optional("datetime")
    return Movement(
        source=MovementSource.PLAID,
        kind=MovementKind.BANK_LINE,
        external_id=identifier,
        amount=amount,
        occurred_at=stamp.timestamp() if stamp else datetime.combine(booked, time.min, UTC),
        value_date=booked,
        body=body,
        payer=_payer(transaction),
        references=_references(transaction),
        account=transaction.field("account_id").identifier(),
    )


def _payer(transaction: Json) -> Payer:
    """By name who stands in the bank's own fields, else the counterparty Plaid recognised."""
    meta = transaction.optional("payment_meta")
    counterparties = transaction.optional("counterparties")
    named = [meta.optional_text("payer"), meta.optional_text("by_order_of")] if meta else []
    ids: list[str] = []
    for each in counterparties.items() if counterparties else []:
        if each.field("type").value in _PAYING:
            named.append(each.optional_text("name"))
            entity = each.optional("entity_id")
            ids += [entity.identifier()] if entity else []
    named.append(transaction.optional_text("merchant_name"))
    return Payer(name=next(filter(None, named), None), ids=tuple(dict.fromkeys(ids)))


def _references(transaction: Json) -> tuple[str, ...]:
    meta = transaction.optional("payment_meta")
    texts = [transaction.optional_text(name) for name in _TEXTS]
    texts += [meta.optional_text(name) for name in _META] if meta else []
    return tuple(dict.fromkeys(each.strip() for each in texts if each and each.strip()))


def _day(day: Json) -> date:
    try:
        return date.fromisoformat(day.text())
    except ValueError:
        raise day.wrong("a date, as 2026-11-20 is") from None
