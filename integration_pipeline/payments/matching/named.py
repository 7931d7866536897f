"""What a movement pays of the documents that it names: all, a part of one, or all with a rest.

Belongs here: amounts. Does not belong here: which documents it names (`naming`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Candidate, Credit, Matched, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, OpenDocument
from integration_pipeline.payments.matching.naming import Named
from integration_pipeline.payments.matching.proposals import best_of, numbers_of, up_to
from integration_pipeline.payments.movements import Movement


def pay_named(movement: Movement, named: Sequence[Named], rule: Rule) -> Matched | Waits:
    """What is named is paid: wholly, in part if it is one document, or with a rest that stays as credit."""
    amount = movement.amount
    named = sorted(named, key=lambda each: (each.document.issue_date, each.document.number))
    if foreign := [each.document for each in named if each.document.currency != amount.currency]:
        return Waits(
            f"{foreign[0].number} is in {foreign[0].currency}, the payment in {amount.currency}: "
            "what it pays has to be said by a person"
        )
    words = tuple(each.words for each in named)
    still = [each for each in named if each.document.open_minor]
    settled = [each.document for each in named if not each.document.open_minor]
    if not still:
        return Waits(
            f"{numbers_of(settled)} has nothing open any more: paid twice, or the wrong number",
            (Candidate(Rule.CREDIT, 60, (*words, "the amount may stay as the customer's credit")),),
        )
    if any(each.amount for each in named):
        return _as_stated(movement, named, rule)
    documents = [each.document for each in still]
    total = sum(each.open_minor for each in documents)
    evidence = (*words, *(f"{each.number} is paid already" for each in settled))
    if amount.minor == total:
        whole = tuple(Allocation(each.id, each.open_minor) for each in documents)
        paid = ", ".join(f"{each.number} is open with {each.left.format()}" for each in documents)
        return Matched(rule, (*evidence, f"{paid}: {amount.format()} in all"), whole)
    if settled or any(each.open_minor < 0 for each in documents):
        return Waits(
            f"{numbers_of([each.document for each in named])} are open with "
            f"{Money(total, amount.currency).format()}, but {amount.format()} came in",
            best_of(documents, amount, evidence),
        )
    if amount.minor > total:
        return _with_rest(movement, documents, rule, evidence)
    if len(documents) == 1:
        return Matched(
            rule,
            (*evidence, f"a part: {documents[0].left.format()} was open"),
            (Allocation(documents[0].id, amount.minor),),
        )
    return Waits(
        f"{numbers_of(documents)} are open with {Money(total, amount.currency).format()}, more than the "
        f"{amount.format()} that came in: say how much each gets",
        best_of(documents, amount, evidence),
    )


def _as_stated(movement: Movement, named: Sequence[Named], rule: Rule) -> Matched | Waits:
    """Every document gets what the vendor says it gets."""
    allocations: list[Allocation] = []
    for each in named:
        if each.amount is None or each.amount.currency != movement.amount.currency:
            return Waits(f"it is not said how much of the payment goes to {each.document.number}")
        if not 0 < each.amount.minor <= each.document.open_minor:
            return Waits(
                f"{each.amount.format()} shall go to {each.document.number}, of which "
                f"{each.document.left.format()} is open",
                (
                    Candidate(
                        rule,
                        60,
                        (each.words, "what is open is paid, the rest stays as the customer's credit"),
                        up_to(each.amount, each.document),
                    ),
                ),
            )
        allocations.append(Allocation(each.document.id, each.amount.minor))
    rest = movement.amount.minor - sum(each.minor for each in allocations)
    evidence = tuple(f"{each.words}, for {each.amount.format()}" for each in named if each.amount is not None)
    if rest < 0:
        return Waits("what the payment says its documents get is more than the payment")
    if rest == 0:
        return Matched(rule, evidence, tuple(allocations))
    credit = _credit([each.document for each in named], rest)
    if credit is None:
        return Waits(_whose_rest(movement, rest))
    return Matched(rule, evidence, tuple(allocations), (credit,))


def _with_rest(
    movement: Movement, documents: Sequence[OpenDocument], rule: Rule, evidence: tuple[str, ...]
) -> Matched | Waits:
    whole = tuple(Allocation(each.id, each.open_minor) for each in documents)
    rest = movement.amount.minor - sum(each.minor for each in whole)
    credit = _credit(documents, rest)
    if credit is None:
        return Waits(
            _whose_rest(movement, rest),
            (Candidate(rule, 80, (*evidence, "the documents are paid, the rest is left"), whole),),
        )
    over = Money(rest, movement.amount.currency).format()
    return Matched(
        rule, (*evidence, f"{over} more than was open stays as the customer's credit"), whole, (credit,)
    )


def _credit(documents: Iterable[OpenDocument], minor: int) -> Credit | None:
    whose = {(each.entity, each.customer_id) for each in documents}
    return Credit(*whose.pop(), minor) if len(whose) == 1 else None


def _whose_rest(movement: Movement, rest: int) -> str:
    return (
        f"{Money(rest, movement.amount.currency).format()} is left over of a payment for documents of "
        "several customers or entities: say whose it is"
    )
