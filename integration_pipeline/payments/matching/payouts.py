"""A payment vendor's payout and the bank line that tells of the same money.

Belongs here: finding the two, and whose money it is. Does not belong here: what the payout's payments settle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from integration_pipeline.payments.matching.decisions import Arrived, Candidate, NotYet, Rule, Waits
from integration_pipeline.payments.matching.facts import Facts, Kept
from integration_pipeline.payments.movements import Movement


def looks_like_payout(movement: Movement, facts: Facts) -> bool:
    """Whether a bank line's text has one of the words of a payout: as a word, not within another."""
    texts = [*movement.references, movement.payer.name or ""]
    return any(
        re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", each, re.IGNORECASE)
        for word in facts.conventions.payout_words
        for each in texts
    )


def payout_of(line: Kept, facts: Facts) -> Arrived | Waits | NotYet:
    """The payout that a bank line with a payout's words tells of: the only one of its amount about that day.

    Of several the one of that very day, if it is the only one, and if no other line claims it as well.
    """
    fitting = _fitting(line, facts.payouts.values(), facts)
    if not fitting:
        why = f"no payout of {line.movement.amount.format()} has been told of yet"
        age = 0 if facts.today is None else (facts.today - line.movement.value_date).days
        if age > facts.conventions.payout_days:
            return Waits(f"{why}, {age} days after the bank line: say what it is")
        return NotYet(why, "say what it is")
    same_day = [each for each in fitting if each.movement.value_date == line.movement.value_date]
    chosen = same_day if len(fitting) > 1 else fitting
    if len(chosen) == 1:
        others = [
            each
            for each in _fitting(chosen[0], facts.lines.values(), facts)
            if each.id != line.id and looks_like_payout(each.movement, facts)
        ]
        # Another line of the same amount is no rival if this one is of the payout's day and that one is not.
        this_day = line.movement.value_date == chosen[0].movement.value_date
        rivals = [
            each
            for each in others
            if not (this_day and each.movement.value_date != chosen[0].movement.value_date)
        ]
        if not rivals:
            return arrived(chosen[0], line, facts)
        return Waits(
            f"{len(rivals) + 1} bank lines of {line.movement.amount.format()} may be the payout "
            f"{chosen[0].movement.external_id}",
            payout_candidates(line, facts),
        )
    return Waits(
        f"{len(fitting)} payouts of {line.movement.amount.format()} may be this bank line",
        payout_candidates(line, facts),
    )


def arrived(payout: Kept, line: Kept | None, facts: Facts) -> Arrived | NotYet | Waits:
    """The payout's money by entity: as its settled payments come to, otherwise its account's owner's."""
    movement = payout.movement
    group = movement.group or movement.external_id
    key = (movement.source.value, group)
    by_entity = facts.in_payout.get(key)
    if by_entity is None and key in facts.in_payout:
        return NotYet(
            f"payments in the payout {movement.external_id} are not settled yet",
            "settle them first, `payments list --waiting` shows them",
        )
    evidence: tuple[str, ...] = ()
    if line is not None:
        evidence = (
            f"bank line of {line.movement.value_date} over {line.movement.amount.format()}",
            f"payout {movement.external_id} of {movement.value_date}",
        )
    # A payout that failed comes back as it went.
    sign = 1 if movement.amount.minor > 0 else -1
    if by_entity and sum(by_entity.values()) == sign * movement.amount.minor:
        shares = tuple(sorted((entity, sign * minor) for entity, minor in by_entity.items() if minor))
        return Arrived((*evidence, "divided as the payments in it are"), payout, line, shares)
    owner = facts.conventions.entity_of(movement)
    if owner is None:
        return Waits(
            f"nothing says whose money the payout {movement.external_id} is: add its account to the rule "
            "set's settlement.owners"
        )
    return Arrived((*evidence, f"the account is {owner}'s"), payout, line, ((owner, movement.amount.minor),))


def payout_candidates(line: Kept, facts: Facts) -> tuple[Candidate, ...]:
    """Payouts that a bank line may be, nearest first."""
    fitting = sorted(
        _fitting(line, facts.payouts.values(), facts), key=lambda each: (_apart(line, each), each.id)
    )
    return tuple(
        Candidate(
            Rule.PAYOUT,
            85 - 5 * _apart(line, each),
            (
                f"payout {each.movement.external_id} of {each.movement.value_date} is over the same amount, "
                f"{_apart(line, each)} days apart",
            ),
            payout_id=each.id,
        )
        for each in fitting
    )


def _fitting(one: Kept, others: Iterable[Kept], facts: Facts) -> list[Kept]:
    return sorted(
        (
            each
            for each in others
            if each.movement.amount == one.movement.amount
            and _apart(one, each) <= facts.conventions.payout_days
        ),
        key=lambda each: each.id,
    )


def _apart(one: Kept, other: Kept) -> int:
    return abs((one.movement.value_date - other.movement.value_date).days)
