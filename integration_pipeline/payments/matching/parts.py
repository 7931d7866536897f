"""What a decision comes to in the books: a settlement for each entity, customer and currency.

Belongs here: dividing amount, fee and exchange; whole numbers that add up. Does not belong here: accounts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from integration_pipeline.billing.money import allocate_units
from integration_pipeline.payments.matching.decisions import (
    Arrived,
    Charged,
    Matched,
    Whose,
    in_order_of_whose,
)
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept
from integration_pipeline.payments.movements import Movement


@dataclass(frozen=True, slots=True)
class Part:
    """One settlement, in minor units of `currency`: amount = allocations + unapplied.

    Of a payout's arrival `amount_minor` is what moves from transit to cash. `exchanged_minor` is what came
    in, or went out, as another currency.
    """

    entity: str
    customer_id: int | None
    currency: str
    amount_minor: int
    fee_minor: int = 0
    exchanged_minor: int = 0
    unapplied_minor: int = 0
    allocations: tuple[Allocation, ...] = ()


def parts_of(kept: Kept, decision: Matched | Charged | Arrived, facts: Facts) -> list[Part]:
    """In order of entity and customer; the fee is divided as the amounts are.

    Raises `ValueError` if allocations and credit do not add up to the amount, or one is in another currency.
    """
    movement = kept.movement
    match decision:
        case Charged():
            return _of_charge(movement, decision)
        case Arrived():
            currency = decision.payout.movement.amount.currency
            return [Part(entity, None, currency, minor) for entity, minor in decision.shares]
        case Matched():
            return _of_customers(movement, decision, facts)


def _of_charge(movement: Movement, decision: Charged) -> list[Part]:
    weights = [each.weight for each in decision.bearers]
    fees = _divided(decision.fee_minor, weights)
    currency = _balance_currency(movement)
    if not decision.exchanged or movement.settled is None:
        return [
            Part(each.entity, each.customer_id, currency, 0, fee_minor=fee)
            for each, fee in zip(decision.bearers, fees, strict=True)
            if fee
        ]
    paid = _divided(movement.amount.minor, weights)
    taken_in = _divided(movement.settled.minor, weights)
    parts: list[Part] = []
    for index, each in enumerate(decision.bearers):
        whose = each.entity, each.customer_id
        parts += [
            Part(*whose, movement.amount.currency, 0, exchanged_minor=paid[index]),
            Part(*whose, currency, 0, fee_minor=fees[index], exchanged_minor=-taken_in[index]),
        ]
    return parts


def _of_customers(movement: Movement, decision: Matched, facts: Facts) -> list[Part]:
    by_whom: dict[Whose, list[Allocation]] = defaultdict(list)
    credit: dict[Whose, int] = defaultdict(int)
    for each in decision.allocations:
        document = facts.documents[each.document_id]
        if document.currency != movement.amount.currency:
            raise ValueError(f"{document.number} is in {document.currency}, not {movement.amount.currency}")
        by_whom[document.entity, document.customer_id].append(each)
    for each in decision.credit:
        credit[each.entity, each.customer_id] += each.minor
    whose = sorted({*by_whom, *credit}, key=in_order_of_whose)
    amounts = [credit[who] + sum(each.minor for each in by_whom[who]) for who in whose]
    if sum(amounts) != movement.amount.minor:
        raise ValueError(
            f"allocations and credit add up to {sum(amounts)}, not {movement.amount.minor} minor units"
        )
    if not all(amounts):
        raise ValueError("its allocations to one of several customers cancel out: they need no payment")
    currency = movement.amount.currency
    fees = _divided(movement.fee.minor if movement.fee is not None else 0, amounts)
    taken_in = _divided(movement.settled.minor, amounts) if movement.settled is not None else None
    parts: list[Part] = []
    for index, who in enumerate(whose):
        exchanged = taken_in is not None
        parts.append(
            Part(
                *who,
                currency,
                amounts[index],
                fee_minor=0 if exchanged else fees[index],
                exchanged_minor=amounts[index] if exchanged else 0,
                unapplied_minor=credit[who],
                allocations=tuple(sorted(by_whom[who], key=lambda each: each.document_id)),
            )
        )
        if taken_in is not None:
            other = Part(
                *who,
                _balance_currency(movement),
                0,
                fee_minor=fees[index],
                exchanged_minor=-taken_in[index],
            )
            parts.append(other)
    return parts


def _balance_currency(movement: Movement) -> str:
    return movement.settled.currency if movement.settled is not None else movement.amount.currency


def _divided(minor: int, amounts: list[int]) -> tuple[int, ...]:
    return allocate_units(minor, [abs(each) for each in amounts])
