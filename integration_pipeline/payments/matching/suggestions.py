"""What is proposed to a person where no rule is sure: the same amount, a similar name, a fee kept on the way.

Belongs here: scores and reasons; a proposal is never booked by itself. Does not belong here: the rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from rapidfuzz import fuzz, process, utils

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Candidate, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Conventions, Kept, OpenDocument, in_order
from integration_pipeline.payments.movements import Movement, MovementKind

MOST = 5
"""So many are shown."""
_ALIKE = 82
"""From this likeness (of 100) on, a name is taken for a hint."""
_MOST_NAMES = 3


def normal_names(names: Mapping[int, str]) -> dict[int, str]:
    """Customers' names as they are compared: without case, dots and commas."""
    return {customer: utils.default_process(name) for customer, name in names.items()}


def similar_customers(movement: Movement, names: Mapping[int, str]) -> dict[int, int]:
    """Customers whose name (`normal_names`) is like the payer's, with how alike they are (82 to 100)."""
    name = utils.default_process(movement.payer.name or "")
    if not name:
        return {}
    found = process.extract(name, names, scorer=fuzz.token_sort_ratio, score_cutoff=_ALIKE, limit=_MOST_NAMES)
    return {customer: int(score) for _, score, customer in found}


class Shelf:
    """Open invoices, at hand by amount and by customer."""

    def __init__(self, documents: Iterable[OpenDocument]) -> None:
        self._by_amount: dict[str, list[OpenDocument]] = {}
        self._of_customer: dict[tuple[int, str], list[OpenDocument]] = {}
        for each in in_order(documents):
            if each.open_minor > 0:
                self._by_amount.setdefault(each.currency, []).append(each)
                self._of_customer.setdefault((each.customer_id, each.currency), []).append(each)
        for of_currency in self._by_amount.values():
            of_currency.sort(key=_open_minor)

    def of(self, customer: int, currency: str) -> list[OpenDocument]:
        """A customer's, oldest first."""
        return self._of_customer.get((customer, currency), [])

    def about(self, amount: Money, fee_share: int) -> list[OpenDocument]:
        """Those open with the amount, or a little more, as much as a fee may have taken; oldest first."""
        of_currency = self._by_amount.get(amount.currency, [])
        highest = amount.minor * 10_000 // (10_000 - fee_share)
        first = bisect_left(of_currency, amount.minor, key=_open_minor)
        return in_order(of_currency[first : bisect_right(of_currency, highest, key=_open_minor)])


def with_suggestions(
    waits: Waits, kept: Kept, shelf: Shelf, alike: Mapping[int, int], conventions: Conventions
) -> Waits:
    """The same, with what open documents may explain it; the best five of all, best first."""
    movement = kept.movement
    if movement.amount.minor <= 0:
        return Waits(waits.why, _best(waits.candidates))
    found = [*waits.candidates]
    for each in shelf.about(movement.amount, conventions.fee_share):
        found += _for_document(movement, each, alike.get(each.customer_id, 0), conventions)
    for customer, score in alike.items():
        of_customer = shelf.of(customer, movement.amount.currency)
        whole = sum(each.open_minor for each in of_customer)
        if len(of_customer) > 1 and whole == movement.amount.minor:
            found.append(
                Candidate(
                    Rule.SUM,
                    80 + (score - _ALIKE) // 2,
                    (_named_alike(of_customer[0], score), "all that is open adds up to the amount"),
                    tuple(Allocation(each.id, each.open_minor) for each in of_customer),
                )
            )
    return Waits(waits.why, _best(found))


def _for_document(
    movement: Movement, document: OpenDocument, alike: int, conventions: Conventions
) -> Iterable[Candidate]:
    evidence = (_named_alike(document, alike),) if alike else ()
    more = (alike - _ALIKE) + 20 if alike else 0
    if document.left == movement.amount:
        words = f"{document.number} of {document.customer} is open with just {movement.amount.format()}"
        rule = Rule.NAME if alike else Rule.AMOUNT
        yield Candidate(rule, 55 + more, (*evidence, words), (Allocation(document.id, document.open_minor),))
    kept_back = document.open_minor - movement.amount.minor
    if (
        movement.kind is MovementKind.BANK_LINE
        and kept_back > 0
        and kept_back * 10_000 <= document.open_minor * conventions.fee_share
    ):
        words = (
            f"{document.number} of {document.customer} is open with {document.left.format()}: a bank may "
            f"have kept {Money(kept_back, document.currency).format()}"
        )
        yield Candidate(
            Rule.LESS_A_FEE,
            35 + more,
            (*evidence, words),
            (Allocation(document.id, movement.amount.minor),),
        )


def _open_minor(document: OpenDocument) -> int:
    return document.open_minor


def _named_alike(document: OpenDocument, score: int) -> str:
    return f"the payer's name is like {document.customer} ({score} of 100)"


def _best(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Each proposal once, for its best reason."""
    once: dict[tuple[tuple[Allocation, ...], int | None], Candidate] = {}
    for each in sorted(candidates, key=lambda each: -each.score):
        once.setdefault((each.allocations, each.payout_id), each)
    return tuple(once.values())[:MOST]
