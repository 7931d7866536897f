"""The shape in which every payment vendor and every bank hands over its movements of money.

Belongs here: one movement, what names the document it may settle, a page of them. Does not belong here: which
invoice it settles, how it is posted, and any vendor's fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from integration_pipeline.billing.money import Money, minor_unit_exponent
from integration_pipeline.store.texts import UNSTORABLE
from integration_pipeline.transport.json_types import JsonObject, JsonValue


class MovementSource(StrEnum):
    """Who tells of a movement."""

    STRIPE = "stripe"
    PLAID = "plaid"


class MovementKind(StrEnum):
    """What a movement is. A vendor's corrections are movements of the same kind with the opposite sign."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    """A bank took a payment back for as long as its customer disputes it, or for ever."""
    DISPUTE_WON = "dispute_won"
    """The payment vendor gave back what a dispute had taken."""
    FEE = "fee"
    """A charge of the vendor that belongs to no single payment."""
    PAYOUT = "payout"
    """Money that the payment vendor sent to our bank, which tells of the same money in a bank line."""
    BANK_LINE = "bank_line"


class LinkKind(StrEnum):
    """What a link names. The first four name a document or a deal; the others lead to one."""

    INVOICE_NUMBER = "invoice_number"
    DEAL = "deal"
    DOCUMENT = "document"
    """A document of the books, by its id there."""
    STRIPE_INVOICE = "stripe_invoice"
    CHARGE = "charge"
    """The payment (its `external_id`) that a refund or a dispute takes back."""
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Link:
    """An id that somebody or some system wrote down on purpose, unlike a text (`Movement.references`).

    `amount` is how much of the movement goes to it, without a sign; None if the vendor does not say.
    """

    kind: LinkKind
    id: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """Who the other side is, as far as known. `ids` are the vendor's (a Stripe customer, a counterparty)."""

    name: str | None = None
    email: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved for good; what is only announced or pending is none.

    `external_id` is unique within `source` and `kind`. The same movement may come again knowing more (`fee`,
    `settled`, `links`, `group`): the later one holds, but a `group` that was known once is not taken back by
    None, since not every way to read a movement shows it.

    `amount` is signed, + is money to us; in the currency it was paid in. A payout is + what our bank gets.
    `settled` is the same amount as the vendor's balance took it, where that is in another currency.
    `fee` is what the vendor kept of it, + is a cost to us, in the currency of the balance; None if there is
    none or it is not known yet. `value_date` is a civil date: of a bank line its booking, of a payout its
    arrival, of all else the day it occurred in the account's time zone.

    `references` are texts that may name an invoice. `group` is the payout in which it reached the bank.
    `account` is the vendor's account that holds the money (a bank account), if it has several. `body` is what
    the vendor said, fit for a jsonb column, numbers with a fraction as text.
    """

    source: MovementSource
    kind: MovementKind
    external_id: str
    amount: Money
    occurred_at: datetime
    value_date: date
    body: JsonObject
    fee: Money | None = None
    settled: Money | None = None
    payer: Payer = field(default_factory=Payer)
    references: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    group: str | None = None
    account: str | None = None

    def linked(self, kind: LinkKind) -> tuple[Link, ...]:
        """The links of one kind."""
        return tuple(link for link in self.links if link.kind is kind)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no `Movement` we could book, with the reason, for a person: nothing is just dropped.

    A record of a currency outside ISO 4217 is one, and an amount with more decimals than its currency has.
    """

    source: MovementSource
    external_id: str
    reason: str
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Page:
    """What changed. `cursor` is to be kept once all pages up to this one are; None: not before a later one.

    `removed` are ids of bank lines that the bank took back, unknown ones among them (of pending lines).
    `movements` may hold some that came before, as they are now.
    """

    movements: tuple[Movement, ...] = ()
    removed: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    cursor: str | None = None


class PaymentSource(Protocol):
    """One account of one vendor. All methods raise the transport's failures."""

    name: MovementSource

    def changes_since(self, cursor: str | None) -> Iterator[Page]:
        """What changed since a page's cursor was given out; None: since the beginning."""
        ...


def exact_money(amount: Decimal | int, currency: str) -> Money:
    """`amount` in currency units (12.5 USD) as Money, never rounded.

    Raises ValueError, naming both, for more decimals than the currency has, and `UnknownCurrency`.
    """
    numerator, denominator = Decimal(amount).as_integer_ratio()
    minor, rest = divmod(numerator * 10 ** minor_unit_exponent(currency), denominator)
    if rest:
        raise ValueError(f"{amount} {currency} has more decimals than the currency")
    return Money(minor, currency)


def storable(body: JsonObject) -> JsonObject:
    """`body` fit for a jsonb column: what PostgreSQL's text cannot hold is replaced, fractions are text."""
    return {UNSTORABLE.sub("\ufffd", name): _storable(value) for name, value in body.items()}


def _storable(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value)
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return storable(value)
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return value
