"""Who pays what in a demo: a tenth of the open invoices, by card or by bank, as people pay.

The same invoices give the same payments. Belongs here: choosing, amounts, the words of bank lines. Does not
belong here: making them happen at a payment vendor or bank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zlib import crc32

from integration_pipeline.billing.money import Money

CARD_CURRENCY = "USD"
_ONE_IN = 10
_CARDS_ONE_IN = 3
_PARTIAL_PERCENT = 60
_TOGETHER = 3
# Nobody here knows them, and nothing they write names an invoice.
_STRANGER, _STRANGE_AMOUNT = "Zephyr Holdings Ltd.", Money(777_777, "USD")


@dataclass(frozen=True, slots=True)
class Payable:
    """An invoice of which nothing has been paid."""

    number: str
    customer: str
    domain: str | None
    due_date: date
    open: Money


@dataclass(frozen=True, slots=True)
class CardPayment:
    """A customer's payment by card. `metadata` is what the checkout gave along."""

    amount: Money
    name: str
    email: str | None
    description: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A customer's payment as the bank tells of it."""

    amount: Money
    booked_on: date
    payer: str
    text: str


@dataclass(frozen=True, slots=True)
class Payments:
    """What is paid: by card, and by bank transfer."""

    cards: tuple[CardPayment, ...]
    transfers: tuple[Transfer, ...]


def pay_some(invoices: Iterable[Payable], today: date) -> Payments:
    """Payments of a tenth of `invoices`, no later than `today`, a third of the dollars by card.

    Of the transfers one pays only a part, one too much, one several invoices of a customer; and one comes
    from somebody whom nobody knows.
    """
    chosen = sorted(
        (each for each in invoices if _lot(each) % _ONE_IN == 0),
        key=lambda each: (each.due_date, each.number),
    )
    by_card = [each for each in chosen if _pays_by_card(each)]
    by_bank = [each for each in chosen if not _pays_by_card(each)]
    together = _of_one_customer(by_bank)
    single = [each for each in by_bank if each not in together]
    transfers = [_transfer(each, today) for each in single[2:]]
    if len(single) > 1:
        part, over = single[:2]
        partial = Money(part.open.minor * _PARTIAL_PERCENT // 100, part.open.currency)
        transfers.append(_transfer(part, today, partial, "part payment "))
        transfers.append(_transfer(over, today, over.open + Money(25_000, over.open.currency)))
    if together:
        transfers.append(_several(together, today))
    transfers.append(Transfer(_STRANGE_AMOUNT, today, _STRANGER, f"WIRE {_STRANGER} REF 4471"))
    return Payments(tuple(_card(each) for each in by_card), tuple(transfers))


def _lot(invoice: Payable) -> int:
    return crc32(invoice.number.encode())


def _pays_by_card(invoice: Payable) -> bool:
    return invoice.open.currency == CARD_CURRENCY and _lot(invoice) // _ONE_IN % _CARDS_ONE_IN == 0


def _card(invoice: Payable) -> CardPayment:
    return CardPayment(
        amount=invoice.open,
        name=invoice.customer,
        email=f"accounts@{invoice.domain}" if invoice.domain else None,
        description=f"Invoice {invoice.number}",
        metadata={"invoice_number": invoice.number},
    )


def _transfer(invoice: Payable, today: date, amount: Money | None = None, words: str = "") -> Transfer:
    """The number as a person types it: as it stands, without dashes, in small letters."""
    ways = (invoice.number, invoice.number.replace("-", " "), invoice.number.lower())
    written = ways[_lot(invoice) // _ONE_IN % len(ways)]
    return Transfer(
        amount or invoice.open,
        min(invoice.due_date, today),
        invoice.customer,
        f"{words}{written} {invoice.customer}",
    )


def _several(invoices: Sequence[Payable], today: date) -> Transfer:
    total = invoices[0].open
    for each in invoices[1:]:
        total += each.open
    numbers = " ".join(each.number for each in invoices)
    last = max(each.due_date for each in invoices)
    return Transfer(total, min(last, today), invoices[0].customer, f"{numbers} {invoices[0].customer}")


def _of_one_customer(invoices: Sequence[Payable]) -> list[Payable]:
    """The first few invoices that one customer has in one currency; none if none has two."""
    groups: dict[tuple[str, str], list[Payable]] = {}
    for each in invoices[2:]:
        groups.setdefault((each.customer, each.open.currency), []).append(each)
    several = [group[:_TOGETHER] for group in groups.values() if len(group) > 1]
    return several[0] if several else []
