"""Money that goes back: refunds, disputes, debits that failed, transfers to customers.

Belongs here: which documents it is taken from. Does not belong here: money that comes in for the first time
(`incoming`), or back again (`coming_back`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import (
    Candidate,
    Matched,
    NotOurs,
    NotYet,
    Rule,
    Waits,
    Whose,
    credits_of,
)
from integration_pipeline.payments.matching.facts import (
    Allocation,
    Facts,
    Kept,
    OpenDocument,
    SettledMovement,
)
from integration_pipeline.payments.matching.naming import documents_named
from integration_pipeline.payments.matching.payers import payer_of
from integration_pipeline.payments.movements import LinkKind, Movement, MovementKind

_SETTLE_THAT = "settle that one first, `payments list --waiting` shows it"


def outgoing(kept: Kept, facts: Facts) -> Matched | Waits | NotYet | NotOurs:
    """What a movement from us takes back: of the charge it names, or of a document its text names."""
    movement = kept.movement
    charges = movement.linked(LinkKind.CHARGE)
    if len(charges) > 1:
        return Waits(f"it takes back {len(charges)} payments at once: say how much of which document")
    if charges and (movement.source.value, charges[0].id) in facts.taken_back:
        return NotYet(f"another return of the payment {charges[0].id} is booked before it", _SETTLE_THAT)
    if charges:
        return _of_charge(movement, charges[0].id, facts)
    return _of_named(movement, facts)


def _of_charge(movement: Movement, charge: str, facts: Facts) -> Matched | Waits | NotYet:
    source = movement.source.value
    paid = [each for each in facts.related.get((source, charge), ()) if each.kind is MovementKind.PAYMENT]
    if not paid:
        return NotYet(
            f"the payment {charge}, which it takes back, has not been told of yet",
            "say which document it takes back (`payments match`), or that it is none of ours (`payments "
            "ignore`)",
        )
    settled = [each for each in paid if each.parts]
    if not settled:
        return NotYet(f"the payment {charge}, which it takes back, is not settled yet", _SETTLE_THAT)
    original = settled[0]
    if original.amount.currency != movement.amount.currency:
        return Waits(f"the payment {charge} was in {original.amount.currency}: say what is taken back")
    taken = facts.returns.get((source, charge), ())
    applied, credit = _left_of([*settled, *taken], movement.amount.currency, facts)
    wanted = -movement.amount.minor
    whole = sum(applied.values()) + sum(credit.values())
    evidence = f"it takes back the payment {charge} of {original.amount.format()}"
    if wanted > whole:
        return Waits(
            f"{evidence}, of which only {Money(whole, movement.amount.currency).format()} is still settled: "
            "say what is taken back",
            _proposals(applied, wanted, facts, evidence),
        )
    if wanted == whole:
        return _taking(applied, credit, (evidence, "all that it had paid"))
    if movement.kind is not MovementKind.DISPUTE:
        overpaid = {
            each: min(minor, -facts.documents[each].open_minor)
            for each, minor in applied.items()
            if facts.documents[each].open_minor < 0
        }
        if overpaid:
            if sum(overpaid.values()) == wanted:
                return _taking(overpaid, {}, (evidence, "what was paid and then credited"))
            enough = {each: wanted for each, minor in overpaid.items() if minor >= wanted}
            if len(enough) == 1:
                return _taking(enough, {}, (evidence, "of what was paid and then credited"))
        if not overpaid and len(credit) == 1 and sum(credit.values()) >= wanted:
            return _taking({}, dict.fromkeys(credit, wanted), (evidence, "of the customer's credit"))
    if len(applied) == 1 and not credit:
        [document] = applied
        number = facts.documents[document].number
        return _taking({document: wanted}, {}, (evidence, f"a part of what paid {number}"))
    return Waits(
        f"{evidence}, but only {(-movement.amount).format()} of it: say of which document",
        _proposals(applied, wanted, facts, evidence),
    )


def _left_of(
    movements: Iterable[SettledMovement], currency: str, facts: Facts
) -> tuple[dict[int, int], dict[Whose, int]]:
    """What a charge and all that was taken back of it leave settled: by document, and as credit."""
    applied: Counter[int] = Counter()
    credit: Counter[Whose] = Counter()
    for part in (part for movement in movements for part in movement.parts):
        credit[part.entity, part.customer_id] += part.unapplied_minor
        for each in part.allocations:
            applied[each.document_id] += each.minor
    # Somebody may have taken back more of a document, or of the credit, by hand.
    kept = {each: min(minor, facts.documents[each].paid_minor) for each, minor in applied.items()}
    there = {
        (entity, customer): minor
        if customer is None
        else min(minor, facts.credit[entity, customer, currency])
        for (entity, customer), minor in credit.items()
    }
    return (
        {each: minor for each, minor in kept.items() if minor > 0},
        {whose: minor for whose, minor in there.items() if minor > 0},
    )


def _taking(documents: dict[int, int], credit: dict[Whose, int], evidence: tuple[str, ...]) -> Matched:
    return Matched(
        Rule.RETURN,
        evidence,
        tuple(Allocation(each, -minor) for each, minor in sorted(documents.items())),
        credits_of({whose: -minor for whose, minor in credit.items()}),
    )


def _proposals(applied: dict[int, int], wanted: int, facts: Facts, evidence: str) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            Rule.RETURN,
            60,
            (evidence, f"{facts.documents[each].number} was paid by it"),
            (Allocation(each, -min(wanted, minor)),),
        )
        for each, minor in sorted(applied.items(), key=lambda item: (-item[1], item[0]))
    )


def _of_named(movement: Movement, facts: Facts) -> Matched | Waits | NotOurs:
    """Money sent by bank: what a customer has to get back, if the text names the document."""
    named = [each for each in documents_named(movement, facts) if each.currency == movement.amount.currency]
    wanted = -movement.amount.minor
    owed = [each for each in named if each.open_minor < 0]
    if len(owed) == 1 and wanted <= -owed[0].open_minor:
        return Matched(
            Rule.RETURN,
            (f"the text names {owed[0].number}, of which {_owed(owed[0])} is to be given back",),
            (Allocation(owed[0].id, -wanted),),
        )
    if owed and sum(each.open_minor for each in owed) == -wanted:
        return Matched(
            Rule.RETURN,
            tuple(
                f"the text names {each.number}, of which {_owed(each)} is to be given back" for each in owed
            ),
            tuple(Allocation(each.id, each.open_minor) for each in owed),
        )
    if named:
        return Waits(
            f"{(-movement.amount).format()} went out and the text names {named[0].number}, of which "
            f"{named[0].left.format()} is open: say what was given back",
            tuple(
                Candidate(
                    Rule.RETURN,
                    50,
                    (
                        f"the text names {each.number}",
                        f"{Money(each.paid_minor, each.currency).format()} was paid",
                    ),
                    (Allocation(each.id, -min(wanted, each.paid_minor)),),
                )
                for each in named
                if each.paid_minor > 0
            ),
        )
    payer = payer_of(movement, facts)
    owed = [
        each
        for each in facts.open_of(payer.customers, movement.amount.currency)
        if each.open_minor < 0 and wanted <= -each.open_minor
    ]
    if owed:
        return Waits(
            f"{payer.words}, who has to get money back, but nothing says that this is it",
            tuple(
                Candidate(
                    Rule.RETURN,
                    70 if each.open_minor == -wanted else 40,
                    (payer.words, f"of {each.number} {_owed(each)} is to be given back"),
                    (Allocation(each.id, -wanted),),
                )
                for each in owed
            ),
        )
    if movement.kind is MovementKind.BANK_LINE:
        return NotOurs("money out that names none of our documents")
    return Waits("money went back, and nothing says of which payment")


def _owed(document: OpenDocument) -> str:
    return (-document.left).format()
