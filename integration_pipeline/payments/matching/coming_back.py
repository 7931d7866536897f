"""Money that comes back after it had gone back: disputes that were won, refunds that failed.

Belongs here: what had taken it, and giving that again, once. Does not belong here: what goes back
(`returns`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import (
    Matched,
    NotYet,
    Rule,
    Waits,
    Whose,
    credits_of,
)
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept, SettledMovement
from integration_pipeline.payments.movements import LinkKind, Movement, MovementKind

_SETTLE_THAT = "settle that one first, `payments list --waiting` shows it"
_OF_DISPUTES = (MovementKind.DISPUTE, MovementKind.DISPUTE_WON)


def coming_back(kept: Kept, facts: Facts) -> Matched | Waits | NotYet:
    """What had been taken is given again: to the documents it was taken from, as far as they are open."""
    movement = kept.movement
    source = movement.source.value
    named = (*movement.linked(LinkKind.CHARGE), *movement.linked(LinkKind.DISPUTE))
    if any((source, link.id) in facts.taken_back for link in named):
        return NotYet(f"another return of {named[0].id} is booked before it", _SETTLE_THAT)
    related = _related(kept, facts)
    back = [each for each in related if each.amount.minor > 0 and each.parts]
    taken = [each for each in related if each.amount.minor < 0]
    if not taken:
        return Waits(f"{movement.amount.format()} came back, but nothing is known that had taken it")
    still_gone, more = _less(taken, back)
    if not still_gone or more:
        already = Money(sum(each.amount.minor for each in back), movement.amount.currency)
        return Waits(
            f"{movement.amount.format()} came back, but of what {_name(taken[0])} had taken "
            f"{already.format()} has come back already: say for which documents it is, or whose credit "
            "(`payments match`)"
        )
    if len(still_gone) > 1:
        return Waits(
            f"{movement.amount.format()} came back, which {len(still_gone)} movements may have taken: say "
            "for which documents it is"
        )
    [before] = still_gone
    if not before.parts:
        return NotYet(f"the {_name(before)} that had taken it is not settled yet", _SETTLE_THAT)
    if before.amount != -movement.amount:
        return Waits(
            f"{movement.amount.format()} came back of the {(-before.amount).format()} that {_name(before)} "
            "had taken: say for which documents it is"
        )
    return _given_again(before, facts)


def _given_again(before: SettledMovement, facts: Facts) -> Matched:
    allocations: list[Allocation] = []
    credit: Counter[Whose] = Counter()
    for part in before.parts:
        credit[part.entity, part.customer_id] -= part.unapplied_minor
        for each in part.allocations:
            given = max(0, min(-each.minor, facts.documents[each.document_id].open_minor))
            if given:
                allocations.append(Allocation(each.document_id, given))
            credit[part.entity, part.customer_id] += -each.minor - given
    evidence = f"{_name(before)} had taken it: what was paid before is paid again"
    return Matched(Rule.RETURNED, (evidence,), tuple(allocations), credits_of(credit))


def _related(kept: Kept, facts: Facts) -> list[SettledMovement]:
    """All that took and gave back money of the dispute it names, or by refunds of its charge, in order."""
    movement = kept.movement
    source = movement.source.value
    disputes = {link.id for link in movement.linked(LinkKind.DISPUTE)}
    found: dict[int, SettledMovement] = {}
    for dispute in disputes:
        found |= {each.id: each for each in facts.related.get((source, dispute), ())}
    for link in movement.linked(LinkKind.CHARGE):
        for each in facts.returns.get((source, link.id), ()):
            if disputes:
                is_of_it = each.dispute in disputes or each.external_id in disputes
            else:
                is_of_it = _is_alike(each, movement) and abs(each.amount.minor) == movement.amount.minor
            if is_of_it:
                found[each.id] = each
    found.pop(kept.id, None)
    return [found[each] for each in sorted(found)]


def _is_alike(one: SettledMovement, movement: Movement) -> bool:
    return (one.kind in _OF_DISPUTES) == (movement.kind in _OF_DISPUTES)


def _less(
    taken: Sequence[SettledMovement], back: Iterable[SettledMovement]
) -> tuple[list[SettledMovement], bool]:
    """What was taken and has not come back, and whether more came back than these tell apart."""
    gone = list(taken)
    more = False
    for returned in back:
        fitting = next((each for each in gone if each.amount == -returned.amount), None)
        if fitting is None:
            more = True
        else:
            gone.remove(fitting)
    return gone, more


def _name(movement: SettledMovement) -> str:
    return f"{movement.kind.value} {movement.external_id}"
