"""The decision about one movement.

Belongs here: which rules a kind of movement is put to. Does not belong here: the rules themselves.
"""

from __future__ import annotations

from integration_pipeline.payments.matching.coming_back import coming_back
from integration_pipeline.payments.matching.decisions import (
    Arrived,
    Bearer,
    Candidate,
    Charged,
    Decision,
    Matched,
    NotYet,
    Rule,
    Waits,
)
from integration_pipeline.payments.matching.facts import Facts, Kept, SettledMovement
from integration_pipeline.payments.matching.incoming import incoming, pays_just_what_is_open
from integration_pipeline.payments.matching.payouts import looks_like_payout, payout_candidates, payout_of
from integration_pipeline.payments.matching.returns import outgoing
from integration_pipeline.payments.movements import Movement, MovementKind


def decide(kept: Kept, facts: Facts) -> Decision:
    """What the movement settles, or why it does not. Total: whatever the movement says, it never raises.

    A `Waits` may be given proposals (`suggestions`). The same facts in any order give the same decision.
    """
    movement = kept.movement
    if kept.before is not None:
        return _newer_version(kept, kept.before)
    if movement.settled is not None and (movement.settled.minor < 0) != (movement.amount.minor < 0):
        return Waits(
            f"{movement.amount.format()} was taken in as {movement.settled.format()}: one sign is wrong"
        )
    match movement.kind:
        case MovementKind.PAYMENT | MovementKind.REFUND | MovementKind.DISPUTE | MovementKind.DISPUTE_WON:
            return _of_customer(kept, facts)
        case MovementKind.FEE:
            return _fee(movement, facts)
        case MovementKind.PAYOUT:
            return NotYet(
                "its bank line has not been told of yet",
                f"if it has arrived, `payments match {kept.id}` says so; otherwise see whether its bank is "
                "still read",
            )
        case MovementKind.BANK_LINE:
            return _only_once(kept, _bank_line(kept, facts), facts)


def overdue(decision: NotYet, movement: Movement, facts: Facts) -> Waits | None:
    """What should have come by now, for a person; None as long as it may still come by itself."""
    if facts.today is None:
        return None
    days = (facts.today - movement.value_date).days
    if days <= facts.conventions.payout_days:
        return None
    return Waits(f"{decision.why}, {days} days after {movement.value_date}: {decision.do}")


def _of_customer(kept: Kept, facts: Facts) -> Decision:
    if kept.movement.amount.minor < 0:
        return outgoing(kept, facts)
    return incoming(kept, facts) if kept.movement.kind is MovementKind.PAYMENT else coming_back(kept, facts)


def _bank_line(kept: Kept, facts: Facts) -> Decision:
    """A payout's line is nothing but a payout's: its payments have paid the invoices already.

    Only one that names a document, and is over just what is open of it, is no payout's whatever its words.
    """
    decision = incoming(kept, facts) if kept.movement.amount.minor > 0 else outgoing(kept, facts)
    if looks_like_payout(kept.movement, facts):
        by_name = isinstance(decision, Matched) and decision.rule in (Rule.LINK, Rule.NUMBER)
        exact = isinstance(decision, Matched) and pays_just_what_is_open(decision, facts)
        return decision if by_name and exact else payout_of(kept, facts)
    payouts = payout_candidates(kept, facts)
    named = isinstance(decision, Matched) and decision.rule in (Rule.LINK, Rule.NUMBER, Rule.RETURN)
    if named or not payouts:
        return decision
    candidates = decision.candidates if isinstance(decision, Waits) else ()
    return Waits(
        f"a payout of {kept.movement.amount.format()} is under way, but the line does not say that it is "
        "one: say whether it is the payout or pays documents",
        (*payouts, *candidates),
    )


def _only_once(kept: Kept, decision: Decision, facts: Facts) -> Decision:
    """A bank that is connected again tells its history again, under new ids of lines and accounts."""
    if kept.id not in facts.twins or not isinstance(decision, Matched | Arrived):
        return decision
    return Waits(
        f"it looks like line {facts.twins[kept.id]} of an earlier item: the same day, amount and texts on "
        "another account; if the bank was connected again, `payments ignore` it, otherwise say what it pays",
        (Candidate(decision.rule, 50, decision.evidence, decision.allocations),)
        if isinstance(decision, Matched)
        else (Candidate(decision.rule, 50, decision.evidence, payout_id=decision.payout.id),),
    )


def _fee(movement: Movement, facts: Facts) -> Charged | Waits:
    owner = facts.conventions.entity_of(movement)
    if owner is None:
        return Waits("nothing says whose fee it is: add its account to the rule set's settlement.owners")
    evidence = f"a fee of {movement.source.value} that belongs to no single payment"
    return Charged(Rule.FEE, (evidence,), (Bearer(owner, None),), -movement.amount.minor)


def _newer_version(kept: Kept, before: SettledMovement) -> Charged | Waits:
    """Of a settled movement only what was not known yet is booked by itself: its fee, its exchange."""
    movement = kept.movement
    fee = movement.fee.minor if movement.fee is not None else 0
    exchanged = before.settled is None and movement.settled is not None
    more = before.fee_minor == 0 and (fee or exchanged) and movement.kind is not MovementKind.FEE
    if more and movement.amount == before.amount and (exchanged or movement.settled == before.settled):
        evidence = f"what was not known of {movement.external_id} when it was settled: the fee"
        if movement.settled is not None and exchanged:
            evidence += f", and that it was taken in as {movement.settled.format()}"
        bearers = tuple(
            Bearer(part.entity, part.customer_id, abs(part.amount_minor))
            for part in before.parts
            if part.amount_minor
        )
        # A payout pays no documents.
        bearers = bearers or tuple(Bearer(part.entity, part.customer_id) for part in before.parts)
        return Charged(Rule.LATER_FEE, (evidence,), bearers, fee, exchanged)
    said = f"{before.amount.format()}{_with_fee(before)}"
    says = f"{movement.amount.format()}, fee {movement.fee.format() if movement.fee else 'none'}"
    return Waits(
        f"it was settled with {said}, and {movement.source.value} now says {says}: "
        f"`payments undo {before.id}` takes the settlement back, then this version is settled; "
        f"`payments ignore {kept.id}` leaves it as it is"
    )


def _with_fee(before: SettledMovement) -> str:
    currency = before.settled.currency if before.settled is not None else before.amount.currency
    fee = f"{before.fee_minor} minor units of {currency}" if before.fee_minor else "none"
    return f", fee {fee}"
